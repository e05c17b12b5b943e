/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of a kernel as it takes to run the trees with their hooks: two processors, which are one
 * thread of a test. What a kernel of the trees' age has for modules, and no more.
 */
#ifndef TEST_MACHINE_H
#define TEST_MACHINE_H

#include "kernel.h"

#define true			1
#define false			0
#define PLACES			2	/* for processors */
#define CLOCK_MONOTONIC		1
#define HRTIMER_MODE_REL	0
#define KERN_ERR		"<3>"
#define X86_FEATURE_XMM2	26
#define PIDTYPE_PID		0
#define EINTR			4
#define ENODEV			19
#define ESRCH			3
#define ENOTTY			25
#define KERNEL_VERSION(a, b, c)	(((a) << 16) + ((b) << 8) + (c))

#define DEFINE_SPINLOCK(name)	spinlock_t name
#define DEFINE_PER_CPU(type, name)	type name[PLACES]
#define per_cpu(name, cpu)	((name)[cpu])
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < PLACES; (cpu)++)
#define min_t(type, a, b)	((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define pr_err(...)		printk(__VA_ARGS__)
#define pr_warning(...)		printk(__VA_ARGS__)
#define boot_cpu_has(feature)	test_has(feature)
#define spin_lock_irqsave(lock, flags)	((flags) = test_lock_irqs(lock))
#define spin_unlock_irqrestore(lock, flags)	test_unlock_irqs(lock, flags)
/* Until it is so, or a signal comes instead. */
#define wait_event_interruptible(wait, condition) ({ \
	int test_left = 0; \
	while (!(condition) && !test_left) \
		test_left = test_waits(); \
	test_left; })

typedef struct {
	int held;
} spinlock_t;
typedef struct {
	int waiters;
} wait_queue_head_t;
typedef long long ktime_t;
typedef int clockid_t;

struct pid {
	struct task_struct *task;	/* NULL: it has ended */
	int references;
};

struct task_struct {
	long state;
	struct pid *pid;
};

enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode { TEST_MODE };
struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
};

extern unsigned int tsc_khz;

int smp_processor_id(void);
int test_has(int feature);
int test_waits(void);
unsigned long test_lock_irqs(spinlock_t *lock);
void test_unlock_irqs(spinlock_t *lock, unsigned long flags);
void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);
int mutex_lock_interruptible(struct mutex *mutex);
void init_waitqueue_head(wait_queue_head_t *wait);
void wake_up_all(wait_queue_head_t *wait);
void hrtimer_init(struct hrtimer *timer, clockid_t clock, enum hrtimer_mode mode);
u64 hrtimer_forward_now(struct hrtimer *timer, ktime_t interval);
int hrtimer_start(struct hrtimer *timer, ktime_t interval, enum hrtimer_mode mode);
int hrtimer_cancel(struct hrtimer *timer);
ktime_t ns_to_ktime(u64 ns);
void *kmalloc(size_t size, int flags);
void *vmalloc(unsigned long size);
void vfree(const void *pointer);
void rcu_read_lock(void);
void rcu_read_unlock(void);
struct pid *task_pid(struct task_struct *task);
struct pid *get_pid(struct pid *pid);
void put_pid(struct pid *pid);
struct task_struct *pid_task(struct pid *pid, int type);
void kick_process(struct task_struct *task);

#endif
