// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of the BARs in processes: through a driver's mmap(), sysfs resource files, /dev/mem.
 *
 * probes.c notes the address spaces in which one may be. VGPU_ARM goes through their areas, takes
 * those that lead to the card's BARs, and puts operations of its own in front of the area's: a copy
 * with open, close and pfn_mkwrite added. These hold the card, and the module, until the area is
 * gone; copies of the area (fork, mremap, a split) are counted by open and close.
 *
 * Register pages are then write-protected. The first write faults, the memory manager calls
 * pfn_mkwrite, which counts the event, and then makes the page writable. The entries stay present,
 * so a driver that takes its mappings away (unmap_mapping_range()) finds nothing changed.
 *
 * When the card goes, the areas are emptied: from then on touching them raises SIGBUS.
 */
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "vgpu.h"

#define VGPU_MMS	256

/**
 * struct vgpu_mm - an address space with, perhaps, mappings of a card
 * @card: held while the entry is used; NULL in a free entry
 * @mm: held (mmgrab) likewise
 * @fresh: something was mapped since the areas were looked through
 *
 * Entries are added at any time, and removed under the card's arm_lock.
 */
struct vgpu_mm {
	struct vgpu_card *card;
	struct mm_struct *mm;
	bool fresh;
};

static struct vgpu_mm mms[VGPU_MMS];
static unsigned int mms_used;
static DEFINE_RAW_SPINLOCK(mms_lock);

/**
 * struct vgpu_umap - the operations put in front of an area's own
 * @ops: what vma->vm_ops points to
 * @below: the area's own operations; may be NULL
 * @ref: areas that use it
 * @card: held
 * @bar: which BAR
 * @pgoff: the area's page offset (as vma->vm_pgoff counts) where the BAR begins; offsets stay with
 *	the pages when an area is split or moved
 * @pages: how many pages of the area lead to the BAR
 * @free_work: frees it; the module's code must not be unloaded while it runs
 */
struct vgpu_umap {
	struct vm_operations_struct ops;
	const struct vm_operations_struct *below;
	struct kref ref;
	struct vgpu_card *card;
	enum vgpu_bar_index bar;
	unsigned long pgoff;
	unsigned long pages;
	struct work_struct free_work;
};

/*
 * Remember an address space. From kprobe handlers: nothing may sleep or be allocated. The event
 * comes before the mapping exists, but VGPU_ARM takes the mmap_lock for writing, and so waits for
 * whoever is mapping.
 */
void vgpu_umap_note(struct vgpu_card *card, struct mm_struct *mm)
{
	struct vgpu_mm *entry, *empty = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&mms_lock, flags);
	for (entry = mms; entry < mms + VGPU_MMS; entry++) {
		if (!entry->card && !empty)
			empty = entry;
		if (entry->card == card && entry->mm == mm)
			break;
	}
	if (entry < mms + VGPU_MMS) {
		entry->fresh = true;
	} else if (vgpu_card_tryget(card)) {
		/* If there is no room the reference stays: the memory is kept for ever. */
		if (empty) {
			mmgrab(mm);
			*empty = (struct vgpu_mm){ .card = card, .mm = mm, .fresh = true };
			WRITE_ONCE(mms_used, mms_used + 1);
		} else {
			pr_err_once("card %u is mapped in too many processes; %s\n", card->id,
				    "it can no longer be removed entirely");
		}
	}
	raw_spin_unlock_irqrestore(&mms_lock, flags);
	vgpu_event_pages(card, VGPU_MAPPING, vgpu_pages(0, card->bars[VGPU_REGISTERS].bytes));
	if (READ_ONCE(card->gone) && vgpu_card_tryget(card))
		if (!queue_work(vgpu_wq, &card->user_work))
			vgpu_card_put(card);
}

/*
 * A process was created, and does not run yet. It may have inherited areas that have not got our
 * operations yet, and so no call of open.
 */
void vgpu_umap_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct vgpu_card *found[4];
	unsigned int count = 0, i;
	struct vgpu_mm *entry;
	unsigned long flags;

	if (!READ_ONCE(mms_used) || !child->mm || child->mm == parent->mm)
		return;
	rcu_read_lock();
	raw_spin_lock_irqsave(&mms_lock, flags);
	for (entry = mms; entry < mms + VGPU_MMS; entry++) {
		if (!entry->card || entry->mm != parent->mm)
			continue;
		if (count < ARRAY_SIZE(found))
			found[count++] = entry->card;
		else
			pr_warn_once("a process with %u cards was forked; %s\n", count,
				     "writes of its child to some may not be seen");
	}
	raw_spin_unlock_irqrestore(&mms_lock, flags);
	/* A card is freed after an RCU grace period only. */
	for (i = 0; i < count; i++)
		vgpu_umap_note(found[i], child->mm);
	rcu_read_unlock();
}

static void vgpu_umap_free(struct work_struct *work)
{
	struct vgpu_umap *umap = container_of(work, struct vgpu_umap, free_work);

	vgpu_card_put(umap->card);
	kfree(umap);
}

static void vgpu_umap_release(struct kref *ref)
{
	struct vgpu_umap *umap = container_of(ref, struct vgpu_umap, ref);

	/* Not here: this is called through umap->ops. */
	queue_work(vgpu_wq, &umap->free_work);
}

static void vgpu_umap_open(struct vm_area_struct *vma)
{
	struct vgpu_umap *umap = container_of(vma->vm_ops, struct vgpu_umap, ops);

	kref_get(&umap->ref);
	atomic_inc(&umap->card->user_maps);
	if (umap->below && umap->below->open)
		umap->below->open(vma);
	/* A child's page table has writable entries if its parent's had. */
	if (!READ_ONCE(umap->card->gone))
		vgpu_umap_note(umap->card, vma->vm_mm);
}

static void vgpu_umap_close(struct vm_area_struct *vma)
{
	struct vgpu_umap *umap = container_of(vma->vm_ops, struct vgpu_umap, ops);
	struct vgpu_card *card = umap->card;

	if (umap->below && umap->below->close)
		umap->below->close(vma);
	/* The last writes through it have not been seen. */
	atomic_dec(&card->user_maps);
	vgpu_event_pages(card, VGPU_MAPPING, vgpu_pages(0, card->bars[VGPU_REGISTERS].bytes));
	kref_put(&umap->ref, vgpu_umap_release);
}

/*
 * The first write to a write-protected page. The mmap_lock is held for reading: VGPU_ARM cannot
 * protect the page again before the event is counted and the page writable.
 */
static vm_fault_t vgpu_umap_pfn_mkwrite(struct vm_fault *vmf)
{
	struct vgpu_umap *umap = container_of(vmf->vma->vm_ops, struct vgpu_umap, ops);
	const struct vgpu_bar *bar = &umap->card->bars[VGPU_REGISTERS];
	phys_addr_t phys = PFN_PHYS(pte_pfn(vmf->orig_pte));

	if (READ_ONCE(umap->card->gone))
		return VM_FAULT_SIGBUS;
	if (phys >= bar->base && phys - bar->base < bar->bytes)
		vgpu_event_write(umap->card, VGPU_USER_WRITE,
				 phys - bar->base + offset_in_page(vmf->real_address));
	if (umap->below && umap->below->pfn_mkwrite)
		return umap->below->pfn_mkwrite(vmf);
	return 0;
}

static struct vgpu_umap *vgpu_umap_of(struct vm_area_struct *vma)
{
	if (!vma->vm_ops || vma->vm_ops->close != vgpu_umap_close)
		return NULL;
	return container_of(vma->vm_ops, struct vgpu_umap, ops);
}

/* The part of an area that leads to the BAR; false if none is left of it. */
static bool vgpu_umap_range(struct vgpu_umap *umap, struct vm_area_struct *vma,
			    unsigned long *start, unsigned long *bytes)
{
	unsigned long first = max(umap->pgoff, vma->vm_pgoff);
	unsigned long end = min(umap->pgoff + umap->pages, vma->vm_pgoff + vma_pages(vma));

	if (first >= end)
		return false;
	*start = vma->vm_start + ((first - vma->vm_pgoff) << PAGE_SHIFT);
	*bytes = (end - first) << PAGE_SHIFT;
	return true;
}

/* Which of the card's BARs a page frame is in. */
static bool vgpu_bar_of(struct vgpu_card *card, unsigned long pfn, enum vgpu_bar_index *bar)
{
	for (*bar = 0; *bar < VGPU_BARS; ++*bar)
		if (card->bars[*bar].bytes && PFN_PHYS(pfn) >= card->bars[*bar].base &&
		    PFN_PHYS(pfn) - card->bars[*bar].base < card->bars[*bar].bytes)
			return true;
	return false;
}

/*
 * Looks what an area leads to, page by page. If it is a BAR of the card, puts our operations in
 * front; if they are there already, makes them cover what was mapped since. The BAR's pages are
 * taken from the first to the last found. The mmap_lock is held for writing, so nothing reads
 * vma->vm_ops meanwhile.
 */
static int vgpu_umap_wrap(struct vgpu_card *card, struct vm_area_struct *vma)
{
	unsigned long page, pages = vma_pages(vma), pfn, first = pages, last = 0, end;
	enum vgpu_bar_index bar, found = VGPU_FRAMEBUFFER;
	struct vgpu_umap *umap = vgpu_umap_of(vma);

	for (page = 0; page < pages; page++) {
		if (vgpu_follow_pfn(vma, vma->vm_start + (page << PAGE_SHIFT), &pfn) ||
		    !vgpu_bar_of(card, pfn, &bar))
			continue;
		first = min(first, page);
		last = page;
		/* An area with both: the registers matter more. */
		if (bar == VGPU_REGISTERS)
			found = bar;
	}
	if (first == pages)
		return 0;
	first += vma->vm_pgoff;
	last += vma->vm_pgoff;
	if (umap && umap->card != card) {
		/* Never freed then: the reference is not given back. */
		pr_err_once("card %u shares an area of a process with another card; %s\n",
			    card->id, "it can no longer be removed entirely");
		vgpu_card_get(card);
		return 0;
	}
	if (umap) {
		end = max(umap->pgoff + umap->pages, last + 1);
		umap->pgoff = min(umap->pgoff, first);
		umap->pages = end - umap->pgoff;
		umap->bar = min(umap->bar, found);
		return 0;
	}
	umap = kzalloc(sizeof(*umap), GFP_KERNEL);
	if (!umap)
		return -ENOMEM;
	if (vma->vm_ops)
		umap->ops = *vma->vm_ops;
	umap->below = vma->vm_ops;
	umap->ops.open = vgpu_umap_open;
	umap->ops.close = vgpu_umap_close;
	umap->ops.pfn_mkwrite = vgpu_umap_pfn_mkwrite;
	kref_init(&umap->ref);
	INIT_WORK(&umap->free_work, vgpu_umap_free);
	vgpu_card_get(card);
	umap->card = card;
	umap->bar = found;
	umap->pgoff = first;
	umap->pages = last - first + 1;
	atomic_inc(&card->user_maps);
	vma->vm_ops = &umap->ops;
	return 0;
}

/* What to do with the areas found; VGPU_WATCH only puts our operations in front. */
enum vgpu_umap_do { VGPU_WATCH, VGPU_PROTECT, VGPU_REVOKE };

/* What vgpu_protect_pte() is told and tells. */
struct vgpu_protect {
	const struct vgpu_bar *bar;
	struct mm_struct *mm;
	u32 pages;
};

/* Under the page table's lock. */
static int vgpu_protect_pte(pte_t *pte, unsigned long address, void *data)
{
	struct vgpu_protect *protect = data;
	pte_t value = READ_ONCE(*pte);
	phys_addr_t phys;

	if (!pte_present(value) || !pte_write(value))
		return 0;
	phys = PFN_PHYS(pte_pfn(value));
	if (phys < protect->bar->base || phys - protect->bar->base >= protect->bar->bytes)
		return 0;
	ptep_set_wrprotect(protect->mm, address, pte);
	protect->pages |= BIT((phys - protect->bar->base) >> PAGE_SHIFT);
	return 0;
}

/* Page by page, as there may be holes, and pages of other sizes that are none of the registers. */
static int vgpu_protect_area(struct vm_area_struct *vma, unsigned long start, unsigned long bytes,
			     struct vgpu_protect *protect)
{
	unsigned long at, pfn;
	int ret;

	for (at = start; at < start + bytes; at += PAGE_SIZE) {
		if (vgpu_follow_pfn(vma, at, &pfn) || PFN_PHYS(pfn) < protect->bar->base ||
		    PFN_PHYS(pfn) - protect->bar->base >= protect->bar->bytes)
			continue;
		ret = apply_to_page_range(protect->mm, at, PAGE_SIZE, vgpu_protect_pte, protect);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * All areas of an address space that lead to the card. Whether there are any goes to *areas, which
 * register pages were writable to *pages. The caller flushes the TLBs.
 */
static int vgpu_umap_areas(struct vgpu_card *card, struct mm_struct *mm, bool fresh,
			   enum vgpu_umap_do what, bool *areas, u32 *pages)
{
	struct vgpu_protect protect = { .bar = &card->bars[VGPU_REGISTERS], .mm = mm };
	unsigned long start, bytes;
	struct vm_area_struct *vma;
	struct vgpu_umap *umap;
	VMA_ITERATOR(vmi, mm, 0);
	int ret = 0;

	for_each_vma(vmi, vma) {
		/*
		 * A fork that failed has left a mark: what is behind it are still the parent's
		 * areas, in the tree of a child that will never run.
		 */
		if (xa_is_zero(vma))
			break;
		if (!(vma->vm_flags & VM_PFNMAP) || vgpu_daemon_owns(vma))
			continue;
		/*
		 * Where areas have locks of their own, this takes the area's: a page fault that got
		 * by without the mmap_lock has ended. The flag is set already.
		 */
		vm_flags_set(vma, VM_PFNMAP);
		if (fresh) {
			ret = vgpu_umap_wrap(card, vma);
			if (ret)
				break;
		}
		umap = vgpu_umap_of(vma);
		if (!umap || umap->card != card || !vgpu_umap_range(umap, vma, &start, &bytes))
			continue;
		*areas = true;
		if (what == VGPU_REVOKE) {
			zap_vma_ptes(vma, start, bytes);
			atomic64_inc(&card->revocations);
		} else if (what == VGPU_PROTECT && umap->bar == VGPU_REGISTERS &&
			   (vma->vm_flags & VM_SHARED)) {
			ret = vgpu_protect_area(vma, start, bytes, &protect);
			if (ret)
				break;
		}
	}
	*pages |= protect.pages;
	return ret;
}

/* The entry at or after *at that belongs to the card; NULL if there is none. */
static struct vgpu_mm *vgpu_mm_next(struct vgpu_card *card, unsigned int *at, bool *fresh)
{
	struct vgpu_mm *entry, *found = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&mms_lock, flags);
	while (!found && *at < VGPU_MMS) {
		entry = &mms[(*at)++];
		if (entry->card != card)
			continue;
		*fresh = entry->fresh;
		entry->fresh = false;
		found = entry;
	}
	raw_spin_unlock_irqrestore(&mms_lock, flags);
	return found;
}

/* Done with an entry: forget it, if it is not wanted and nothing was mapped meanwhile. */
static void vgpu_mm_done(struct vgpu_mm *entry, bool keep, bool fresh)
{
	struct vgpu_card *card = entry->card;
	struct mm_struct *drop = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&mms_lock, flags);
	entry->fresh |= fresh;
	if (!keep && !entry->fresh) {
		drop = entry->mm;
		entry->card = NULL;
		entry->mm = NULL;
		WRITE_ONCE(mms_used, mms_used - 1);
	}
	raw_spin_unlock_irqrestore(&mms_lock, flags);
	if (drop) {
		mmdrop(drop);
		vgpu_card_put(card);
	}
}

static int vgpu_umap_all(struct vgpu_card *card, enum vgpu_umap_do what, u32 *pages)
{
	struct vgpu_mm *entry;
	struct mm_struct *mm;
	unsigned int at = 0;
	bool fresh, areas;
	int ret = 0;

	while (!ret && (entry = vgpu_mm_next(card, &at, &fresh))) {
		mm = entry->mm;
		areas = false;
		if (mmget_not_zero(mm)) {
			if (what == VGPU_REVOKE)
				mmap_write_lock(mm);
			else if (mmap_write_lock_killable(mm))
				ret = -EINTR;
			if (!ret) {
				ret = vgpu_umap_areas(card, mm, fresh, what, &areas, pages);
				mmap_write_unlock(mm);
			}
			mmput(mm);
			/* Areas that were emptied hold the card themselves. */
			vgpu_mm_done(entry, ret || (areas && what != VGPU_REVOKE), ret && fresh);
		} else {
			/*
			 * Nothing runs in it any more: it is being taken down, or has been. Areas
			 * with our operations hold the card until they are closed; others are not
			 * used again.
			 */
			vgpu_mm_done(entry, false, false);
		}
	}
	return ret;
}

/*
 * Looks through the processes, and write-protects the register pages if there are traps. Under
 * card->arm_lock.
 */
int vgpu_umap_protect(struct vgpu_card *card, u32 *pages)
{
	if (!READ_ONCE(mms_used))
		return 0;
	return vgpu_umap_all(card, vgpu_traps ? VGPU_PROTECT : VGPU_WATCH, pages);
}

/* Takes the card out of all processes. */
void vgpu_umap_revoke(struct vgpu_card *card)
{
	u32 pages = 0;

	mutex_lock(&card->arm_lock);
	if (vgpu_umap_all(card, VGPU_REVOKE, &pages))
		pr_err("card %u: no memory to take it out of a process; it stays for now\n",
		       card->id);
	mutex_unlock(&card->arm_lock);
}
