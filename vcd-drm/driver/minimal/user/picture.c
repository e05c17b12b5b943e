// SPDX-License-Identifier: MIT
/*
 * Draws a picture by bgcmin, reads some pixels of it back, and shows it until its input ends; then
 * draws once more. Ends with 1 if something is not as the card's manual says, or the card is gone.
 *
 * To build it: cc -o picture picture.c
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../base/regs.h"
#include "../bgcmin.h"

#define WIDTH 640
#define HEIGHT 480
#define XY(x, y) ((uint32_t)(x) | (uint32_t)(y) << 16)
/* A pixel's centre, in sixteenths. */
#define CENTRE(at) (16 * (at) + 8)

#define BACKGROUND 0x101830
#define BOX 0xc08020
#define LINE 0xffffff

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each word is a tag or its data. The processor is little-endian, as the card is. */
static const uint32_t clear[] = {
	BGC_TAG_WINDOW_BASE, 0,
	BGC_TAG_WINDOW_STRIDE, WIDTH,
	BGC_TAG_RASTER_MODE, 0,
	BGC_TAG_LOGIC_OP, BGC_LOGIC_OP_OP_COPY,
	BGC_TAG_COLOR, BACKGROUND,
	BGC_TAG_RECT_POSITION, XY(0, 0),
	BGC_TAG_RECT_SIZE, XY(WIDTH, HEIGHT),
	BGC_TAG_DRAW, BGC_DRAW_PRIMITIVE_FILL,
};

/* The stream's state stays, so window and operation are those of the first one. */
static const uint32_t shapes[] = {
	BGC_TAG_COLOR, BOX,
	BGC_TAG_RECT_POSITION, XY(360, 60),
	BGC_TAG_RECT_SIZE, XY(200, 120),
	BGC_TAG_DRAW, BGC_DRAW_PRIMITIVE_FILL,

	BGC_TAG_COLOR, LINE,
	BGC_TAG_VERTEX_X(0), CENTRE(40), BGC_TAG_VERTEX_Y(0), CENTRE(40),
	BGC_TAG_VERTEX_X(1), CENTRE(240), BGC_TAG_VERTEX_Y(1), CENTRE(140),
	BGC_TAG_DRAW, BGC_DRAW_PRIMITIVE_LINE,

	BGC_TAG_RASTER_MODE, BGC_RASTER_MODE_SMOOTH,
	BGC_TAG_VERTEX_X(0), CENTRE(100), BGC_TAG_VERTEX_Y(0), CENTRE(300),
	BGC_TAG_VERTEX_COLOR(0), 0xff0000,
	BGC_TAG_VERTEX_X(1), CENTRE(356), BGC_TAG_VERTEX_Y(1), CENTRE(300),
	BGC_TAG_VERTEX_COLOR(1), 0x00ff00,
	BGC_TAG_VERTEX_X(2), CENTRE(100), BGC_TAG_VERTEX_Y(2), CENTRE(428),
	BGC_TAG_VERTEX_COLOR(2), 0x0000ff,
	BGC_TAG_DRAW, BGC_DRAW_PRIMITIVE_TRIANGLE,
};

static const uint32_t mistake[] = { 0xfff, 0 };

static const struct {
	unsigned int x, y;
	uint32_t pixel;
	const char *what;
} expected[] = {
	{ 0, 0, BACKGROUND, "first pixel" },
	{ 639, 479, BACKGROUND, "last pixel" },
	{ 360, 60, BOX, "rectangle, first" },
	{ 559, 179, BOX, "rectangle, last" },
	{ 560, 179, BACKGROUND, "right of the rectangle" },
	{ 559, 180, BACKGROUND, "below the rectangle" },
	{ 40, 40, LINE, "line, first" },
	{ 41, 41, LINE, "line, the lower one of two" },
	{ 41, 40, BACKGROUND, "above the line" },
	{ 238, 139, LINE, "line, near its end" },
	{ 240, 140, BACKGROUND, "end of the line, which is left out" },
	{ 100, 300, 0xff0000, "triangle, red corner" },
	{ 356, 300, BACKGROUND, "green corner, on a right edge" },
	{ 164, 316, 0x9f4020, "inside of the triangle" },
	{ 300, 400, BACKGROUND, "beside the triangle" },
};

static int draw(int card, const char *what, const uint32_t *stream, size_t bytes)
{
	if (write(card, stream, bytes) == (ssize_t)bytes)
		return 0;
	perror(what);
	return 1;
}

static int look(int card)
{
	uint32_t pixel;
	size_t n, wrong = 0;

	for (n = 0; n < COUNT(expected); n++) {
		off_t place = 4 * (WIDTH * expected[n].y + expected[n].x);

		if (pread(card, &pixel, sizeof(pixel), place) != sizeof(pixel)) {
			perror("pread");
			return 1;
		}
		if (pixel == expected[n].pixel)
			continue;
		wrong++;
		printf("(%u, %u) is %08x, not %08x: %s\n", expected[n].x, expected[n].y, pixel,
		       expected[n].pixel, expected[n].what);
	}
	printf("%zu of %zu pixels are right\n", n - wrong, n);
	return wrong ? 1 : 0;
}

int main(void)
{
	int card = open("/dev/bgcmin", O_RDWR);
	int err;

	if (card < 0) {
		perror("/dev/bgcmin");
		return 1;
	}
	/* Cleared before it is shown, so that nobody sees what an earlier program has left. */
	err = draw(card, "clear", clear, sizeof(clear));
	if (ioctl(card, BGCMIN_MODE, BGCMIN_SIZE(WIDTH, HEIGHT)) < 0) {
		perror("mode");
		return 1;
	}
	err |= draw(card, "shapes", shapes, sizeof(shapes));
	err |= look(card);
	if (write(card, mistake, sizeof(mistake)) >= 0 || errno != EIO) {
		printf("a tag that does not exist is no error\n");
		err = 1;
	}
	printf("end of input ends it\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	err |= draw(card, "once more", shapes, sizeof(shapes));
	close(card);
	return err;
}
