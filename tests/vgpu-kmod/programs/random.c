// SPDX-License-Identifier: GPL-2.0-only
/* Numbers that look random. */

#include "abuse.h"

static uint64_t state = 1;

void random_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15ull + 1;
}

uint64_t random_word(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

uint32_t random_below(uint32_t limit)
{
	return (random_word() >> 32) % limit;
}

int random_once_in(uint32_t many)
{
	return !random_below(many);
}

uint64_t random_number(void)
{
	switch (random_below(4)) {
	case 0:
		return random_below(5);
	case 1:
		return (1ull << random_below(64)) + random_below(3) - 1;
	case 2:
		return (uint64_t)random_below(0x40) << 12;
	default:
		return random_word();
	}
}
