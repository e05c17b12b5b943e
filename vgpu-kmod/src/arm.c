// SPDX-License-Identifier: GPL-2.0-only
/*
 * VGPU_ARM: from now on the first write to each register page is an event.
 *
 * The promise: a write that the daemon does not see when it looks at the registers after this call
 * ends its next VGPU_WAIT. And two things must never happen: a write-protected page that nobody
 * makes writable again (the writer would die of a page fault), and a writable page without an
 * event that is still to be collected (its writes would be lost).
 *
 * For mappings in the kernel, the fault handler (trap_kernel.c) makes the page writable, counts
 * the event and returns; the store is then executed again. Between the fault and that return,
 * interrupts are off. Arming goes
 *
 *   1. sample the counters
 *   2. find the pages that are writable now: the candidates
 *   3. flush the TLB of every CPU, waiting for all of them
 *   4. write-protect the candidates
 *   5. flush the TLB of every CPU
 *
 * After 3, no fault on a candidate is in progress, as a CPU with interrupts off would not have
 * answered, and none can begin before 4, since the page is writable and no CPU has an older,
 * read-only entry. If one were, 4 could take the permission away between the handler and the
 * kernel's check that the fault was spurious, and the kernel would take the store for a bug.
 *
 * After 5, a store that succeeds does so through a page that was made writable after 2. That fault
 * counts its event after making the page writable, so after 2, so after 1. It differs from the
 * sample, and VGPU_WAIT will not wait.
 *
 * For mappings in processes the mmap_lock does it: the fault handler holds it for reading from
 * before the event is counted until the page is writable, and write-protecting holds it for
 * writing.
 */

#include <linux/smp.h>
#include <linux/types.h>

#include <asm/invpcid.h>

#include "vgpu.h"

/* The kinds that say that a register page may be writable. */
static const enum vgpu_event writes[] = { VGPU_KERNEL_WRITE, VGPU_USER_WRITE, VGPU_MAPPING };

/*
 * Everything, also global entries and those of other address spaces. The kernel's own function for
 * this is for KVM only in newer kernels.
 */
static void vgpu_flush_this_cpu(void *unused)
{
	unsigned long flags, cr4;

	if (boot_cpu_has(X86_FEATURE_INVPCID)) {
		invpcid_flush_all();
		return;
	}
	local_irq_save(flags);
	asm volatile("mov %%cr4, %0" : "=r" (cr4));
	asm volatile("mov %0, %%cr4" : : "r" (cr4 ^ X86_CR4_PGE) : "memory");
	asm volatile("mov %0, %%cr4" : : "r" (cr4) : "memory");
	local_irq_restore(flags);
}

static void vgpu_flush_all(void)
{
	on_each_cpu(vgpu_flush_this_cpu, NULL, 1);
}

static u32 vgpu_arm_pages(struct vgpu_card *card, int *ret)
{
	bool candidates = vgpu_traps && vgpu_kmap_find_writable(card);
	u32 kernel = 0, user = 0;

	if (candidates)
		vgpu_flush_all();
	*ret = vgpu_umap_protect(card, &user);
	if (candidates)
		kernel = vgpu_kmap_protect(card);
	if (kernel || user)
		vgpu_flush_all();
	return kernel | user;
}

int vgpu_arm(struct vgpu_card *card, struct vgpu_arm *arm)
{
	struct vgpu_events *events = &card->events;
	u64 sample[VGPU_EVENT_KINDS];
	bool protect = !card->armed_once;
	u32 pages, happened = 0;
	int i, ret = 0;

	if (mutex_lock_interruptible(&card->arm_lock))
		return -EINTR;
	WRITE_ONCE(events->wake, arm->wake | VGPU_EVENT_WRITES);
	smp_mb();	/* pairs with the one in vgpu_event() */
	for (i = 0; i < VGPU_EVENT_KINDS; i++) {
		sample[i] = atomic64_read(&events->count[i]);
		if (sample[i] != events->armed[i])
			happened |= BIT(i);
	}
	/*
	 * After the sample: a page marked by an event that the sample has is collected here. One
	 * of a later event may be as well, and then is writable, and found again the next time.
	 */
	smp_rmb();	/* pairs with the barriers in vgpu_event_pages() and vgpu_event() */
	pages = atomic_xchg(&events->pages, 0);

	/* If there was no event, all that was protected still is. */
	for (i = 0; i < ARRAY_SIZE(writes); i++)
		protect |= happened & BIT(writes[i]);
	if (protect) {
		pages |= vgpu_arm_pages(card, &ret);
		card->arms++;
	}
	if (!vgpu_traps) {
		pages = vgpu_pages(0, card->bars[VGPU_REGISTERS].bytes);
		mod_delayed_work(vgpu_wq, &events->poll_work, msecs_to_jiffies(vgpu_poll_ms));
	}
	if (ret) {
		/* The old sample stays, so all of it is still to be collected. */
		atomic_or(pages, &events->pages);
	} else {
		card->armed_once = true;
		for (i = 0; i < VGPU_EVENT_KINDS; i++)
			WRITE_ONCE(events->armed[i], sample[i]);
		arm->events = happened;
		arm->pages = pages;
		arm->offset = READ_ONCE(events->offset);
	}
	mutex_unlock(&card->arm_lock);
	return ret;
}
