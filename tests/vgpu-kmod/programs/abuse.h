/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of abuse share. */
#ifndef ABUSE_H
#define ABUSE_H

#include <stddef.h>
#include <stdint.h>

/* random.c: the same for the same seed. */
void random_seed(uint64_t seed);
uint64_t random_word(void);
uint32_t random_below(uint32_t limit);
/* One in so many. */
int random_once_in(uint32_t many);
/* Mostly small, or near a power of two, or anything. */
uint64_t random_number(void);

/* touch.c: memory that may be taken away at any moment. */
void touch_begin(void);
/* Reads, and writes too if asked; 0, or -1 when it is not there. */
int touch(volatile uint32_t *at, int write);

/* system.c: sysfs. */
void map_resource(const char *address);
void rebind(const char *address);
/* A card of ours, whichever; 0, or -1 when there is none. */
int some_card(char *address, size_t bytes);

/* The commands; each returns an exit status. */
int stranger(void);
int user(uint64_t seed, unsigned int seconds);

#endif
