/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/bgcmin, for one program at a time:
 *
 *   write()  draws: pairs of a tag and data, at most BGCMIN_BYTES. Returns when all is drawn, with the
 *            error EIO if there was a mistake in it, which the kernel's log then tells about.
 *   pread()  reads the card's memory, at most BGCMIN_BYTES.
 *   ioctl()  BGCMIN_MODE shows the picture that begins with the memory, BGCMIN_SIZE(width, height).
 *            0 shows none, as does close().
 *
 * ENODEV: the card is gone, or has not answered.
 */
#ifndef BGCMIN_H
#define BGCMIN_H

#include <linux/ioctl.h>

#define BGCMIN_BYTES 65536
#define BGCMIN_MODE _IO('B', 0x80)
#define BGCMIN_SIZE(width, height) ((width) | (height) << 16)

#endif
