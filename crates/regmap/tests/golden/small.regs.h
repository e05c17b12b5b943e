/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* Generated from small.toml: change that, then run: cargo xtask regs */
/*
 * Small card, version 1.2: registers, fields, values and tags.
 *
 * Offsets are in bytes from the beginning of BAR 0. A field is a mask, for FIELD_PREP() and
 * FIELD_GET(); FIELD_GET() gives signed fields without their sign.
 */
#ifndef SML_REGS_H
#define SML_REGS_H

#ifdef __KERNEL__
#include <linux/bitfield.h>
#include <linux/bits.h>
#else
#ifndef BIT
#define BIT(nr)		(1UL << (nr))
#endif
#ifndef GENMASK
#define GENMASK(h, l)	((~0UL << (l)) & (~0UL >> (8 * sizeof(long) - 1 - (h))))
#endif
#ifndef FIELD_PREP
#define FIELD_PREP(mask, val) \
	(((unsigned long)(val) << __builtin_ctzl(mask)) & (mask))
#endif
#ifndef FIELD_GET
#define FIELD_GET(mask, reg) \
	(((reg) & (mask)) >> __builtin_ctzl(mask))
#endif
#endif

#define SML_VENDOR_ID				0x1234
#define SML_DEVICE_ID				0x0001
#define SML_REGISTER_BYTES			0x1000
#define SML_FRAMEBUFFER_BYTES			0x10000

/* What SML_HASH holds. With another value there, this header is for another card. */
#define SML_HASH_VALUE				0x4234d216

/* Features. */
#define SML_FEATURE_LINES			BIT(0)
#define SML_FEATURE_DASHES			BIT(3)

/*
 * Head
 */

/* Written by the card. */
#define SML_HASH				0x0000

/* Written by the driver. */
#define SML_HAVE_SEEN				0x0004
#define SML_HAVE_SEEN_LEFT			GENMASK(7, 0)
#define SML_HAVE_SEEN_RIGHT			GENMASK(31, 24)

/* Written by the driver. */
#define SML_AGAIN				0x0008
#define SML_AGAIN_LEFT				GENMASK(7, 0)
#define SML_AGAIN_RIGHT				GENMASK(31, 24)

/*
 * Lines
 */

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define SML_GO					0x0010
#define SML_GO_WHAT				GENMASK(3, 0)
#define SML_GO_WHAT_LINE			1
#define SML_GO_WHAT_DASH			2
#define SML_GO_FAST				BIT(31)

/* Written by the driver. */
#define SML_X(n)				(0x0020 + 8 * (n))

/* Written by the driver. */
#define SML_Y(n)				(0x0024 + 8 * (n))
#define SML_Y_WHOLE				GENMASK(31, 16)
#define SML_Y_PART				GENMASK(15, 0)

/*
 * Tags of the command stream.
 */

#define SML_TAG_NOP				0x000
#define SML_TAG_GO				0x010
#define SML_TAG_X(n)				(0x020 + (n))
#define SML_TAG_Y(n)				(0x024 + (n))

#endif
