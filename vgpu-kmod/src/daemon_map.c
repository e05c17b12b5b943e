// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the daemon maps: the BARs, and the driver's coherent DMA memory.
 *
 * All cards' files have one address space, that of the device node. To take pages away from one
 * card's daemon only, each card has a range of offsets of its own there: the offset that the daemon
 * gave is moved into it.
 *
 * Pages are inserted when they are touched, and can be taken away at any time. The pages of a BAR
 * outlive the mapping, which holds the file and with it the card. Those of DMA memory may be
 * inserted only while the driver has the memory allocated and allows DMA, see dma_revoke().
 *
 * The caching attributes are those that the driver has asked for in its own mapping; the memory
 * manager sees to that.
 */
#include <linux/fs.h>

#include "dma.h"

/* So many pages of the framebuffer at once. */
#define FAULT_AROUND	64UL

static u64 card_offset(struct vgpu_card *card)
{
	return (u64)card->id << VGPU_OFFSET_SHIFT;
}

/* The offset in the file, as the daemon has it. */
static u64 fault_offset(struct vgpu_card *card, struct vm_fault *vmf)
{
	return ((u64)vmf->pgoff << PAGE_SHIFT) - card_offset(card);
}

static vm_fault_t vgpu_bar_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct vgpu_card *card = vma->vm_private_data;
	u64 offset = fault_offset(card, vmf);
	struct vgpu_bar *bar = &card->bars[VGPU_REGISTERS];
	unsigned long address = vmf->address, end;
	vm_fault_t ret;

	if (offset >= VGPU_MMAP_FRAMEBUFFER) {
		bar = &card->bars[VGPU_FRAMEBUFFER];
		offset -= VGPU_MMAP_FRAMEBUFFER;
	}
	if (offset >= bar->bytes)
		return VM_FAULT_SIGBUS;
	end = min(vma->vm_end, address + FAULT_AROUND * PAGE_SIZE);
	end = min(end, address + (bar->bytes - offset));
	ret = vmf_insert_pfn(vma, address, PHYS_PFN(bar->base + offset));
	/* More than the page asked for is a favour: errors do not matter. */
	while (ret == VM_FAULT_NOPAGE && (address += PAGE_SIZE) < end) {
		offset += PAGE_SIZE;
		if (vmf_insert_pfn(vma, address, PHYS_PFN(bar->base + offset)) != VM_FAULT_NOPAGE)
			break;
	}
	return ret;
}

static const struct vm_operations_struct vgpu_bar_vm_ops = { .fault = vgpu_bar_fault };

static struct vgpu_dma *dma_of(struct vm_area_struct *vma)
{
	return vma->vm_private_data;
}

static void vgpu_dma_open(struct vm_area_struct *vma)
{
	kref_get(&dma_of(vma)->ref);
}

static void vgpu_dma_close(struct vm_area_struct *vma)
{
	vgpu_dma_put(dma_of(vma));
}

static vm_fault_t vgpu_dma_fault(struct vm_fault *vmf)
{
	struct vgpu_dma *dma = dma_of(vmf->vma);
	struct vgpu_card *card = dma->card;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	u64 offset;

	down_read(&card->dma.revoke_lock);
	/* Whoever changes one of these then revokes, and for that waits until we are done. */
	if (READ_ONCE(dma->live) && vgpu_config_dma_allowed(card)) {
		offset = fault_offset(card, vmf) - VGPU_MMAP_DMA - dma->address;
		if (offset < dma->size)
			ret = vmf_insert_pfn(vmf->vma, vmf->address,
					     page_to_pfn(vgpu_dma_page(dma, offset)));
	}
	up_read(&card->dma.revoke_lock);
	return ret;
}

static const struct vm_operations_struct vgpu_dma_vm_ops = {
	.open = vgpu_dma_open,
	.close = vgpu_dma_close,
	.fault = vgpu_dma_fault,
};

/* An area of a daemon, as opposed to one that a driver has mapped. */
bool vgpu_daemon_owns(struct vm_area_struct *vma)
{
	return vma->vm_ops == &vgpu_bar_vm_ops || vma->vm_ops == &vgpu_dma_vm_ops;
}

static bool in_bar(const struct vgpu_bar *bar, u64 base, u64 offset, size_t size)
{
	return offset >= base && offset - base < bar->bytes && size <= bar->bytes - (offset - base);
}

int vgpu_daemon_mmap(struct vgpu_card *card, struct vm_area_struct *vma)
{
	size_t size = vma->vm_end - vma->vm_start;
	struct vgpu_dma *dma;
	u64 offset;

	if (!(vma->vm_flags & VM_SHARED) ||
	    vma->vm_pgoff >= 1UL << (VGPU_OFFSET_SHIFT - PAGE_SHIFT))
		return -EINVAL;
	offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	if (in_bar(&card->bars[VGPU_REGISTERS], VGPU_MMAP_REGISTERS, offset, size) ||
	    in_bar(&card->bars[VGPU_FRAMEBUFFER], VGPU_MMAP_FRAMEBUFFER, offset, size)) {
		vma->vm_private_data = card;
		vma->vm_ops = &vgpu_bar_vm_ops;
	} else if (offset >= VGPU_MMAP_DMA) {
		dma = vgpu_dma_map_begin(card, offset - VGPU_MMAP_DMA, size);
		if (IS_ERR(dma))
			return PTR_ERR(dma);
		vma->vm_private_data = dma;
		vma->vm_ops = &vgpu_dma_vm_ops;
	} else {
		return -EINVAL;
	}
	vma->vm_pgoff += card_offset(card) >> PAGE_SHIFT;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

/*
 * Takes pages out of all of the daemon's mappings of a range of offsets. Under dma.revoke_lock,
 * held for writing.
 */
void vgpu_daemon_unmap(struct vgpu_card *card, u64 offset, u64 bytes)
{
	if (card->mapping)
		unmap_mapping_range(card->mapping, card_offset(card) + offset, bytes, 1);
}

/* The file is gone, and all mappings of it; its address space may go now as well. */
void vgpu_daemon_gone(struct vgpu_card *card)
{
	down_write(&card->dma.revoke_lock);
	card->mapping = NULL;
	up_write(&card->dma.revoke_lock);
}
