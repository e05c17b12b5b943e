/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* Generated from 2027-spring: layout 0x27539220 */
/*
 * Graphics card, spring of 2027, version 1.0: registers, fields, values and tags.
 *
 * Offsets are in bytes from the beginning of BAR 0. A field is a mask, for FIELD_PREP() and
 * FIELD_GET(); FIELD_GET() gives signed fields without their sign.
 */
#ifndef MVX_REGS_H
#define MVX_REGS_H

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

#define MVX_VENDOR_ID				0x1234
#define MVX_DEVICE_ID				0x6c31
#define MVX_REGISTER_BYTES			0x2000
#define MVX_FRAMEBUFFER_BYTES			0x1000000

/* What MVX_REGMAP_DIGEST holds. With another value there, this header is for another card. */
#define MVX_REGMAP_DIGEST_VALUE			0x27539220

/* Features. */
#define MVX_FEATURE_PLOTS			BIT(3)
#define MVX_FEATURE_SEGMENTS			BIT(23)
#define MVX_FEATURE_QUADS			BIT(0)
#define MVX_FEATURE_MOVEPIX			BIT(4)
#define MVX_FEATURE_FACETS			BIT(28)
#define MVX_FEATURE_TRAPZS			BIT(18)
#define MVX_FEATURE_XFER_PLAIN			BIT(12)
#define MVX_FEATURE_XFER_QUEUE			BIT(25)
#define MVX_FEATURE_INTX			BIT(1)
#define MVX_FEATURE_MSI				BIT(21)
#define MVX_FEATURE_HWCUR			BIT(7)
#define MVX_FEATURE_LUT				BIT(19)
#define MVX_FEATURE_MUTING			BIT(2)
#define MVX_FEATURE_RGB				BIT(15)

/*
 * Identity
 */

/* Written by the card. */
#define MVX_ADAPTER_WHO				0x0000

/* Written by the card. */
#define MVX_REGMAP_DIGEST			0x0004

/* Written by the card. */
#define MVX_ISSUE				0x0008
#define MVX_ISSUE_PATCHLEVEL			GENMASK(7, 0)
#define MVX_ISSUE_GENERATION			GENMASK(15, 8)

/* Written by the card. */
#define MVX_ABILITIES				0x1898

/* Written by the card. */
#define MVX_STORE_MEASURE			0x18a0

/* Written by the card. */
#define MVX_STAT				0x188c
#define MVX_STAT_VIDEO				BIT(4)
#define MVX_STAT_QUEUE				BIT(13)
#define MVX_STAT_SEGMENT			BIT(12)

/*
 * Control
 */

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define MVX_CTL					0x0e30
#define MVX_CTL_REQUEST				GENMASK(10, 3)
#define MVX_CTL_REQUEST_REINIT			40

/*
 * Interrupts
 */

/* Written by the card. */
#define MVX_NOTIFY_TALLY			0x0c10
#define MVX_NOTIFY_TALLY_BATCH			GENMASK(7, 0)
#define MVX_NOTIFY_TALLY_FLUSHPT		GENMASK(23, 16)
#define MVX_NOTIFY_TALLY_VEND			GENMASK(15, 8)
#define MVX_NOTIFY_TALLY_EXC			GENMASK(31, 24)

/* Written by the driver. */
#define MVX_NOTIFY_SEEN				0x0c38
#define MVX_NOTIFY_SEEN_BATCH			GENMASK(7, 0)
#define MVX_NOTIFY_SEEN_FLUSHPT			GENMASK(23, 16)
#define MVX_NOTIFY_SEEN_VEND			GENMASK(15, 8)
#define MVX_NOTIFY_SEEN_EXC			GENMASK(31, 24)

/* Written by the driver. */
#define MVX_NOTIFY_ALLOW			0x0c08
#define MVX_NOTIFY_ALLOW_BATCH			BIT(8)
#define MVX_NOTIFY_ALLOW_FLUSHPT		BIT(1)
#define MVX_NOTIFY_ALLOW_VEND			BIT(22)
#define MVX_NOTIFY_ALLOW_EXC			BIT(16)

/*
 * Errors
 */

/* Written by the card. */
#define MVX_EXC_WHY				0x0ce8
#define MVX_EXC_WHY_WHY				GENMASK(8, 1)
#define MVX_EXC_WHY_WHY_CLEAN			253
#define MVX_EXC_WHY_WHY_INVALID_TOKEN		84
#define MVX_EXC_WHY_WHY_TORN			196
#define MVX_EXC_WHY_WHY_INVALID_FETCHPTR	77
#define MVX_EXC_WHY_WHY_INVALID_SETUP		148
#define MVX_EXC_WHY_WHY_INVALID_GO		212
#define MVX_EXC_WHY_WHY_INVALID_CANVAS		149
#define MVX_EXC_WHY_WHY_INVALID_QUEUE		109
#define MVX_EXC_WHY_WHY_INVALID_DIRECTIVE	26
#define MVX_EXC_WHY_WHY_OCCUPIED		106
#define MVX_EXC_WHY_SITE			GENMASK(16, 15)
#define MVX_EXC_WHY_SITE_KOMF			2
#define MVX_EXC_WHY_SITE_BATCH			0
#define MVX_EXC_WHY_SITE_QUEUE			1

/* Written by the card. */
#define MVX_EXC_SPOTADDR			0x0cf0

/* Written by the card. */
#define MVX_EXC_DETAIL				0x0cd8

/*
 * Progress
 */

/* Written by the card. */
#define MVX_SEQNO_PASSED			0x1e50

/* Written by the card. */
#define MVX_REFRESH_TALLY			0x1e48

/*
 * Command buffers and the ring
 */

/* Written by the driver. */
#define MVX_XFER_FETCHPTR			0x1c10

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define MVX_XFER_TALLY				0x1c14

/* Written by the driver. */
#define MVX_QUEUE_ANCHOR			0x1c60

/* Written by the driver. */
#define MVX_QUEUE_MEASURE			0x1c64

/* Written by the driver. */
#define MVX_QUEUE_WRPOS				0x1c18

/* Written by the card. */
#define MVX_QUEUE_RDPOS				0x1c20

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define MVX_QUEUE_CTL				0x1c1c
#define MVX_QUEUE_CTL_REQUEST			GENMASK(12, 5)
#define MVX_QUEUE_CTL_REQUEST_BEGIN		74
#define MVX_QUEUE_CTL_REQUEST_HALT		31

/*
 * Screen
 */

/* Written by the driver. */
#define MVX_SETUP_MEASURE			0x1468
#define MVX_SETUP_MEASURE_HEXTENT		GENMASK(15, 0)
#define MVX_SETUP_MEASURE_NROWS			GENMASK(31, 16)

/* Written by the driver. */
#define MVX_SETUP_ROWSTEP			0x146c
#define MVX_SETUP_ROWSTEP_PIX			GENMASK(17, 2)

/* Written by the driver. */
#define MVX_SETUP_PIXFMT			0x14e0
#define MVX_SETUP_PIXFMT_PIXFMT			GENMASK(7, 4)
#define MVX_SETUP_PIXFMT_PIXFMT_XRGB8888	12

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define MVX_SETUP_CTL				0x16a4
#define MVX_SETUP_CTL_REQUEST			GENMASK(14, 7)
#define MVX_SETUP_CTL_REQUEST_OPEN		187
#define MVX_SETUP_CTL_REQUEST_SHUT		113

/* Written by the driver. */
#define MVX_VIEW_ANCHOR				0x1694

/* Written by the driver. */
#define MVX_VIEW_CTL				0x1528
#define MVX_VIEW_CTL_DARK			BIT(8)
#define MVX_VIEW_CTL_LUT			BIT(3)
#define MVX_VIEW_CTL_HWCUR			BIT(11)

/* Written by the driver. */
#define MVX_HWCUR_ANCHOR			0x16a0

/* Written by the driver. */
#define MVX_HWCUR_PLACE				0x17d8
#define MVX_HWCUR_PLACE_HPOS			GENMASK(31, 16)
#define MVX_HWCUR_PLACE_ROWNO			GENMASK(15, 0)

/* Written by the driver. */
#define MVX_HWCUR_HOTPIX			0x163c
#define MVX_HWCUR_HOTPIX_HPOS			GENMASK(10, 5)
#define MVX_HWCUR_HOTPIX_ROWNO			GENMASK(17, 12)

/* Written by the driver. */
#define MVX_LUT(n)				(0x1000 + 4 * (n))
#define MVX_LUT_BCH				GENMASK(14, 7)
#define MVX_LUT_GCH				GENMASK(22, 15)
#define MVX_LUT_RCH				GENMASK(31, 24)

/*
 * Drawing: where and how
 */

/* Written by the driver. */
#define MVX_CANVAS_ANCHOR			0x09d0

/* Written by the driver. */
#define MVX_CANVAS_ROWSTEP			0x09c0
#define MVX_CANVAS_ROWSTEP_PIX			GENMASK(15, 0)

/* Written by the driver. */
#define MVX_CROP_BOTTOM				0x09f4
#define MVX_CROP_BOTTOM_HPOS			GENMASK(31, 16)
#define MVX_CROP_BOTTOM_ROWNO			GENMASK(15, 0)

/* Written by the driver. */
#define MVX_CROP_LIMIT				0x09f0
#define MVX_CROP_LIMIT_HPOS			GENMASK(31, 16)
#define MVX_CROP_LIMIT_ROWNO			GENMASK(15, 0)

/* Written by the driver. */
#define MVX_PIPE_SETUP				0x09cc
#define MVX_PIPE_SETUP_CROP			BIT(5)
#define MVX_PIPE_SETUP_BLENDED			BIT(3)

/* Written by the driver. */
#define MVX_BITOP_SELECTOR			0x09c4
#define MVX_BITOP_SELECTOR_SELECTOR		GENMASK(11, 8)
#define MVX_BITOP_SELECTOR_SELECTOR_ZEROES	2
#define MVX_BITOP_SELECTOR_SELECTOR_NEWPIX_CONJ_DEST	15
#define MVX_BITOP_SELECTOR_SELECTOR_CONJ_OPPOSITE	6
#define MVX_BITOP_SELECTOR_SELECTOR_MOVEPIX	1
#define MVX_BITOP_SELECTOR_SELECTOR_CONJ_FLIPPED	10
#define MVX_BITOP_SELECTOR_SELECTOR_UNCHANGED	5
#define MVX_BITOP_SELECTOR_SELECTOR_NEWPIX_EXCL_DEST	4
#define MVX_BITOP_SELECTOR_SELECTOR_NEWPIX_DISJ_DEST	3
#define MVX_BITOP_SELECTOR_SELECTOR_NJOIN	0
#define MVX_BITOP_SELECTOR_SELECTOR_XNORBITS	7
#define MVX_BITOP_SELECTOR_SELECTOR_COMPL	8
#define MVX_BITOP_SELECTOR_SELECTOR_DISJ_OPPOSITE	12
#define MVX_BITOP_SELECTOR_SELECTOR_MOVEPIX_FLIPPED	9
#define MVX_BITOP_SELECTOR_SELECTOR_DISJ_FLIPPED	13
#define MVX_BITOP_SELECTOR_SELECTOR_NCONJ	11
#define MVX_BITOP_SELECTOR_SELECTOR_ALLON	14

/* Written by the driver. */
#define MVX_HUE					0x09ec
#define MVX_HUE_BCH				GENMASK(31, 24)
#define MVX_HUE_GCH				GENMASK(11, 4)
#define MVX_HUE_RCH				GENMASK(20, 13)

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define MVX_GO					0x09e0
#define MVX_GO_SHAPE				GENMASK(10, 3)
#define MVX_GO_SHAPE_BLOCKFILL			105
#define MVX_GO_SHAPE_BORDER			213
#define MVX_GO_SHAPE_MOVEPIX			46
#define MVX_GO_SHAPE_PLOT			16
#define MVX_GO_SHAPE_SEGMENT			17
#define MVX_GO_SHAPE_TRI			87
#define MVX_GO_SHAPE_SLAB			251
#define MVX_GO_SHAPE_FOLLOWON_SECOND		58

/*
 * Drawing: rectangles
 */

/* Written by the driver. */
#define MVX_QUAD_PLACE				0x0dc4
#define MVX_QUAD_PLACE_HPOS			GENMASK(15, 0)
#define MVX_QUAD_PLACE_ROWNO			GENMASK(31, 16)

/* Written by the driver. */
#define MVX_QUAD_MEASURE			0x0df0
#define MVX_QUAD_MEASURE_HEXTENT		GENMASK(31, 16)
#define MVX_QUAD_MEASURE_NROWS			GENMASK(15, 0)

/* Written by the driver. */
#define MVX_MOVEPIX_SITE			0x0dcc
#define MVX_MOVEPIX_SITE_HPOS			GENMASK(15, 0)
#define MVX_MOVEPIX_SITE_ROWNO			GENMASK(31, 16)

/*
 * Drawing: vertices
 */

/* Written by the driver. */
#define MVX_CRNR_HPOS(n)			(0x05ac + 8 * (n))

/* Written by the driver. */
#define MVX_CRNR_ROWNO(n)			(0x055c + 16 * (n))

/* Written by the driver. */
#define MVX_CRNR_HUE(n)				(0x05dc + 4 * (n))
#define MVX_CRNR_HUE_BCH			GENMASK(31, 24)
#define MVX_CRNR_HUE_GCH			GENMASK(11, 4)
#define MVX_CRNR_HUE_RCH			GENMASK(20, 13)

/*
 * Drawing: trapezoids
 */

/* Written by the driver. */
#define MVX_BEGIN_HPOS_PRIME			0x0650

/* Written by the driver. */
#define MVX_HSTEP_PRIME				0x062c

/* Written by the driver. */
#define MVX_BEGIN_HPOS_SECOND			0x0648

/* Written by the driver. */
#define MVX_HSTEP_SECOND			0x06a8

/* Written by the driver. */
#define MVX_BEGIN_ROWNO				0x063c

/* Written by the driver. */
#define MVX_VSTEP				0x0654

/* Written by the driver. */
#define MVX_STRIPE_TALLY			0x0688
#define MVX_STRIPE_TALLY_SCANLS			GENMASK(20, 5)

/* Written by the driver. */
#define MVX_HUE_BEGIN(n)			(0x06e4 + 4 * (n))

/* Written by the driver. */
#define MVX_HUE_HSTEP(n)			(0x06c4 + 8 * (n))

/* Written by the driver. */
#define MVX_HUE_VSTEP(n)			(0x0658 + 16 * (n))

/*
 * Tags of the command stream.
 */

#define MVX_TAG_CANVAS_ROWSTEP			0x01b
#define MVX_TAG_HSTEP_PRIME			0x052
#define MVX_TAG_CANVAS_ANCHOR			0x069
#define MVX_TAG_VSTEP				0x080
#define MVX_TAG_CROP_BOTTOM			0x0e9
#define MVX_TAG_CRNR_ROWNO(n)			(0x104 + (n))
#define MVX_TAG_FLUSHPT				0x1dc
#define MVX_TAG_BITOP_SELECTOR			0x1e7
#define MVX_TAG_BEGIN_HPOS_SECOND		0x207
#define MVX_TAG_GO				0x28e
#define MVX_TAG_BEGIN_ROWNO			0x2c3
#define MVX_TAG_HUE_HSTEP(n)			(0x2e4 + (n))
#define MVX_TAG_PAD				0x2ed
#define MVX_TAG_STRIPE_TALLY			0x365
#define MVX_TAG_HSTEP_SECOND			0x373
#define MVX_TAG_HUE_VSTEP(n)			(0x390 + (n))
#define MVX_TAG_QUAD_MEASURE			0x3d5
#define MVX_TAG_QUAD_PLACE			0x4a5
#define MVX_TAG_MOVEPIX_SITE			0x537
#define MVX_TAG_HUE				0x585
#define MVX_TAG_HUE_BEGIN(n)			(0x5c8 + (n))
#define MVX_TAG_PIPE_SETUP			0x5fc
#define MVX_TAG_CROP_LIMIT			0x605
#define MVX_TAG_BEGIN_HPOS_PRIME		0x61f
#define MVX_TAG_SEQNO				0x6e0
#define MVX_TAG_CRNR_HUE(n)			(0x704 + (n))
#define MVX_TAG_CRNR_HPOS(n)			(0x760 + (n))

#endif
