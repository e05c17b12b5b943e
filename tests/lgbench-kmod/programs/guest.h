/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the program have in common. */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

/* What the test sees of a guest: in a file that both have. */
struct slot {
	uint64_t runs;		/* calls that succeeded */
	uint64_t interrupted;	/* calls that a signal ended */
	uint64_t state;		/* 1: the device is open; 2: what was told is done */
	uint64_t error;		/* errno of a call that should not have failed */
};

/* Calls that must be refused; the number of those that were not. */
int refused(void);

/* Reads samples to where there is room for ten; the same. */
int torn(void);

#endif
