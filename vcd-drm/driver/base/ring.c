// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams go to the card through a ring, without a pause between them. Each ends with a SYNC, whose
 * interrupt tells how far the card has come.
 */

#include <linux/dma-mapping.h>
#include <linux/uaccess.h>

#include "bgc.h"

/* Begins at the beginning. The ring is not running, and @ring_stopped keeps others from adding. */
static int bgc_ring_start(struct bgc *card)
{
	unsigned long flags;
	int ret;

	bgc_write(card, BGC_RING_PUT, 0);
	ret = bgc_command(card, BGC_RING_CONTROL,
			  FIELD_PREP(BGC_RING_CONTROL_ACTION, BGC_RING_CONTROL_ACTION_START));
	if (ret)
		return ret;
	spin_lock_irqsave(&card->lock, flags);
	card->ring_put = 0;
	card->ring_get = 0;
	card->ring_stopped = false;
	spin_unlock_irqrestore(&card->lock, flags);
	return 0;
}

/* A mistake has stopped the ring. This waits for the card, which the handler cannot. */
static void bgc_ring_restart(struct work_struct *work)
{
	struct bgc *card = container_of(work, struct bgc, ring_restart);
	int ret = bgc_ring_start(card);

	if (ret)
		dev_err(&card->pdev->dev, "the ring does not start again: error %d\n", ret);
	wake_up_all(&card->changed);
}

int bgc_ring_init(struct bgc *card)
{
	INIT_WORK(&card->ring_restart, bgc_ring_restart);
	card->ring_stopped = true;
	card->ring = dma_alloc_coherent(&card->pdev->dev, BGC_RING_BYTES, &card->ring_dma,
					GFP_KERNEL);
	if (!card->ring)
		return -ENOMEM;
	bgc_write(card, BGC_RING_BASE, lower_32_bits(card->ring_dma));
	bgc_write(card, BGC_RING_SIZE, BGC_RING_WORDS);
	return bgc_ring_start(card);
}

void bgc_ring_exit(struct bgc *card)
{
	cancel_work_sync(&card->ring_restart);
	if (card->ring)
		dma_free_coherent(&card->pdev->dev, BGC_RING_BYTES, card->ring, card->ring_dma);
	card->ring = NULL;
}

bool bgc_ring_has_room(const struct bgc *card, u32 words)
{
	return !card->ring_stopped &&
	       BGC_RING_WORDS - (card->ring_put - card->ring_get) >= words + 2;
}

/* There is room, and nobody else adds. */
int bgc_ring_add(struct bgc *card, struct bgc_submit *what)
{
	u32 put = READ_ONCE(card->ring_put), at = put % BGC_RING_WORDS;
	u32 first = min(what->count, BGC_RING_WORDS - at);
	const u32 __user *words = u64_to_user_ptr(what->words);
	unsigned long flags;

	if (copy_from_user(card->ring + at, words, first * 4) ||
	    copy_from_user(card->ring, words + first, (what->count - first) * 4))
		return -EFAULT;
	spin_lock_irqsave(&card->lock, flags);
	/* The card has found a mistake in what was there before: this is the wrong place. */
	if (card->ring_stopped || card->ring_put != put) {
		spin_unlock_irqrestore(&card->lock, flags);
		return -EAGAIN;
	}
	what->number = card->next++;
	at = (card->ring_put + what->count) % BGC_RING_WORDS;
	card->ring[at] = cpu_to_le32(BGC_TAG_SYNC);
	card->ring[at + 1] = cpu_to_le32(what->number);
	card->ring_put += what->count + 2;
	card->info.submitted++;
	/* The words must be there before the card is told: iowrite32() sees to that. */
	bgc_write(card, BGC_RING_PUT, card->ring_put);
	spin_unlock_irqrestore(&card->lock, flags);
	return 0;
}

/* After an interrupt. A mistake in a stream stops the ring: all that is in it is given up. */
void bgc_ring_look(struct bgc *card)
{
	lockdep_assert_held(&card->lock);
	if (card->ring_stopped)
		return;
	card->ring_get = bgc_read(card, BGC_RING_GET);
	bgc_ended(card, bgc_read(card, BGC_FENCE_DONE), false);
	if (!(bgc_read(card, BGC_STATUS) & BGC_STATUS_RING)) {
		bgc_ended(card, card->next - 1, true);
		card->ring_stopped = true;
		schedule_work(&card->ring_restart);
	}
}
