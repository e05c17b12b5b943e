// SPDX-License-Identifier: GPL-2.0-only
/* The shape of 4.9: programs hear of traps; there are no page tables to set up for all guests. */
#include <linux/module.h>
#include <linux/freezer.h>
#include <linux/sched.h>
#include <asm/asm-offsets.h>
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
	if (cpu->reg_read) {
		if (put_user(*cpu->reg_read, user))
			return -EFAULT;
		cpu->reg_read = NULL;
		return sizeof(*cpu->reg_read);
	}

	while (!cpu->lg->dead) {
		unsigned int irq;
		bool more;

		if (cpu->hcall)
			do_hypercalls(cpu);

		if (cpu->pending.trap) {
			if (copy_to_user(user, &cpu->pending, sizeof(cpu->pending)))
				return -EFAULT;
			return sizeof(cpu->pending);
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

	if (get_kernel_rpl() != 0) {
		printk("lguest is in a guest\n");
		return -EPERM;
	}

	/* The switcher comes first. */
	err = map_switcher();
	if (err)
		goto out;

	err = init_interrupts();
	if (err)
		goto unmap;

	err = lguest_device_init();
	if (err)
		goto free_interrupts;

	lguest_arch_host_init();
	return 0;

free_interrupts:
	free_interrupts();
unmap:
	unmap_switcher();
out:
	return err;
}

static void __exit fini(void)
{
	lguest_device_remove();
	free_interrupts();
	unmap_switcher();

	lguest_arch_host_fini();
}

module_init(init);
module_exit(fini);
MODULE_LICENSE("GPL");
