// SPDX-License-Identifier: GPL-2.0-only
/* The command ring in coherent memory, and fences. */

#include <linux/dma-mapping.h>
#include <linux/jiffies.h>

#include "testcard.h"

static_assert(sizeof(struct tc_entry) == 32);

#define RING_BYTES (TESTCARD_RING_ENTRIES * sizeof(struct tc_entry))

/* The card forgets what it knew of a ring, then learns where this one is. */
static int testcard_ring_begin(struct testcard *card)
{
	struct testcard_ring *ring = &card->ring;
	int err;

	pci_clear_master(card->pdev);
	testcard_write(card, TC_RING_ENTRIES, 0);
	err = testcard_command(card, TC_CMD_RESET_RING, 0, 0, NULL);
	if (err)
		return err;
	ring->producer = 0;
	ring->fence = 0;
	testcard_write(card, TC_PRODUCER, 0);
	testcard_write(card, TC_RING_LO, lower_32_bits(ring->address));
	testcard_write(card, TC_RING_HI, upper_32_bits(ring->address));
	pci_set_master(card->pdev);
	testcard_write(card, TC_RING_ENTRIES, TESTCARD_RING_ENTRIES);
	return 0;
}

/**
 * testcard_ring_restart() - begins again after an error
 * @card: the card
 *
 * What is in the ring is given up. When this fails, the card has no access to memory.
 *
 * Return: 0, or what testcard_command() says.
 */
int testcard_ring_restart(struct testcard *card)
{
	int err;

	mutex_lock(&card->ring.lock);
	err = testcard_ring_begin(card);
	mutex_unlock(&card->ring.lock);
	return err;
}

int testcard_ring_init(struct testcard *card)
{
	struct device *dev = &card->pdev->dev;
	int err;

	card->ring.entries = dma_alloc_coherent(dev, RING_BYTES, &card->ring.address, GFP_KERNEL);
	if (!card->ring.entries)
		return -ENOMEM;
	err = testcard_ring_begin(card);
	if (err) {
		dev_err(dev, "the card does not answer: %d\n", err);
		dma_free_coherent(dev, RING_BYTES, card->ring.entries, card->ring.address);
	}
	return err;
}

void testcard_ring_exit(struct testcard *card)
{
	pci_clear_master(card->pdev);
	testcard_write(card, TC_RING_ENTRIES, 0);
	dma_free_coherent(&card->pdev->dev, RING_BYTES, card->ring.entries, card->ring.address);
}

static bool testcard_stopped(struct testcard *card)
{
	return READ_ONCE(card->gone) || testcard_read(card, TC_RING_ERROR);
}

/* What came of a wait: whether it was for something that is there now. */
static int testcard_outcome(struct testcard *card, bool there)
{
	if (there)
		return 0;
	if (READ_ONCE(card->gone))
		return -ENODEV;
	switch (testcard_read(card, TC_RING_ERROR)) {
	case 0:
		return -ETIMEDOUT;
	case TC_RING_E_DMA:
		return -EFAULT;
	default:
		return -EIO;
	}
}

static bool testcard_has_room(struct testcard *card, unsigned int entries)
{
	u32 used = card->ring.producer - testcard_read(card, TC_CONSUMER);

	return used + entries <= TESTCARD_RING_ENTRIES;
}

/**
 * testcard_submit() - puts entries into the ring, and a fence behind them
 * @card: the card
 * @entries: what to do
 * @count: how many, less than the ring has
 * @fence: its value, for testcard_fence_wait()
 *
 * Return: 0, or why they are not in the ring: -ENODEV, -ETIMEDOUT, -EIO, -EFAULT.
 */
int testcard_submit(struct testcard *card, const struct tc_entry *entries, unsigned int count,
		    u32 *fence)
{
	struct testcard_ring *ring = &card->ring;
	unsigned int i;
	int err;

	if (count >= TESTCARD_RING_ENTRIES)
		return -E2BIG;
	mutex_lock(&ring->lock);
	wait_event_timeout(card->wait,
			   testcard_has_room(card, count + 1) || testcard_stopped(card),
			   testcard_patience());
	err = testcard_outcome(card, testcard_has_room(card, count + 1));
	if (err)
		goto out;
	for (i = 0; i < count; i++)
		ring->entries[ring->producer++ % TESTCARD_RING_ENTRIES] = entries[i];
	*fence = ++ring->fence;
	ring->entries[ring->producer++ % TESTCARD_RING_ENTRIES] = (struct tc_entry) {
		.op = cpu_to_le32(TC_OP_FENCE | TC_ENTRY_INTERRUPT),
		.value = cpu_to_le32(*fence),
	};
	/* writel() comes after the entries by itself. */
	testcard_write(card, TC_PRODUCER, ring->producer);
out:
	mutex_unlock(&ring->lock);
	return err;
}

static bool testcard_fence_passed(struct testcard *card, u32 fence)
{
	return (s32)(testcard_read(card, TC_FENCE) - fence) >= 0;
}

/**
 * testcard_fence_wait() - waits until the card has come to a fence, or a signal comes
 * @card: the card
 * @fence: which
 * @timeout: in jiffies
 *
 * Return: 0, or why it will not come: -ENODEV, -EINTR, -ETIMEDOUT, -EIO, -EFAULT.
 */
int testcard_fence_wait(struct testcard *card, u32 fence, unsigned long timeout)
{
	long left = wait_event_interruptible_timeout(card->wait,
			testcard_fence_passed(card, fence) || testcard_stopped(card), timeout);

	if (left < 0)
		return -EINTR;
	return testcard_outcome(card, testcard_fence_passed(card, fence));
}

/**
 * testcard_run() - has the card do entries, and waits for it
 * @card: the card
 * @entries: what to do
 * @count: how many
 *
 * When this fails, the card does nothing more with memory that the entries name.
 *
 * Return: 0, or why it is not done.
 */
int testcard_run(struct testcard *card, const struct tc_entry *entries, unsigned int count)
{
	u32 fence;
	int err;

	err = testcard_submit(card, entries, count, &fence);
	if (err)
		return err;
	wait_event_timeout(card->wait,
			   testcard_fence_passed(card, fence) || testcard_stopped(card),
			   testcard_patience());
	err = testcard_outcome(card, testcard_fence_passed(card, fence));
	if (err)
		testcard_ring_restart(card);
	return err;
}
