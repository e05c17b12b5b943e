/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* Generated from 2027-fall: layout 0xb54fa773 */
/*
 * Graphics card, fall of 2027, version 1.0: registers, fields, values and tags.
 *
 * Offsets are in bytes from the beginning of BAR 0. A field is a mask, for FIELD_PREP() and
 * FIELD_GET(); FIELD_GET() gives signed fields without their sign.
 */
#ifndef KTD_REGS_H
#define KTD_REGS_H

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

#define KTD_VENDOR_ID				0x1234
#define KTD_DEVICE_ID				0x6c31
#define KTD_REGISTER_BYTES			0x2000
#define KTD_FRAMEBUFFER_BYTES			0x1000000

/* What KTD_REGMAP_DIGEST holds. With another value there, this header is for another card. */
#define KTD_REGMAP_DIGEST_VALUE			0xb54fa773

/* Features. */
#define KTD_FEATURE_SEGMENTS			BIT(23)
#define KTD_FEATURE_RCTS			BIT(3)
#define KTD_FEATURE_BLIT			BIT(12)
#define KTD_FEATURE_TRIGONS			BIT(10)
#define KTD_FEATURE_BUSM_QUEUE			BIT(9)
#define KTD_FEATURE_INTX			BIT(24)
#define KTD_FEATURE_HWCUR			BIT(8)
#define KTD_FEATURE_MUTING			BIT(1)
#define KTD_FEATURE_CMYK			BIT(14)

/*
 * Identity
 */

/* Written by the card. */
#define KTD_CHIP_WHO				0x0000

/* Written by the card. */
#define KTD_REGMAP_DIGEST			0x0004

/* Written by the card. */
#define KTD_RELEASE				0x0008
#define KTD_RELEASE_PATCHLEVEL			GENMASK(7, 0)
#define KTD_RELEASE_EDITION			GENMASK(15, 8)

/* Written by the card. */
#define KTD_CAPS				0x19e4

/* Written by the card. */
#define KTD_STORE_DIM				0x19c8

/* Written by the card. */
#define KTD_STAT				0x19dc
#define KTD_STAT_SHOWING			BIT(4)
#define KTD_STAT_QUEUE				BIT(3)
#define KTD_STAT_SEGMENT			BIT(9)

/*
 * Control
 */

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define KTD_CFG					0x0848
#define KTD_CFG_REQUEST				GENMASK(10, 3)
#define KTD_CFG_REQUEST_REINIT			228

/*
 * Interrupts
 */

/* Written by the card. */
#define KTD_EVT_QTY				0x01d8
#define KTD_EVT_QTY_BARRIER			GENMASK(29, 22)
#define KTD_EVT_QTY_VEND			GENMASK(12, 5)
#define KTD_EVT_QTY_FAILURE			GENMASK(21, 14)

/* Written by the driver. */
#define KTD_EVT_ACKN				0x01f4
#define KTD_EVT_ACKN_BARRIER			GENMASK(29, 22)
#define KTD_EVT_ACKN_VEND			GENMASK(12, 5)
#define KTD_EVT_ACKN_FAILURE			GENMASK(21, 14)

/* Written by the driver. */
#define KTD_EVT_ALLOW				0x01e0
#define KTD_EVT_ALLOW_BARRIER			BIT(18)
#define KTD_EVT_ALLOW_VEND			BIT(9)
#define KTD_EVT_ALLOW_FAILURE			BIT(2)

/*
 * Errors
 */

/* Written by the card. */
#define KTD_FAILURE_REASON			0x15f0
#define KTD_FAILURE_REASON_REASON		GENMASK(9, 2)
#define KTD_FAILURE_REASON_REASON_OKAY		98
#define KTD_FAILURE_REASON_REASON_WRONG_TOKEN	13
#define KTD_FAILURE_REASON_REASON_CUTOFF	59
#define KTD_FAILURE_REASON_REASON_WRONG_PTR	12
#define KTD_FAILURE_REASON_REASON_WRONG_CRTC	189
#define KTD_FAILURE_REASON_REASON_WRONG_RENDER	136
#define KTD_FAILURE_REASON_REASON_WRONG_SURFACE	117
#define KTD_FAILURE_REASON_REASON_WRONG_QUEUE	36
#define KTD_FAILURE_REASON_REASON_WRONG_CMD	209
#define KTD_FAILURE_REASON_REASON_OCCUPIED	155
#define KTD_FAILURE_REASON_PLACEOF		GENMASK(1, 0)
#define KTD_FAILURE_REASON_PLACEOF_CIRV		3
#define KTD_FAILURE_REASON_PLACEOF_QUEUE	2

/* Written by the card. */
#define KTD_FAILURE_SPOTADDR			0x15dc

/* Written by the card. */
#define KTD_FAILURE_PAYLOAD			0x15e4

/*
 * Progress
 */

/* Written by the card. */
#define KTD_CHECKPT_REACHED			0x0268

/* Written by the card. */
#define KTD_REFRESH_QTY				0x027c

/*
 * Command buffers and the ring
 */

/* Written by the driver. */
#define KTD_QUEUE_ANCHOR			0x0418

/* Written by the driver. */
#define KTD_QUEUE_DIM				0x041c

/* Written by the driver. */
#define KTD_QUEUE_FRONT				0x0438

/* Written by the card. */
#define KTD_QUEUE_RDPOS				0x0414

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define KTD_QUEUE_CFG				0x0428
#define KTD_QUEUE_CFG_REQUEST			GENMASK(12, 5)
#define KTD_QUEUE_CFG_REQUEST_BEGIN		40
#define KTD_QUEUE_CFG_REQUEST_HALT		111

/*
 * Screen
 */

/* Written by the driver. */
#define KTD_CRTC_DIM				0x1240
#define KTD_CRTC_DIM_NCOLS			GENMASK(15, 0)
#define KTD_CRTC_DIM_LINESV			GENMASK(31, 16)

/* Written by the driver. */
#define KTD_CRTC_ADVANCE			0x1244
#define KTD_CRTC_ADVANCE_PIX			GENMASK(19, 4)

/* Written by the driver. */
#define KTD_CRTC_PIXFMT				0x1208
#define KTD_CRTC_PIXFMT_PIXFMT			GENMASK(3, 0)
#define KTD_CRTC_PIXFMT_PIXFMT_XRGB8888		12

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define KTD_CRTC_CFG				0x1238
#define KTD_CRTC_CFG_REQUEST			GENMASK(7, 0)
#define KTD_CRTC_CFG_REQUEST_OPEN		150
#define KTD_CRTC_CFG_REQUEST_DEACTIVATE		65

/* Written by the driver. */
#define KTD_VIEW_ANCHOR				0x123c

/* Written by the driver. */
#define KTD_VIEW_CFG				0x1274
#define KTD_VIEW_CFG_DARK			BIT(10)
#define KTD_VIEW_CFG_HWCUR			BIT(1)

/* Written by the driver. */
#define KTD_HWCUR_ANCHOR			0x1214

/* Written by the driver. */
#define KTD_HWCUR_CORNER			0x1220
#define KTD_HWCUR_CORNER_COL			GENMASK(31, 16)
#define KTD_HWCUR_CORNER_VPOS			GENMASK(15, 0)

/* Written by the driver. */
#define KTD_HWCUR_HOTPIX			0x1250
#define KTD_HWCUR_HOTPIX_COL			GENMASK(8, 3)
#define KTD_HWCUR_HOTPIX_VPOS			GENMASK(14, 9)

/*
 * Drawing: where and how
 */

/* Written by the driver. */
#define KTD_SURFACE_ANCHOR			0x0ec0

/* Written by the driver. */
#define KTD_SURFACE_ADVANCE			0x0ef4
#define KTD_SURFACE_ADVANCE_PIX			GENMASK(20, 5)

/* Written by the driver. */
#define KTD_BOUND_FLOOR				0x0ef0
#define KTD_BOUND_FLOOR_COL			GENMASK(31, 16)
#define KTD_BOUND_FLOOR_VPOS			GENMASK(15, 0)

/* Written by the driver. */
#define KTD_BOUND_CEIL				0x0ed8
#define KTD_BOUND_CEIL_COL			GENMASK(31, 16)
#define KTD_BOUND_CEIL_VPOS			GENMASK(15, 0)

/* Written by the driver. */
#define KTD_STYLE_CRTC				0x0ecc
#define KTD_STYLE_CRTC_BOUND			BIT(2)
#define KTD_STYLE_CRTC_SHADED			BIT(10)

/* Written by the driver. */
#define KTD_MIX_KIND				0x0ed4
#define KTD_MIX_KIND_KIND			GENMASK(9, 6)
#define KTD_MIX_KIND_KIND_NIL			10
#define KTD_MIX_KIND_KIND_FROM_MEET_DST		14
#define KTD_MIX_KIND_KIND_MEET_OPPOSITE		8
#define KTD_MIX_KIND_KIND_BLIT			15
#define KTD_MIX_KIND_KIND_MEET_NEGATED		4
#define KTD_MIX_KIND_KIND_HOLD			2
#define KTD_MIX_KIND_KIND_FROM_SYMDIFF_DST	12
#define KTD_MIX_KIND_KIND_FROM_EITHER_DST	0
#define KTD_MIX_KIND_KIND_NEITHER		1
#define KTD_MIX_KIND_KIND_XNORBITS		3
#define KTD_MIX_KIND_KIND_COMPL			7
#define KTD_MIX_KIND_KIND_EITHER_OPPOSITE	6
#define KTD_MIX_KIND_KIND_BLIT_NEGATED		13
#define KTD_MIX_KIND_KIND_EITHER_NEGATED	11
#define KTD_MIX_KIND_KIND_NOTBOTH		5
#define KTD_MIX_KIND_KIND_FULL			9

/* Written by the driver. */
#define KTD_HUE					0x0ee8
#define KTD_HUE_CCH				GENMASK(31, 24)
#define KTD_HUE_MCH				GENMASK(7, 0)
#define KTD_HUE_YLW				GENMASK(23, 16)
#define KTD_HUE_CARBON				GENMASK(15, 8)

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define KTD_RENDER				0x0ec8
#define KTD_RENDER_OBJECT			GENMASK(8, 1)
#define KTD_RENDER_OBJECT_SOLID			135
#define KTD_RENDER_OBJECT_HOLLOW		119
#define KTD_RENDER_OBJECT_BLIT			136
#define KTD_RENDER_OBJECT_SEGMENT		206
#define KTD_RENDER_OBJECT_FACET			232

/*
 * Drawing: rectangles
 */

/* Written by the driver. */
#define KTD_QUAD_CORNER				0x135c
#define KTD_QUAD_CORNER_COL			GENMASK(31, 16)
#define KTD_QUAD_CORNER_VPOS			GENMASK(15, 0)

/* Written by the driver. */
#define KTD_QUAD_DIM				0x1340
#define KTD_QUAD_DIM_NCOLS			GENMASK(15, 0)
#define KTD_QUAD_DIM_LINESV			GENMASK(31, 16)

/* Written by the driver. */
#define KTD_BLIT_PLACEOF			0x1364
#define KTD_BLIT_PLACEOF_COL			GENMASK(31, 16)
#define KTD_BLIT_PLACEOF_VPOS			GENMASK(15, 0)

/*
 * Drawing: vertices
 */

/* Written by the driver. */
#define KTD_VTX_COL(n)				(0x1bf0 + 4 * (n))

/* Written by the driver. */
#define KTD_VTX_VPOS(n)				(0x1b98 + 8 * (n))

/* Written by the driver. */
#define KTD_VTX_HUE(n)				(0x1bb4 + 8 * (n))
#define KTD_VTX_HUE_CCH				GENMASK(31, 24)
#define KTD_VTX_HUE_MCH				GENMASK(7, 0)
#define KTD_VTX_HUE_YLW				GENMASK(23, 16)
#define KTD_VTX_HUE_CARBON			GENMASK(15, 8)

/*
 * Tags of the command stream.
 */

#define KTD_TAG_STYLE_CRTC			0x0a4
#define KTD_TAG_VTX_VPOS(n)			(0x110 + (n))
#define KTD_TAG_PAD				0x138
#define KTD_TAG_BOUND_FLOOR			0x1fd
#define KTD_TAG_RENDER				0x1ff
#define KTD_TAG_SURFACE_ANCHOR			0x20c
#define KTD_TAG_CHECKPT				0x2f1
#define KTD_TAG_BLIT_PLACEOF			0x2f2
#define KTD_TAG_VTX_HUE(n)			(0x2f4 + (n))
#define KTD_TAG_HUE				0x329
#define KTD_TAG_VTX_COL(n)			(0x40c + (n))
#define KTD_TAG_SURFACE_ADVANCE			0x47a
#define KTD_TAG_MIX_KIND			0x533
#define KTD_TAG_QUAD_DIM			0x79d
#define KTD_TAG_BARRIER				0x7b9
#define KTD_TAG_QUAD_CORNER			0x7d0
#define KTD_TAG_BOUND_CEIL			0x7f1

#endif
