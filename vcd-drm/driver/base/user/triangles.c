// SPDX-License-Identifier: MIT
/*
 * Smooth-shaded triangles of a given height at random places, as fast as the card takes them: the
 * measurement of a graphics card's drawing rate. Prints what was drawn and how long it took.
 *
 * triangles [DEVICE [COUNT [HEIGHT [SEED]]]]
 */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgc.h"

/* xorshift64*: the same pictures everywhere. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717) >> 32;
}

/* An equilateral triangle has the area 0.577 h^2. */
static void random_triangle(struct bgc_stream *stream, uint64_t *state, int height)
{
	const double pi = 3.14159265358979323846, third = sqrt(0.75);
	const struct bgc_card *card = stream->card;
	double radius = height * 2.0 / 3, turn = next(state) % 3600 * pi / 1800;
	double middle_x = radius + next(state) % (uint32_t)(card->width - 2 * radius);
	double middle_y = radius + next(state) % (uint32_t)(card->height - 2 * radius);
	double east = radius * cos(turn), south = radius * sin(turn);
	/* The other corners are a third of a turn further. */
	double right[3] = { east, -east / 2 - third * south, third * south - east / 2 };
	double down[3] = { south, third * east - south / 2, -third * east - south / 2 };
	int32_t x[3], y[3];
	uint32_t color[3];

	for (int i = 0; i < 3; i++) {
		x[i] = lrint((middle_x + right[i]) * 16);
		y[i] = lrint((middle_y + down[i]) * 16);
		color[i] = next(state) & 0xffffff;
	}
	bgc_triangle(stream, x, y, color);
}

static unsigned long number(const char *text, const char *what, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || !value || value > most) {
		fprintf(stderr, "%s: give a %s from 1 to %lu\n", text, what, most);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static struct bgc_stream stream;
	unsigned long count = argc > 2 ? number(argv[2], "count", 100000000) : 100000;
	unsigned long height = argc > 3 ? number(argv[3], "height", 300) : 40;
	uint64_t state = argc > 4 ? number(argv[4], "seed", 1000000) : 1;
	struct bgc_card card = bgc_open(argc > 1 ? argv[1] : "/dev/bgc0");
	struct bgc_info before, after;
	double begin, seconds;
	int error;

	bgc_mode(&card, 640, 480);
	bgc_begin(&stream, &card);
	bgc_fill(&stream, 0, 0, card.width, card.height, 0);
	error = bgc_finish(&stream);
	before = bgc_tell(&card);
	begin = bgc_seconds();
	for (unsigned long i = 0; i < count && !error; i++)
		random_triangle(&stream, &state, height);
	error = error ?: bgc_finish(&stream);
	seconds = bgc_seconds() - begin;
	after = bgc_tell(&card);
	if (error) {
		fprintf(stderr, "the card has found a mistake: error 0x%x at 0x%x: %s\n", after.error,
			after.error_where, strerror(error));
		return 1;
	}
	printf("triangles %lu height %lu seconds %.3f submissions %" PRIu64 " buffers %" PRIu64
	       " syncs %" PRIu64 " interrupts %" PRIu64 "\n",
	       count, height, seconds, (uint64_t)(after.completed - before.completed),
	       (uint64_t)(after.buffers - before.buffers), (uint64_t)(after.syncs - before.syncs),
	       (uint64_t)(after.interrupts - before.interrupts));
	bgc_close(&card);
	return 0;
}
