/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What a thread does with /dev/lgbench-guest, of stock.c, to be a guest. The guest is there from
 * open() to the last close().
 */
#ifndef LGBENCH_GUEST_H
#define LGBENCH_GUEST_H

#include <linux/ioctl.h>

/*
 * Out, through the gate, in. EINTR when a signal came instead of its turn: then the thread is out,
 * and calls again. EBUSY when another thread has called it on this file, or this thread on another
 * one that is open.
 */
#define LGB_RUN		_IO('l', 0xc0)

#endif
