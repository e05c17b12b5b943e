// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of all cards, to read: /sys/kernel/debug/vgpu/cardN/{state,mappings,dma}.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "vgpu.h"

static struct dentry *root;

static const char *on(bool is)
{
	return is ? "yes" : "no";
}

static int state_show(struct seq_file *m, void *unused)
{
	static const char * const names[] = {
		"kernel writes", "user writes", "mapping changes", "config changes",
		"driver changes", "dma changes", "polls",
	};
	struct vgpu_card *card = m->private;
	struct vgpu_status status;
	int i;

	vgpu_card_status(card, &status);
	seq_printf(m, "card: %u\nname: %s\n", card->id, card->what.name);
	seq_printf(m, "id: %04x:%04x\n", card->what.vendor, card->what.device);
	seq_printf(m, "address: %x:00:00.0\n", card->domain);
	seq_printf(m, "registers: %zu bytes\n", card->bars[VGPU_REGISTERS].bytes);
	seq_printf(m, "framebuffer: %zu bytes\n", card->bars[VGPU_FRAMEBUFFER].bytes);
	seq_printf(m, "plugged: %s\n", on(status.flags & VGPU_STATUS_PLUGGED));
	seq_printf(m, "driver bound: %s\n", on(status.flags & VGPU_STATUS_BOUND));
	seq_printf(m, "memory enabled: %s\n", on(status.flags & VGPU_STATUS_MEMORY));
	seq_printf(m, "bus master: %s\n", on(status.flags & VGPU_STATUS_BUS_MASTER));
	seq_printf(m, "power state: D%u\n", status.power_state);
	seq_printf(m, "msi vectors enabled: %u of %u\n", status.msi_vectors,
		   card->what.msi_vectors);
	seq_printf(m, "interrupt pin: %s\n",
		   !(card->what.flags & VGPU_CREATE_INTX) ? "none" :
		   status.flags & VGPU_STATUS_INTX_HIGH ? "asserted" : "deasserted");
	seq_printf(m, "write traps: %s\n", on(vgpu_traps));
	for (i = 0; i < VGPU_EVENT_KINDS; i++)
		seq_printf(m, "%s: %llu\n", names[i], vgpu_event_count(card, i));
	seq_printf(m, "arms: %llu\n", status.arms);
	seq_printf(m, "interrupts: %llu\n", status.interrupts);
	seq_printf(m, "interrupts refused: %llu\n", status.interrupts_refused);
	seq_printf(m, "revocations: %llu\n", status.revocations);
	seq_printf(m, "calls overlooked by probes: %lu\n",
		   vgpu_probes_missed() - card->probes_missed);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

static int mappings_show(struct seq_file *m, void *unused)
{
	struct vgpu_card *card = m->private;

	vgpu_kmap_show(m, card);
	seq_printf(m, "processes: %d areas\n", atomic_read(&card->user_maps));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mappings);

static int dma_show(struct seq_file *m, void *unused)
{
	vgpu_dma_show(m, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(dma);

void vgpu_debugfs_init(void)
{
	root = debugfs_create_dir("vgpu", NULL);
}

void vgpu_debugfs_exit(void)
{
	debugfs_remove_recursive(root);
}

void vgpu_debugfs_add(struct vgpu_card *card)
{
	char name[16];

	snprintf(name, sizeof(name), "card%u", card->id);
	card->debugfs = debugfs_create_dir(name, root);
	debugfs_create_file("state", 0400, card->debugfs, card, &state_fops);
	debugfs_create_file("mappings", 0400, card->debugfs, card, &mappings_fops);
	debugfs_create_file("dma", 0400, card->debugfs, card, &dma_fops);
}

/* Waits for whoever reads. */
void vgpu_debugfs_remove(struct vgpu_card *card)
{
	debugfs_remove_recursive(card->debugfs);
}
