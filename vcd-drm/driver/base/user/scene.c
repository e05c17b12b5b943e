// SPDX-License-Identifier: MIT
/*
 * A spinning, smooth-shaded solid, drawn into the half of memory that is not shown; the halves
 * change places in the vertical blank.
 *
 * scene [DEVICE [FRAMES]]
 */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bgc.h"

#define WIDTH	640
#define HEIGHT	480

/* An octahedron: corners, and faces with all corners counter-clockwise as seen from outside. */
static const double corners[6][3] = {
	{ 1, 0, 0 }, { -1, 0, 0 }, { 0, 1, 0 }, { 0, -1, 0 }, { 0, 0, 1 }, { 0, 0, -1 },
};
static const int faces[8][3] = {
	{ 0, 2, 4 }, { 2, 1, 4 }, { 1, 3, 4 }, { 3, 0, 4 },
	{ 2, 0, 5 }, { 1, 2, 5 }, { 3, 1, 5 }, { 0, 3, 5 },
};
static const uint32_t colors[6] = {
	0xff4040, 0x40ff40, 0x4040ff, 0xffff40, 0x40ffff, 0xff40ff,
};

static void draw(struct bgc_stream *stream, double turn)
{
	double seen[6][2];

	for (int i = 0; i < 6; i++) {
		double x = corners[i][0] * cos(turn) - corners[i][2] * sin(turn);
		double z = corners[i][0] * sin(turn) + corners[i][2] * cos(turn);
		double y = corners[i][1] * cos(turn * 0.7) - z * sin(turn * 0.7);
		double away = 4 + corners[i][1] * sin(turn * 0.7) + z * cos(turn * 0.7);

		seen[i][0] = WIDTH / 2 + 700 * x / away;
		seen[i][1] = HEIGHT / 2 + 700 * y / away;
	}
	for (int i = 0; i < 8; i++) {
		const double *a = seen[faces[i][0]], *b = seen[faces[i][1]], *c = seen[faces[i][2]];
		int32_t x[3], y[3];
		uint32_t color[3];

		/* Only what faces us. */
		if ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) >= 0)
			continue;
		for (int k = 0; k < 3; k++) {
			x[k] = lrint(seen[faces[i][k]][0] * 16);
			y[k] = lrint(seen[faces[i][k]][1] * 16);
			color[k] = colors[faces[i][k]];
		}
		bgc_triangle(stream, x, y, color);
	}
}

int main(int argc, char **argv)
{
	static struct bgc_stream stream;
	struct bgc_card card = bgc_open(argc > 1 ? argv[1] : "/dev/bgc0");
	long frames = argc > 2 ? strtol(argv[2], NULL, 10) : 600;
	int error = 0;

	bgc_mode(&card, WIDTH, HEIGHT);
	bgc_begin(&stream, &card);
	for (long frame = 0; frame < frames && !error; frame++) {
		uint32_t base = frame % 2 ? 0 : WIDTH * HEIGHT * 4;
		struct bgc_mode mode = { WIDTH, HEIGHT, WIDTH, base };
		struct bgc_wait blank = { .timeout_ms = 10000 };

		bgc_put(&stream, BGC_TAG_WINDOW_BASE, base);
		bgc_fill(&stream, 0, 0, WIDTH, HEIGHT, 0x101828);
		draw(&stream, frame * 0.03);
		error = bgc_finish(&stream);
		if (ioctl(card.fd, BGC_WAIT_VBLANK, &blank) || ioctl(card.fd, BGC_SET_MODE, &mode))
			bgc_fail("the picture cannot be shown");
	}
	if (error)
		fprintf(stderr, "the card has found a mistake: %s\n", strerror(error));
	else
		printf("frames %ld\n", frames);
	bgc_close(&card);
	return error ? 1 : 0;
}
