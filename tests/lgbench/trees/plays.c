// SPDX-License-Identifier: GPL-2.0-only
/*
 * plays NAME: lguest of a tree, with its hooks and lgbench's files as they are, on the machine of
 * machine.h. Each play is what threads, the scheduler and a controller do, step by step; what a
 * step must not do ends the program.
 */
#include "lg.h"
#include "lgbench.h"
#include "lgbench_abi.h"
#include "plays.h"

#define STEPS_MAX	100

extern int (*test_init)(void);
extern void (*test_exit)(void);

static struct file control;
static u64 b_was_out;

static struct lgb_info info(void)
{
	struct lgb_info info;

	check(!lgbench->fops->unlocked_ioctl(&control, LGB_INFO, (unsigned long)&info));
	return info;
}

static int is_inside(const struct guest *guest)
{
	return info().inside >> guest->id & 1;
}

static void hold(const struct guest *guest)
{
	check(!lgbench->fops->unlocked_ioctl(&control, LGB_HOLD, (unsigned long)&guest->id));
}

static void let(const struct guest *guest)
{
	check(!lgbench->fops->unlocked_ioctl(&control, LGB_LET, (unsigned long)&guest->id));
}

void lguest_arch_run_guest(struct lg_cpu *cpu)
{
	check(irqs_are_off);
	/* What this is about: nobody comes in who may not. */
	check(!(info().held >> on->id & 1) && is_inside(on));
	on->stays++;
	once(&in_guest);
	check(irqs_are_off);
}

/* One stay is enough. */
void lguest_arch_handle_trap(struct lg_cpu *cpu)
{
	is_signalled = 1;
}

static void run(struct guest *guest)
{
	loff_t first = 0;

	on = guest;
	check(lguest->fops->read(&guest->file, NULL, 0, &first) == -ERESTARTSYS);
}

static void start(struct guest *guest, u32 id)
{
	unsigned long arguments[] = { LHREQ_INITIALIZE, 0, 1, 0, 0 };
	loff_t first = 0;

	guest->id = id;
	guest->task.pid = &guest->pid;
	guest->pid.task = &guest->task;
	on = guest;
	check(lguest->fops->write(&guest->file, (void *)arguments, sizeof(arguments), &first) > 0);
	check(info().guests >> id & 1);
}

static void load(void)
{
	check(!test_init() && lguest && lgbench);
	start(&a, 0);
	start(&b, 1);
}

static void unload(void)
{
	check(!lguest->fops->release(NULL, &a.file) && !lguest->fops->release(NULL, &b.file));
	check(!info().guests && !info().inside);
	check(!a.pid.references && !b.pid.references);
	test_exit();
	check(!lguest && !lgbench && !is_up);
}

/* All samples there are; how many, each in its order. */
static unsigned int samples(struct lgb_sample *to, unsigned int most)
{
	static struct {
		struct lgb_header header;
		struct lgb_sample samples[STEPS_MAX];
	} all;
	unsigned int i;

	check(lgbench->fops->read(&control, (void *)&all, sizeof(all), NULL) > 0);
	check(all.header.samples <= most && !all.header.lost);
	for (i = 0; i < all.header.samples; i++) {
		to[i] = all.samples[i];
		check(to[i].from != to[i].to);
		check(to[i].since <= to[i].out && to[i].out <= to[i].in);
	}
	return i;
}

static void holds_a(void)
{
	hold(&a);
}

static int lets_a(void)
{
	check(!is_inside(&a));
	let(&a);
	return 0;
}

static int is_told(void)
{
	is_signalled = 1;
	return -ERESTARTSYS;
}

static void holds_and_tells_a(void)
{
	holds_a();
	is_told();
}

/* A turn ends when the gate has been passed already. */
static void turn(void)
{
	load();
	at_off = holds_a;
	at_wait = lets_a;
	run(&a);
	check(a.stays == 1 && info().gated == 1 && info().entries == 1);
	/* A signal is seen before the gate, and before the turn comes. */
	at_off = holds_and_tells_a;
	run(&a);
	check(a.stays == 1 && info().gated == 1 && info().entries == 1 && !is_inside(&a));
	at_wait = is_told;
	run(&a);
	check(a.stays == 1 && info().gated == 2 && info().entries == 1 && !is_inside(&a));
	/* That was no switch, nor is anything left of it. */
	let(&a);
	run(&b);
	run(&a);
	check(a.stays == 2 && b.stays == 1 && info().switches == 2);
	/* Whoever has to leave is told, as long as there is somebody. */
	check(a.kicks == 2 && !b.kicks);
	a.pid.task = NULL;
	hold(&a);
	check(a.kicks == 2);
	unload();
}

static u64 now(void)
{
	return __builtin_ia32_rdtsc();
}

/* The guest's thread sleeps on its way out. */
static void sleeps(void)
{
	local_irq_enable();
	on->task.state = TASK_INTERRUPTIBLE;
	run(&b);
	b_was_out = now();
	is_signalled = 0;
	on = &a;
	on->task.state = TASK_RUNNING;
	local_irq_disable();
}

static void moves(void)
{
	local_irq_enable();
	here = !here;
	local_irq_disable();
}

static void sleeps_and_moves(void)
{
	sleeps();
	moves();
}

/* Another guest comes in before one has been seen to leave. */
static void unseen(void)
{
	struct lgb_sample all[STEPS_MAX];

	load();
	in_guest = sleeps;
	run(&a);
	check(a.stays == 1 && b.stays == 1 && !samples(all, STEPS_MAX) && !is_inside(&a));
	/* Those that were seen to leave are all there, each with its own times. */
	run(&a);
	run(&b);
	check(samples(all, STEPS_MAX) == 2 && all[0].from == 1 && all[1].from == 0);
	check(all[0].out <= b_was_out && all[0].in == all[1].since);
	/* From one processor to the other: it has not left here, nor come there. */
	run(&a);
	in_guest = moves;
	run(&a);
	check(samples(all, STEPS_MAX) == 1 && !is_inside(&a));
	run(&b);
	check(!samples(all, STEPS_MAX) && here == 1);
	here = 0;
	run(&b);
	check(!samples(all, STEPS_MAX));
	/* By its next gate nobody takes it for somebody who is there. */
	run(&a);
	check(samples(all, STEPS_MAX) == 1);
	in_guest = moves;
	run(&a);
	run(&a);
	/* Instead of the other one, on the processor that it has come to. */
	check(samples(all, STEPS_MAX) == 1 && all[0].from == 1);
	here = 0;
	run(&b);
	check(!samples(all, STEPS_MAX));
	/* It comes out where it was not seen to leave the time before. */
	run(&a);
	check(samples(all, STEPS_MAX) == 1);
	in_guest = moves;
	run(&a);
	in_guest = moves;
	run(&a);
	check(here == 0);
	run(&b);
	check(!samples(all, STEPS_MAX));
	in_guest = sleeps_and_moves;
	run(&a);
	run(&b);
	run(&a);
	check(info().inside == 0);
	unload();
}

/* What is no hypervisor's guest, but a thread's: the scheduler may take it away. */
static void scheduled(void)
{
	static const char key;

	load();
	lgb_add(&key);
	on = &a;
	a.id = 2;
	check(!lgb_gate(&key) && is_inside(&a));
	local_irq_disable();
	check(!lgb_enter(&key) && is_inside(&a));
	hold(&a);
	/* It will run on. */
	lgb_out(&key);
	check(is_inside(&a));
	on->task.state = TASK_INTERRUPTIBLE;
	check(!is_inside(&a));
	on->task.state = TASK_RUNNING;
	lgb_in(&key);
	check(is_inside(&a) && info().entries == 2);
	lgb_leave(&key);
	local_irq_enable();
	check(!is_inside(&a));
	at_wait = lets_a;
	check(lgb_gate(&key) && !is_inside(&a));
	/* It ends. */
	check(!lgb_gate(&key) && is_inside(&a));
	a.pid.task = NULL;
	check(!is_inside(&a));
	a.pid.task = &a.task;
	check(is_inside(&a));
	lgb_del(&key);
	check(!is_inside(&a) && a.pid.references == 0);
	unload();
}

/* Every step that can fail does; nobody has had a device by then that has to go. */
static void loading(void)
{
	has_sse2 = 0;
	check(test_init() == -ENODEV && !allocated && !lguest && !was_shown);
	has_sse2 = 1;
	for (fails_at = 1; fails_at < STEPS_MAX; fails_at++) {
		steps = 0;
		if (!test_init())
			break;
		check(!lguest && !was_shown && !allocated && !is_up);
	}
	/* All but the last one, without which guests run as they do without a controller. */
	check(fails_at > 3 && fails_at == steps && lguest && !lgbench && is_up);
	test_exit();
	check(!lguest && !is_up);
	fails_at = 0;
	load();
	run(&a);
	unload();
	check(fails_at == 0 && !irqs_are_off);
}

int main(int count, char **arguments)
{
	static const struct {
		const char *name;
		void (*play)(void);
	} plays[] = {
		{ "turn", turn }, { "unseen", unseen }, { "scheduled", scheduled },
		{ "loading", loading },
	};
	unsigned int i;

	for (i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		if (count == 2 && !strcmp(arguments[1], plays[i].name)) {
			plays[i].play();
			return 0;
		}
	}
	return 2;
}
