/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hypervisor calls. A guest is known by an address that is its own, such as that of its
 * struct lguest.
 */
#ifndef LGBENCH_H
#define LGBENCH_H

int lgb_init(void);
void lgb_exit(void);

/* A guest begins, and ends. Nothing of it is called between lgb_del() and lgb_add(). */
void lgb_add(const void *guest);
void lgb_del(const void *guest);

/*
 * Before each entry, where sleeping is allowed: waits for the guest's turn. Whether it has
 * waited; then the caller looks for signals first, and comes again.
 */
int lgb_gate(const void *guest);

/*
 * Interrupts are off in both, and nothing is between each and the guest. In between they may be on
 * for a while: other guests may come and go then, and the second be on another processor.
 */
void lgb_in(const void *guest);
void lgb_out(const void *guest);

#endif
