/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/testcardN: what a program can ask of the test driver.
 *
 * mmap(2): the registers from offset 0, the framebuffer from TESTCARD_MAP_FB.
 */
#ifndef TESTCARD_IOCTL_H
#define TESTCARD_IOCTL_H

#include <linux/types.h>
#include <linux/ioctl.h>

#define TESTCARD_MAP_FB		0x10000000

/**
 * struct testcard_info - the card and what happened so far
 * @regs_bytes: size of the register BAR
 * @fb_bytes: size of the framebuffer BAR
 * @irq: the interrupt's number
 * @msi: 1 with MSI, 0 with INTx
 * @interrupts: interrupts that were the card's
 * @strangers: interrupts that were not
 * @fence: the last fence that was given out
 * @reserved: 0
 */
struct testcard_info {
	__u64 regs_bytes;
	__u64 fb_bytes;
	__u32 irq;
	__u32 msi;
	__u64 interrupts;
	__u64 strangers;
	__u32 fence;
	__u32 reserved;
};

/**
 * struct testcard_selftest - one part of the driver's own test
 * @part: which, from 0; ENOENT behind the last
 * @seed: for what is random
 * @name: its name
 * @said: what is wrong, when the call fails; else empty
 */
struct testcard_selftest {
	__u32 part;
	__u32 seed;
	char name[24];
	char said[96];
};

/**
 * struct testcard_fill - fills part of the framebuffer, through the ring
 * @offset: where, a multiple of 4
 * @length: bytes, a multiple of 4
 * @value: word to fill with
 * @fence: the fence behind it, for TESTCARD_WAIT
 */
struct testcard_fill {
	__u32 offset;
	__u32 length;
	__u32 value;
	__u32 fence;
};

/**
 * struct testcard_wait - waits for a fence; ETIMEDOUT if it does not come
 * @fence: which
 * @timeout_ms: how long
 */
struct testcard_wait {
	__u32 fence;
	__u32 timeout_ms;
};

/**
 * struct testcard_copy - by DMA between a program's buffer and the framebuffer
 * @buffer: the program's
 * @offset: place in the framebuffer
 * @length: bytes, at most TESTCARD_COPY_MAX
 */
struct testcard_copy {
	__u64 buffer;
	__u32 offset;
	__u32 length;
};

#define TESTCARD_COPY_MAX	(1 << 20)

/**
 * struct testcard_hammer - writes counting values to a register, for stress
 * @reg: which TC_HAMMER
 * @rounds: a round is a burst of writes, then waiting for the card to show the last value
 * @burst: at most so many writes in a round
 * @seed: for their number and the pauses between them
 * @timeout_ms: a round whose last value the card does not show by then is lost, and the last
 * @rounds_done: rounds that went well
 * @lost: 1 if one was lost
 * @last: the last value
 * @writes: all writes
 */
struct testcard_hammer {
	__u32 reg;
	__u32 rounds;
	__u32 burst;
	__u32 seed;
	__u32 timeout_ms;
	__u32 rounds_done;
	__u32 lost;
	__u32 last;
	__u64 writes;
};

#define TESTCARD_SAMPLES	32

/**
 * struct testcard_measure - cycles of two writes to a register that follow each other
 * @reg: which TC_HAMMER
 * @count: how many pairs, at most TESTCARD_SAMPLES
 * @first: of the first write after the card has looked
 * @second: of the next
 */
struct testcard_measure {
	__u32 reg;
	__u32 count;
	__u64 first[TESTCARD_SAMPLES];
	__u64 second[TESTCARD_SAMPLES];
};

/**
 * struct testcard_latency - cycles from the card's stamp to the handler's first instruction
 * @count: how many there are, of the last interrupts; they are then forgotten
 * @reserved: 0
 * @cycles: of each
 */
struct testcard_latency {
	__u32 count;
	__u32 reserved;
	__u64 cycles[TESTCARD_SAMPLES];
};

#define TESTCARD_INFO		_IOR('T', 1, struct testcard_info)
#define TESTCARD_SELFTEST	_IOWR('T', 2, struct testcard_selftest)
#define TESTCARD_FILL		_IOWR('T', 3, struct testcard_fill)
#define TESTCARD_WAIT		_IOW('T', 4, struct testcard_wait)
#define TESTCARD_PUT		_IOW('T', 5, struct testcard_copy)
#define TESTCARD_GET		_IOW('T', 6, struct testcard_copy)
#define TESTCARD_HAMMER		_IOWR('T', 7, struct testcard_hammer)
#define TESTCARD_MEASURE	_IOWR('T', 8, struct testcard_measure)
#define TESTCARD_LATENCY	_IOR('T', 9, struct testcard_latency)

#endif
