// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds one system call of one program where drivers have races, until it is told to go on or some
 * milliseconds have passed. Interrupts run on other processors meanwhile: what a handler finds then
 * is what it may find on any day.
 *
 *   place 1   before a write to a card's register: the page fault that the module vgpu provokes
 *   place 2   before the caller is put on a wait queue
 *
 * A program writes its process id, then the place, to /sys/module/vgpu_hold/parameters. Its next
 * call that comes by is held: held becomes 1, and 2 when it goes on.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>

#define REGISTER_WRITE	1
#define WAIT_QUEUE	2

/* Nobody is held longer, nanoseconds: interrupts may be off. */
#define LONGEST		(20 * NSEC_PER_MSEC)

/* A store that the page table forbids. */
#define FORBIDDEN_STORE	3

static int pid;
module_param(pid, int, 0600);
MODULE_PARM_DESC(pid, "Which program");

static int place;
module_param(place, int, 0600);
MODULE_PARM_DESC(place, "Where it is held, once");

static int held;
module_param(held, int, 0600);
MODULE_PARM_DESC(held, "1 while it is held, 2 when it was");

static int go;
module_param(go, int, 0600);
MODULE_PARM_DESC(go, "Let it go on");

static void notrace hold(int where)
{
	u64 until;

	if (READ_ONCE(place) != where || READ_ONCE(pid) != task_pid_nr(current))
		return;
	if (cmpxchg(&place, where, 0) != where)
		return;
	until = ktime_get_mono_fast_ns() + LONGEST;
	WRITE_ONCE(held, 1);
	while (!READ_ONCE(go) && ktime_get_mono_fast_ns() < until)
		cpu_relax();
	WRITE_ONCE(held, 2);
}
NOKPROBE_SYMBOL(hold);

static void notrace on_fault(void *data, unsigned long address, struct pt_regs *regs,
			     unsigned long error_code)
{
	if (error_code == FORBIDDEN_STORE)
		hold(REGISTER_WRITE);
}
NOKPROBE_SYMBOL(on_fault);

static int on_wait(struct kprobe *probe, struct pt_regs *regs)
{
	hold(WAIT_QUEUE);
	return 0;
}
NOKPROBE_SYMBOL(on_wait);

/* Whatever puts a caller on a queue. Not every kernel has every one. */
static struct {
	struct kprobe probe;
	bool on;
} waits[] = {
#define WAIT(name) { .probe = { .symbol_name = name, .pre_handler = on_wait } }
	WAIT("prepare_to_wait"),
	WAIT("prepare_to_wait_event"),
	WAIT("prepare_to_wait_exclusive"),
	WAIT("prepare_to_swait_event"),
	WAIT("prepare_to_swait_exclusive"),
	WAIT("add_wait_queue"),
	WAIT("add_wait_queue_exclusive"),
};

static struct tracepoint *faults;

static void find(struct tracepoint *tracepoint, void *data)
{
	if (!strcmp(tracepoint->name, "page_fault_kernel"))
		faults = tracepoint;
}

static int __init hold_init(void)
{
	unsigned int i, on = 0;
	int ret;

	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		waits[i].on = !register_kprobe(&waits[i].probe);
		on += waits[i].on;
	}
	for_each_kernel_tracepoint(find, NULL);
	/* Before vgpu, which makes the page writable. */
	ret = faults ? tracepoint_probe_register_prio(faults, on_fault, NULL, 20) : -ENOENT;
	if (!ret && on)
		return 0;
	for (i = 0; i < ARRAY_SIZE(waits); i++)
		if (waits[i].on)
			unregister_kprobe(&waits[i].probe);
	return ret ?: -ENOENT;
}

static void __exit hold_exit(void)
{
	unsigned int i;

	WRITE_ONCE(place, 0);
	tracepoint_probe_unregister(faults, on_fault, NULL);
	tracepoint_synchronize_unregister();
	for (i = 0; i < ARRAY_SIZE(waits); i++)
		if (waits[i].on)
			unregister_kprobe(&waits[i].probe);
}

module_init(hold_init);
module_exit(hold_exit);

MODULE_DESCRIPTION("Holds a program's call at the worst moment, to grade drivers");
MODULE_LICENSE("GPL");
