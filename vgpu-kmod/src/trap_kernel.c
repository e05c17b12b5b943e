// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of the BARs in the kernel: what a driver gets from ioremap().
 *
 * probes.c tells when one comes or goes. All are remembered, those of the framebuffer too: the
 * memory must not be freed while one exists, whatever the driver does. Each holds the card.
 *
 * Only page-table entries that lead to the register BAR are changed, and only from one with
 * exactly the value that was checked to another (cmpxchg): a mapping that goes away meanwhile, or
 * another that takes its place, is never touched. Page tables of the vmalloc area are not freed
 * while interrupts are off, as that waits for all CPUs to flush their TLBs.
 *
 * The trap itself: a store to a write-protected page faults. The kernel's tracepoint
 * exceptions:page_fault_kernel calls us first of all. We make the page writable and count the
 * event. The kernel then finds that the page table allows the store, takes the fault for one
 * caused by an outdated TLB entry (spurious_kernel_fault()), and executes the store again.
 */
#include <asm/trap_pf.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/vmalloc.h>

#include "vgpu.h"

#define VGPU_KMAPS	256

/**
 * struct vgpu_kmap - a mapping of a BAR, or of part of one, in the kernel
 * @card: held while the entry is used; NULL in a free entry
 * @address: first page
 * @pages: number of pages
 * @bar: which BAR
 * @candidates: pages found writable by vgpu_kmap_find_writable(); bit n is the page n
 */
struct vgpu_kmap {
	struct vgpu_card *card;
	unsigned long address;
	unsigned int pages;
	enum vgpu_bar_index bar;
	u32 candidates;
};

static struct vgpu_kmap kmaps[VGPU_KMAPS];
static unsigned int kmaps_used;
static DEFINE_RAW_SPINLOCK(kmaps_lock);

bool vgpu_kmap_add(struct vgpu_card *card, enum vgpu_bar_index bar, unsigned long address,
		   size_t bytes)
{
	struct vgpu_kmap *map;
	unsigned long flags;
	bool added = false;

	raw_spin_lock_irqsave(&kmaps_lock, flags);
	for (map = kmaps; map < kmaps + VGPU_KMAPS; map++) {
		if (map->card)
			continue;
		map->card = card;
		map->address = address & PAGE_MASK;
		map->pages = PAGE_ALIGN(bytes + offset_in_page(address)) >> PAGE_SHIFT;
		map->bar = bar;
		map->candidates = 0;
		WRITE_ONCE(kmaps_used, kmaps_used + 1);
		added = true;
		break;
	}
	raw_spin_unlock_irqrestore(&kmaps_lock, flags);
	return added;
}

/* Forgets the mapping at an address. The caller gets its reference to the card. */
struct vgpu_card *vgpu_kmap_remove(unsigned long address)
{
	struct vgpu_card *card = NULL;
	struct vgpu_kmap *map;
	unsigned long flags;

	/* Most of what is unmapped in a kernel is none of ours. */
	if (!READ_ONCE(kmaps_used))
		return NULL;
	address &= PAGE_MASK;
	raw_spin_lock_irqsave(&kmaps_lock, flags);
	for (map = kmaps; map < kmaps + VGPU_KMAPS; map++) {
		if (!map->card || map->address != address)
			continue;
		card = map->card;
		map->card = NULL;
		WRITE_ONCE(kmaps_used, kmaps_used - 1);
		break;
	}
	raw_spin_unlock_irqrestore(&kmaps_lock, flags);
	return card;
}

/*
 * The page-table entry of an address, if it leads to the card's register BAR; its value, and which
 * page of the BAR it is. Interrupts are off.
 */
static pte_t *vgpu_register_pte(struct vgpu_card *card, unsigned long address, pte_t *value,
				unsigned int *page)
{
	const struct vgpu_bar *bar = &card->bars[VGPU_REGISTERS];
	unsigned int level;
	phys_addr_t phys;
	pte_t *pte;

	pte = lookup_address(address, &level);
	if (!pte || level != PG_LEVEL_4K)
		return NULL;
	*value = READ_ONCE(*pte);
	if (!pte_present(*value))
		return NULL;
	phys = PFN_PHYS(pte_pfn(*value));
	if (phys < bar->base || phys - bar->base >= bar->bytes)
		return NULL;
	*page = (phys - bar->base) >> PAGE_SHIFT;
	return pte;
}

static bool vgpu_pte_change(pte_t *pte, pte_t from, pte_t to)
{
	return cmpxchg(&pte->pte, from.pte, to.pte) == from.pte;
}

/*
 * Called for every page fault in kernel mode, interrupts off. No card is needed to decide that a
 * fault is none of ours but for one in the vmalloc area by a forbidden write, which the kernel
 * itself hardly ever has.
 */
void notrace vgpu_page_fault_kernel(void *data, unsigned long address, struct pt_regs *regs,
				    unsigned long error_code)
{
	struct vgpu_card *card;
	enum vgpu_bar_index bar;
	unsigned int level, page;
	pte_t *pte, value;

	if (error_code != (X86_PF_PROT | X86_PF_WRITE))
		return;
	if (address < VMALLOC_START || address >= VMALLOC_END)
		return;
	pte = lookup_address(address, &level);
	if (!pte || level != PG_LEVEL_4K || !pte_present(READ_ONCE(*pte)))
		return;
	rcu_read_lock();
	card = vgpu_card_find(PFN_PHYS(pte_pfn(READ_ONCE(*pte))), PAGE_SIZE, &bar);
	if (!card || bar != VGPU_REGISTERS)
		goto out;
	do {
		pte = vgpu_register_pte(card, address, &value, &page);
		if (!pte)
			goto out;
		/* Writable: another CPU was first, and this one has an outdated TLB entry. */
	} while (!pte_write(value) &&
		 !vgpu_pte_change(pte, value, __pte(pte_val(value) | _PAGE_RW | _PAGE_DIRTY)));
	/* After the page is writable, see arm.c. */
	vgpu_event_write(card, VGPU_KERNEL_WRITE,
			 ((size_t)page << PAGE_SHIFT) + offset_in_page(address));
out:
	rcu_read_unlock();
}

/* Finds the writable mappings of register pages. Serialised by card->arm_lock. */
bool vgpu_kmap_find_writable(struct vgpu_card *card)
{
	struct vgpu_kmap *map;
	unsigned long flags;
	unsigned int i, page;
	bool any = false;
	pte_t value;

	raw_spin_lock_irqsave(&kmaps_lock, flags);
	for (map = kmaps; map < kmaps + VGPU_KMAPS; map++) {
		if (map->card != card || map->bar != VGPU_REGISTERS)
			continue;
		map->candidates = 0;
		for (i = 0; i < min(map->pages, 32U); i++)
			if (vgpu_register_pte(card, map->address + i * PAGE_SIZE, &value, &page) &&
			    pte_write(value))
				map->candidates |= BIT(i);
		any |= map->candidates;
	}
	raw_spin_unlock_irqrestore(&kmaps_lock, flags);
	return any;
}

/*
 * Write-protects what vgpu_kmap_find_writable() has found and still exists. Returns the pages of
 * the register BAR that this concerns.
 *
 * The dirty bit is cleared too: with shadow stacks, read-only and dirty means something else.
 */
u32 vgpu_kmap_protect(struct vgpu_card *card)
{
	struct vgpu_kmap *map;
	unsigned long flags;
	unsigned int i, page;
	u32 pages = 0;
	pte_t *pte, value;

	raw_spin_lock_irqsave(&kmaps_lock, flags);
	for (map = kmaps; map < kmaps + VGPU_KMAPS; map++) {
		if (map->card != card || map->bar != VGPU_REGISTERS)
			continue;
		for (i = 0; i < 32; i++) {
			if (!(map->candidates & BIT(i)))
				continue;
			pte = vgpu_register_pte(card, map->address + i * PAGE_SIZE, &value, &page);
			/* The CPU may set the accessed bit at any time: try until it has not. */
			while (pte && pte_write(value)) {
				pages |= BIT(page);
				if (vgpu_pte_change(pte, value, __pte(pte_val(value) &
								      ~(_PAGE_RW | _PAGE_DIRTY))))
					break;
				pte = vgpu_register_pte(card, map->address + i * PAGE_SIZE, &value,
							&page);
			}
		}
		map->candidates = 0;
	}
	raw_spin_unlock_irqrestore(&kmaps_lock, flags);
	return pages;
}

void vgpu_kmap_show(struct seq_file *m, struct vgpu_card *card)
{
	struct vgpu_kmap map;
	unsigned long flags;
	int i;

	for (i = 0; i < VGPU_KMAPS; i++) {
		raw_spin_lock_irqsave(&kmaps_lock, flags);
		map = kmaps[i];
		raw_spin_unlock_irqrestore(&kmaps_lock, flags);
		if (map.card == card)
			seq_printf(m, "kernel %s %u pages\n",
				   map.bar == VGPU_REGISTERS ? "registers" : "framebuffer",
				   map.pages);
	}
}
