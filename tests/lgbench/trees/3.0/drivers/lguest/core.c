// SPDX-License-Identifier: GPL-2.0-only
/* The shape of 3.0: as before, with comments of several lines, and less room between the steps. */
#include <linux/module.h>
#include <linux/freezer.h>
#include <linux/sched.h>
#include <asm/paravirt.h>
#include "lg.h"

#define SWITCHER_PAGES 17

static void *switcher_page[SWITCHER_PAGES];

DEFINE_MUTEX(lguest_lock);

static __init int map_switcher(void)
{
	int i;

	for (i = 0; i < SWITCHER_PAGES; i++) {
		switcher_page[i] = kzalloc(PAGE_SIZE, GFP_KERNEL);
		if (!switcher_page[i])
			goto out;
	}
	return 0;

out:
	while (i--)
		kfree(switcher_page[i]);
	return -ENOMEM;
}

static void unmap_switcher(void)
{
	unsigned int i;

	for (i = 0; i < SWITCHER_PAGES; i++)
		kfree(switcher_page[i]);
}

int run_guest(struct lg_cpu *cpu, unsigned long __user *user)
{
	while (!cpu->lg->dead) {
		unsigned int irq;
		bool more;

		if (cpu->hcall)
			do_hypercalls(cpu);

		if (cpu->pending_notify) {
			if (!send_notify_to_eventfd(cpu)) {
				if (put_user(cpu->pending_notify, user))
					return -EFAULT;
				return sizeof(cpu->pending_notify);
			}
		}

		try_to_freeze();

		if (signal_pending(current))
			return -ERESTARTSYS;

		irq = interrupt_pending(cpu, &more);
		if (irq < LGUEST_IRQS)
			try_deliver_interrupt(cpu, irq, more);

		if (cpu->lg->dead)
			break;

		/*
		 * A guest that has nothing to do sleeps.
		 * Its timer wakes it.
		 */
		if (cpu->halted) {
			set_current_state(TASK_INTERRUPTIBLE);
			if (interrupt_pending(cpu, &more) < LGUEST_IRQS)
				set_current_state(TASK_RUNNING);
			else
				schedule();
			continue;
		}

		local_irq_disable();
		lguest_arch_run_guest(cpu);
		local_irq_enable();
		lguest_arch_handle_trap(cpu);
	}

	if (cpu->lg->dead == ERR_PTR(-ERESTART))
		return -ERESTART;
	return -ENOENT;
}

static int __init init(void)
{
	int err;

	if (paravirt_enabled()) {
		printk("lguest is in a guest\n");
		return -EPERM;
	}

	/* The switcher comes first. */
	err = map_switcher();
	if (err)
		goto out;

	err = init_pagetables(switcher_page, SWITCHER_PAGES);
	if (err)
		goto unmap;

	err = init_interrupts();
	if (err)
		goto free_pgtables;

	err = lguest_device_init();
	if (err)
		goto free_interrupts;

	lguest_arch_host_init();
	return 0;

free_interrupts:
	free_interrupts();
free_pgtables:
	free_pagetables();
unmap:
	unmap_switcher();
out:
	return err;
}

static void __exit fini(void)
{
	lguest_device_remove();
	free_interrupts();
	free_pagetables();
	unmap_switcher();

	lguest_arch_host_fini();
}

module_init(init);
module_exit(fini);
MODULE_LICENSE("GPL");
