// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests without a hypervisor, to use and try lgbench.c on any kernel: a thread that opens
 * /dev/lgbench-guest and calls LGB_RUN again and again is one. Each call takes it out, through
 * the gate, and in again; so does the scheduler, but for the gate. The guest is there until its
 * file is closed.
 *
 * A thread is watched by a preemption notifier, which nobody may take away from it while it may
 * still be scheduled, but itself: it does when it closes the file. When another thread of its
 * process closes the file for good, the notifier stays for as long as the thread does, without
 * effect, and this module with it.
 */
#include <linux/fs.h>
#include <linux/irqflags.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "lgbench.h"
#include "lgbench_guest.h"

/* Between two looks at whether the thread of a file that is closed has ended. */
#define STOCK_PAUSE	(HZ / 50 + 1)

struct stock_guest {
	struct preempt_notifier notifier;
	struct task_struct *task;	/* with a reference, while it is watched */
	bool inside;			/* written by the task alone, until the file is closed */
	struct list_head left;		/* of stock_left, then */
};

/* Watched threads whose file is closed. */
static LIST_HEAD(stock_left);
static DEFINE_MUTEX(stock_left_lock);

static void stock_look(struct work_struct *work);
static DECLARE_DELAYED_WORK(stock_looker, stock_look);

/* With the scheduler's lock: a stamp and no more. */
static void stock_sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct stock_guest *guest = container_of(notifier, struct stock_guest, notifier);
	unsigned long flags;

	if (!READ_ONCE(guest->inside))
		return;
	local_irq_save(flags);
	lgb_out(guest);
	local_irq_restore(flags);
}

/* Without it. */
static void stock_sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct stock_guest *guest = container_of(notifier, struct stock_guest, notifier);
	unsigned long flags;

	if (!READ_ONCE(guest->inside))
		return;
	local_irq_save(flags);
	lgb_in(guest);
	local_irq_restore(flags);
}

static struct preempt_ops stock_preempt_ops = {
	.sched_in = stock_sched_in,
	.sched_out = stock_sched_out,
};

/* The guest's own thread leaves it. Nothing comes between the stamp and what it stands for. */
static void stock_leave(struct stock_guest *guest)
{
	local_irq_disable();
	if (guest->inside)
		lgb_leave(guest);
	WRITE_ONCE(guest->inside, false);
	local_irq_enable();
}

/* Whether it is in: else it has no turn any more. */
static bool stock_enter(struct stock_guest *guest)
{
	bool enters;

	local_irq_disable();
	enters = !lgb_enter(guest);
	WRITE_ONCE(guest->inside, enters);
	local_irq_enable();
	return enters;
}

/* By the thread itself; or by anybody, when it has ended. */
static void stock_unwatch(struct stock_guest *guest)
{
	struct task_struct *task = guest->task;

	if (task == current)
		stock_leave(guest);
	preempt_disable();
	preempt_notifier_unregister(&guest->notifier);
	preempt_enable();
	/* Another thread may take the guest over: after all of this. */
	smp_store_release(&guest->task, NULL);
	put_task_struct(task);
	module_put(THIS_MODULE);
}

/*
 * Whether it will never be scheduled again. It is dead somewhat earlier than it has left its
 * processor.
 */
static bool stock_has_ended(struct task_struct *task)
{
	if (READ_ONCE(task->__state) != TASK_DEAD)
		return false;
#ifdef CONFIG_SMP
	/* After its notifiers were called for the last time, by finish_task(). */
	return !smp_load_acquire(&task->on_cpu);
#else
	return true;
#endif
}

/* Threads that have ended, and the caller, are not watched for closed files any more. */
static void stock_look(struct work_struct *work)
{
	struct stock_guest *guest, *next;

	mutex_lock(&stock_left_lock);
	list_for_each_entry_safe(guest, next, &stock_left, left) {
		if (guest->task != current && !stock_has_ended(guest->task))
			continue;
		list_del(&guest->left);
		stock_unwatch(guest);
		kfree(guest);
	}
	if (!list_empty(&stock_left))
		schedule_delayed_work(&stock_looker, STOCK_PAUSE);
	mutex_unlock(&stock_left_lock);
}

/* The calling thread is the guest from now on. */
static int stock_watch(struct stock_guest *guest)
{
	const struct preempt_notifier *other;
	struct task_struct *nobody = NULL;

	/* It may have been one, of a file that another thread has closed. */
	stock_look(NULL);
	hlist_for_each_entry(other, &current->preempt_notifiers, link)
		if (other->ops == &stock_preempt_ops)
			return -EBUSY;
	if (!try_cmpxchg(&guest->task, &nobody, current))
		return -EBUSY;
	get_task_struct(current);
	__module_get(THIS_MODULE);
	preempt_notifier_init(&guest->notifier, &stock_preempt_ops);
	preempt_disable();
	preempt_notifier_register(&guest->notifier);
	preempt_enable();
	return 0;
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

/* At every close, also at that of a copy: the next LGB_RUN, if any, watches the thread again. */
static int stock_flush(struct file *file, fl_owner_t owner)
{
	struct stock_guest *guest = file->private_data;

	if (READ_ONCE(guest->task) == current)
		stock_unwatch(guest);
	return 0;
}

/* Nobody can call LGB_RUN any more. */
static int stock_release(struct inode *inode, struct file *file)
{
	struct stock_guest *guest = file->private_data;

	if (guest->task == current)
		stock_unwatch(guest);
	WRITE_ONCE(guest->inside, false);
	lgb_del(guest);
	if (!guest->task) {
		kfree(guest);
		return 0;
	}
	mutex_lock(&stock_left_lock);
	list_add(&guest->left, &stock_left);
	mutex_unlock(&stock_left_lock);
	stock_look(NULL);
	return 0;
}

static long stock_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct stock_guest *guest = file->private_data;
	long ret = 0;

	if (command != LGB_RUN)
		return -ENOTTY;
	if (READ_ONCE(guest->task) != current)
		ret = stock_watch(guest);
	if (ret)
		return ret;
	stock_leave(guest);
	while (lgb_gate(guest) || !stock_enter(guest))
		if (signal_pending(current))
			return -EINTR;
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
	/* A program may open the device as soon as it is there, and be a guest. */
	preempt_notifier_inc();
	ret = misc_register(&stock_device);
	if (ret) {
		preempt_notifier_dec();
		lgb_exit();
		return ret;
	}
	lgb_show();
	return 0;
}

static void __exit stock_exit(void)
{
	misc_deregister(&stock_device);
	/* It gave the last thread free, and may not have returned. */
	cancel_delayed_work_sync(&stock_looker);
	preempt_notifier_dec();
	lgb_exit();
}

module_init(stock_init);
module_exit(stock_exit);

MODULE_DESCRIPTION("Switches between guests, measured and controlled, without a hypervisor");
MODULE_LICENSE("GPL");
