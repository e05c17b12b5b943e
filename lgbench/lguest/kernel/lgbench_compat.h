/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lgbench.c uses of today's kernels, on those that do not have it.
 */
#ifndef LGBENCH_COMPAT_H
#define LGBENCH_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 11, 0)
#include <linux/sched/task.h>
#endif

/* There a spinlock sleeps, which must not be where a guest comes in. */
#if defined(CONFIG_PREEMPT_RT) || defined(CONFIG_PREEMPT_RT_FULL)
#error "lgbench does not work on a PREEMPT_RT kernel"
#endif

#ifndef pr_warn
#define pr_warn	pr_warning
#endif

#ifndef task_is_running
#define task_is_running(task)	((task)->state == TASK_RUNNING)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

#endif
