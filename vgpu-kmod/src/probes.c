// SPDX-License-Identifier: GPL-2.0-only
/*
 * Observation points in the kernel. None changes what the kernel does there.
 *
 * A return probe on the ioremap functions learns where a driver's mapping is, one on iounmap() when
 * it is gone. Probes where page frames are put into a process's page table tell which processes to
 * look at; what is really mapped there is read from the page tables later, when it may be slept.
 *
 * A call can be missed, when too many are under way at once, for example. Then a mapping may exist
 * that nobody knows of, and the memory is never given back (vgpu_probes_missed()).
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/tracepoint.h>

#include "vgpu.h"

struct vgpu_ioremap_call {
	struct vgpu_card *card;
	enum vgpu_bar_index bar;
	size_t bytes;
};

static int vgpu_ioremap_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct vgpu_ioremap_call *call = (void *)ri->data;
	phys_addr_t base = regs_get_kernel_argument(regs, 0);
	size_t bytes = regs_get_kernel_argument(regs, 1);
	struct vgpu_card *card;

	rcu_read_lock();
	card = vgpu_card_find(base, bytes, &call->bar);
	if (card && !vgpu_card_tryget(card))
		card = NULL;
	rcu_read_unlock();
	call->card = card;
	call->bytes = bytes;
	/* Nonzero: not interested in the return. */
	return !card;
}
NOKPROBE_SYMBOL(vgpu_ioremap_entry);

static int vgpu_ioremap_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct vgpu_ioremap_call *call = (void *)ri->data;
	unsigned long address = regs_return_value(regs);
	struct vgpu_card *card = call->card;

	if (!address) {
		vgpu_card_put(card);
		return 0;
	}
	/* If there is no room the reference stays: the memory is kept for ever. */
	if (vgpu_kmap_add(card, call->bar, address, call->bytes))
		atomic_inc(&card->kernel_maps);
	else
		pr_err_once("card %u is mapped too often; it can no longer be removed entirely\n",
			    card->id);
	if (call->bar == VGPU_REGISTERS)
		vgpu_event_pages(card, VGPU_MAPPING, vgpu_pages(0, card->bars[call->bar].bytes));
	return 0;
}
NOKPROBE_SYMBOL(vgpu_ioremap_return);

static int vgpu_iounmap_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct vgpu_card **call = (void *)ri->data;
	struct vgpu_card *card = vgpu_kmap_remove(regs_get_kernel_argument(regs, 0));

	if (!card)
		return 1;
	/* The last writes have not been seen, and will not be found by the next VGPU_ARM. */
	atomic_dec(&card->kernel_maps);
	vgpu_event_pages(card, VGPU_MAPPING, vgpu_pages(0, card->bars[VGPU_REGISTERS].bytes));
	*call = card;
	return 0;
}
NOKPROBE_SYMBOL(vgpu_iounmap_entry);

/* Only now is the mapping gone. */
static int vgpu_iounmap_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct vgpu_card **call = (void *)ri->data;

	vgpu_card_put(*call);
	return 0;
}
NOKPROBE_SYMBOL(vgpu_iounmap_return);

/*
 * remap_pfn_range() or the like is about to map page frames into an area. The mmap_lock is held,
 * for writing in mmap() and for reading in a page fault; VGPU_ARM, which takes it for writing, will
 * find the area complete.
 */
static void vgpu_user_mapping(struct vm_area_struct *vma, unsigned long pfn, size_t bytes)
{
	enum vgpu_bar_index bar;
	struct vgpu_card *card;

	if (vgpu_daemon_owns(vma))
		return;
	rcu_read_lock();
	card = vgpu_card_find(PFN_PHYS(pfn), bytes, &bar);
	if (card)
		vgpu_umap_note(card, vma->vm_mm);
	rcu_read_unlock();
}
NOKPROBE_SYMBOL(vgpu_user_mapping);

static int vgpu_remap_range(struct kprobe *p, struct pt_regs *regs)
{
	vgpu_user_mapping((void *)regs_get_kernel_argument(regs, 0),
			  regs_get_kernel_argument(regs, 2), regs_get_kernel_argument(regs, 3));
	return 0;
}
NOKPROBE_SYMBOL(vgpu_remap_range);

static int vgpu_insert_pfn(struct kprobe *p, struct pt_regs *regs)
{
	vgpu_user_mapping((void *)regs_get_kernel_argument(regs, 0),
			  regs_get_kernel_argument(regs, 2), PAGE_SIZE);
	return 0;
}
NOKPROBE_SYMBOL(vgpu_insert_pfn);

/*
 * One function may be compiled into another, so both the exported ones and those they call are
 * watched; being told twice does no harm. Not every kernel has every one of them.
 */
static struct {
	struct kretprobe probe;
	bool on;
} returns[] = {
#define VGPU_IOREMAP(name) { .probe = {			\
		.kp.symbol_name = name,				\
		.entry_handler = vgpu_ioremap_entry,		\
		.handler = vgpu_ioremap_return,			\
		.data_size = sizeof(struct vgpu_ioremap_call),	\
	} }
	VGPU_IOREMAP("ioremap"),
	VGPU_IOREMAP("ioremap_uc"),
	VGPU_IOREMAP("ioremap_wc"),
	VGPU_IOREMAP("ioremap_wt"),
	VGPU_IOREMAP("ioremap_cache"),
	VGPU_IOREMAP("ioremap_prot"),
	VGPU_IOREMAP("ioremap_encrypted"),
	{ .probe = {
		.kp.symbol_name = "iounmap",
		.entry_handler = vgpu_iounmap_entry,
		.handler = vgpu_iounmap_return,
		.data_size = sizeof(struct vgpu_card *),
	} },
};

static struct {
	struct kprobe probe;
	bool on;
} entries[] = {
	{ .probe = { .symbol_name = "remap_pfn_range", .pre_handler = vgpu_remap_range } },
	{ .probe = { .symbol_name = "remap_pfn_range_notrack", .pre_handler = vgpu_remap_range } },
	{ .probe = { .symbol_name = "remap_pfn_range_complete", .pre_handler = vgpu_remap_range } },
	{ .probe = { .symbol_name = "vmf_insert_pfn", .pre_handler = vgpu_insert_pfn } },
	{ .probe = { .symbol_name = "vmf_insert_pfn_prot", .pre_handler = vgpu_insert_pfn } },
};

/* Without these, mappings would not be known at all. */
static const char * const required[] = { "ioremap", "iounmap", "remap_pfn_range" };

static struct {
	const char *name;
	void *probe;
	bool traps_only;
	struct tracepoint *found;
	bool on;
} tracepoints[] = {
	{ "page_fault_kernel", vgpu_page_fault_kernel, true },
	{ "sched_process_fork", vgpu_umap_fork, false },
};

static int vgpu_check_probe(const char *name, int error)
{
	int i;

	if (!error)
		return 0;
	for (i = 0; i < ARRAY_SIZE(required); i++) {
		if (strcmp(name, required[i]))
			continue;
		pr_err("cannot observe the kernel's %s(): error %d%s\n", name, error,
		       error == -EPERM ? " (a locked-down kernel does not allow it)" : "");
		return error;
	}
	pr_debug("this kernel has no %s() to observe (%d)\n", name, error);
	return 0;
}

static void vgpu_find_tracepoint(struct tracepoint *tp, void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tracepoints); i++)
		if (!strcmp(tp->name, tracepoints[i].name))
			tracepoints[i].found = tp;
}

int vgpu_probes_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(returns); i++) {
		returns[i].probe.maxactive = max(64U, 4 * num_possible_cpus());
		ret = register_kretprobe(&returns[i].probe);
		returns[i].on = !ret;
		ret = vgpu_check_probe(returns[i].probe.kp.symbol_name, ret);
		if (ret)
			goto fail;
	}
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		ret = register_kprobe(&entries[i].probe);
		entries[i].on = !ret;
		ret = vgpu_check_probe(entries[i].probe.symbol_name, ret);
		if (ret)
			goto fail;
	}
	for_each_kernel_tracepoint(vgpu_find_tracepoint, NULL);
	for (i = 0; i < ARRAY_SIZE(tracepoints); i++) {
		if (tracepoints[i].traps_only && !vgpu_traps)
			continue;
		ret = -ENOENT;
		if (tracepoints[i].found)
			ret = tracepoint_probe_register(tracepoints[i].found, tracepoints[i].probe,
							NULL);
		if (ret) {
			pr_err("cannot use the kernel's tracepoint %s: error %d\n",
			       tracepoints[i].name, ret);
			goto fail;
		}
		tracepoints[i].on = true;
	}
	return 0;
fail:
	vgpu_probes_exit();
	return ret;
}

void vgpu_probes_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tracepoints); i++) {
		if (tracepoints[i].on)
			tracepoint_probe_unregister(tracepoints[i].found, tracepoints[i].probe,
						    NULL);
		tracepoints[i].on = false;
	}
	tracepoint_synchronize_unregister();
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		if (entries[i].on)
			unregister_kprobe(&entries[i].probe);
		entries[i].on = false;
	}
	for (i = 0; i < ARRAY_SIZE(returns); i++) {
		if (returns[i].on)
			unregister_kretprobe(&returns[i].probe);
		returns[i].on = false;
	}
}

/* Calls that were not observed, as another probe was just being handled, or too many were. */
unsigned long vgpu_probes_missed(void)
{
	unsigned long missed = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(returns); i++)
		if (returns[i].on)
			missed += returns[i].probe.nmissed + returns[i].probe.kp.nmissed;
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		if (entries[i].on)
			missed += entries[i].probe.nmissed;
	return missed;
}
