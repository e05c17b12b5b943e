/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What programs and /dev/lgbench tell each other. The kernel's side is lgbench.c.
 *
 * A guest has an id from when it starts to when it ends: the lowest that is free, from 0. Times are
 * counts of the time stamp counter, TSC; struct lgb_info has its frequency.
 */
#ifndef LGBENCH_ABI_H
#define LGBENCH_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define LGB_ABI_VERSION		1

/* Guests that can be there at once. */
#define LGB_GUESTS_MAX		16

/* Instead of a guest's id: none. */
#define LGB_NOBODY		0xffffffffu

/*
 * read(): a header, then as many samples as it says. A read takes what it gives out of the ring.
 * It does not wait, and it wants room for the header and one sample, or it is EINVAL. What it
 * cannot write into the program's memory (EFAULT) is lost, and counted so.
 */
struct lgb_header {
	__u32 version;		/* LGB_ABI_VERSION */
	__u32 sample_bytes;	/* of one sample */
	__u64 samples;		/* that follow */
	__u64 lost;		/* since the last read: the ring was full, and the oldest went */
};

/* One switch from a guest to another one on the same processor. */
struct lgb_sample {
	__u64 since;		/* when `from` had come in, first of all its entries in a row */
	__u64 out;		/* when it left, last of these */
	__u64 in;		/* when `to` came in */
	__u32 from;
	__u32 to;
};

/* How guests are switched. */
#define LGB_FREE		0	/* the kernel's scheduler alone decides */
#define LGB_ONCE		1	/* `first` alone for the interval, then the next one */
#define LGB_ALTERNATE		2	/* one after the other, each alone for the interval */

struct lgb_mode {
	__u32 mode;
	__u32 first;		/* who begins, and must be there; if held, the next one does */
	__u64 interval_ns;	/* LGB_INTERVAL_MIN to LGB_INTERVAL_MAX */
};

#define LGB_INTERVAL_MIN	20000ull
#define LGB_INTERVAL_MAX	3600000000000ull

struct lgb_info {
	__u32 version;
	__u32 tsc_khz;
	__u32 mode;
	__u32 turn;		/* who may run; LGB_NOBODY: all who are not held */
	__u32 guests;		/* a bit for each that is there */
	__u32 held;		/* a bit for each that LGB_HOLD holds */
	__u32 inside;		/* a bit for each that runs, or would with no gate before */
	__u32 reserved;		/* 0 */
	__u64 entries;		/* switches into a guest, its own included */
	__u64 switches;		/* from one guest to another */
	__u64 expiries;		/* of the interval, those that were missed included */
	__u64 missed;		/* of these, by a timer that was late by a whole interval */
	__u64 gated;		/* times a guest had to wait for its turn */
	__u64 switch_min;	/* out to in: least, sum, most; 0 without a switch */
	__u64 switch_sum;
	__u64 switch_max;
};

/*
 * All of them: EINTR when a signal comes while another program's call is not done, EFAULT, and
 * ENOTTY for calls that are not here. What has failed has changed nothing.
 */
#define LGB_INFO		_IOR('l', 0xb0, struct lgb_info)
/*
 * Whoever sets a mode but LGB_FREE, or holds a guest, is the only one who may do either until
 * the file is closed, EBUSY for others; then all guests are free. EINVAL: no such mode, no such
 * id, or an interval out of range. ESRCH: no such guest is there.
 */
#define LGB_SET_MODE		_IOW('l', 0xb1, struct lgb_mode)
/*
 * Holds a guest at its next gate, whatever the mode; lets it go on. A turn passes by whoever is
 * held. Errors are those of LGB_SET_MODE.
 */
#define LGB_HOLD		_IOW('l', 0xb2, __u32)
#define LGB_LET			_IOW('l', 0xb3, __u32)
/* Forgets all samples and counts. */
#define LGB_CLEAR		_IO('l', 0xb4)

#endif
