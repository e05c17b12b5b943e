/* SPDX-License-Identifier: GPL-2.0-only */
/* What the misbehaving driver can be asked to do, on /dev/baddrvN for the Nth card it has. */
#ifndef BADDRV_H
#define BADDRV_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BAD_SLOTS	64
#define BAD_VECTORS	32

/* mmap() offsets */
#define BAD_MMAP_REGISTERS	0x00000000	/* remap_pfn_range() */
#define BAD_MMAP_FRAMEBUFFER	0x10000000	/* remap_pfn_range() */
#define BAD_MMAP_FAULT		0x20000000	/* registers, vmf_insert_pfn() page by page */

/* For BAD_WRITE, BAD_READ and BAD_HAMMER (value: how often) */
struct bad_register {
	__u32 offset;
	__u32 value;
};

/* For the DMA calls: what is in a slot, 0 to BAD_SLOTS - 1 */
struct bad_dma {
	__u32 slot;
	__u32 direction;	/* 1 to the device, 2 from it, 0 both */
	__u64 size;
	__u64 address;		/* result */
};

/* For BAD_DMA_PEEK and BAD_DMA_POKE: a byte of the memory in a slot */
struct bad_byte {
	__u32 slot;
	__u32 offset;
	__u32 value;
};

struct bad_interrupts {
	__u32 vectors;
	__u32 msi;
	__u64 count[BAD_VECTORS];
};

/* What the driver forgets to do when it is removed */
#define BAD_FORGET_IOUNMAP	(1U << 0)
#define BAD_FORGET_DMA		(1U << 1)

#define BAD_WRITE		_IOW('b', 1, struct bad_register)
#define BAD_READ		_IOWR('b', 2, struct bad_register)
#define BAD_DMA_ALLOC		_IOWR('b', 3, struct bad_dma)
#define BAD_DMA_MAP		_IOWR('b', 4, struct bad_dma)
#define BAD_DMA_FREE		_IOW('b', 5, struct bad_dma)
#define BAD_DMA_PEEK		_IOWR('b', 6, struct bad_byte)
#define BAD_DMA_POKE		_IOW('b', 7, struct bad_byte)
#define BAD_MASTER		_IO('b', 8)	/* argument: on or off */
#define BAD_INTERRUPTS		_IOR('b', 9, struct bad_interrupts)
#define BAD_FORGET		_IO('b', 10)	/* argument: BAD_FORGET_* */
#define BAD_REMEMBER		_IO('b', 11)	/* do what was forgotten */
#define BAD_REMAP		_IO('b', 12)	/* iounmap() and ioremap() the registers */
#define BAD_POWER		_IO('b', 13)	/* argument: 0 for D0, 3 for D3hot */
#define BAD_HAMMER		_IOW('b', 14, struct bad_register)

#endif
