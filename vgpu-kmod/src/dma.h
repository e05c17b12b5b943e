/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DMA mappings, between dma_ops.c (the driver's side) and dma_table.c (the daemon's).
 */
#ifndef VGPU_DMA_H
#define VGPU_DMA_H

#include "vgpu.h"

/*
 * The aperture: addresses a driver with a 30-bit mask can use, without the first ones, so that
 * small numbers are never addresses.
 */
#define DMA_FIRST	0x00100000UL
#define DMA_END		0x40000000UL
#define DMA_PAGES	((DMA_END - DMA_FIRST) >> PAGE_SHIFT)

/**
 * struct vgpu_dma - a live DMA mapping
 * @node: in the card's table
 * @ref: held by the table and by each of the daemon's mappings of it
 * @card: the card
 * @address: DMA address
 * @size: bytes
 * @kind: VGPU_DMA_COHERENT, VGPU_DMA_SINGLE or VGPU_DMA_SG
 * @access: VGPU_DMA_MAY_*
 * @memory: coherent: the memory, as the driver has it
 * @phys: otherwise: physical address; the memory is one piece
 * @live: the daemon may use it; false when the driver has given it back, or is gone
 * @daemon_maps: the daemon has, or had, it mapped
 * @free_work: takes it out of the daemon's mappings, and then frees the memory
 */
struct vgpu_dma {
	struct rb_node node;
	struct kref ref;
	struct vgpu_card *card;
	u64 address;
	size_t size;
	u32 kind;
	u32 access;
	void *memory;
	phys_addr_t phys;
	bool live;
	bool daemon_maps;
	struct work_struct free_work;
};

struct vgpu_dma *vgpu_dma_new(struct vgpu_card *card, size_t offset, size_t size, u32 kind,
			      u32 access, gfp_t gfp);
void vgpu_dma_insert(struct vgpu_dma *dma);
struct vgpu_dma *vgpu_dma_remove(struct vgpu_card *card, u64 address, u32 kind);
void vgpu_dma_discard(struct vgpu_dma *dma);
void vgpu_dma_free(struct vgpu_dma *dma);
void vgpu_dma_put(struct vgpu_dma *dma);
struct page *vgpu_dma_page(struct vgpu_dma *dma, size_t offset);
void *vgpu_dma_memory_alloc(size_t size, gfp_t gfp);
void vgpu_dma_memory_free(void *memory, size_t size);
struct vgpu_dma *vgpu_dma_map_begin(struct vgpu_card *card, u64 address, size_t size);

#endif
