/* SPDX-License-Identifier: MIT */
/* What the example programs share: the card as a program sees it, and a stream of commands. */
#ifndef BGC_USER_H
#define BGC_USER_H

#include <stddef.h>
#include <stdint.h>

#include "../bgc_ioctl.h"
#include "../regs.h"

/* A card, with its memory mapped. */
struct bgc_card {
	int fd;
	uint32_t *memory;
	size_t bytes;
	uint32_t width, height;
};

/* Opens the card, which ends the program with a message if there is none. */
struct bgc_card bgc_open(const char *path);
void bgc_close(struct bgc_card *card);
void bgc_mode(struct bgc_card *card, uint32_t width, uint32_t height);
struct bgc_info bgc_tell(const struct bgc_card *card);

/* Commands that are sent when there are many, or when they are asked to be. */
struct bgc_stream {
	struct bgc_card *card;
	uint32_t words[BGC_MAX_WORDS];
	uint32_t count;
	/* Number of the last submission; 0 before the first. */
	uint32_t last;
	uint64_t submissions;
};

void bgc_begin(struct bgc_stream *stream, struct bgc_card *card);
void bgc_put(struct bgc_stream *stream, uint32_t tag, uint32_t data);
void bgc_send(struct bgc_stream *stream);
/* Waits for all that was sent. Returns 0, or an errno: EIO if the card has found a mistake. */
int bgc_finish(struct bgc_stream *stream);

/*
 * Drawing, in the stream's order. Coordinates of vertices are in sixteenths of a pixel, colours are
 * 0x00rrggbb.
 */
void bgc_fill(struct bgc_stream *stream, int x, int y, int width, int height, uint32_t color);
void bgc_triangle(struct bgc_stream *stream, const int32_t x[3], const int32_t y[3],
		  const uint32_t color[3]);
void bgc_line(struct bgc_stream *stream, int x0, int y0, int x1, int y1, uint32_t color);
void bgc_copy(struct bgc_stream *stream, int from_x, int from_y, int width, int height, int x,
	      int y);

double bgc_seconds(void);
void bgc_fail(const char *what);

#endif
