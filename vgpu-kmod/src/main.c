// SPDX-License-Identifier: GPL-2.0-only
/*
 * vgpu: PCI cards that are not there, played by a program.
 *
 * See vgpu.h for a map of the files, and include/uapi/linux/vgpu.h for the program's side.
 */
#include <linux/module.h>
#include <xen/xen.h>

#include "vgpu.h"

static char *trap = "write";
module_param(trap, charp, 0444);
MODULE_PARM_DESC(trap, "How the daemon learns of register writes: write (they are trapped; default) or poll (it is woken every poll_ms to look)");

unsigned int vgpu_poll_ms = 10;
module_param_named(poll_ms, vgpu_poll_ms, uint, 0644);
MODULE_PARM_DESC(poll_ms, "With trap=poll, milliseconds between two looks (default 10)");

unsigned int vgpu_irq_rate = 100000;
module_param_named(irq_rate, vgpu_irq_rate, uint, 0644);
MODULE_PARM_DESC(irq_rate, "Interrupts per second that a card may send; 0 for no limit (default 100000)");

bool vgpu_traps;
bool vgpu_watched = true;
struct workqueue_struct *vgpu_wq;

static int vgpu_check_machine(void)
{
	if (xen_pv_domain()) {
		/* Page tables belong to the hypervisor there. */
		pr_err("a Xen PV guest cannot have vgpu cards; use an HVM or PVH guest\n");
		return -ENODEV;
	}
	if (!strcmp(trap, "write")) {
		vgpu_traps = true;
	} else if (strcmp(trap, "poll")) {
		pr_err("trap=%s: not write or poll\n", trap);
		return -EINVAL;
	}
	return 0;
}

static int __init vgpu_init(void)
{
	int ret;

	ret = vgpu_check_machine();
	if (ret)
		return ret;
	vgpu_wq = alloc_workqueue("vgpu", WQ_UNBOUND, 0);
	if (!vgpu_wq)
		return -ENOMEM;
	ret = vgpu_bar_init();
	if (ret)
		goto fail_bar;
	ret = vgpu_probes_init();
	if (ret && vgpu_traps)
		goto fail_probes;
	if (ret) {
		/* Polling needs no probes. But nobody knows who maps a card then. */
		pr_warn("mappings are not watched: the memory of cards is never given back\n");
		vgpu_watched = false;
	}
	ret = vgpu_host_init();
	if (ret)
		goto fail_host;
	vgpu_debugfs_init();
	ret = vgpu_chardev_init();
	if (ret)
		goto fail_chardev;
	pr_info("ready; register writes are %s\n", vgpu_traps ? "trapped" : "polled");
	return 0;

fail_chardev:
	vgpu_debugfs_exit();
	vgpu_host_exit();
fail_host:
	vgpu_probes_exit();
fail_probes:
	vgpu_bar_exit();
fail_bar:
	destroy_workqueue(vgpu_wq);
	return ret;
}

/* There are no cards: each holds the module. */
static void __exit vgpu_exit(void)
{
	vgpu_chardev_exit();
	/* The last steps of freeing the last card. */
	flush_workqueue(vgpu_wq);
	vgpu_debugfs_exit();
	vgpu_host_exit();
	vgpu_probes_exit();
	/* Reference counts that the probes dropped. */
	destroy_workqueue(vgpu_wq);
	vgpu_bar_exit();
	pr_info("unloaded\n");
}

module_init(vgpu_init);
module_exit(vgpu_exit);

MODULE_DESCRIPTION("PCI cards played by a program");
MODULE_AUTHOR("The vgpu authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("1.0.0");
