// SPDX-License-Identifier: MIT
/*
 * What the card draws in two dimensions, in one picture: fills, lines, copies, a cursor; and pixels
 * written straight into the card's memory.
 *
 * demo2d [DEVICE]
 */

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bgc.h"

#define WIDTH	640
#define HEIGHT	480
#define CURSOR	(WIDTH * HEIGHT * 4)

int main(int argc, char **argv)
{
	static struct bgc_stream stream;
	struct bgc_card card = bgc_open(argc > 1 ? argv[1] : "/dev/bgc0");
	struct bgc_cursor cursor = { .show = 1, .base = CURSOR, .x = 320, .y = 400 };
	int error;

	bgc_mode(&card, WIDTH, HEIGHT);
	bgc_begin(&stream, &card);
	bgc_put(&stream, BGC_TAG_RASTER_MODE, BGC_RASTER_MODE_SCISSOR);
	bgc_fill(&stream, 0, 0, WIDTH, HEIGHT, 0x203040);
	for (int i = 0; i < 16; i++)
		bgc_fill(&stream, 20 + i * 12, 20 + i * 6, 100, 60, 0x100808 * i);
	for (int i = 0; i <= 200; i += 10)
		bgc_line(&stream, 400 + i, 20, 600, 20 + i, 0xffff00 - i);
	/* Drawn over with exclusive-or: where two overlap, the ground shows again. */
	bgc_put(&stream, BGC_TAG_LOGIC_OP, FIELD_PREP(BGC_LOGIC_OP_OP, BGC_LOGIC_OP_OP_S_XOR_D));
	bgc_fill(&stream, 400, 260, 120, 120, 0xff00ff);
	bgc_fill(&stream, 460, 320, 120, 120, 0x00ffff);
	bgc_put(&stream, BGC_TAG_LOGIC_OP, FIELD_PREP(BGC_LOGIC_OP_OP, BGC_LOGIC_OP_OP_COPY));
	bgc_copy(&stream, 20, 20, 280, 150, 40, 280);
	error = bgc_finish(&stream);
	/* A gradient, pixel by pixel, through the aperture. */
	for (int y = 0; y < 64; y++)
		for (int x = 0; x < 256; x++)
			card.memory[(y + 200) * WIDTH + x + 20] = x << 16 | y << 10 | (255 - x);
	/* An arrow, with edges that let the picture through. */
	for (int y = 0; y < 64; y++)
		for (int x = 0; x < 64; x++)
			card.memory[CURSOR / 4 + y * 64 + x] =
				x <= y && y < 48 ? (x == y ? 0x80000000 : 0xffffffff) : 0;
	if (ioctl(card.fd, BGC_SET_CURSOR, &cursor))
		bgc_fail("the cursor cannot be shown");
	if (error)
		fprintf(stderr, "the card has found a mistake: %s\n", strerror(error));
	else
		puts("drawn");
	bgc_close(&card);
	return error ? 1 : 0;
}
