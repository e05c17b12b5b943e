// SPDX-License-Identifier: GPL-2.0-only
/*
 * The live DMA mappings of a card, by address, and what the daemon may do with them.
 *
 * Copying goes in pieces through a page of ours: each piece is checked against the table and copied
 * under the table's lock. So when the driver has unmapped memory, nobody reads or writes it any
 * more, and the copy in progress ends with an error.
 *
 * Coherent memory can be mapped by the daemon. It is ours, not the driver's: when the driver frees
 * it, it leaves the table at once, then is taken out of the daemon's mappings, which may have to
 * wait for other things and therefore is work, and only then goes back to the page allocator.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "dma.h"

#define LIST_MAX	65536U

/* Between mappings: who goes past the end gets an error, not another mapping. */
#define GUARD_PAGES	1

static unsigned long dma_pages(const struct vgpu_dma *dma)
{
	return PAGE_ALIGN(offset_in_page(dma->address) + dma->size) >> PAGE_SHIFT;
}

static void dma_space_give_back(struct vgpu_dma *dma)
{
	struct vgpu_dma_space *space = &dma->card->dma;

	bitmap_clear(space->used, ((dma->address & PAGE_MASK) - DMA_FIRST) >> PAGE_SHIFT,
		     dma_pages(dma) + GUARD_PAGES);
}

/* A mapping with an address, not yet in the table. */
struct vgpu_dma *vgpu_dma_new(struct vgpu_card *card, size_t offset, size_t size, u32 kind,
			      u32 access, gfp_t gfp)
{
	struct vgpu_dma_space *space = &card->dma;
	unsigned long pages, at, align, flags;
	struct vgpu_dma *dma;

	if (!size || size > DMA_END - DMA_FIRST)
		return NULL;
	dma = kzalloc(sizeof(*dma), gfp & ~(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | __GFP_COMP));
	if (!dma)
		return NULL;
	pages = PAGE_ALIGN(offset + size) >> PAGE_SHIFT;
	/* Coherent memory is promised to be aligned to its size, rounded up to a power of two. */
	align = kind == VGPU_DMA_COHERENT ? roundup_pow_of_two(pages) - 1 : 0;
	pages += GUARD_PAGES;
	spin_lock_irqsave(&space->lock, flags);
	at = bitmap_find_next_zero_area_off(space->used, DMA_PAGES, space->next, pages, align,
					    DMA_FIRST >> PAGE_SHIFT);
	if (at >= DMA_PAGES)
		at = bitmap_find_next_zero_area_off(space->used, DMA_PAGES, 0, pages, align,
						    DMA_FIRST >> PAGE_SHIFT);
	if (at < DMA_PAGES) {
		bitmap_set(space->used, at, pages);
		space->next = at + pages;
	}
	spin_unlock_irqrestore(&space->lock, flags);
	if (at >= DMA_PAGES) {
		kfree(dma);
		return NULL;
	}
	kref_init(&dma->ref);
	dma->card = card;
	dma->address = DMA_FIRST + ((u64)at << PAGE_SHIFT) + offset;
	dma->size = size;
	dma->kind = kind;
	dma->access = access;
	return dma;
}

/* Undoes vgpu_dma_new(). */
void vgpu_dma_discard(struct vgpu_dma *dma)
{
	unsigned long flags;

	spin_lock_irqsave(&dma->card->dma.lock, flags);
	dma_space_give_back(dma);
	spin_unlock_irqrestore(&dma->card->dma.lock, flags);
	kfree(dma);
}

static bool dma_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct vgpu_dma, node)->address <
	       rb_entry(b, struct vgpu_dma, node)->address;
}

void vgpu_dma_insert(struct vgpu_dma *dma)
{
	struct vgpu_dma_space *space = &dma->card->dma;
	unsigned long flags;

	spin_lock_irqsave(&space->lock, flags);
	dma->live = true;
	rb_add(&dma->node, &space->mappings, dma_before);
	WRITE_ONCE(space->live, space->live + 1);
	spin_unlock_irqrestore(&space->lock, flags);
	vgpu_event(dma->card, VGPU_DMA);
}

/* The live mapping with all of a range. Under space->lock. */
static struct vgpu_dma *dma_find(struct vgpu_dma_space *space, u64 address, size_t size)
{
	struct rb_node *node = space->mappings.rb_node;

	while (node) {
		struct vgpu_dma *dma = rb_entry(node, struct vgpu_dma, node);

		if (address < dma->address)
			node = node->rb_left;
		else if (address - dma->address >= dma->size)
			node = node->rb_right;
		else
			return size <= dma->size - (address - dma->address) ? dma : NULL;
	}
	return NULL;
}

/* Under space->lock. */
static void dma_take_out(struct vgpu_dma_space *space, struct vgpu_dma *dma)
{
	if (dma->live)
		WRITE_ONCE(space->live, space->live - 1);
	WRITE_ONCE(dma->live, false);
	rb_erase(&dma->node, &space->mappings);
	dma_space_give_back(dma);
}

/* The driver gives a mapping back. The caller gets the table's reference. */
struct vgpu_dma *vgpu_dma_remove(struct vgpu_card *card, u64 address, u32 kind)
{
	struct vgpu_dma_space *space = &card->dma;
	struct vgpu_dma *dma;
	unsigned long flags;

	spin_lock_irqsave(&space->lock, flags);
	dma = dma_find(space, address, 1);
	if (dma && (dma->address != address || dma->kind != kind))
		dma = NULL;
	if (dma)
		dma_take_out(space, dma);
	spin_unlock_irqrestore(&space->lock, flags);
	if (dma)
		vgpu_event(card, VGPU_DMA);
	return dma;
}

/*
 * One piece of physical memory if there is one: less to look up. Otherwise pages that are
 * neighbours in virtual memory only; that needs to sleep.
 */
void *vgpu_dma_memory_alloc(size_t size, gfp_t gfp)
{
	void *memory;

	gfp &= ~(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | __GFP_COMP);
	memory = alloc_pages_exact(size, gfp | __GFP_ZERO | __GFP_NOWARN);
	if (!memory && gfpflags_allow_blocking(gfp))
		memory = vzalloc(size);
	return memory;
}

void vgpu_dma_memory_free(void *memory, size_t size)
{
	if (is_vmalloc_addr(memory))
		vfree(memory);
	else
		free_pages_exact(memory, size);
}

struct page *vgpu_dma_page(struct vgpu_dma *dma, size_t offset)
{
	void *memory = dma->memory + offset;

	return is_vmalloc_addr(memory) ? vmalloc_to_page(memory) : virt_to_page(memory);
}

static void dma_release(struct kref *ref)
{
	kfree(container_of(ref, struct vgpu_dma, ref));
}

void vgpu_dma_put(struct vgpu_dma *dma)
{
	kref_put(&dma->ref, dma_release);
}

/* Takes all of the card's DMA memory, or one mapping, out of the daemon. May sleep. */
static void dma_revoke(struct vgpu_card *card, u64 address, u64 size)
{
	/*
	 * Whatever forbids the access was written before. A page fault of the daemon that has not
	 * seen it holds this for reading, and has inserted its page when we get it.
	 */
	down_write(&card->dma.revoke_lock);
	vgpu_daemon_unmap(card, VGPU_MMAP_DMA + address, size);
	up_write(&card->dma.revoke_lock);
	atomic64_inc(&card->revocations);
}

void vgpu_dma_revoke_all(struct vgpu_card *card)
{
	dma_revoke(card, DMA_FIRST, DMA_END - DMA_FIRST);
}

static void dma_free_work(struct work_struct *work)
{
	struct vgpu_dma *dma = container_of(work, struct vgpu_dma, free_work);
	struct vgpu_card *card = dma->card;

	if (dma->daemon_maps) {
		dma_revoke(card, dma->address, dma->size);
		vgpu_event(card, VGPU_DMA);
	}
	vgpu_dma_memory_free(dma->memory, dma->size);
	vgpu_dma_put(dma);
	vgpu_card_put(card);
}

/*
 * The driver has given it back (vgpu_dma_remove()). Freeing may have to sleep, which the driver may
 * not: then it is left to work.
 */
void vgpu_dma_free(struct vgpu_dma *dma)
{
	if (dma->daemon_maps || (dma->memory && is_vmalloc_addr(dma->memory))) {
		vgpu_card_get(dma->card);
		INIT_WORK(&dma->free_work, dma_free_work);
		queue_work(vgpu_wq, &dma->free_work);
		return;
	}
	if (dma->memory)
		vgpu_dma_memory_free(dma->memory, dma->size);
	vgpu_dma_put(dma);
}

int vgpu_dma_init(struct vgpu_card *card)
{
	struct vgpu_dma_space *space = &card->dma;

	spin_lock_init(&space->lock);
	init_rwsem(&space->revoke_lock);
	space->mappings = RB_ROOT;
	space->used = bitmap_zalloc(DMA_PAGES, GFP_KERNEL);
	return space->used ? 0 : -ENOMEM;
}

/* Nobody can reach the card's DMA memory any more, but drivers that have not freed theirs. */
void vgpu_dma_exit(struct vgpu_card *card)
{
	struct vgpu_dma *dma, *next;

	rbtree_postorder_for_each_entry_safe(dma, next, &card->dma.mappings, node) {
		if (dma->memory)
			pr_warn("card %u: %zu KiB of DMA memory, never freed by a driver, are lost\n",
				card->id, dma->size >> 10);
		vgpu_dma_put(dma);
	}
	card->dma.mappings = RB_ROOT;
	bitmap_free(card->dma.used);
	card->dma.used = NULL;
}

/*
 * The driver was unbound. What it has not unmapped may be in use for something else by now: the
 * daemon gets none of it. The driver may still free it.
 */
void vgpu_dma_driver_gone(struct vgpu_card *card)
{
	struct vgpu_dma_space *space = &card->dma;
	unsigned int left = 0;
	struct rb_node *node;
	unsigned long flags;

	spin_lock_irqsave(&space->lock, flags);
	for (node = rb_first(&space->mappings); node; node = rb_next(node)) {
		struct vgpu_dma *dma = rb_entry(node, struct vgpu_dma, node);

		if (!dma->live)
			continue;
		WRITE_ONCE(dma->live, false);
		WRITE_ONCE(space->live, space->live - 1);
		left++;
	}
	spin_unlock_irqrestore(&space->lock, flags);
	if (!left)
		return;
	pr_warn("card %u: its driver has left %u DMA mappings behind\n", card->id, left);
	vgpu_dma_revoke_all(card);
	vgpu_event(card, VGPU_DMA);
}

static struct vgpu_dma_mapping dma_describe(const struct vgpu_dma *dma)
{
	return (struct vgpu_dma_mapping){
		.address = dma->address,
		.length = dma->size,
		.kind = dma->kind,
		.access = dma->access,
	};
}

int vgpu_dma_list(struct vgpu_card *card, struct vgpu_dma_list *list)
{
	struct vgpu_dma_space *space = &card->dma;
	u32 capacity = min(list->capacity, LIST_MAX), count = 0;
	struct vgpu_dma_mapping *entries = NULL;
	struct rb_node *node;
	unsigned long flags;
	int ret = 0;

	if (list->reserved)
		return -EINVAL;
	if (capacity) {
		entries = kvmalloc_array(capacity, sizeof(*entries), GFP_KERNEL_ACCOUNT);
		if (!entries)
			return -ENOMEM;
	}
	spin_lock_irqsave(&space->lock, flags);
	list->generation = vgpu_event_count(card, VGPU_DMA);
	for (node = rb_first(&space->mappings); node && count < capacity; node = rb_next(node)) {
		struct vgpu_dma *dma = rb_entry(node, struct vgpu_dma, node);

		if (dma->live)
			entries[count++] = dma_describe(dma);
	}
	list->count = space->live;
	spin_unlock_irqrestore(&space->lock, flags);
	if (count && copy_to_user(u64_to_user_ptr(list->entries), entries,
				  count * sizeof(*entries)))
		ret = -EFAULT;
	kvfree(entries);
	return ret;
}

int vgpu_dma_query(struct vgpu_card *card, struct vgpu_dma_query *query)
{
	struct vgpu_dma_space *space = &card->dma;
	struct vgpu_dma *dma;
	unsigned long flags;

	if (query->reserved)
		return -EINVAL;
	spin_lock_irqsave(&space->lock, flags);
	dma = dma_find(space, query->address, 1);
	if (dma && !dma->live)
		dma = NULL;
	if (dma)
		query->mapping = dma_describe(dma);
	spin_unlock_irqrestore(&space->lock, flags);
	return dma ? 0 : -ENOENT;
}

/* One piece, to or from our page. */
static int dma_copy_piece(struct vgpu_card *card, const struct vgpu_dma_copy *copy, u64 address,
			  void *piece, size_t size)
{
	struct vgpu_dma_space *space = &card->dma;
	struct vgpu_dma *dma;
	unsigned long flags;
	void *memory;
	u32 access;
	int ret = 0;

	if (!vgpu_config_dma_allowed(card))
		return -EPERM;
	access = copy->direction == VGPU_DMA_READ ? VGPU_DMA_MAY_READ : VGPU_DMA_MAY_WRITE;
	spin_lock_irqsave(&space->lock, flags);
	/* All of the transfer must be in one mapping, not only this piece. */
	dma = dma_find(space, copy->address, copy->length);
	if (!dma || !dma->live) {
		ret = -ENOENT;
	} else if (!(dma->access & access)) {
		ret = -EACCES;
	} else {
		memory = dma->memory ?: phys_to_virt(dma->phys);
		memory += address - dma->address;
		if (copy->direction == VGPU_DMA_READ)
			memcpy(piece, memory, size);
		else
			memcpy(memory, piece, size);
	}
	spin_unlock_irqrestore(&space->lock, flags);
	return ret;
}

int vgpu_dma_copy(struct vgpu_card *card, struct vgpu_dma_copy *copy)
{
	u8 __user *buffer = u64_to_user_ptr(copy->buffer);
	size_t size;
	void *piece;
	int ret = 0;

	copy->copied = 0;
	if (copy->reserved ||
	    (copy->direction != VGPU_DMA_READ && copy->direction != VGPU_DMA_WRITE))
		return -EINVAL;
	if (!copy->length)
		return 0;
	piece = (void *)__get_free_page(GFP_KERNEL);
	if (!piece)
		return -ENOMEM;
	while (!ret && copy->copied < copy->length) {
		size = min_t(size_t, copy->length - copy->copied, PAGE_SIZE);
		if (copy->direction == VGPU_DMA_WRITE &&
		    copy_from_user(piece, buffer + copy->copied, size)) {
			ret = -EFAULT;
			break;
		}
		ret = dma_copy_piece(card, copy, copy->address + copy->copied, piece, size);
		if (!ret && copy->direction == VGPU_DMA_READ &&
		    copy_to_user(buffer + copy->copied, piece, size))
			ret = -EFAULT;
		if (!ret)
			copy->copied += size;
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	free_page((unsigned long)piece);
	return ret;
}

/*
 * The daemon wants to map a range of coherent memory. Returns a reference, which its mapping keeps
 * until it is unmapped.
 */
struct vgpu_dma *vgpu_dma_map_begin(struct vgpu_card *card, u64 address, size_t size)
{
	struct vgpu_dma_space *space = &card->dma;
	struct vgpu_dma *dma;
	unsigned long flags;

	if (!vgpu_config_dma_allowed(card))
		return ERR_PTR(-EPERM);
	spin_lock_irqsave(&space->lock, flags);
	dma = dma_find(space, address, size);
	if (dma && dma->live && dma->kind == VGPU_DMA_COHERENT) {
		kref_get(&dma->ref);
		dma->daemon_maps = true;
	} else {
		dma = ERR_PTR(-ENOENT);
	}
	spin_unlock_irqrestore(&space->lock, flags);
	return dma;
}

void vgpu_dma_show(struct seq_file *m, struct vgpu_card *card)
{
	static const char * const kinds[] = { "", "coherent", "single", "sg" };
	struct vgpu_dma_space *space = &card->dma;
	struct rb_node *node;
	unsigned long flags;

	spin_lock_irqsave(&space->lock, flags);
	for (node = rb_first(&space->mappings); node; node = rb_next(node)) {
		struct vgpu_dma *dma = rb_entry(node, struct vgpu_dma, node);

		seq_printf(m, "%08llx %8zu %s %s%s%s%s\n", dma->address, dma->size,
			   kinds[dma->kind], dma->access & VGPU_DMA_MAY_READ ? "r" : "-",
			   dma->access & VGPU_DMA_MAY_WRITE ? "w" : "-",
			   dma->daemon_maps ? " mapped by the daemon" : "",
			   dma->live ? "" : " left behind by a driver");
	}
	spin_unlock_irqrestore(&space->lock, flags);
}
