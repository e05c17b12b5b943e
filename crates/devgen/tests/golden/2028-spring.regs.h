/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* Generated from 2028-spring: layout 0x029eeb99 */
/*
 * Graphics card, spring of 2028, version 1.0: registers, fields, values and tags.
 *
 * Offsets are in bytes from the beginning of BAR 0. A field is a mask, for FIELD_PREP() and
 * FIELD_GET(); FIELD_GET() gives signed fields without their sign.
 */
#ifndef NVG_REGS_H
#define NVG_REGS_H

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

#define NVG_VENDOR_ID				0x1234
#define NVG_DEVICE_ID				0x6c31
#define NVG_REGISTER_BYTES			0x2000
#define NVG_FRAMEBUFFER_BYTES			0x1000000

/* What NVG_SCHEME_FPRINT holds. With another value there, this header is for another card. */
#define NVG_SCHEME_FPRINT_VALUE			0x029eeb99

/* Features. */
#define NVG_FEATURE_PLOTS			BIT(25)
#define NVG_FEATURE_RCTS			BIT(1)
#define NVG_FEATURE_TRIS			BIT(17)
#define NVG_FEATURE_TRAPZS			BIT(21)
#define NVG_FEATURE_BUSM_PLAIN			BIT(23)
#define NVG_FEATURE_MSI				BIT(16)
#define NVG_FEATURE_LUT				BIT(29)
#define NVG_FEATURE_RGB				BIT(14)

/*
 * Identity
 */

/* Written by the card. */
#define NVG_ADAPTER_WHO				0x0000

/* Written by the card. */
#define NVG_SCHEME_FPRINT			0x0004

/* Written by the card. */
#define NVG_VERS				0x0008
#define NVG_VERS_STEPPING			GENMASK(7, 0)
#define NVG_VERS_GENERATION			GENMASK(15, 8)

/* Written by the card. */
#define NVG_OPTIONS				0x1814

/* Written by the card. */
#define NVG_VRAM_DIM				0x1804

/* Written by the card. */
#define NVG_STATE				0x180c
#define NVG_STATE_VIDEO				BIT(5)
#define NVG_STATE_STROKE			BIT(11)

/*
 * Control
 */

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define NVG_CTL					0x0790
#define NVG_CTL_OPCODE				GENMASK(9, 2)
#define NVG_CTL_OPCODE_INITIALIZE		41

/*
 * Interrupts
 */

/* Written by the card. */
#define NVG_NOTIFY_QTY				0x1ba8
#define NVG_NOTIFY_QTY_BUNDLE			GENMASK(15, 8)
#define NVG_NOTIFY_QTY_RENDEZ			GENMASK(31, 24)
#define NVG_NOTIFY_QTY_VRETRACE			GENMASK(7, 0)
#define NVG_NOTIFY_QTY_FAILURE			GENMASK(23, 16)

/* Written by the driver. */
#define NVG_NOTIFY_SETTLE			0x1ba0
#define NVG_NOTIFY_SETTLE_BUNDLE		GENMASK(15, 8)
#define NVG_NOTIFY_SETTLE_RENDEZ		GENMASK(31, 24)
#define NVG_NOTIFY_SETTLE_VRETRACE		GENMASK(7, 0)
#define NVG_NOTIFY_SETTLE_FAILURE		GENMASK(23, 16)

/* Written by the driver. */
#define NVG_NOTIFY_ALLOW			0x1b8c
#define NVG_NOTIFY_ALLOW_BUNDLE			BIT(10)
#define NVG_NOTIFY_ALLOW_RENDEZ			BIT(6)
#define NVG_NOTIFY_ALLOW_VRETRACE		BIT(12)
#define NVG_NOTIFY_ALLOW_FAILURE		BIT(21)

/*
 * Errors
 */

/* Written by the card. */
#define NVG_FAILURE_CAUSE			0x0670
#define NVG_FAILURE_CAUSE_CAUSE			GENMASK(16, 9)
#define NVG_FAILURE_CAUSE_CAUSE_NOTHING		244
#define NVG_FAILURE_CAUSE_CAUSE_INVALID_LABEL	215
#define NVG_FAILURE_CAUSE_CAUSE_CUTOFF		197
#define NVG_FAILURE_CAUSE_CAUSE_INVALID_FETCHPTR	1
#define NVG_FAILURE_CAUSE_CAUSE_INVALID_TIMING	182
#define NVG_FAILURE_CAUSE_CAUSE_INVALID_RENDER	128
#define NVG_FAILURE_CAUSE_CAUSE_INVALID_SURFACE	129
#define NVG_FAILURE_CAUSE_CAUSE_INVALID_DIRECTIVE	162
#define NVG_FAILURE_CAUSE_CAUSE_OCCUPIED	3
#define NVG_FAILURE_CAUSE_SITE			GENMASK(5, 4)
#define NVG_FAILURE_CAUSE_SITE_XODT		3
#define NVG_FAILURE_CAUSE_SITE_BUNDLE		2

/* Written by the card. */
#define NVG_FAILURE_LOCUS			0x0650

/* Written by the card. */
#define NVG_FAILURE_PAYLOAD			0x0644

/*
 * Progress
 */

/* Written by the card. */
#define NVG_MARK_PASSED				0x18f4

/* Written by the card. */
#define NVG_FIELDNO_QTY				0x18d0

/*
 * Command buffers and the ring
 */

/* Written by the driver. */
#define NVG_BUSM_FETCHPTR			0x11d8

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define NVG_BUSM_QTY				0x11dc

/*
 * Screen
 */

/* Written by the driver. */
#define NVG_TIMING_DIM				0x0e38
#define NVG_TIMING_DIM_ACROSS			GENMASK(15, 0)
#define NVG_TIMING_DIM_NROWS			GENMASK(31, 16)

/* Written by the driver. */
#define NVG_TIMING_PITCH			0x0e3c
#define NVG_TIMING_PITCH_PELS			GENMASK(20, 5)

/* Written by the driver. */
#define NVG_TIMING_PIXORDER			0x0d80
#define NVG_TIMING_PIXORDER_PIXORDER		GENMASK(11, 8)
#define NVG_TIMING_PIXORDER_PIXORDER_XRGB8888	3

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define NVG_TIMING_CTL				0x0e64
#define NVG_TIMING_CTL_OPCODE			GENMASK(11, 4)
#define NVG_TIMING_CTL_OPCODE_OPEN		216
#define NVG_TIMING_CTL_OPCODE_DEACTIVATE	240

/* Written by the driver. */
#define NVG_OUTPUT_ORIGIN			0x0e4c

/* Written by the driver. */
#define NVG_OUTPUT_CTL				0x0e88
#define NVG_OUTPUT_CTL_LUT			BIT(2)

/* Written by the driver. */
#define NVG_LUT(n)				(0x0800 + 4 * (n))
#define NVG_LUT_BLU				GENMASK(14, 7)
#define NVG_LUT_GCH				GENMASK(31, 24)
#define NVG_LUT_ROT				GENMASK(23, 16)

/*
 * Drawing: where and how
 */

/* Written by the driver. */
#define NVG_SURFACE_ORIGIN			0x16e8

/* Written by the driver. */
#define NVG_SURFACE_PITCH			0x16fc
#define NVG_SURFACE_PITCH_PELS			GENMASK(18, 3)

/* Written by the driver. */
#define NVG_BOUND_LOWER				0x16dc
#define NVG_BOUND_LOWER_COL			GENMASK(31, 16)
#define NVG_BOUND_LOWER_ROWNO			GENMASK(15, 0)

/* Written by the driver. */
#define NVG_BOUND_UPPER				0x16c8
#define NVG_BOUND_UPPER_COL			GENMASK(31, 16)
#define NVG_BOUND_UPPER_ROWNO			GENMASK(15, 0)

/* Written by the driver. */
#define NVG_PIPE_TIMING				0x16f4
#define NVG_PIPE_TIMING_BOUND			BIT(2)
#define NVG_PIPE_TIMING_GOURAUD			BIT(11)

/* Written by the driver. */
#define NVG_MIX_SELECTOR			0x16d8
#define NVG_MIX_SELECTOR_SELECTOR		GENMASK(7, 4)
#define NVG_MIX_SELECTOR_SELECTOR_ZEROES	1
#define NVG_MIX_SELECTOR_SELECTOR_FROM_BOTH_OLDPIX	7
#define NVG_MIX_SELECTOR_SELECTOR_BOTH_BACKWARD	9
#define NVG_MIX_SELECTOR_SELECTOR_BLIT		10
#define NVG_MIX_SELECTOR_SELECTOR_BOTH_TURNED	2
#define NVG_MIX_SELECTOR_SELECTOR_UNCHANGED	15
#define NVG_MIX_SELECTOR_SELECTOR_FROM_SYMDIFF_OLDPIX	3
#define NVG_MIX_SELECTOR_SELECTOR_FROM_EITHER_OLDPIX	4
#define NVG_MIX_SELECTOR_SELECTOR_NEITHER	8
#define NVG_MIX_SELECTOR_SELECTOR_XNORBITS	11
#define NVG_MIX_SELECTOR_SELECTOR_TOGGLE	6
#define NVG_MIX_SELECTOR_SELECTOR_EITHER_BACKWARD	14
#define NVG_MIX_SELECTOR_SELECTOR_BLIT_TURNED	0
#define NVG_MIX_SELECTOR_SELECTOR_EITHER_TURNED	12
#define NVG_MIX_SELECTOR_SELECTOR_NMEET		5
#define NVG_MIX_SELECTOR_SELECTOR_ALLON		13

/* Written by the driver. */
#define NVG_TINT				0x16d0
#define NVG_TINT_BLU				GENMASK(23, 16)
#define NVG_TINT_GCH				GENMASK(13, 6)
#define NVG_TINT_ROT				GENMASK(31, 24)

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define NVG_RENDER				0x16e0
#define NVG_RENDER_FIGURE			GENMASK(14, 7)
#define NVG_RENDER_FIGURE_BLOCKFILL		190
#define NVG_RENDER_FIGURE_BORDER		157
#define NVG_RENDER_FIGURE_PLOT			39
#define NVG_RENDER_FIGURE_FACET			68
#define NVG_RENDER_FIGURE_TRAPZ			47
#define NVG_RENDER_FIGURE_EXTEND_MINR		187

/*
 * Drawing: rectangles
 */

/* Written by the driver. */
#define NVG_AREA_PLACE				0x1870
#define NVG_AREA_PLACE_COL			GENMASK(31, 16)
#define NVG_AREA_PLACE_ROWNO			GENMASK(15, 0)

/* Written by the driver. */
#define NVG_AREA_DIM				0x1840
#define NVG_AREA_DIM_ACROSS			GENMASK(15, 0)
#define NVG_AREA_DIM_NROWS			GENMASK(31, 16)

/*
 * Drawing: vertices
 */

/* Written by the driver. */
#define NVG_CRNR_COL(n)				(0x193c + 16 * (n))

/* Written by the driver. */
#define NVG_CRNR_ROWNO(n)			(0x19d4 + 4 * (n))

/* Written by the driver. */
#define NVG_CRNR_TINT(n)			(0x1994 + 16 * (n))
#define NVG_CRNR_TINT_BLU			GENMASK(23, 16)
#define NVG_CRNR_TINT_GCH			GENMASK(13, 6)
#define NVG_CRNR_TINT_ROT			GENMASK(31, 24)

/*
 * Drawing: trapezoids
 */

/* Written by the driver. */
#define NVG_BEGIN_COL_LEAD			0x0314

/* Written by the driver. */
#define NVG_HSTEP_LEAD				0x0320

/* Written by the driver. */
#define NVG_BEGIN_COL_MINR			0x03c4

/* Written by the driver. */
#define NVG_HSTEP_MINR				0x03a0

/* Written by the driver. */
#define NVG_BEGIN_ROWNO				0x03ec

/* Written by the driver. */
#define NVG_VSTEP				0x03d8

/* Written by the driver. */
#define NVG_SPAN_QTY				0x0378
#define NVG_SPAN_QTY_SCANLS			GENMASK(19, 4)

/* Written by the driver. */
#define NVG_TINT_BEGIN(n)			(0x038c + 4 * (n))

/* Written by the driver. */
#define NVG_TINT_HSTEP(n)			(0x03a8 + 8 * (n))

/* Written by the driver. */
#define NVG_TINT_VSTEP(n)			(0x033c + 8 * (n))

/*
 * Tags of the command stream.
 */

#define NVG_TAG_AREA_DIM			0x04d
#define NVG_TAG_VSTEP				0x051
#define NVG_TAG_TINT_HSTEP(n)			(0x09c + (n))
#define NVG_TAG_SPAN_QTY			0x0dc
#define NVG_TAG_TINT				0x104
#define NVG_TAG_TINT_VSTEP(n)			(0x140 + (n))
#define NVG_TAG_SURFACE_PITCH			0x158
#define NVG_TAG_MIX_SELECTOR			0x15e
#define NVG_TAG_PIPE_TIMING			0x1fc
#define NVG_TAG_CRNR_ROWNO(n)			(0x214 + (n))
#define NVG_TAG_HSTEP_LEAD			0x24e
#define NVG_TAG_BEGIN_COL_LEAD			0x2f1
#define NVG_TAG_MARK				0x3ea
#define NVG_TAG_SKIP				0x3f4
#define NVG_TAG_RENDEZ				0x3f8
#define NVG_TAG_BOUND_LOWER			0x409
#define NVG_TAG_HSTEP_MINR			0x4a4
#define NVG_TAG_CRNR_TINT(n)			(0x4d8 + (n))
#define NVG_TAG_AREA_PLACE			0x4e2
#define NVG_TAG_BEGIN_COL_MINR			0x4e7
#define NVG_TAG_RENDER				0x555
#define NVG_TAG_CRNR_COL(n)			(0x608 + (n))
#define NVG_TAG_TINT_BEGIN(n)			(0x64c + (n))
#define NVG_TAG_BEGIN_ROWNO			0x706
#define NVG_TAG_BOUND_UPPER			0x71d
#define NVG_TAG_SURFACE_ORIGIN			0x730

#endif
