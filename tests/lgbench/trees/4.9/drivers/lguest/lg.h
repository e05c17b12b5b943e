/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LG_H
#define LG_H

#define LGUEST_IRQS	32
#define LHREQ_INITIALIZE	0
#define LHREQ_IRQ	2

struct lguest;
struct lg_cpu {
	struct lguest *lg;
	struct task_struct *tsk;
	unsigned long *reg_read;
	struct {
		unsigned int trap;
	} pending;
	int halted;
	const void *hcall;
};

struct lguest {
	struct lg_cpu cpus[1];
	unsigned int nr_cpus;
	u32 pfn_limit;
	const char *dead;
};

int run_guest(struct lg_cpu *cpu, unsigned long __user *user);
int lguest_device_init(void);
void lguest_device_remove(void);
void lguest_arch_host_init(void);
void lguest_arch_host_fini(void);
void lguest_arch_run_guest(struct lg_cpu *cpu);
void lguest_arch_handle_trap(struct lg_cpu *cpu);
void do_hypercalls(struct lg_cpu *cpu);
unsigned int interrupt_pending(struct lg_cpu *cpu, bool *more);
void try_deliver_interrupt(struct lg_cpu *cpu, unsigned int irq, bool more);
void set_interrupt(struct lg_cpu *cpu, unsigned int irq);
int init_interrupts(void);
void free_interrupts(void);
int init_guest_pagetable(struct lguest *lg);
void free_guest_pagetable(struct lguest *lg);

#endif
