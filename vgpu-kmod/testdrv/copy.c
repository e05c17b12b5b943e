// SPDX-License-Identifier: GPL-2.0-only
/* Streaming DMA: memory that is the card's for one transfer only. */

#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "testcard.h"

static struct tc_entry testcard_entry(enum dma_data_direction direction, dma_addr_t address,
				      u32 offset, u32 length)
{
	u32 op = direction == DMA_TO_DEVICE ? TC_OP_TO_FB : TC_OP_FROM_FB;

	return (struct tc_entry) {
		.op = cpu_to_le32(op),
		.address = cpu_to_le64(address),
		.offset = cpu_to_le32(offset),
		.length = cpu_to_le32(length),
	};
}

/**
 * testcard_copy_single() - between a piece of kmalloc() memory and the framebuffer
 * @card: the card
 * @data: the memory
 * @offset: place in the framebuffer
 * @length: bytes
 * @direction: DMA_TO_DEVICE or DMA_FROM_DEVICE
 *
 * Return: 0, -ENOMEM, or what testcard_run() says.
 */
int testcard_copy_single(struct testcard *card, void *data, u32 offset, u32 length,
			 enum dma_data_direction direction)
{
	struct device *dev = &card->pdev->dev;
	dma_addr_t address = dma_map_single(dev, data, length, direction);
	struct tc_entry entry;
	int err;

	if (dma_mapping_error(dev, address))
		return -ENOMEM;
	entry = testcard_entry(direction, address, offset, length);
	err = testcard_run(card, &entry, 1);
	dma_unmap_single(dev, address, length, direction);
	return err;
}

/**
 * testcard_copy_sg() - between pieces of memory and the framebuffer
 * @card: the card
 * @sg: the pieces
 * @count: how many, less than the ring has entries
 * @offset: place in the framebuffer; there they lie side by side
 * @direction: DMA_TO_DEVICE or DMA_FROM_DEVICE
 *
 * Return: 0, -E2BIG, -ENOMEM, or what testcard_run() says.
 */
int testcard_copy_sg(struct testcard *card, struct scatterlist *sg, unsigned int count, u32 offset,
		     enum dma_data_direction direction)
{
	struct tc_entry entries[TESTCARD_RING_ENTRIES];
	struct device *dev = &card->pdev->dev;
	struct scatterlist *piece;
	int mapped, err, i;

	if (count > ARRAY_SIZE(entries))
		return -E2BIG;
	/* Fewer than count where an IOMMU joins some. */
	mapped = dma_map_sg(dev, sg, count, direction);
	if (!mapped)
		return -ENOMEM;
	for_each_sg(sg, piece, mapped, i) {
		entries[i] = testcard_entry(direction, sg_dma_address(piece), offset,
					    sg_dma_len(piece));
		offset += sg_dma_len(piece);
	}
	err = testcard_run(card, entries, mapped);
	dma_unmap_sg(dev, sg, count, direction);
	return err;
}

/**
 * testcard_copy_user() - between a program's buffer and the framebuffer
 * @card: the card
 * @copy: what the program asks for
 * @to_card: the direction
 *
 * Return: 0, -EINVAL, -ENOMEM, -EFAULT, or what testcard_run() says.
 */
int testcard_copy_user(struct testcard *card, const struct testcard_copy *copy, bool to_card)
{
	void __user *buffer = u64_to_user_ptr(copy->buffer);
	u64 end = (u64)copy->offset + copy->length;
	void *data;
	int err;

	if (!copy->length || copy->length > TESTCARD_COPY_MAX || end > card->fb_bytes)
		return -EINVAL;
	data = kzalloc(copy->length, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	if (to_card && copy_from_user(data, buffer, copy->length)) {
		err = -EFAULT;
		goto out;
	}
	err = testcard_copy_single(card, data, copy->offset, copy->length,
				   to_card ? DMA_TO_DEVICE : DMA_FROM_DEVICE);
	if (!err && !to_card && copy_to_user(buffer, data, copy->length))
		err = -EFAULT;
out:
	kfree(data);
	return err;
}
