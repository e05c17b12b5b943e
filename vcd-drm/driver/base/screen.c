// SPDX-License-Identifier: GPL-2.0-only
/* What the card shows: mode, cursor, palette. */

#include "bgc.h"

int bgc_set_mode(struct bgc *card, const struct bgc_mode *mode)
{
	u32 action = mode->width ? BGC_MODE_CONTROL_ACTION_ENTER : BGC_MODE_CONTROL_ACTION_LEAVE;
	u32 before;
	int ret;

	mutex_lock(&card->screen);
	before = bgc_read(card, BGC_INT_COUNT);
	if (mode->width) {
		bgc_write(card, BGC_MODE_SIZE, FIELD_PREP(BGC_MODE_SIZE_WIDTH, mode->width) |
			  FIELD_PREP(BGC_MODE_SIZE_HEIGHT, mode->height));
		bgc_write(card, BGC_MODE_STRIDE, FIELD_PREP(BGC_MODE_STRIDE_PIXELS, mode->stride));
		bgc_write(card, BGC_MODE_FORMAT,
			  FIELD_PREP(BGC_MODE_FORMAT_FORMAT, BGC_MODE_FORMAT_FORMAT_XRGB8888));
		bgc_write(card, BGC_DISPLAY_BASE, mode->base);
	}
	ret = bgc_command(card, BGC_MODE_CONTROL, FIELD_PREP(BGC_MODE_CONTROL_ACTION, action));
	/* A mode that the card cannot show is an error event, and nothing changes. */
	if (!ret && (bgc_read(card, BGC_INT_COUNT) ^ before) & BGC_INT_COUNT_ERROR &&
	    FIELD_GET(BGC_ERROR_CODE_CODE, bgc_read(card, BGC_ERROR_CODE)) ==
	    BGC_ERROR_CODE_CODE_BAD_MODE)
		ret = -EINVAL;
	if (!ret)
		card->mode = *mode;
	mutex_unlock(&card->screen);
	return ret;
}

static void bgc_set_display(struct bgc *card, u32 bit, bool on)
{
	card->display_control = on ? card->display_control | bit : card->display_control & ~bit;
	bgc_write(card, BGC_DISPLAY_CONTROL, card->display_control);
}

int bgc_set_cursor(struct bgc *card, const struct bgc_cursor *cursor)
{
	mutex_lock(&card->screen);
	bgc_write(card, BGC_CURSOR_BASE, cursor->base);
	bgc_write(card, BGC_CURSOR_HOTSPOT, FIELD_PREP(BGC_CURSOR_HOTSPOT_X, cursor->hot_x) |
		  FIELD_PREP(BGC_CURSOR_HOTSPOT_Y, cursor->hot_y));
	bgc_write(card, BGC_CURSOR_POSITION,
		  FIELD_PREP(BGC_CURSOR_POSITION_X, cursor->x & 0xffff) |
		  FIELD_PREP(BGC_CURSOR_POSITION_Y, cursor->y & 0xffff));
	bgc_set_display(card, BGC_DISPLAY_CONTROL_CURSOR, cursor->show);
	mutex_unlock(&card->screen);
	return 0;
}

/* A colour, 0x00rrggbb, as an entry of PALETTE has it. */
static u32 bgc_palette_entry(u32 color)
{
	return FIELD_PREP(BGC_PALETTE_RED, color >> 16 & 0xff) |
	       FIELD_PREP(BGC_PALETTE_GREEN, color >> 8 & 0xff) |
	       FIELD_PREP(BGC_PALETTE_BLUE, color & 0xff);
}

int bgc_set_palette(struct bgc *card, const struct bgc_palette *palette)
{
	int i;

	if (palette->reserved)
		return -EINVAL;
	mutex_lock(&card->screen);
	for (i = 0; i < ARRAY_SIZE(palette->colors); i++)
		bgc_write(card, BGC_PALETTE(i), bgc_palette_entry(palette->colors[i]));
	bgc_set_display(card, BGC_DISPLAY_CONTROL_PALETTE, palette->use);
	mutex_unlock(&card->screen);
	return 0;
}
