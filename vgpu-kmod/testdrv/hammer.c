// SPDX-License-Identifier: GPL-2.0-only
/* Many writes, quickly: is every last one seen? And what does a write cost? */

#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/timex.h>

#include "testcard.h"

/* A few counting writes with pauses of all lengths between them. */
static u32 testcard_burst(struct testcard *card, struct testcard_hammer *hammer,
			  struct rnd_state *random)
{
	u32 count = 1 + prandom_u32_state(random) % hammer->burst;
	u32 pause;

	while (count--) {
		testcard_write(card, TC_HAMMER(hammer->reg), ++hammer->last);
		hammer->writes++;
		pause = prandom_u32_state(random) & 0xff;
		while (pause--)
			cpu_relax();
	}
	return hammer->last;
}

/* Not asleep: the shorter the way to the next write, the harder for the card. */
static int testcard_spin(struct testcard *card, u32 reg, u32 want, u32 timeout_ms)
{
	ktime_t end = ktime_add_ms(ktime_get(), timeout_ms);
	bool late = false;

	while (testcard_read(card, reg) != want) {
		if (late)
			return -ETIMEDOUT;
		late = ktime_after(ktime_get(), end);
		if (READ_ONCE(card->gone))
			return -ENODEV;
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
		cpu_relax();
	}
	return 0;
}

/**
 * testcard_hammer() - writes counting values and sees whether the card shows the last of each burst
 * @card: the card
 * @hammer: what to do, and what came of it
 *
 * Return: 0, also when a round was lost; -EINVAL, -EINTR, -ENODEV.
 */
int testcard_hammer(struct testcard *card, struct testcard_hammer *hammer)
{
	struct rnd_state random;
	int err = 0;

	if (hammer->reg >= TC_HAMMERS || !hammer->burst)
		return -EINVAL;
	prandom_seed_state(&random, hammer->seed);
	hammer->last = testcard_read(card, TC_HAMMER(hammer->reg));
	hammer->rounds_done = 0;
	hammer->lost = 0;
	hammer->writes = 0;
	while (hammer->rounds_done < hammer->rounds) {
		testcard_burst(card, hammer, &random);
		err = testcard_spin(card, TC_ECHO(hammer->reg), hammer->last, hammer->timeout_ms);
		if (err == -ETIMEDOUT) {
			hammer->lost = 1;
			return 0;
		}
		if (err)
			return err;
		hammer->rounds_done++;
	}
	return 0;
}

/**
 * testcard_measure() - the cycles of a write just after the card has looked, and of the next
 * @card: the card
 * @measure: how many, and the cycles
 *
 * Return: 0, -EINVAL, -ETIMEDOUT, -EINTR, -ENODEV.
 */
int testcard_measure(struct testcard *card, struct testcard_measure *measure)
{
	unsigned int reg = TC_HAMMER(measure->reg);
	unsigned long flags;
	u64 before, between, after;
	u32 i, value;
	int err;

	if (measure->reg >= TC_HAMMERS || measure->count > TESTCARD_SAMPLES)
		return -EINVAL;
	value = testcard_read(card, reg);
	for (i = 0; i < measure->count; i++) {
		/* The card shows this one only when it is ready for the next. */
		testcard_write(card, reg, ++value);
		err = testcard_spin(card, TC_ECHO(measure->reg), value, 10000);
		if (err)
			return err;
		local_irq_save(flags);
		before = get_cycles();
		testcard_write(card, reg, ++value);
		between = get_cycles();
		testcard_write(card, reg, ++value);
		after = get_cycles();
		local_irq_restore(flags);
		measure->first[i] = between - before;
		measure->second[i] = after - between;
		err = testcard_spin(card, TC_ECHO(measure->reg), value, 10000);
		if (err)
			return err;
	}
	return 0;
}
