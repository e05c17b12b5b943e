// SPDX-License-Identifier: GPL-2.0-only
//
// Puts the hooks of kernel/lgbench.h into drivers/lguest of Linux 2.6.30 to 4.13.
//
// `lgbench lguest apply` runs this on copies of core.c and lguest_user.c, and then makes sure itself
// that every hook went where it belongs, once, and that nothing else has changed.

@header@
@@
 #include "lg.h"
+#include "lgbench.h"

// The loop has looked at signals before, and looks at them again after a wait.
@gate@
identifier cpu;
@@
 run_guest(struct lg_cpu *cpu, ...)
 {
 <...
+	if (lgb_gate(cpu->lg))
+		continue;
 	if (cpu->halted) { ... }
 ...>
 }

// What takes a turn away after the gate has been passed is not lost: with interrupts off the guest asks
// again, and whatever comes from then on takes it out.
@stamps@
identifier cpu;
@@
 run_guest(struct lg_cpu *cpu, ...)
 {
 <...
 	local_irq_disable();
+	if (lgb_enter(cpu->lg)) {
+		local_irq_enable();
+		continue;
+	}
 	lguest_arch_run_guest(cpu);
+	lgb_leave(cpu->lg);
 	local_irq_enable();
 ...>
 }

// Both with lguest_lock: when a guest is complete, and before anything of it is taken apart.
@begins@
identifier file, lg;
@@
 initialize(struct file *file, ...)
 {
 <...
 	file->private_data = lg;
+	lgb_add(lg);
 ...>
 }

@ends@
identifier inode, file, lg;
symbol lguest_lock;
@@
 close(struct inode *inode, struct file *file)
 {
 	...
 	struct lguest *lg = file->private_data;
 <...
 	mutex_lock(&lguest_lock);
+	lgb_del(lg);
 ...>
 }

// First of what can fail, so that nothing is there to be undone when it does, in any version, and so that
// no guest can begin before. Nobody can open anything by that.
@loaded@
identifier err;
@@
 init(void)
 {
 <...
+	err = lgb_init();
+	if (err)
+		goto out;
 	err = map_switcher();
 ...>
 }

// A program may open it at once, so nothing that can fail comes after it.
@shown@
@@
 init(void)
 {
 <...
 	lguest_arch_host_init();
+	lgb_show();
 ...>
 }

@failed exists@
identifier err;
symbol out;
@@
 init(void)
 {
 	...
 out:
+	lgb_exit();
 	return err;
 }

// Last, as it was first.
@unloaded@
@@
 fini(void)
 {
 <...
 	lguest_arch_host_fini();
+	lgb_exit();
 ...>
 }
