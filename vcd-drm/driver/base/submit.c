// SPDX-License-Identifier: GPL-2.0-only
/*
 * Command streams. Each gets a number; they are carried out in the order of their numbers. What a
 * stream may say the card decides: it draws within its own memory only, and reads no other memory
 * than where the driver sends it.
 */

#include <linux/sched/signal.h>

#include "bgc.h"

/*
 * A submission has ended, and so have those before it. The latest ones that failed are remembered,
 * for whoever waits for them.
 */
void bgc_ended(struct bgc *card, u32 number, bool failed)
{
	u32 count = number - card->done;

	lockdep_assert_held(&card->lock);
	if ((s32)count <= 0)
		return;
	if (failed) {
		card->info.failed += count;
		card->failed_first = card->done + 1;
		card->failed_last = number;
	} else {
		card->info.completed += count;
	}
	card->done = number;
}

static bool bgc_has_room(struct bgc *card, u32 words)
{
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&card->lock, flags);
	room = card->use_ring ? bgc_ring_has_room(card, words) : bgc_buffers_have_room(card);
	spin_unlock_irqrestore(&card->lock, flags);
	return room || READ_ONCE(card->gone);
}

static int bgc_add(struct bgc *card, struct bgc_submit *what)
{
	long left;

	left = wait_event_interruptible_timeout(card->changed, bgc_has_room(card, what->count),
						msecs_to_jiffies(BGC_PATIENCE_MS * 10));
	if (left <= 0)
		return left ?: -ETIMEDOUT;
	if (READ_ONCE(card->gone))
		return -ENODEV;
	return card->use_ring ? bgc_ring_add(card, what) : bgc_buffers_add(card, what);
}

int bgc_submit(struct bgc *card, struct bgc_submit *what)
{
	int ret;

	if (!what->count || what->count % 2 || what->count > BGC_MAX_WORDS)
		return -EINVAL;
	ret = mutex_lock_interruptible(&card->submitting);
	if (ret)
		return ret;
	do {
		ret = bgc_add(card, what);
	} while (ret == -EAGAIN);
	mutex_unlock(&card->submitting);
	return ret;
}

static bool bgc_has_ended(struct bgc *card, u32 number)
{
	return bgc_is_reached(number, READ_ONCE(card->done)) || READ_ONCE(card->gone);
}

int bgc_wait(struct bgc *card, const struct bgc_wait *what)
{
	unsigned long flags;
	bool failed;
	long left;

	/* One that was never given would not end. */
	if (!bgc_is_reached(what->number, READ_ONCE(card->next) - 1))
		return -EINVAL;
	left = wait_event_interruptible_timeout(card->changed, bgc_has_ended(card, what->number),
						msecs_to_jiffies(what->timeout_ms));
	if (left < 0)
		return left;
	spin_lock_irqsave(&card->lock, flags);
	failed = card->failed_last && bgc_is_reached(card->failed_first, what->number) &&
		 bgc_is_reached(what->number, card->failed_last);
	spin_unlock_irqrestore(&card->lock, flags);
	if (!bgc_is_reached(what->number, READ_ONCE(card->done)))
		return READ_ONCE(card->gone) ? -ENODEV : -ETIME;
	return failed ? -EIO : 0;
}

int bgc_wait_vblank(struct bgc *card, const struct bgc_wait *what)
{
	u64 before = READ_ONCE(card->info.vblanks);
	unsigned long flags;
	long left;

	spin_lock_irqsave(&card->lock, flags);
	if (!card->blank_users++)
		card->enabled |= BGC_INT_ENABLE_VBLANK;
	bgc_write(card, BGC_INT_ENABLE, card->enabled);
	spin_unlock_irqrestore(&card->lock, flags);
	left = wait_event_interruptible_timeout(card->changed,
						READ_ONCE(card->info.vblanks) != before ||
						READ_ONCE(card->gone),
						msecs_to_jiffies(what->timeout_ms));
	spin_lock_irqsave(&card->lock, flags);
	/* While nobody wants blanks, the card sleeps. */
	if (!--card->blank_users)
		card->enabled &= ~BGC_INT_ENABLE_VBLANK;
	bgc_write(card, BGC_INT_ENABLE, card->enabled);
	spin_unlock_irqrestore(&card->lock, flags);
	if (left < 0)
		return left;
	if (READ_ONCE(card->gone))
		return -ENODEV;
	return left ? 0 : -ETIME;
}
