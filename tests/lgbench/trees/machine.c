// SPDX-License-Identifier: GPL-2.0-only
/* The machine of machine.h, on which plays.c plays. */
#include "lg.h"
#include "plays.h"

struct guest a, b;
struct guest *on = &a;
int here;
int irqs_are_off, is_signalled, has_sse2 = 1;
struct miscdevice *lguest, *lgbench;
int steps, fails_at, allocated, is_up, was_shown;
void (*at_off)(void), (*in_guest)(void);
int (*at_wait)(void);
unsigned int tsc_khz = 1000000;

/* Whether this is the step that fails: of those that can, each has its turn. */
static int fails(void)
{
	return ++steps == fails_at;
}

void once(void (**what)(void))
{
	void (*this)(void) = *what;

	*what = NULL;
	if (this)
		this();
}

struct task_struct *test_current(void)
{
	return &on->task;
}

int smp_processor_id(void)
{
	return here;
}

int test_has(int feature)
{
	return feature == X86_FEATURE_XMM2 && has_sse2;
}

int test_waits(void)
{
	check(at_wait && !irqs_are_off);
	return at_wait();
}

void local_irq_disable(void)
{
	/* Up to here anything can come between. */
	once(&at_off);
	check(!irqs_are_off);
	irqs_are_off = 1;
}

void local_irq_enable(void)
{
	check(irqs_are_off);
	irqs_are_off = 0;
}

void spin_lock(spinlock_t *lock)
{
	check(irqs_are_off && !lock->held++);
}

void spin_unlock(spinlock_t *lock)
{
	check(irqs_are_off && !--lock->held);
}

unsigned long test_lock_irqs(spinlock_t *lock)
{
	int were_off = irqs_are_off;

	irqs_are_off = 1;
	spin_lock(lock);
	return were_off;
}

void test_unlock_irqs(spinlock_t *lock, unsigned long flags)
{
	spin_unlock(lock);
	irqs_are_off = flags;
}

void mutex_lock(struct mutex *mutex)
{
	check(!mutex->held++);
}

int mutex_lock_interruptible(struct mutex *mutex)
{
	mutex_lock(mutex);
	return 0;
}

void mutex_unlock(struct mutex *mutex)
{
	check(!--mutex->held);
}

void init_waitqueue_head(wait_queue_head_t *wait)
{
	wait->waiters = 0;
}

void wake_up_all(wait_queue_head_t *wait)
{
	wait->waiters = 0;
}

void hrtimer_init(struct hrtimer *timer, clockid_t clock, enum hrtimer_mode mode)
{
}

u64 hrtimer_forward_now(struct hrtimer *timer, ktime_t interval)
{
	return 1;
}

int hrtimer_start(struct hrtimer *timer, ktime_t interval, enum hrtimer_mode mode)
{
	return 0;
}

int hrtimer_cancel(struct hrtimer *timer)
{
	return 0;
}

ktime_t ns_to_ktime(u64 ns)
{
	return ns;
}

static void *memory(size_t size)
{
	void *pointer = fails() ? NULL : calloc(1, size);

	allocated += !!pointer;
	return pointer;
}

void *kzalloc(size_t size, int flags)
{
	return memory(size);
}

void *kmalloc(size_t size, int flags)
{
	return memory(size);
}

void *vmalloc(unsigned long size)
{
	return memory(size);
}

void kfree(const void *pointer)
{
	allocated -= !!pointer;
	free((void *)pointer);
}

void vfree(const void *pointer)
{
	kfree(pointer);
}

void rcu_read_lock(void)
{
}

void rcu_read_unlock(void)
{
}

struct pid *task_pid(struct task_struct *task)
{
	return task->pid;
}

struct pid *get_pid(struct pid *pid)
{
	pid->references++;
	return pid;
}

void put_pid(struct pid *pid)
{
	/* It may free it. */
	check(!irqs_are_off);
	if (pid)
		pid->references--;
}

struct task_struct *pid_task(struct pid *pid, int type)
{
	return pid ? pid->task : NULL;
}

void kick_process(struct task_struct *task)
{
	(task == &a.task ? &a : &b)->kicks++;
}

void schedule(void)
{
}

void set_current_state(int state)
{
	on->task.state = state;
}

bool signal_pending(struct task_struct *task)
{
	int is = is_signalled;

	is_signalled = 0;
	return is;
}

bool try_to_freeze(void)
{
	return 0;
}

bool paravirt_enabled(void)
{
	return 0;
}

int get_kernel_rpl(void)
{
	return 0;
}

int printk(const char *format, ...)
{
	return 0;
}

static unsigned long copy(void *to, const void *from, size_t size)
{
	__builtin_memcpy(to, from, size);
	return 0;
}

unsigned long copy_from_user(void *to, const void *from, size_t size)
{
	return copy(to, from, size);
}

unsigned long copy_to_user(void *to, const void *from, size_t size)
{
	return copy(to, from, size);
}

static struct miscdevice **place(struct miscdevice *device)
{
	return strcmp(device->name, "lgbench") ? &lguest : &lgbench;
}

int misc_register(struct miscdevice *device)
{
	check(!*place(device));
	if (fails())
		return -EBUSY;
	*place(device) = device;
	was_shown |= device == lgbench;
	return 0;
}

void misc_deregister(struct miscdevice *device)
{
	check(*place(device) == device);
	*place(device) = NULL;
}

int init_pagetables(void *pages, unsigned int count)
{
	return fails() ? -ENOMEM : 0;
}

void free_pagetables(void)
{
}

int init_interrupts(void)
{
	return fails() ? -ENOMEM : 0;
}

void free_interrupts(void)
{
}

void lguest_arch_host_init(void)
{
	is_up = 1;
}

void lguest_arch_host_fini(void)
{
	is_up = 0;
}

int init_guest_pagetable(struct lguest *lg)
{
	return 0;
}

void free_guest_pagetable(struct lguest *lg)
{
}

void do_hypercalls(struct lg_cpu *cpu)
{
}

unsigned int interrupt_pending(struct lg_cpu *cpu, bool *more)
{
	return LGUEST_IRQS;
}

void try_deliver_interrupt(struct lg_cpu *cpu, unsigned int irq, bool more)
{
}

void set_interrupt(struct lg_cpu *cpu, unsigned int irq)
{
}
