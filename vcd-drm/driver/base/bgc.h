/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver for the base card.
 *
 *   main.c     probe and remove
 *   irq.c      the interrupt handler
 *   submit.c   command streams: their order, their numbers, waiting for them
 *   buffers.c  streams go to the card one buffer at a time
 *   ring.c     streams go to the card through the ring
 *   screen.c   mode, cursor, palette
 *   cdev.c     /dev/bgcN
 *   regs.h     the card's registers
 *
 * Locks, in the order they are taken:
 *   alive      (rw semaphore) held for reading while a program's call uses the card; for writing,
 *              by remove
 *   screen     (mutex) registers of the screen
 *   submitting (mutex) one program at a time adds a stream
 *   lock       (spinlock, also in the handler) everything about streams and events
 */
#ifndef BGC_H
#define BGC_H

#include <linux/io.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "bgc_ioctl.h"
#include "regs.h"

/* Streams that wait for the card, and the one it has. */
#define BGC_BUFFERS		4
#define BGC_BUFFER_BYTES	SZ_64K
#define BGC_BUFFER_WORDS	(BGC_BUFFER_BYTES / 4)

#define BGC_RING_BYTES		SZ_256K
#define BGC_RING_WORDS		(BGC_RING_BYTES / 4)

/* No command takes the card longer, milliseconds. */
#define BGC_PATIENCE_MS		2000

/**
 * struct bgc_buffer - memory for one stream
 * @words: the memory
 * @dma: its address for the card
 * @count: words in it
 * @number: the submission's number
 */
struct bgc_buffer {
	__le32 *words;
	dma_addr_t dma;
	u32 count;
	u32 number;
};

/**
 * struct bgc - a card
 * @kref: held by the device and by open files
 * @pdev: the PCI device
 * @misc: /dev/bgcN
 * @name: of that
 * @id: N
 * @regs: BAR 0
 * @irq: its interrupt
 * @use_ring: streams go through the ring
 * @alive: see above
 * @gone: the card was removed
 * @screen: see above
 * @mode: the picture
 * @display_control: the register DISPLAY_CONTROL
 * @submitting: see above
 * @lock: see above
 * @changed: woken whenever something below may have changed
 * @next: number of the next submission
 * @done: the last one that has ended, of whatever kind
 * @failed_first: of the latest failed ones, the first
 * @failed_last: and the last; 0 if none has failed
 * @acked: what was written to INT_ACK
 * @enabled: what was written to INT_ENABLE
 * @blank_users: programs that wait for a vertical blank
 * @buffers: in single-buffer mode, the oldest at @first
 * @first: index of the oldest buffer in use
 * @used: buffers in use
 * @ring: the ring's memory
 * @ring_dma: its address for the card
 * @ring_put: position behind the last word in it
 * @ring_get: position up to which the card has come
 * @ring_restart: begins the ring anew after a mistake in it
 * @ring_stopped: it has to
 * @files_lock: protects @files
 * @files: open files, whose mappings go with the card
 * @info: counters for BGC_INFO
 */
struct bgc {
	struct kref kref;
	struct pci_dev *pdev;
	struct miscdevice misc;
	char name[16];
	int id;
	void __iomem *regs;
	int irq;
	bool use_ring;

	struct rw_semaphore alive;
	bool gone;

	struct mutex screen;
	struct bgc_mode mode;
	u32 display_control;

	struct mutex submitting;
	spinlock_t lock;
	wait_queue_head_t changed;
	u32 next;
	u32 done;
	u32 failed_first;
	u32 failed_last;
	u32 acked;
	u32 enabled;
	unsigned int blank_users;

	struct bgc_buffer buffers[BGC_BUFFERS];
	unsigned int first;
	unsigned int used;

	__le32 *ring;
	dma_addr_t ring_dma;
	u32 ring_put;
	u32 ring_get;
	struct work_struct ring_restart;
	bool ring_stopped;

	struct mutex files_lock;
	struct list_head files;

	struct bgc_info info;
};

static inline u32 bgc_read(struct bgc *card, u32 offset)
{
	return ioread32(card->regs + offset);
}

static inline void bgc_write(struct bgc *card, u32 offset, u32 value)
{
	iowrite32(value, card->regs + offset);
}

/* Numbers run freely through all 32 bits. */
static inline bool bgc_is_reached(u32 number, u32 done)
{
	return (s32)(done - number) >= 0;
}

/* main.c */
int bgc_command(struct bgc *card, u32 offset, u32 value);

/* irq.c */
irqreturn_t bgc_interrupt(int irq, void *data);
void bgc_enable(struct bgc *card, u32 sources, bool on);

/* submit.c */
int bgc_submit(struct bgc *card, struct bgc_submit *what);
int bgc_wait(struct bgc *card, const struct bgc_wait *what);
int bgc_wait_vblank(struct bgc *card, const struct bgc_wait *what);
void bgc_ended(struct bgc *card, u32 number, bool failed);

/* buffers.c */
int bgc_buffers_init(struct bgc *card);
void bgc_buffers_exit(struct bgc *card);
bool bgc_buffers_have_room(const struct bgc *card);
int bgc_buffers_add(struct bgc *card, struct bgc_submit *what);
void bgc_buffers_look(struct bgc *card);

/* ring.c */
int bgc_ring_init(struct bgc *card);
void bgc_ring_exit(struct bgc *card);
bool bgc_ring_has_room(const struct bgc *card, u32 words);
int bgc_ring_add(struct bgc *card, struct bgc_submit *what);
void bgc_ring_look(struct bgc *card);

/* screen.c */
int bgc_set_mode(struct bgc *card, const struct bgc_mode *mode);
int bgc_set_cursor(struct bgc *card, const struct bgc_cursor *cursor);
int bgc_set_palette(struct bgc *card, const struct bgc_palette *palette);

/* cdev.c */
int bgc_cdev_add(struct bgc *card);
void bgc_cdev_remove(struct bgc *card);
void bgc_put(struct bgc *card);

#endif
