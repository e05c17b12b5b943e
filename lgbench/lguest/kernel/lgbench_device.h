/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lgbench.c and lgbench_device.c have of each other. The device calls everything here with
 * its mutex, one program at a time.
 */
#ifndef LGBENCH_DEVICE_H
#define LGBENCH_DEVICE_H

#include <linux/types.h>

#include "lgbench_abi.h"

void lgb_hide(void);

/* Samples from the oldest on, out of the ring; how many. */
unsigned int lgb_take(struct lgb_sample *to, unsigned int most);

/* How many did not stay in the ring since the last time; and some that went otherwise. */
u64 lgb_take_lost(void);
void lgb_lose(u64 samples);

void lgb_tell(struct lgb_info *info);
void lgb_clear(void);

/* What has failed has changed nothing. */
int lgb_set_mode(const struct lgb_mode *mode);
int lgb_hold(u32 id, bool held);

/* No mode, and nobody is held. */
void lgb_let_all(void);

#endif
