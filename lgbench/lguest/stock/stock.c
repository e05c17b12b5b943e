// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests without a hypervisor, to use and try lgbench.c on any kernel: a thread that opens
 * /dev/lgbench-guest and calls LGB_RUN again and again is one. Each call takes it out, through the gate,
 * and in again; so does the scheduler, but for the gate.
 *
 * A thread is watched by a preemption notifier, which only the thread itself may take away. It does when
 * it closes the file or ends. If another thread of its process closes the file for good meanwhile, the
 * notifier stays, and this module with it.
 */
#include <linux/fs.h>
#include <linux/irqflags.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "lgbench.h"
#include "lgbench_abi.h"

/* Out, through the gate, in. -EINTR when a signal came instead of its turn. */
#define LGB_RUN		_IO('l', 0xc0)

struct stock_guest {
	struct preempt_notifier notifier;
	struct task_struct *task;	/* with a reference, while it is watched */
	bool inside;			/* written by the task alone */
};

static void stock_out(struct stock_guest *guest)
{
	unsigned long flags;

	local_irq_save(flags);
	lgb_out(guest);
	local_irq_restore(flags);
}

static void stock_in(struct stock_guest *guest)
{
	unsigned long flags;

	local_irq_save(flags);
	lgb_in(guest);
	local_irq_restore(flags);
}

/* With the scheduler's lock: a stamp and no more. */
static void stock_sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct stock_guest *guest = container_of(notifier, struct stock_guest, notifier);

	if (guest->inside)
		stock_out(guest);
}

static void stock_sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct stock_guest *guest = container_of(notifier, struct stock_guest, notifier);

	if (guest->inside)
		stock_in(guest);
}

static struct preempt_ops stock_preempt_ops = {
	.sched_in = stock_sched_in,
	.sched_out = stock_sched_out,
};

static void stock_watch(struct stock_guest *guest)
{
	guest->task = current;
	get_task_struct(current);
	__module_get(THIS_MODULE);
	preempt_notifier_init(&guest->notifier, &stock_preempt_ops);
	preempt_notifier_register(&guest->notifier);
}

static void stock_unwatch(struct stock_guest *guest)
{
	guest->inside = false;
	preempt_notifier_unregister(&guest->notifier);
	put_task_struct(guest->task);
	guest->task = NULL;
	module_put(THIS_MODULE);
}

static int stock_open(struct inode *inode, struct file *file)
{
	struct stock_guest *guest = kzalloc(sizeof(*guest), GFP_KERNEL);

	if (!guest)
		return -ENOMEM;
	file->private_data = guest;
	lgb_add(guest);
	return 0;
}

static int stock_flush(struct file *file, fl_owner_t owner)
{
	struct stock_guest *guest = file->private_data;

	if (guest->task == current)
		stock_unwatch(guest);
	return 0;
}

static int stock_release(struct inode *inode, struct file *file)
{
	struct stock_guest *guest = file->private_data;

	lgb_del(guest);
	if (guest->task == current || (guest->task && READ_ONCE(guest->task->exit_state)))
		stock_unwatch(guest);
	if (!guest->task)
		kfree(guest);
	return 0;
}

static long stock_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct stock_guest *guest = file->private_data;
	struct task_struct *nobody = NULL;
	long ret = 0;

	if (command != LGB_RUN)
		return -ENOTTY;
	if (READ_ONCE(guest->task) != current) {
		if (!try_cmpxchg(&guest->task, &nobody, current))
			return -EBUSY;
		stock_watch(guest);
	}
	/* Nothing may come between a stamp and what it stands for. */
	preempt_disable();
	if (guest->inside)
		stock_out(guest);
	guest->inside = false;
	preempt_enable();
	while (!ret && lgb_gate(guest))
		ret = signal_pending(current) ? -EINTR : 0;
	if (ret)
		return ret;
	preempt_disable();
	stock_in(guest);
	guest->inside = true;
	preempt_enable();
	return 0;
}

static const struct file_operations stock_files = {
	.owner = THIS_MODULE,
	.open = stock_open,
	.flush = stock_flush,
	.release = stock_release,
	.unlocked_ioctl = stock_ioctl,
	.compat_ioctl = stock_ioctl,
};

static struct miscdevice stock_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lgbench-guest",
	.fops = &stock_files,
};

static int __init stock_init(void)
{
	int ret = lgb_init();

	if (ret)
		return ret;
	ret = misc_register(&stock_device);
	if (ret) {
		lgb_exit();
		return ret;
	}
	preempt_notifier_inc();
	return 0;
}

static void __exit stock_exit(void)
{
	preempt_notifier_dec();
	misc_deregister(&stock_device);
	lgb_exit();
}

module_init(stock_init);
module_exit(stock_exit);

MODULE_DESCRIPTION("Switches between guests, measured and controlled, without a hypervisor");
MODULE_LICENSE("GPL");
