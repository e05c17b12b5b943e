/* SPDX-License-Identifier: GPL-2.0-only */
/* What the test driver's files share. */
#ifndef TESTCARD_H
#define TESTCARD_H

#include <linux/atomic.h>
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "testcard_ioctl.h"
#include "testcard_regs.h"

#define TESTCARD_RING_ENTRIES	16

/**
 * struct testcard_ring - the command ring
 * @lock: over all of it
 * @entries: in coherent memory
 * @address: where the card finds them
 * @producer: index of the next entry
 * @fence: the last that was given out
 */
struct testcard_ring {
	struct mutex lock;
	struct tc_entry *entries;
	dma_addr_t address;
	u32 producer;
	u32 fence;
};

/**
 * struct testcard - one card
 * @pdev: the device, valid until @gone is set and @users is free
 * @ref: the bound driver's and each open file's
 * @gone: the card is being removed; nothing waits any more
 * @users: held for reading by whoever uses @pdev or @regs
 * @misc: the char device
 * @files: open files, under @files_lock
 * @regs: BAR 0
 * @fb: BAR 2, write-combining
 * @commands: one command at a time
 * @wait: whoever waits for an interrupt
 * @seen: TC_INT_RAISED as the handler last read it
 * @stamps: the handler's latencies, under @stamps_lock
 */
struct testcard {
	struct pci_dev *pdev;
	struct kref ref;
	bool gone;
	struct rw_semaphore users;
	struct miscdevice misc;
	char name[24];
	int id;
	struct mutex files_lock;
	struct list_head files;
	void __iomem *regs;
	void __iomem *fb;
	resource_size_t regs_bytes;
	resource_size_t fb_bytes;
	struct mutex commands;
	struct testcard_ring ring;
	int irq;
	u32 seen;
	atomic64_t interrupts;
	atomic64_t strangers;
	wait_queue_head_t wait;
	spinlock_t stamps_lock;
	u32 stamps;
	u64 stamp[TESTCARD_SAMPLES];
};

static inline u32 testcard_read(struct testcard *card, unsigned int reg)
{
	return readl(card->regs + reg);
}

static inline void testcard_write(struct testcard *card, unsigned int reg, u32 value)
{
	writel(value, card->regs + reg);
}

/* command.c */
unsigned long testcard_patience(void);
int testcard_await(struct testcard *card, unsigned int reg, u32 want);
int testcard_command(struct testcard *card, u32 command, u32 arg0, u32 arg1, u32 *value);

/* irq.c */
int testcard_irq_init(struct testcard *card);
void testcard_irq_exit(struct testcard *card);
void testcard_latency(struct testcard *card, struct testcard_latency *latency);

/* ring.c */
int testcard_ring_init(struct testcard *card);
void testcard_ring_exit(struct testcard *card);
int testcard_ring_restart(struct testcard *card);
int testcard_submit(struct testcard *card, const struct tc_entry *entries, unsigned int count,
		    u32 *fence);
int testcard_fence_wait(struct testcard *card, u32 fence, unsigned long timeout);
int testcard_run(struct testcard *card, const struct tc_entry *entries, unsigned int count);

/* copy.c */
int testcard_copy_user(struct testcard *card, const struct testcard_copy *copy, bool to_card);
int testcard_copy_single(struct testcard *card, void *data, u32 offset, u32 length,
			 enum dma_data_direction direction);
int testcard_copy_sg(struct testcard *card, struct scatterlist *sg, unsigned int count, u32 offset,
		     enum dma_data_direction direction);

/* selftest.c */
int testcard_selftest(struct testcard *card, struct testcard_selftest *test);

/* hammer.c */
int testcard_hammer(struct testcard *card, struct testcard_hammer *hammer);
int testcard_measure(struct testcard *card, struct testcard_measure *measure);

/* cdev.c */
int testcard_cdev_init(struct testcard *card);
void testcard_cdev_exit(struct testcard *card);
void testcard_put(struct testcard *card);

#endif
