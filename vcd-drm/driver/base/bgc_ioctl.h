/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * What programs ask the driver of the base card for, at /dev/bgc0, /dev/bgc1, ...
 *
 * The card's memory is mapped with mmap() at the offset of its first byte, in whole pages.
 */
#ifndef BGC_IOCTL_H
#define BGC_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct bgc_info - what the card is, and what has happened
 * @features: the register FEATURES
 * @memory_bytes: size of the card's memory
 * @width: pixels of a row of the picture; 0 while the card is not in graphics
 * @height: rows of the picture
 * @ring: 1 if commands go through the ring, 0 if through single buffers
 * @error: the register ERROR_CODE at the last error
 * @error_where: the register ERROR_WHERE at the last error
 * @error_data: the register ERROR_DATA at the last error
 * @submitted: submissions taken
 * @completed: submissions carried out to their end
 * @failed: submissions given up because of an error
 * @interrupts: calls of the handler that found something
 * @buffers: buffer events
 * @syncs: sync events
 * @vblanks: vertical blank events
 * @errors: error events
 */
struct bgc_info {
	__u32 features;
	__u32 memory_bytes;
	__u32 width;
	__u32 height;
	__u32 ring;
	__u32 error;
	__u32 error_where;
	__u32 error_data;
	__u64 submitted;
	__u64 completed;
	__u64 failed;
	__u64 interrupts;
	__u64 buffers;
	__u64 syncs;
	__u64 vblanks;
	__u64 errors;
};

/**
 * struct bgc_mode - a picture
 * @width: pixels in a row; 0 leaves graphics
 * @height: rows
 * @stride: pixels from a row to the next
 * @base: where in the card's memory it begins, in bytes
 */
struct bgc_mode {
	__u32 width;
	__u32 height;
	__u32 stride;
	__u32 base;
};

/**
 * struct bgc_submit - commands for the card
 * @words: pointer to pairs of words, a tag and its data
 * @count: words, an even number, at most BGC_MAX_WORDS
 * @number: the driver puts the submission's number here, for BGC_WAIT
 */
struct bgc_submit {
	__u64 words;
	__u32 count;
	__u32 number;
};

#define BGC_MAX_WORDS	16376

/**
 * struct bgc_wait - waiting for a submission, or for the next vertical blank
 * @number: of the submission; not used for the blank
 * @timeout_ms: how long to wait at most, in milliseconds
 */
struct bgc_wait {
	__u32 number;
	__u32 timeout_ms;
};

/**
 * struct bgc_cursor - the cursor
 * @show: 1 to show it, 0 not to
 * @base: where its 64 by 64 pixels are in the card's memory, in bytes
 * @x: column of the picture that it points at
 * @y: row of the picture that it points at
 * @hot_x: column of the cursor that it points with
 * @hot_y: row of the cursor that it points with
 */
struct bgc_cursor {
	__u32 show;
	__u32 base;
	__s32 x;
	__s32 y;
	__u32 hot_x;
	__u32 hot_y;
};

/**
 * struct bgc_palette - what each level of each channel becomes
 * @colors: 256 colours as 0x00rrggbb
 * @use: 1 to have the picture go through it, 0 not to
 * @reserved: 0
 */
struct bgc_palette {
	__u32 colors[256];
	__u32 use;
	__u32 reserved;
};

#define BGC_INFO		_IOR('B', 0, struct bgc_info)
#define BGC_SET_MODE		_IOW('B', 1, struct bgc_mode)
#define BGC_SUBMIT		_IOWR('B', 2, struct bgc_submit)
#define BGC_WAIT		_IOW('B', 3, struct bgc_wait)
#define BGC_WAIT_VBLANK		_IOW('B', 4, struct bgc_wait)
#define BGC_SET_CURSOR		_IOW('B', 5, struct bgc_cursor)
#define BGC_SET_PALETTE		_IOW('B', 6, struct bgc_palette)

#endif
