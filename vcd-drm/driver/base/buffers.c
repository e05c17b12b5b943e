// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams go to the card one buffer at a time: the next one is started when the card says, by an
 * interrupt, that it is done with the one before.
 */

#include <linux/dma-mapping.h>
#include <linux/uaccess.h>

#include "bgc.h"

int bgc_buffers_init(struct bgc *card)
{
	unsigned int i;

	for (i = 0; i < BGC_BUFFERS; i++) {
		struct bgc_buffer *buffer = &card->buffers[i];

		buffer->words = dma_alloc_coherent(&card->pdev->dev, BGC_BUFFER_BYTES,
						   &buffer->dma, GFP_KERNEL);
		if (!buffer->words)
			return -ENOMEM;
	}
	return 0;
}

void bgc_buffers_exit(struct bgc *card)
{
	unsigned int i;

	for (i = 0; i < BGC_BUFFERS; i++) {
		struct bgc_buffer *buffer = &card->buffers[i];

		if (buffer->words)
			dma_free_coherent(&card->pdev->dev, BGC_BUFFER_BYTES, buffer->words,
					  buffer->dma);
		buffer->words = NULL;
	}
}

bool bgc_buffers_have_room(const struct bgc *card)
{
	return card->used < BGC_BUFFERS;
}

/* The card has nothing to do: DMA_COUNT is 0. */
static void bgc_buffers_start(struct bgc *card)
{
	struct bgc_buffer *buffer = &card->buffers[card->first];

	lockdep_assert_held(&card->lock);
	/* The card must find the words when it finds the count: iowrite32() sees to that. */
	bgc_write(card, BGC_DMA_ADDRESS, lower_32_bits(buffer->dma));
	bgc_write(card, BGC_DMA_COUNT, buffer->count);
}

/* There is room, and nobody else adds. */
int bgc_buffers_add(struct bgc *card, struct bgc_submit *what)
{
	struct bgc_buffer *buffer;
	unsigned long flags;

	/* When the card ends a buffer, @first and @used change, and their sum does not. */
	spin_lock_irqsave(&card->lock, flags);
	buffer = &card->buffers[(card->first + card->used) % BGC_BUFFERS];
	spin_unlock_irqrestore(&card->lock, flags);
	if (copy_from_user(buffer->words, u64_to_user_ptr(what->words), what->count * 4))
		return -EFAULT;
	spin_lock_irqsave(&card->lock, flags);
	what->number = card->next++;
	buffer->words[what->count] = cpu_to_le32(BGC_TAG_FENCE);
	buffer->words[what->count + 1] = cpu_to_le32(what->number);
	buffer->count = what->count + 2;
	buffer->number = what->number;
	card->info.submitted++;
	if (!card->used++)
		bgc_buffers_start(card);
	spin_unlock_irqrestore(&card->lock, flags);
	return 0;
}

/*
 * The card is done with a buffer when DMA_COUNT is 0 again. Each ends with a fence, which one that
 * was given up has not reached.
 */
void bgc_buffers_look(struct bgc *card)
{
	struct bgc_buffer *buffer = &card->buffers[card->first];

	lockdep_assert_held(&card->lock);
	if (!card->used || bgc_read(card, BGC_DMA_COUNT))
		return;
	bgc_ended(card, buffer->number, bgc_read(card, BGC_FENCE_DONE) != buffer->number);
	card->first = (card->first + 1) % BGC_BUFFERS;
	if (--card->used)
		bgc_buffers_start(card);
}
