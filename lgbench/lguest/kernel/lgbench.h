/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hypervisor calls. A guest is known by an address that is its own, such as that of its
 * struct lguest.
 */
#ifndef LGBENCH_H
#define LGBENCH_H

/* First of all, and last. lgb_exit() does nothing where lgb_init() has not succeeded. */
int lgb_init(void);
void lgb_exit(void);

/*
 * /dev/lgbench, when nothing can fail any more: a program may open it at once, and then the module
 * cannot go. For the same reason it does not fail either: other devices of the module may be open
 * by now. If it cannot be made the kernel's log says so, and guests run without it.
 */
void lgb_show(void);

/* A guest begins, and ends. Nothing of it is called between lgb_del() and lgb_add(). */
void lgb_add(const void *guest);
void lgb_del(const void *guest);

/*
 * Before each entry, where sleeping is allowed: waits for the guest's turn. Whether it has
 * waited; then the caller looks for signals first, and comes again.
 */
int lgb_gate(const void *guest);

/*
 * The guest's entry, after the gate, and its leaving. Interrupts are off in both, and nothing is
 * between each and the guest; between them they may be on for a while: others may come and go
 * then, and the second be on another processor. Whether its turn has gone since the gate: then it
 * is not in, and the caller goes to the gate again. A turn that goes later interrupts the guest's
 * processor.
 */
int lgb_enter(const void *guest);
void lgb_leave(const void *guest);

/*
 * For a guest that is a thread: the scheduler takes it away after the entry, and brings it back
 * without asking. It is inside all the time, for it runs on whatever its turn is.
 */
void lgb_out(const void *guest);
void lgb_in(const void *guest);

#endif
