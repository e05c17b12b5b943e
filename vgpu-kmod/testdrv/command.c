// SPDX-License-Identifier: GPL-2.0-only
/* Commands: one register that starts something and reads 0 when it is done. */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>

#include "testcard.h"

static unsigned int timeout_ms = 10000;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "how long the card may take for anything");

unsigned long testcard_patience(void)
{
	return msecs_to_jiffies(READ_ONCE(timeout_ms));
}

/**
 * testcard_await() - waits until a register of the card's has a value
 * @card: the card
 * @reg: the register
 * @want: the value
 *
 * Return: 0, -ETIMEDOUT, or -ENODEV when the card goes.
 */
int testcard_await(struct testcard *card, unsigned int reg, u32 want)
{
	unsigned long end = jiffies + testcard_patience();
	bool late;

	for (;;) {
		/* Before the look: whoever was away for long looks once more. */
		late = time_after(jiffies, end);
		if (testcard_read(card, reg) == want)
			return 0;
		if (READ_ONCE(card->gone))
			return -ENODEV;
		if (late)
			return -ETIMEDOUT;
		usleep_range(20, 100);
	}
}

/**
 * testcard_command() - has the card do something
 * @card: the card
 * @command: TC_CMD_*
 * @arg0: its TC_ARG(0)
 * @arg1: its TC_ARG(1)
 * @value: for TC_VALUE; may be NULL
 *
 * Return: 0, -EIO when the card says that it cannot, or what testcard_await() says.
 */
int testcard_command(struct testcard *card, u32 command, u32 arg0, u32 arg1, u32 *value)
{
	int err;

	mutex_lock(&card->commands);
	/* One that was not waited for to its end may still be there. */
	err = testcard_await(card, TC_COMMAND, 0);
	if (err)
		goto out;
	testcard_write(card, TC_ARG(0), arg0);
	testcard_write(card, TC_ARG(1), arg1);
	testcard_write(card, TC_COMMAND, command);
	err = testcard_await(card, TC_COMMAND, 0);
	if (err)
		goto out;
	if (testcard_read(card, TC_RESULT) != TC_OK)
		err = -EIO;
	if (value)
		*value = testcard_read(card, TC_VALUE);
out:
	mutex_unlock(&card->commands);
	return err;
}
