/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/* Generated from configs/cards/base.toml: change that, then run: cargo xtask regs */
/*
 * Base card, version 1.0: registers, fields, values and tags.
 *
 * Offsets are in bytes from the beginning of BAR 0. A field is a mask, for FIELD_PREP() and
 * FIELD_GET(); FIELD_GET() gives signed fields without their sign.
 */
#ifndef BGC_REGS_H
#define BGC_REGS_H

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

#define BGC_VENDOR_ID				0x1234
#define BGC_DEVICE_ID				0x6c31
#define BGC_REGISTER_BYTES			0x2000
#define BGC_FRAMEBUFFER_BYTES			0x1000000

/* What BGC_LAYOUT_HASH holds. With another value there, this header is for another card. */
#define BGC_LAYOUT_HASH_VALUE			0xb6f3a66d

/* Features. */
#define BGC_FEATURE_POINTS			BIT(0)
#define BGC_FEATURE_LINES			BIT(1)
#define BGC_FEATURE_RECTANGLES			BIT(2)
#define BGC_FEATURE_COPY			BIT(3)
#define BGC_FEATURE_TRIANGLES			BIT(4)
#define BGC_FEATURE_TRAPEZOIDS			BIT(5)
#define BGC_FEATURE_DMA_SINGLE			BIT(8)
#define BGC_FEATURE_DMA_RING			BIT(9)
#define BGC_FEATURE_INTX			BIT(12)
#define BGC_FEATURE_MSI				BIT(13)
#define BGC_FEATURE_CURSOR			BIT(16)
#define BGC_FEATURE_PALETTE			BIT(17)
#define BGC_FEATURE_BLANKING			BIT(18)
#define BGC_FEATURE_RGB				BIT(20)

/*
 * Identity
 */

/* Written by the card. */
#define BGC_CARD_ID				0x0000

/* Written by the card. */
#define BGC_LAYOUT_HASH				0x0004

/* Written by the card. */
#define BGC_VERSION				0x0008
#define BGC_VERSION_MINOR			GENMASK(7, 0)
#define BGC_VERSION_MAJOR			GENMASK(15, 8)

/* Written by the card. */
#define BGC_FEATURES				0x000c

/* Written by the card. */
#define BGC_MEMORY_SIZE				0x0010

/* Written by the card. */
#define BGC_STATUS				0x0014
#define BGC_STATUS_GRAPHICS			BIT(0)
#define BGC_STATUS_RING				BIT(1)
#define BGC_STATUS_LINE				BIT(2)

/*
 * Control
 */

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define BGC_CONTROL				0x0020
#define BGC_CONTROL_ACTION			GENMASK(7, 0)
#define BGC_CONTROL_ACTION_RESET		1

/*
 * Interrupts
 */

/* Written by the card. */
#define BGC_INT_COUNT				0x0030
#define BGC_INT_COUNT_BUFFER			GENMASK(7, 0)
#define BGC_INT_COUNT_SYNC			GENMASK(15, 8)
#define BGC_INT_COUNT_VBLANK			GENMASK(23, 16)
#define BGC_INT_COUNT_ERROR			GENMASK(31, 24)

/* Written by the driver. */
#define BGC_INT_ACK				0x0034
#define BGC_INT_ACK_BUFFER			GENMASK(7, 0)
#define BGC_INT_ACK_SYNC			GENMASK(15, 8)
#define BGC_INT_ACK_VBLANK			GENMASK(23, 16)
#define BGC_INT_ACK_ERROR			GENMASK(31, 24)

/* Written by the driver. */
#define BGC_INT_ENABLE				0x0038
#define BGC_INT_ENABLE_BUFFER			BIT(0)
#define BGC_INT_ENABLE_SYNC			BIT(1)
#define BGC_INT_ENABLE_VBLANK			BIT(2)
#define BGC_INT_ENABLE_ERROR			BIT(3)

/*
 * Errors
 */

/* Written by the card. */
#define BGC_ERROR_CODE				0x0040
#define BGC_ERROR_CODE_CODE			GENMASK(7, 0)
#define BGC_ERROR_CODE_CODE_NONE		0
#define BGC_ERROR_CODE_CODE_BAD_TAG		1
#define BGC_ERROR_CODE_CODE_TRUNCATED		2
#define BGC_ERROR_CODE_CODE_BAD_ADDRESS		3
#define BGC_ERROR_CODE_CODE_BAD_MODE		4
#define BGC_ERROR_CODE_CODE_BAD_DRAW		5
#define BGC_ERROR_CODE_CODE_BAD_WINDOW		6
#define BGC_ERROR_CODE_CODE_BAD_RING		7
#define BGC_ERROR_CODE_CODE_BAD_COMMAND		8
#define BGC_ERROR_CODE_CODE_BUSY		9
#define BGC_ERROR_CODE_SOURCE			GENMASK(9, 8)
#define BGC_ERROR_CODE_SOURCE_REGISTERS		0
#define BGC_ERROR_CODE_SOURCE_BUFFER		1
#define BGC_ERROR_CODE_SOURCE_RING		2

/* Written by the card. */
#define BGC_ERROR_WHERE				0x0044

/* Written by the card. */
#define BGC_ERROR_DATA				0x0048

/*
 * Progress
 */

/* Written by the card. */
#define BGC_FENCE_DONE				0x0050

/* Written by the card. */
#define BGC_FRAME_COUNT				0x0054

/*
 * Command buffers and the ring
 */

/* Written by the driver. */
#define BGC_DMA_ADDRESS				0x0060

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define BGC_DMA_COUNT				0x0064

/* Written by the driver. */
#define BGC_RING_BASE				0x0070

/* Written by the driver. */
#define BGC_RING_SIZE				0x0074

/* Written by the driver. */
#define BGC_RING_PUT				0x0078

/* Written by the card. */
#define BGC_RING_GET				0x007c

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define BGC_RING_CONTROL			0x0080
#define BGC_RING_CONTROL_ACTION			GENMASK(7, 0)
#define BGC_RING_CONTROL_ACTION_START		1
#define BGC_RING_CONTROL_ACTION_STOP		2

/*
 * Screen
 */

/* Written by the driver. */
#define BGC_MODE_SIZE				0x0100
#define BGC_MODE_SIZE_WIDTH			GENMASK(15, 0)
#define BGC_MODE_SIZE_HEIGHT			GENMASK(31, 16)

/* Written by the driver. */
#define BGC_MODE_STRIDE				0x0104
#define BGC_MODE_STRIDE_PIXELS			GENMASK(15, 0)

/* Written by the driver. */
#define BGC_MODE_FORMAT				0x0108
#define BGC_MODE_FORMAT_FORMAT			GENMASK(3, 0)
#define BGC_MODE_FORMAT_FORMAT_XRGB8888		1

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define BGC_MODE_CONTROL			0x010c
#define BGC_MODE_CONTROL_ACTION			GENMASK(7, 0)
#define BGC_MODE_CONTROL_ACTION_ENTER		1
#define BGC_MODE_CONTROL_ACTION_LEAVE		2

/* Written by the driver. */
#define BGC_DISPLAY_BASE			0x0110

/* Written by the driver. */
#define BGC_DISPLAY_CONTROL			0x0114
#define BGC_DISPLAY_CONTROL_BLANK		BIT(0)
#define BGC_DISPLAY_CONTROL_PALETTE		BIT(1)
#define BGC_DISPLAY_CONTROL_CURSOR		BIT(2)

/* Written by the driver. */
#define BGC_CURSOR_BASE				0x0120

/* Written by the driver. */
#define BGC_CURSOR_POSITION			0x0124
#define BGC_CURSOR_POSITION_X			GENMASK(15, 0)
#define BGC_CURSOR_POSITION_Y			GENMASK(31, 16)

/* Written by the driver. */
#define BGC_CURSOR_HOTSPOT			0x0128
#define BGC_CURSOR_HOTSPOT_X			GENMASK(5, 0)
#define BGC_CURSOR_HOTSPOT_Y			GENMASK(13, 8)

/* Written by the driver. */
#define BGC_PALETTE(n)				(0x1000 + 4 * (n))
#define BGC_PALETTE_BLUE			GENMASK(7, 0)
#define BGC_PALETTE_GREEN			GENMASK(15, 8)
#define BGC_PALETTE_RED				GENMASK(23, 16)

/*
 * Drawing: where and how
 */

/* Written by the driver. */
#define BGC_WINDOW_BASE				0x0200

/* Written by the driver. */
#define BGC_WINDOW_STRIDE			0x0204
#define BGC_WINDOW_STRIDE_PIXELS		GENMASK(15, 0)

/* Written by the driver. */
#define BGC_SCISSOR_MIN				0x0208
#define BGC_SCISSOR_MIN_X			GENMASK(15, 0)
#define BGC_SCISSOR_MIN_Y			GENMASK(31, 16)

/* Written by the driver. */
#define BGC_SCISSOR_MAX				0x020c
#define BGC_SCISSOR_MAX_X			GENMASK(15, 0)
#define BGC_SCISSOR_MAX_Y			GENMASK(31, 16)

/* Written by the driver. */
#define BGC_RASTER_MODE				0x0210
#define BGC_RASTER_MODE_SCISSOR			BIT(0)
#define BGC_RASTER_MODE_SMOOTH			BIT(1)

/* Written by the driver. */
#define BGC_LOGIC_OP				0x0214
#define BGC_LOGIC_OP_OP				GENMASK(3, 0)
#define BGC_LOGIC_OP_OP_CLEAR			0
#define BGC_LOGIC_OP_OP_S_AND_D			1
#define BGC_LOGIC_OP_OP_AND_REVERSE		2
#define BGC_LOGIC_OP_OP_COPY			3
#define BGC_LOGIC_OP_OP_AND_INVERTED		4
#define BGC_LOGIC_OP_OP_NOOP			5
#define BGC_LOGIC_OP_OP_S_XOR_D			6
#define BGC_LOGIC_OP_OP_S_OR_D			7
#define BGC_LOGIC_OP_OP_NOR			8
#define BGC_LOGIC_OP_OP_EQUIV			9
#define BGC_LOGIC_OP_OP_INVERT			10
#define BGC_LOGIC_OP_OP_OR_REVERSE		11
#define BGC_LOGIC_OP_OP_COPY_INVERTED		12
#define BGC_LOGIC_OP_OP_OR_INVERTED		13
#define BGC_LOGIC_OP_OP_NAND			14
#define BGC_LOGIC_OP_OP_SET			15

/* Written by the driver. */
#define BGC_COLOR				0x0218
#define BGC_COLOR_BLUE				GENMASK(7, 0)
#define BGC_COLOR_GREEN				GENMASK(15, 8)
#define BGC_COLOR_RED				GENMASK(23, 16)

/* Command: the driver writes it while it is 0, the card writes 0 when done. */
#define BGC_DRAW				0x021c
#define BGC_DRAW_PRIMITIVE			GENMASK(7, 0)
#define BGC_DRAW_PRIMITIVE_FILL			1
#define BGC_DRAW_PRIMITIVE_OUTLINE		2
#define BGC_DRAW_PRIMITIVE_COPY			3
#define BGC_DRAW_PRIMITIVE_POINT		4
#define BGC_DRAW_PRIMITIVE_LINE			5
#define BGC_DRAW_PRIMITIVE_TRIANGLE		6
#define BGC_DRAW_PRIMITIVE_TRAPEZOID		7
#define BGC_DRAW_PRIMITIVE_CONTINUE_SUB		8

/*
 * Drawing: rectangles
 */

/* Written by the driver. */
#define BGC_RECT_POSITION			0x0240
#define BGC_RECT_POSITION_X			GENMASK(15, 0)
#define BGC_RECT_POSITION_Y			GENMASK(31, 16)

/* Written by the driver. */
#define BGC_RECT_SIZE				0x0244
#define BGC_RECT_SIZE_WIDTH			GENMASK(15, 0)
#define BGC_RECT_SIZE_HEIGHT			GENMASK(31, 16)

/* Written by the driver. */
#define BGC_COPY_SOURCE				0x0248
#define BGC_COPY_SOURCE_X			GENMASK(15, 0)
#define BGC_COPY_SOURCE_Y			GENMASK(31, 16)

/*
 * Drawing: vertices
 */

/* Written by the driver. */
#define BGC_VERTEX_X(n)				(0x0280 + 4 * (n))

/* Written by the driver. */
#define BGC_VERTEX_Y(n)				(0x0290 + 4 * (n))

/* Written by the driver. */
#define BGC_VERTEX_COLOR(n)			(0x02a0 + 4 * (n))
#define BGC_VERTEX_COLOR_BLUE			GENMASK(7, 0)
#define BGC_VERTEX_COLOR_GREEN			GENMASK(15, 8)
#define BGC_VERTEX_COLOR_RED			GENMASK(23, 16)

/*
 * Drawing: trapezoids
 */

/* Written by the driver. */
#define BGC_START_X_DOM				0x02c0

/* Written by the driver. */
#define BGC_DX_DOM				0x02c4

/* Written by the driver. */
#define BGC_START_X_SUB				0x02c8

/* Written by the driver. */
#define BGC_DX_SUB				0x02cc

/* Written by the driver. */
#define BGC_START_Y				0x02d0

/* Written by the driver. */
#define BGC_DY					0x02d4

/* Written by the driver. */
#define BGC_ROW_COUNT				0x02d8
#define BGC_ROW_COUNT_ROWS			GENMASK(15, 0)

/* Written by the driver. */
#define BGC_COLOR_START(n)			(0x0300 + 4 * (n))

/* Written by the driver. */
#define BGC_COLOR_DX(n)				(0x0310 + 4 * (n))

/* Written by the driver. */
#define BGC_COLOR_DY(n)				(0x0320 + 4 * (n))

/*
 * Tags of the command stream.
 */

#define BGC_TAG_NOP				0x000
#define BGC_TAG_FENCE				0x001
#define BGC_TAG_SYNC				0x002
#define BGC_TAG_WINDOW_BASE			0x010
#define BGC_TAG_WINDOW_STRIDE			0x011
#define BGC_TAG_SCISSOR_MIN			0x012
#define BGC_TAG_SCISSOR_MAX			0x013
#define BGC_TAG_RASTER_MODE			0x014
#define BGC_TAG_LOGIC_OP			0x015
#define BGC_TAG_COLOR				0x016
#define BGC_TAG_DRAW				0x017
#define BGC_TAG_RECT_POSITION			0x020
#define BGC_TAG_RECT_SIZE			0x021
#define BGC_TAG_COPY_SOURCE			0x022
#define BGC_TAG_VERTEX_X(n)			(0x030 + (n))
#define BGC_TAG_VERTEX_Y(n)			(0x034 + (n))
#define BGC_TAG_VERTEX_COLOR(n)			(0x038 + (n))
#define BGC_TAG_START_X_DOM			0x040
#define BGC_TAG_DX_DOM				0x041
#define BGC_TAG_START_X_SUB			0x042
#define BGC_TAG_DX_SUB				0x043
#define BGC_TAG_START_Y				0x044
#define BGC_TAG_DY				0x045
#define BGC_TAG_ROW_COUNT			0x046
#define BGC_TAG_COLOR_START(n)			(0x050 + (n))
#define BGC_TAG_COLOR_DX(n)			(0x054 + (n))
#define BGC_TAG_COLOR_DY(n)			(0x058 + (n))

#endif
