// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt handler: counts events, acknowledges them, then looks at what they stand for.
 */

#include <linux/interrupt.h>

#include "mvx.h"

/* Which sources interrupt. */
void mvx_enable(struct mvx *card, u32 sources, bool on)
{
	unsigned long flags;

	spin_lock_irqsave(&card->lock, flags);
	card->enabled = on ? card->enabled | sources : card->enabled & ~sources;
	mvx_write(card, MVX_NOTIFY_ALLOW, card->enabled);
	spin_unlock_irqrestore(&card->lock, flags);
}

/* Events of one source since the last look, which may be 255 at most. */
#define mvx_events(mask, now, before) \
	((FIELD_GET(mask, now) - FIELD_GET(mask, before)) & 0xff)

irqreturn_t mvx_interrupt(int irq, void *data)
{
	struct mvx *card = data;
	u32 count, errors, status;

	spin_lock(&card->lock);
	count = mvx_read(card, MVX_NOTIFY_TALLY);
	status = mvx_read(card, MVX_STAT);
	/*
	 * Nothing new: the card has not seen yet what was acknowledged, and holds the pin. Or it is
	 * another device on the same line, or the card was pulled out.
	 */
	if (count == card->acked) {
		spin_unlock(&card->lock);
		return status != U32_MAX && status & MVX_STAT_SEGMENT ? IRQ_HANDLED : IRQ_NONE;
	}
	errors = mvx_events(MVX_NOTIFY_TALLY_EXC, count, card->acked);
	card->info.interrupts++;
	card->info.buffers += mvx_events(MVX_NOTIFY_TALLY_BATCH, count, card->acked);
	card->info.syncs += mvx_events(MVX_NOTIFY_TALLY_FLUSHPT, count, card->acked);
	card->info.vblanks += mvx_events(MVX_NOTIFY_TALLY_VEND, count, card->acked);
	card->info.errors += errors;
	card->acked = count;
	mvx_write(card, MVX_NOTIFY_SEEN, count);
	if (errors) {
		card->info.error = mvx_read(card, MVX_EXC_WHY);
		card->info.exc_spotaddr = mvx_read(card, MVX_EXC_SPOTADDR);
		card->info.exc_detail = mvx_read(card, MVX_EXC_DETAIL);
		dev_err_ratelimited(&card->pdev->dev, "error 0x%x at 0x%x, data 0x%x\n",
				    card->info.error, card->info.exc_spotaddr,
				    card->info.exc_detail);
	}
	if (card->use_ring)
		mvx_ring_look(card);
	else
		mvx_buffers_look(card);
	spin_unlock(&card->lock);
	wake_up_all(&card->changed);
	return IRQ_HANDLED;
}
