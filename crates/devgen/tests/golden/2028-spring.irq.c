// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt handler: counts events, acknowledges them, then looks at what they stand for.
 */

#include <linux/interrupt.h>

#include "nvg.h"

/* Which sources interrupt. */
void nvg_enable(struct nvg *card, u32 sources, bool on)
{
	unsigned long flags;

	spin_lock_irqsave(&card->lock, flags);
	card->enabled = on ? card->enabled | sources : card->enabled & ~sources;
	nvg_write(card, NVG_NOTIFY_ALLOW, card->enabled);
	spin_unlock_irqrestore(&card->lock, flags);
}

/* Events of one source since the last look, which may be 255 at most. */
#define nvg_events(mask, now, before) \
	((FIELD_GET(mask, now) - FIELD_GET(mask, before)) & 0xff)

irqreturn_t nvg_interrupt(int irq, void *data)
{
	struct nvg *card = data;
	u32 count, errors, status;

	spin_lock(&card->lock);
	count = nvg_read(card, NVG_NOTIFY_QTY);
	status = nvg_read(card, NVG_STATE);
	/*
	 * Nothing new: the card has not seen yet what was acknowledged, and holds the pin. Or it is
	 * another device on the same line, or the card was pulled out.
	 */
	if (count == card->acked) {
		spin_unlock(&card->lock);
		return status != U32_MAX && status & NVG_STATE_STROKE ? IRQ_HANDLED : IRQ_NONE;
	}
	errors = nvg_events(NVG_NOTIFY_QTY_FAILURE, count, card->acked);
	card->info.interrupts++;
	card->info.buffers += nvg_events(NVG_NOTIFY_QTY_BUNDLE, count, card->acked);
	card->info.syncs += nvg_events(NVG_NOTIFY_QTY_RENDEZ, count, card->acked);
	card->info.vblanks += nvg_events(NVG_NOTIFY_QTY_VRETRACE, count, card->acked);
	card->info.errors += errors;
	card->acked = count;
	nvg_write(card, NVG_NOTIFY_SETTLE, count);
	if (errors) {
		card->info.error = nvg_read(card, NVG_FAILURE_CAUSE);
		card->info.failure_locus = nvg_read(card, NVG_FAILURE_LOCUS);
		card->info.failure_payload = nvg_read(card, NVG_FAILURE_PAYLOAD);
		dev_err_ratelimited(&card->pdev->dev, "error 0x%x at 0x%x, data 0x%x\n",
				    card->info.error, card->info.failure_locus,
				    card->info.failure_payload);
	}
	nvg_buffers_look(card);
	spin_unlock(&card->lock);
	wake_up_all(&card->changed);
	return IRQ_HANDLED;
}
