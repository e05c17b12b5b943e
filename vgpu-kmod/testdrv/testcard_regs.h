/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The test card: its registers and the entries of its command ring.
 *
 * BAR 0 holds registers of 32 bits, BAR 2 the framebuffer. The rules of the card:
 *
 * - Every register is written by one side: the driver, or the card. The one exception is
 *   TC_COMMAND, where the driver starts something and the card writes 0 when it has done it; until
 *   then the driver leaves it and TC_ARG() alone.
 * - The card may see two writes to one register as one: it sees the last.
 * - Reading changes nothing. No bit is cleared by writing it.
 * - Counts and indices run freely through all 32 bits.
 */
#ifndef TESTCARD_REGS_H
#define TESTCARD_REGS_H

#include <linux/types.h>

#define TC_VENDOR		0x1234
#define TC_DEVICE		0x7e57
#define TC_SUBSYSTEM		0x0001

/* BAR 0 is at least this large. */
#define TC_REGS_SIZE		0x4000

/* What the card is. Written by the card. */
#define TC_ID			0x000
#define TC_ID_VALUE		0x31646374
#define TC_VERSION		0x004
#define TC_VERSION_VALUE	1

/* TC_SCRATCH: the driver's. TC_MIRROR: the card's, soon ~TC_SCRATCH. */
#define TC_SCRATCH		0x010
#define TC_MIRROR		0x014

/* Commands. TC_ARG(0) to TC_ARG(3) are the driver's; the card's tell of the last one done. */
#define TC_COMMAND		0x020
#define TC_ARG(n)		(0x024 + 4 * (n))
#define TC_RESULT		0x034
#define TC_VALUE		0x038
#define TC_COMMANDS		0x03c

/* Nothing. */
#define TC_CMD_NOP		1
/* One interrupt. */
#define TC_CMD_INTERRUPT	2
/* TC_VALUE = sum of the 32-bit words from offset TC_ARG(0) of the framebuffer, TC_ARG(1) bytes. */
#define TC_CMD_SUM		3
/* Forget the ring: TC_CONSUMER, TC_FENCE and TC_RING_ERROR become 0. */
#define TC_CMD_RESET_RING	4

/* Values of TC_RESULT. */
#define TC_OK			0
#define TC_E_COMMAND		1
#define TC_E_RANGE		2

/*
 * Interrupts. While TC_INT_ENABLE (the driver's) is 1, the card counts TC_INT_RAISED up, then
 * interrupts. The handler writes what it has read there to TC_INT_SEEN. TC_INT_STAMP_LO and _HI
 * hold the time-stamp counter just before the last interrupt.
 */
#define TC_INT_ENABLE		0x040
#define TC_INT_RAISED		0x044
#define TC_INT_SEEN		0x048
#define TC_INT_STAMP_LO		0x04c
#define TC_INT_STAMP_HI		0x050

/*
 * The command ring: TC_RING_ENTRIES entries, a power of two from 2 to 256, at DMA address
 * TC_RING_HI:TC_RING_LO. Entries from TC_CONSUMER up to TC_PRODUCER are the card's; entry i is at
 * i % TC_RING_ENTRIES. TC_PRODUCER and those above are the driver's. After an error the card leaves
 * the ring alone until TC_CMD_RESET_RING; TC_CONSUMER is the entry that has it.
 */
#define TC_RING_LO		0x080
#define TC_RING_HI		0x084
#define TC_RING_ENTRIES		0x088
#define TC_PRODUCER		0x08c
#define TC_CONSUMER		0x090
#define TC_FENCE		0x094
#define TC_RING_ERROR		0x098

/* Values of TC_RING_ERROR. */
#define TC_RING_E_ENTRY		1	/* no such operation, or outside of the framebuffer */
#define TC_RING_E_DMA		2	/* the memory named is not the card's to read or write */
#define TC_RING_E_RING		3	/* the ring itself: its size, place or indices */

/*
 * For stress: TC_HAMMER(n), n < 32, are the driver's, 16 on a page. The card copies what it sees to
 * TC_ECHO(n), then counts TC_SEEN(n). These are on a page that only the card writes.
 */
#define TC_HAMMERS		32
#define TC_HAMMER(n)		(0x1000 + 0x1000 * ((n) / 16) + 4 * ((n) % 16))
#define TC_ECHO(n)		(0x3000 + 4 * (n))
#define TC_SEEN(n)		(0x3100 + 4 * (n))

/**
 * struct tc_entry - one entry of the command ring
 * @op: TC_OP_*, and TC_ENTRY_INTERRUPT for an interrupt when it is done
 * @value: the fence's value, or the word to fill with
 * @address: DMA address
 * @offset: place in the framebuffer
 * @length: bytes; 0 is an error
 * @to: DMA address that TC_OP_COPY writes to
 */
struct tc_entry {
	__le32 op;
	__le32 value;
	__le64 address;
	__le32 offset;
	__le32 length;
	__le64 to;
};

#define TC_ENTRY_INTERRUPT	0x80000000

#define TC_OP_FENCE		1	/* TC_FENCE = @value */
#define TC_OP_TO_FB		2	/* from @address to the framebuffer */
#define TC_OP_FROM_FB		3	/* from the framebuffer to @address */
#define TC_OP_FILL		4	/* words; @offset and @length divide by 4 */
#define TC_OP_COPY		5	/* from @address to @to */

#endif
