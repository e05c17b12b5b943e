// SPDX-License-Identifier: MIT
/* See bgc.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bgc.h"

void bgc_fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

struct bgc_card bgc_open(const char *path)
{
	struct bgc_card card = { .fd = open(path, O_RDWR | O_CLOEXEC) };

	if (card.fd < 0) {
		fprintf(stderr, "%s: %s: is the driver loaded (modprobe bgc), and is there a card (vcd run)?\n",
			path, strerror(errno));
		exit(1);
	}
	card.bytes = bgc_tell(&card).memory_bytes;
	card.memory = mmap(NULL, card.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, card.fd, 0);
	if (card.memory == MAP_FAILED)
		bgc_fail("the card's memory cannot be mapped");
	return card;
}

void bgc_close(struct bgc_card *card)
{
	munmap(card->memory, card->bytes);
	close(card->fd);
}

void bgc_mode(struct bgc_card *card, uint32_t width, uint32_t height)
{
	struct bgc_mode mode = { .width = width, .height = height, .stride = width };

	if (ioctl(card->fd, BGC_SET_MODE, &mode))
		bgc_fail(width ? "the mode cannot be set" : "graphics cannot be left");
	card->width = width;
	card->height = height;
}

struct bgc_info bgc_tell(const struct bgc_card *card)
{
	struct bgc_info info;

	if (ioctl(card->fd, BGC_INFO, &info))
		bgc_fail("the card cannot be asked");
	return info;
}

void bgc_begin(struct bgc_stream *stream, struct bgc_card *card)
{
	stream->card = card;
	stream->count = 0;
	stream->last = 0;
	stream->submissions = 0;
	bgc_put(stream, BGC_TAG_WINDOW_BASE, 0);
	bgc_put(stream, BGC_TAG_WINDOW_STRIDE, FIELD_PREP(BGC_WINDOW_STRIDE_PIXELS, card->width));
	bgc_put(stream, BGC_TAG_SCISSOR_MIN, 0);
	bgc_put(stream, BGC_TAG_SCISSOR_MAX, FIELD_PREP(BGC_SCISSOR_MAX_X, card->width) |
		FIELD_PREP(BGC_SCISSOR_MAX_Y, card->height));
	bgc_put(stream, BGC_TAG_RASTER_MODE, BGC_RASTER_MODE_SCISSOR | BGC_RASTER_MODE_SMOOTH);
	bgc_put(stream, BGC_TAG_LOGIC_OP, FIELD_PREP(BGC_LOGIC_OP_OP, BGC_LOGIC_OP_OP_COPY));
}

void bgc_put(struct bgc_stream *stream, uint32_t tag, uint32_t data)
{
	if (stream->count == BGC_MAX_WORDS)
		bgc_send(stream);
	stream->words[stream->count++] = tag;
	stream->words[stream->count++] = data;
}

void bgc_send(struct bgc_stream *stream)
{
	struct bgc_submit submit = {
		.words = (uintptr_t)stream->words, .count = stream->count,
	};

	if (!stream->count)
		return;
	if (ioctl(stream->card->fd, BGC_SUBMIT, &submit))
		bgc_fail("the card does not take commands");
	stream->last = submit.number;
	stream->count = 0;
	stream->submissions++;
}

int bgc_finish(struct bgc_stream *stream)
{
	struct bgc_wait wait = { .timeout_ms = 120000 };

	bgc_send(stream);
	wait.number = stream->last;
	if (!stream->last || !ioctl(stream->card->fd, BGC_WAIT, &wait))
		return 0;
	return errno;
}

/* A colour, 0x00rrggbb, as the card's registers have it. */
static uint32_t color_of(uint32_t color)
{
	return FIELD_PREP(BGC_COLOR_RED, color >> 16 & 0xff) |
	       FIELD_PREP(BGC_COLOR_GREEN, color >> 8 & 0xff) |
	       FIELD_PREP(BGC_COLOR_BLUE, color & 0xff);
}

static uint32_t position(int x, int y)
{
	return FIELD_PREP(BGC_RECT_POSITION_X, x & 0xffff) |
	       FIELD_PREP(BGC_RECT_POSITION_Y, y & 0xffff);
}

static uint32_t size(int width, int height)
{
	return FIELD_PREP(BGC_RECT_SIZE_WIDTH, width) | FIELD_PREP(BGC_RECT_SIZE_HEIGHT, height);
}

void bgc_fill(struct bgc_stream *stream, int x, int y, int width, int height, uint32_t color)
{
	bgc_put(stream, BGC_TAG_COLOR, color_of(color));
	bgc_put(stream, BGC_TAG_RECT_POSITION, position(x, y));
	bgc_put(stream, BGC_TAG_RECT_SIZE, size(width, height));
	bgc_put(stream, BGC_TAG_DRAW, FIELD_PREP(BGC_DRAW_PRIMITIVE, BGC_DRAW_PRIMITIVE_FILL));
}

void bgc_triangle(struct bgc_stream *stream, const int32_t x[3], const int32_t y[3],
		  const uint32_t color[3])
{
	for (int i = 0; i < 3; i++) {
		bgc_put(stream, BGC_TAG_VERTEX_X(i), x[i]);
		bgc_put(stream, BGC_TAG_VERTEX_Y(i), y[i]);
		bgc_put(stream, BGC_TAG_VERTEX_COLOR(i), color_of(color[i]));
	}
	bgc_put(stream, BGC_TAG_DRAW,
		FIELD_PREP(BGC_DRAW_PRIMITIVE, BGC_DRAW_PRIMITIVE_TRIANGLE));
}

void bgc_line(struct bgc_stream *stream, int x0, int y0, int x1, int y1, uint32_t color)
{
	bgc_put(stream, BGC_TAG_COLOR, color_of(color));
	bgc_put(stream, BGC_TAG_VERTEX_X(0), x0 * 16);
	bgc_put(stream, BGC_TAG_VERTEX_Y(0), y0 * 16);
	bgc_put(stream, BGC_TAG_VERTEX_X(1), x1 * 16);
	bgc_put(stream, BGC_TAG_VERTEX_Y(1), y1 * 16);
	bgc_put(stream, BGC_TAG_DRAW, FIELD_PREP(BGC_DRAW_PRIMITIVE, BGC_DRAW_PRIMITIVE_LINE));
}

void bgc_copy(struct bgc_stream *stream, int from_x, int from_y, int width, int height, int x,
	      int y)
{
	bgc_put(stream, BGC_TAG_COPY_SOURCE, position(from_x, from_y));
	bgc_put(stream, BGC_TAG_RECT_SIZE, size(width, height));
	bgc_put(stream, BGC_TAG_RECT_POSITION, position(x, y));
	bgc_put(stream, BGC_TAG_DRAW, FIELD_PREP(BGC_DRAW_PRIMITIVE, BGC_DRAW_PRIMITIVE_COPY));
}

double bgc_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}
