// SPDX-License-Identifier: GPL-2.0-only
/*
 * Switches between guests: how long they take, and when they happen. A hypervisor calls what is in
 * lgbench.h; lgbench_device.c is what programs see of it. For Linux 2.6.30 to today's, so that it
 * can stand in drivers/lguest or in a module of its own.
 *
 * One spinlock guards everything; it is taken with interrupts off, by the timer too, and nobody
 * sleeps with it.
 */
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/percpu.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <asm/cpufeature.h>
#include <asm/tsc.h>

#include "lgbench.h"
#include "lgbench_compat.h"
#include "lgbench_device.h"

/* Samples that are kept; a power of 2. */
#define LGB_RING	65536

struct lgb_guest {
	const void *key;		/* NULL: nobody */
	struct pid *thread;		/* came to the gate last, with a reference; or NULL */
	bool held;
	bool inside;			/* has passed the gate, and not left since */
	int cpu;			/* on which it came in last */
	wait_queue_head_t wait;
};

/*
 * Who was on a processor last: since when, with interruptions, and until when. A guest may leave
 * unseen: lguest restores the floating point unit before it comes out, which can sleep, and the
 * guest's thread be on another processor after that.
 */
struct lgb_last {
	u64 since, out;
	const void *key;		/* of who has not been seen to leave; NULL: nobody */
	u32 id;
};

static DEFINE_SPINLOCK(lgb_lock);
static struct lgb_guest lgb_guests[LGB_GUESTS_MAX];
static DEFINE_PER_CPU(struct lgb_last, lgb_last);
static struct lgb_sample *lgb_ring;
static u64 lgb_head, lgb_tail, lgb_lost;
static struct lgb_info lgb_counts;	/* its counters, mode and turn */

static struct hrtimer lgb_timer;
static ktime_t lgb_interval;

/* Not before earlier instructions have ended. */
static u64 lgb_tsc(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc" : "=a" (low), "=d" (high) : : "memory");
	return (u64)high << 32 | low;
}

/* With interrupts off. this_cpu_ptr() is younger than lguest. */
static struct lgb_last *lgb_here(void)
{
	return &per_cpu(lgb_last, smp_processor_id());
}

/* Under lgb_lock. */
static struct lgb_guest *lgb_find(const void *key)
{
	unsigned int id;

	for (id = 0; id < LGB_GUESTS_MAX; id++)
		if (lgb_guests[id].key == key)
			return &lgb_guests[id];
	return NULL;
}

static u32 lgb_id(const struct lgb_guest *guest)
{
	return guest - lgb_guests;
}

static bool lgb_may_run(const struct lgb_guest *guest)
{
	return !guest->held && (lgb_counts.turn == LGB_NOBODY || lgb_counts.turn == lgb_id(guest));
}

/* Whether a guest still waits: somebody else may have its place by now. */
static bool lgb_waits(const struct lgb_guest *guest, const void *key)
{
	unsigned long flags;
	bool waits;

	spin_lock_irqsave(&lgb_lock, flags);
	waits = guest->key == key && !lgb_may_run(guest);
	spin_unlock_irqrestore(&lgb_lock, flags);
	return waits;
}

/* Its thread comes out of it, if that is on another processor. Under lgb_lock. */
static void lgb_kick(const struct lgb_guest *guest)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(guest->thread, PIDTYPE_PID);
	if (task)
		kick_process(task);
	rcu_read_unlock();
}

/* Whoever must not run any more leaves its guest; whoever may is woken. Under lgb_lock. */
static void lgb_look(void)
{
	struct lgb_guest *guest;
	unsigned int id;

	for (id = 0; id < LGB_GUESTS_MAX; id++) {
		guest = &lgb_guests[id];
		if (!guest->key)
			continue;
		if (lgb_may_run(guest))
			wake_up_all(&guest->wait);
		else
			lgb_kick(guest);
	}
}

/* To the next guest that is there and not held; to the same id if there is none. Under lgb_lock. */
static void lgb_next(void)
{
	unsigned int step, id;

	for (step = 1; step <= LGB_GUESTS_MAX; step++) {
		id = (lgb_counts.turn + step) % LGB_GUESTS_MAX;
		if (lgb_guests[id].key && !lgb_guests[id].held) {
			lgb_counts.turn = id;
			break;
		}
	}
	lgb_look();
}

/*
 * After a guest has come, gone, or been held or let go: a turn is no use to one that cannot run,
 * and the others do not wait for it. Under lgb_lock.
 */
static void lgb_settle(void)
{
	const struct lgb_guest *guest;

	if (lgb_counts.turn != LGB_NOBODY) {
		guest = &lgb_guests[lgb_counts.turn];
		if (!guest->key || guest->held) {
			lgb_next();
			return;
		}
	}
	lgb_look();
}

static enum hrtimer_restart lgb_expired(struct hrtimer *timer)
{
	enum hrtimer_restart again = HRTIMER_NORESTART;
	unsigned long flags;
	u64 passed = 1;

	spin_lock_irqsave(&lgb_lock, flags);
	if (lgb_counts.mode == LGB_ALTERNATE) {
		passed = hrtimer_forward_now(timer, lgb_interval);
		again = HRTIMER_RESTART;
	}
	if (lgb_counts.mode != LGB_FREE) {
		lgb_counts.expiries += passed;
		lgb_counts.missed += passed - 1;
		lgb_next();
	}
	spin_unlock_irqrestore(&lgb_lock, flags);
	return again;
}

/* A guest is out: if it was not seen to leave, nobody knows when it did. Under lgb_lock. */
static void lgb_forget(const struct lgb_guest *guest)
{
	struct lgb_last *last = &per_cpu(lgb_last, guest->cpu);

	if (last->key == guest->key) {
		last->key = NULL;
		last->id = LGB_NOBODY;
	}
}

int lgb_gate(const void *key)
{
	struct pid *before = NULL;
	struct lgb_guest *guest;
	unsigned long flags;
	bool waits = false;

	spin_lock_irqsave(&lgb_lock, flags);
	guest = lgb_find(key);
	if (guest) {
		lgb_forget(guest);
		if (guest->thread != task_pid(current)) {
			before = guest->thread;
			guest->thread = get_pid(task_pid(current));
		}
		waits = !lgb_may_run(guest);
		guest->inside = !waits;
		lgb_counts.gated += waits;
	}
	spin_unlock_irqrestore(&lgb_lock, flags);
	put_pid(before);
	if (!waits)
		return 0;
	/* A signal ends the wait as its turn does: the caller sees it. */
	(void)wait_event_interruptible(guest->wait, !lgb_waits(guest, key));
	return 1;
}

static void lgb_keep(const struct lgb_last *last, u64 now, u32 to)
{
	u64 took = now - last->out;
	struct lgb_sample *sample;

	if (lgb_head - lgb_tail == LGB_RING) {
		lgb_tail++;
		lgb_lost++;
	}
	sample = &lgb_ring[lgb_head++ % LGB_RING];
	sample->since = last->since;
	sample->out = last->out;
	sample->in = now;
	sample->from = last->id;
	sample->to = to;
	if (!lgb_counts.switches++ || took < lgb_counts.switch_min)
		lgb_counts.switch_min = took;
	if (took > lgb_counts.switch_max)
		lgb_counts.switch_max = took;
	lgb_counts.switch_sum += took;
}

/* Somebody is on this processor; NULL: one that is not measured. Under lgb_lock. */
static void lgb_arrive(struct lgb_guest *guest, u64 now)
{
	struct lgb_last *last = lgb_here();

	/* Neither who is not measured nor who was not seen to leave is one side of a switch. */
	if (!guest || last->key)
		last->id = LGB_NOBODY;
	last->key = NULL;
	if (!guest)
		return;
	last->key = guest->key;
	guest->cpu = smp_processor_id();
	lgb_counts.entries++;
	if (last->id == lgb_id(guest))
		return;
	if (last->id != LGB_NOBODY)
		lgb_keep(last, now, lgb_id(guest));
	last->id = lgb_id(guest);
	last->since = now;
}

int lgb_enter(const void *key)
{
	struct lgb_guest *guest;
	bool refused;
	u64 now;

	/* The work of keeping a sample is on the guest's side of the stamp. */
	now = lgb_tsc();
	spin_lock(&lgb_lock);
	guest = lgb_find(key);
	/* Whoever takes the turn away from now on makes it leave. */
	refused = guest && !lgb_may_run(guest);
	if (refused)
		guest->inside = false;
	else
		lgb_arrive(guest, now);
	spin_unlock(&lgb_lock);
	return refused;
}

void lgb_in(const void *key)
{
	u64 now = lgb_tsc();

	spin_lock(&lgb_lock);
	lgb_arrive(lgb_find(key), now);
	spin_unlock(&lgb_lock);
}

void lgb_out(const void *key)
{
	struct lgb_last *last = lgb_here();

	/* If somebody else has come in meanwhile, the stamp is theirs to make. */
	if (last->key != key)
		return;
	last->out = lgb_tsc();
	last->key = NULL;
}

void lgb_leave(const void *key)
{
	struct lgb_guest *guest;

	lgb_out(key);
	/* Its own thread is here, and its place is its own: that needs no lock. */
	guest = lgb_find(key);
	if (guest)
		guest->inside = false;
}

void lgb_add(const void *key)
{
	struct lgb_guest *guest;
	unsigned long flags;

	spin_lock_irqsave(&lgb_lock, flags);
	guest = lgb_find(NULL);
	if (guest) {
		guest->key = key;
		lgb_settle();
	}
	spin_unlock_irqrestore(&lgb_lock, flags);
	if (!guest)
		pr_warn("lgbench: more than %u guests; one is not measured\n", LGB_GUESTS_MAX);
}

void lgb_del(const void *key)
{
	struct pid *thread = NULL;
	struct lgb_guest *guest;
	unsigned long flags;
	int cpu;

	spin_lock_irqsave(&lgb_lock, flags);
	guest = lgb_find(key);
	if (guest) {
		lgb_forget(guest);
		thread = guest->thread;
		guest->key = NULL;
		guest->thread = NULL;
		guest->held = false;
		guest->inside = false;
		wake_up_all(&guest->wait);
		/* The next guest of this id is another one. */
		for_each_possible_cpu(cpu)
			if (per_cpu(lgb_last, cpu).id == lgb_id(guest))
				per_cpu(lgb_last, cpu).id = LGB_NOBODY;
		lgb_settle();
	}
	spin_unlock_irqrestore(&lgb_lock, flags);
	put_pid(thread);
}

unsigned int lgb_take(struct lgb_sample *to, unsigned int most)
{
	unsigned int taken = 0;
	unsigned long flags;

	spin_lock_irqsave(&lgb_lock, flags);
	while (taken < most && lgb_tail != lgb_head)
		to[taken++] = lgb_ring[lgb_tail++ % LGB_RING];
	spin_unlock_irqrestore(&lgb_lock, flags);
	return taken;
}

u64 lgb_take_lost(void)
{
	unsigned long flags;
	u64 lost;

	spin_lock_irqsave(&lgb_lock, flags);
	lost = lgb_lost;
	lgb_lost = 0;
	spin_unlock_irqrestore(&lgb_lock, flags);
	return lost;
}

void lgb_lose(u64 samples)
{
	unsigned long flags;

	spin_lock_irqsave(&lgb_lock, flags);
	lgb_lost += samples;
	spin_unlock_irqrestore(&lgb_lock, flags);
}

/* Ends a mode; guests that are held stay so. */
static void lgb_stop(void)
{
	unsigned long flags;

	spin_lock_irqsave(&lgb_lock, flags);
	lgb_counts.mode = LGB_FREE;
	lgb_counts.turn = LGB_NOBODY;
	lgb_look();
	spin_unlock_irqrestore(&lgb_lock, flags);
	/* The timer takes the lock; it finds that there is nothing to do. */
	hrtimer_cancel(&lgb_timer);
}

void lgb_let_all(void)
{
	unsigned long flags;
	unsigned int id;

	lgb_stop();
	spin_lock_irqsave(&lgb_lock, flags);
	for (id = 0; id < LGB_GUESTS_MAX; id++)
		lgb_guests[id].held = false;
	lgb_look();
	spin_unlock_irqrestore(&lgb_lock, flags);
}

int lgb_set_mode(const struct lgb_mode *mode)
{
	unsigned long flags;
	bool found;

	if (mode->mode == LGB_FREE) {
		lgb_stop();
		return 0;
	}
	if (mode->mode > LGB_ALTERNATE || mode->first >= LGB_GUESTS_MAX ||
	    mode->interval_ns < LGB_INTERVAL_MIN || mode->interval_ns > LGB_INTERVAL_MAX)
		return -EINVAL;
	spin_lock_irqsave(&lgb_lock, flags);
	found = lgb_guests[mode->first].key;
	spin_unlock_irqrestore(&lgb_lock, flags);
	if (!found)
		return -ESRCH;
	lgb_stop();
	/* If the first one has gone by now, the next one begins. */
	spin_lock_irqsave(&lgb_lock, flags);
	lgb_counts.mode = mode->mode;
	lgb_counts.turn = mode->first;
	lgb_settle();
	spin_unlock_irqrestore(&lgb_lock, flags);
	lgb_interval = ns_to_ktime(mode->interval_ns);
	hrtimer_start(&lgb_timer, lgb_interval, HRTIMER_MODE_REL);
	return 0;
}

int lgb_hold(u32 id, bool held)
{
	unsigned long flags;
	int ret = -ESRCH;

	if (id >= LGB_GUESTS_MAX)
		return -EINVAL;
	spin_lock_irqsave(&lgb_lock, flags);
	if (lgb_guests[id].key) {
		ret = 0;
		lgb_guests[id].held = held;
		lgb_settle();
	}
	spin_unlock_irqrestore(&lgb_lock, flags);
	return ret;
}

/*
 * Whether it runs, or would without passing the gate. One that sleeps, as one does that has nothing
 * to do, is out, and so is one whose thread has ended. Under lgb_lock.
 */
static bool lgb_is_inside(const struct lgb_guest *guest)
{
	struct task_struct *task;
	bool runs;

	rcu_read_lock();
	task = pid_task(guest->thread, PIDTYPE_PID);
	runs = task && task_is_running(task);
	rcu_read_unlock();
	return guest->inside && runs;
}

void lgb_tell(struct lgb_info *info)
{
	unsigned long flags;
	unsigned int id;

	spin_lock_irqsave(&lgb_lock, flags);
	*info = lgb_counts;
	for (id = 0; id < LGB_GUESTS_MAX; id++) {
		info->guests |= lgb_guests[id].key ? 1u << id : 0;
		info->held |= lgb_guests[id].held ? 1u << id : 0;
		info->inside |= lgb_is_inside(&lgb_guests[id]) ? 1u << id : 0;
	}
	spin_unlock_irqrestore(&lgb_lock, flags);
	info->version = LGB_ABI_VERSION;
	info->tsc_khz = tsc_khz;
}

void lgb_clear(void)
{
	unsigned long flags;

	spin_lock_irqsave(&lgb_lock, flags);
	lgb_counts = (struct lgb_info){ .mode = lgb_counts.mode, .turn = lgb_counts.turn };
	lgb_tail = lgb_head;
	lgb_lost = 0;
	spin_unlock_irqrestore(&lgb_lock, flags);
}

int lgb_init(void)
{
	unsigned int id;
	int cpu;

	/* It brought lfence. */
	if (!boot_cpu_has(X86_FEATURE_XMM2)) {
		pr_err("lgbench: this processor has no SSE2\n");
		return -ENODEV;
	}
	lgb_ring = vmalloc(LGB_RING * sizeof(*lgb_ring));
	if (!lgb_ring)
		return -ENOMEM;
	lgb_counts.turn = LGB_NOBODY;
	for (id = 0; id < LGB_GUESTS_MAX; id++)
		init_waitqueue_head(&lgb_guests[id].wait);
	for_each_possible_cpu(cpu)
		per_cpu(lgb_last, cpu).id = LGB_NOBODY;
	hrtimer_setup(&lgb_timer, lgb_expired, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	return 0;
}

/* No guest is there any more, and no program has the device open. */
void lgb_exit(void)
{
	if (!lgb_ring)
		return;
	lgb_hide();
	hrtimer_cancel(&lgb_timer);
	vfree(lgb_ring);
	lgb_ring = NULL;
}
