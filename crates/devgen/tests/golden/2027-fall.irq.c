// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt handler: counts events, acknowledges them, then looks at what they stand for.
 */

#include <linux/interrupt.h>

#include "ktd.h"

/* Which sources interrupt. */
void ktd_enable(struct ktd *card, u32 sources, bool on)
{
	unsigned long flags;

	spin_lock_irqsave(&card->lock, flags);
	card->enabled = on ? card->enabled | sources : card->enabled & ~sources;
	ktd_write(card, KTD_EVT_ALLOW, card->enabled);
	spin_unlock_irqrestore(&card->lock, flags);
}

/* Events of one source since the last look, which may be 255 at most. */
#define ktd_events(mask, now, before) \
	((FIELD_GET(mask, now) - FIELD_GET(mask, before)) & 0xff)

irqreturn_t ktd_interrupt(int irq, void *data)
{
	struct ktd *card = data;
	u32 count, errors, status;

	spin_lock(&card->lock);
	count = ktd_read(card, KTD_EVT_QTY);
	status = ktd_read(card, KTD_STAT);
	/*
	 * Nothing new: the card has not seen yet what was acknowledged, and holds the pin. Or it is
	 * another device on the same line, or the card was pulled out.
	 */
	if (count == card->acked) {
		spin_unlock(&card->lock);
		return status != U32_MAX && status & KTD_STAT_SEGMENT ? IRQ_HANDLED : IRQ_NONE;
	}
	errors = ktd_events(KTD_EVT_QTY_FAILURE, count, card->acked);
	card->info.interrupts++;
	card->info.syncs += ktd_events(KTD_EVT_QTY_BARRIER, count, card->acked);
	card->info.vblanks += ktd_events(KTD_EVT_QTY_VEND, count, card->acked);
	card->info.errors += errors;
	card->acked = count;
	ktd_write(card, KTD_EVT_ACKN, count);
	if (errors) {
		card->info.error = ktd_read(card, KTD_FAILURE_REASON);
		card->info.failure_spotaddr = ktd_read(card, KTD_FAILURE_SPOTADDR);
		card->info.failure_payload = ktd_read(card, KTD_FAILURE_PAYLOAD);
		dev_err_ratelimited(&card->pdev->dev, "error 0x%x at 0x%x, data 0x%x\n",
				    card->info.error, card->info.failure_spotaddr,
				    card->info.failure_payload);
	}
	ktd_ring_look(card);
	spin_unlock(&card->lock);
	wake_up_all(&card->changed);
	return IRQ_HANDLED;
}
