/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * /dev/bgcmin, for one program at a time:
 *
 *   write()  draws: pairs of a tag and data, at most BGCMIN_BYTES. Returns when all is drawn, with
 *            the error EIO if there was a mistake in it, which the kernel's log then tells about.
 *   pread()  reads the card's memory.
 *   ioctl()  BGCMIN_MODE shows the picture that begins with the memory, BGCMIN_SIZE(width, height).
 *            0 shows none, as does close().
 *
 * ENODEV: the card is gone, or has been given up, as it is when a stream takes longer than 5 s.
 * ETIMEDOUT: it has not answered to a mode.
 */
#ifndef BGCMIN_H
#define BGCMIN_H

#include <linux/ioctl.h>

#define BGCMIN_BYTES 65536
#define BGCMIN_MODE _IO('B', 0x80)
#define BGCMIN_SIZE(width, height) ((width) | (height) << 16)

#endif
