// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's DMA interface for the driver of a card: dma_alloc_coherent(), dma_map_single(),
 * dma_map_sg() and so on end here.
 *
 * DMA addresses are the card's own, handed out here, as those behind an IOMMU. So no physical
 * address reaches the daemon, a driver's DMA mask of 30 bits is enough for any memory, and a buffer
 * is not bounced. Addresses that were just given back are not handed out again soon: who uses
 * an outdated one gets an error rather than another's memory.
 *
 * These may be called with interrupts off.
 */
#include <linux/dma-map-ops.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dma.h"

static struct vgpu_card *dev_card(struct device *dev)
{
	return vgpu_host_card(to_pci_dev(dev));
}

static u32 dma_access(enum dma_data_direction dir)
{
	switch (dir) {
	case DMA_TO_DEVICE:
		return VGPU_DMA_MAY_READ;
	case DMA_FROM_DEVICE:
		return VGPU_DMA_MAY_WRITE;
	case DMA_BIDIRECTIONAL:
		return VGPU_DMA_MAY_READ | VGPU_DMA_MAY_WRITE;
	default:
		return 0;
	}
}

static void *vgpu_dma_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp,
			    unsigned long attrs)
{
	struct vgpu_card *card = dev_card(dev);
	struct vgpu_dma *dma;

	size = PAGE_ALIGN(size);
	dma = vgpu_dma_new(card, 0, size, VGPU_DMA_COHERENT, dma_access(DMA_BIDIRECTIONAL), gfp);
	if (!dma)
		return NULL;
	dma->memory = vgpu_dma_memory_alloc(size, gfp);
	if (!dma->memory) {
		vgpu_dma_discard(dma);
		return NULL;
	}
	*handle = dma->address;
	vgpu_dma_insert(dma);
	return dma->memory;
}

static void vgpu_dma_free_coherent(struct device *dev, size_t size, void *memory,
				   dma_addr_t handle, unsigned long attrs)
{
	struct vgpu_dma *dma = vgpu_dma_remove(dev_card(dev), handle, VGPU_DMA_COHERENT);

	if (!dma) {
		dev_err(dev, "vgpu: the driver freed coherent memory that is not allocated\n");
		return;
	}
	vgpu_dma_free(dma);
}

/* The driver maps coherent memory into a process. */
static int vgpu_dma_mmap(struct device *dev, struct vm_area_struct *vma, void *memory,
			 dma_addr_t handle, size_t size, unsigned long attrs)
{
	unsigned long offset = vma->vm_pgoff << PAGE_SHIFT, bytes = vma->vm_end - vma->vm_start, at;
	int ret = 0;

	size = PAGE_ALIGN(size);
	if (offset >= size || bytes > size - offset)
		return -ENXIO;
	memory += offset;
	if (!is_vmalloc_addr(memory))
		return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(virt_to_phys(memory)), bytes,
				       vma->vm_page_prot);
	for (at = 0; !ret && at < bytes; at += PAGE_SIZE)
		ret = remap_pfn_range(vma, vma->vm_start + at, vmalloc_to_pfn(memory + at),
				      PAGE_SIZE, vma->vm_page_prot);
	return ret;
}

static int vgpu_dma_get_sgtable(struct device *dev, struct sg_table *sgt, void *memory,
				dma_addr_t handle, size_t size, unsigned long attrs)
{
	unsigned int pages = PAGE_ALIGN(size) >> PAGE_SHIFT, i;
	struct scatterlist *sg;
	int ret;

	ret = sg_alloc_table(sgt, is_vmalloc_addr(memory) ? pages : 1, GFP_KERNEL);
	if (ret)
		return ret;
	if (!is_vmalloc_addr(memory)) {
		sg_set_page(sgt->sgl, virt_to_page(memory), PAGE_ALIGN(size), 0);
		return 0;
	}
	for_each_sg(sgt->sgl, sg, pages, i)
		sg_set_page(sg, vmalloc_to_page(memory + (i << PAGE_SHIFT)), PAGE_SIZE, 0);
	return 0;
}

static dma_addr_t map_phys(struct device *dev, phys_addr_t phys, size_t size,
			   enum dma_data_direction dir, u32 kind)
{
	struct vgpu_dma *dma;

	/* Memory with a struct page only: not another device's registers. */
	if (!size || !pfn_valid(PHYS_PFN(phys)))
		return DMA_MAPPING_ERROR;
	dma = vgpu_dma_new(dev_card(dev), offset_in_page(phys), size, kind, dma_access(dir),
			   GFP_ATOMIC);
	if (!dma)
		return DMA_MAPPING_ERROR;
	dma->phys = phys;
	vgpu_dma_insert(dma);
	return dma->address;
}

static void unmap(struct device *dev, dma_addr_t handle, u32 kind)
{
	struct vgpu_dma *dma = vgpu_dma_remove(dev_card(dev), handle, kind);

	if (dma)
		vgpu_dma_free(dma);
	else
		dev_err_ratelimited(dev, "vgpu: the driver unmapped DMA memory that is not mapped\n");
}

#ifdef VGPU_HAVE_DMA_MAP_PHYS
static dma_addr_t vgpu_dma_map_phys(struct device *dev, phys_addr_t phys, size_t size,
				    enum dma_data_direction dir, unsigned long attrs)
{
	if (attrs & DMA_ATTR_MMIO)
		return DMA_MAPPING_ERROR;
	return map_phys(dev, phys, size, dir, VGPU_DMA_SINGLE);
}
#else
static dma_addr_t vgpu_dma_map_page(struct device *dev, struct page *page, unsigned long offset,
				    size_t size, enum dma_data_direction dir, unsigned long attrs)
{
	return map_phys(dev, page_to_phys(page) + offset, size, dir, VGPU_DMA_SINGLE);
}
#endif

static void vgpu_dma_unmap(struct device *dev, dma_addr_t handle, size_t size,
			   enum dma_data_direction dir, unsigned long attrs)
{
	unmap(dev, handle, VGPU_DMA_SINGLE);
}

static void vgpu_dma_unmap_sg(struct device *dev, struct scatterlist *list, int count,
			      enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(list, sg, count, i)
		unmap(dev, sg_dma_address(sg), VGPU_DMA_SG);
}

static int vgpu_dma_map_sg(struct device *dev, struct scatterlist *list, int count,
			   enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(list, sg, count, i) {
		sg_dma_address(sg) = map_phys(dev, sg_phys(sg), sg->length, dir, VGPU_DMA_SG);
		sg_dma_len(sg) = sg->length;
		if (sg_dma_address(sg) == DMA_MAPPING_ERROR) {
			vgpu_dma_unmap_sg(dev, list, i, dir, attrs);
			return -ENOMEM;
		}
	}
	return count;
}

static struct page *vgpu_dma_alloc_pages(struct device *dev, size_t size, dma_addr_t *handle,
					 enum dma_data_direction dir, gfp_t gfp)
{
	struct page *page = alloc_pages(gfp, get_order(size));

	if (!page)
		return NULL;
	*handle = map_phys(dev, page_to_phys(page), size, dir, VGPU_DMA_SINGLE);
	if (*handle == DMA_MAPPING_ERROR) {
		__free_pages(page, get_order(size));
		return NULL;
	}
	memset(page_address(page), 0, size);
	return page;
}

static void vgpu_dma_free_pages(struct device *dev, size_t size, struct page *page,
				dma_addr_t handle, enum dma_data_direction dir)
{
	unmap(dev, handle, VGPU_DMA_SINGLE);
	__free_pages(page, get_order(size));
}

static int vgpu_dma_supported(struct device *dev, u64 mask)
{
	return mask >= DMA_END - 1;
}

static u64 vgpu_dma_required_mask(struct device *dev)
{
	return DMA_END - 1;
}

static size_t vgpu_dma_max_mapping(struct device *dev)
{
	return (DMA_END - DMA_FIRST) / 4;
}

const struct dma_map_ops vgpu_dma_ops = {
	.alloc = vgpu_dma_alloc,
	.free = vgpu_dma_free_coherent,
	.mmap = vgpu_dma_mmap,
	.get_sgtable = vgpu_dma_get_sgtable,
#ifdef VGPU_HAVE_DMA_MAP_PHYS
	.map_phys = vgpu_dma_map_phys,
	.unmap_phys = vgpu_dma_unmap,
#else
	.map_page = vgpu_dma_map_page,
	.unmap_page = vgpu_dma_unmap,
#endif
	.map_sg = vgpu_dma_map_sg,
	.unmap_sg = vgpu_dma_unmap_sg,
#ifdef VGPU_HAVE_DMA_ALLOC_PAGES_OP
	.alloc_pages_op = vgpu_dma_alloc_pages,
#else
	.alloc_pages = vgpu_dma_alloc_pages,
#endif
	.free_pages = vgpu_dma_free_pages,
	.dma_supported = vgpu_dma_supported,
	.get_required_mask = vgpu_dma_required_mask,
	.max_mapping_size = vgpu_dma_max_mapping,
};
