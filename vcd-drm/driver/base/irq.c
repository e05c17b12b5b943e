// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt handler: counts events, acknowledges them, then looks at what they stand for.
 */

#include <linux/interrupt.h>

#include "bgc.h"

/* Which sources interrupt. */
void bgc_enable(struct bgc *card, u32 sources, bool on)
{
	unsigned long flags;

	spin_lock_irqsave(&card->lock, flags);
	card->enabled = on ? card->enabled | sources : card->enabled & ~sources;
	bgc_write(card, BGC_INT_ENABLE, card->enabled);
	spin_unlock_irqrestore(&card->lock, flags);
}

/* Events of one source since the last look, which may be 255 at most. */
#define bgc_events(mask, now, before) \
	((FIELD_GET(mask, now) - FIELD_GET(mask, before)) & 0xff)

irqreturn_t bgc_interrupt(int irq, void *data)
{
	struct bgc *card = data;
	u32 count, errors, status;

	spin_lock(&card->lock);
	count = bgc_read(card, BGC_INT_COUNT);
	status = bgc_read(card, BGC_STATUS);
	/*
	 * Nothing new: the card has not seen yet what was acknowledged, and holds the pin. Or it is
	 * another device on the same line, or the card was pulled out.
	 */
	if (count == card->acked) {
		spin_unlock(&card->lock);
		return status != U32_MAX && status & BGC_STATUS_LINE ? IRQ_HANDLED : IRQ_NONE;
	}
	errors = bgc_events(BGC_INT_COUNT_ERROR, count, card->acked);
	card->info.interrupts++;
	card->info.buffers += bgc_events(BGC_INT_COUNT_BUFFER, count, card->acked);
	card->info.syncs += bgc_events(BGC_INT_COUNT_SYNC, count, card->acked);
	card->info.vblanks += bgc_events(BGC_INT_COUNT_VBLANK, count, card->acked);
	card->info.errors += errors;
	card->acked = count;
	bgc_write(card, BGC_INT_ACK, count);
	if (errors) {
		card->info.error = bgc_read(card, BGC_ERROR_CODE);
		card->info.error_where = bgc_read(card, BGC_ERROR_WHERE);
		card->info.error_data = bgc_read(card, BGC_ERROR_DATA);
		dev_err_ratelimited(&card->pdev->dev, "error 0x%x at 0x%x, data 0x%x\n",
				    card->info.error, card->info.error_where,
				    card->info.error_data);
	}
	if (card->use_ring)
		bgc_ring_look(card);
	else
		bgc_buffers_look(card);
	spin_unlock(&card->lock);
	wake_up_all(&card->changed);
	return IRQ_HANDLED;
}
