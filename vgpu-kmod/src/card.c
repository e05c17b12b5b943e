// SPDX-License-Identifier: GPL-2.0-only
/*
 * A card's life.
 *
 * It is created by the daemon's file, plugged and unplugged by work (a driver's probe function may
 * take as long as it likes, and wants answers from the daemon meanwhile), and freed when the last
 * reference has gone: that of the file, of the host bridge, and of every mapping of its memory. So
 * the memory outlives a driver that does not unmap it and a process that keeps it mapped.
 *
 * A card holds the module. The last steps of freeing are work on vgpu_wq, which unloading the
 * module waits for, so that no code is unloaded while it runs.
 */
#include <linux/ctype.h>
#include <linux/idr.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "vgpu.h"

static LIST_HEAD(cards);
static DEFINE_MUTEX(cards_lock);
static DEFINE_IDA(card_ids);

void vgpu_card_get(struct vgpu_card *card)
{
	kref_get(&card->ref);
}

bool vgpu_card_tryget(struct vgpu_card *card)
{
	return kref_get_unless_zero(&card->ref);
}

static void vgpu_card_release(struct kref *ref)
{
	struct vgpu_card *card = container_of(ref, struct vgpu_card, ref);

	queue_work(vgpu_wq, &card->free_work);
}

/* From any context. */
void vgpu_card_put(struct vgpu_card *card)
{
	kref_put(&card->ref, vgpu_card_release);
}

static void vgpu_card_free(struct work_struct *work)
{
	struct vgpu_card *card = container_of(work, struct vgpu_card, free_work);
	int i;

	/* First out of the list: freeing the memory maps and unmaps pages, which is observed. */
	mutex_lock(&cards_lock);
	list_del_rcu(&card->node);
	mutex_unlock(&cards_lock);
	synchronize_rcu();
	vgpu_debugfs_remove(card);
	vgpu_events_stop(&card->events);
	vgpu_dma_exit(card);
	vgpu_host_domain_put(card);
	mmdrop(card->owner);
	if (vgpu_probes_missed() != card->probes_missed)
		pr_warn("card %u: a mapping of it may have been overlooked\n", card->id);
	if (vgpu_probes_missed() != card->probes_missed || vgpu_irq_exit(card)) {
		/* Something in the kernel may still lead here. */
		pr_err("card %u: its memory, and this module, stay until the next boot\n",
		       card->id);
		return;
	}
	for (i = 0; i < VGPU_BARS; i++)
		vgpu_bar_free(&card->bars[i]);
	pr_debug("card %u is freed\n", card->id);
	ida_free(&card_ids, card->id);
	kfree(card);
	module_put(THIS_MODULE);
}

/* The card with a BAR that the range overlaps. Under rcu_read_lock() or with interrupts off. */
struct vgpu_card *vgpu_card_find(phys_addr_t base, size_t bytes, enum vgpu_bar_index *bar)
{
	struct vgpu_card *card;

	list_for_each_entry_rcu(card, &cards, node) {
		for (*bar = 0; *bar < VGPU_BARS; ++*bar) {
			const struct vgpu_bar *candidate = &card->bars[*bar];

			if (candidate->bytes && base < candidate->base + candidate->bytes &&
			    bytes > 0 && base + bytes - 1 >= candidate->base)
				return card;
		}
	}
	return NULL;
}

/* Under cards_lock. */
bool vgpu_card_domain_used(int domain)
{
	struct vgpu_card *card;

	list_for_each_entry(card, &cards, node)
		if (card->domain == domain)
			return true;
	return false;
}

static void vgpu_card_plug_work(struct work_struct *work)
{
	struct vgpu_card *card = container_of(work, struct vgpu_card, plug_work);
	bool wanted;
	int ret = 0;

	for (;;) {
		mutex_lock(&card->plug_lock);
		wanted = card->plug_wanted && !card->closing;
		if (ret)
			card->plug_failed = true;
		if (ret || wanted == card->plugged) {
			card->plug_busy = false;
			if (ret)
				card->plug_wanted = false;
			mutex_unlock(&card->plug_lock);
			break;
		}
		mutex_unlock(&card->plug_lock);

		if (wanted) {
			WRITE_ONCE(card->gone, false);
			ret = vgpu_host_plug(card);
			if (ret)
				pr_err("card %u could not be plugged: error %d\n", card->id, ret);
		} else {
			vgpu_host_unplug(card);
			/* No driver is left to map it; what is mapped already is taken away. */
			WRITE_ONCE(card->gone, true);
			vgpu_umap_revoke(card);
			pr_info("card %u is unplugged\n", card->id);
		}
	}
	vgpu_event(card, VGPU_DRIVER);
}

/* A process has mapped a card that is gone, by a driver that does not know of it. */
static void vgpu_card_user_work(struct work_struct *work)
{
	struct vgpu_card *card = container_of(work, struct vgpu_card, user_work);

	if (READ_ONCE(card->gone))
		vgpu_umap_revoke(card);
	vgpu_card_put(card);
}

int vgpu_card_plug(struct vgpu_card *card, bool in)
{
	int ret = 0;

	mutex_lock(&card->plug_lock);
	if (card->plug_busy) {
		ret = -EBUSY;
	} else if (card->plugged == in) {
		ret = -EALREADY;
	} else {
		card->plug_wanted = in;
		card->plug_failed = false;
		card->plug_busy = true;
		queue_work(vgpu_wq, &card->plug_work);
	}
	mutex_unlock(&card->plug_lock);
	return ret;
}

/*
 * The daemon is gone, for whatever reason, and so are its mappings, which held the file. Waits
 * until the card is unplugged: then the daemon's successor finds everything as it was. The work is
 * done by a kernel thread, as the daemon may have been killed, and a driver's remove function
 * would find a signal pending.
 */
void vgpu_card_close(struct vgpu_card *card)
{
	mutex_lock(&card->plug_lock);
	card->closing = true;
	mutex_unlock(&card->plug_lock);
	queue_work(vgpu_wq, &card->plug_work);
	flush_work(&card->plug_work);
	WRITE_ONCE(card->gone, true);
	vgpu_daemon_gone(card);
	vgpu_card_put(card);
}

static int vgpu_card_check(const struct vgpu_create *what)
{
	size_t registers = what->register_bytes, framebuffer = what->framebuffer_bytes;
	size_t length, i;

	if (!what->vendor || what->vendor == 0xffff || what->class_code > 0xffffff ||
	    what->flags & ~VGPU_CREATE_FLAGS || what->reserved0 ||
	    memchr_inv(what->reserved, 0, sizeof(what->reserved)))
		return -EINVAL;
	if (!is_power_of_2(registers) || registers < VGPU_REGISTERS_MIN ||
	    registers > VGPU_REGISTERS_MAX)
		return -EINVAL;
	if (framebuffer && (!is_power_of_2(framebuffer) || framebuffer < VGPU_FRAMEBUFFER_MIN ||
			    framebuffer > VGPU_FRAMEBUFFER_MAX))
		return -EINVAL;
	if (what->msi_vectors > VGPU_MSI_VECTORS_MAX ||
	    (what->msi_vectors && !is_power_of_2(what->msi_vectors)))
		return -EINVAL;
	length = strnlen(what->name, VGPU_NAME_BYTES);
	if (length == VGPU_NAME_BYTES)
		return -EINVAL;
	for (i = 0; i < length; i++)
		if (!isalnum(what->name[i]) && !strchr("-_.", what->name[i]))
			return -EINVAL;
	return 0;
}

static int vgpu_card_parts(struct vgpu_card *card)
{
	const struct vgpu_create *what = &card->what;
	int ret;

	ret = vgpu_bar_create(&card->bars[VGPU_REGISTERS], what->register_bytes, false);
	if (!ret && what->framebuffer_bytes)
		ret = vgpu_bar_create(&card->bars[VGPU_FRAMEBUFFER], what->framebuffer_bytes, true);
	if (!ret)
		ret = vgpu_dma_init(card);
	if (!ret)
		ret = vgpu_irq_init(card);
	return ret;
}

/* Makes the card; on success also fills in the results in *what. */
struct vgpu_card *vgpu_card_create(struct vgpu_create *what, struct address_space *mapping)
{
	struct vgpu_card *card;
	int ret;

	ret = vgpu_card_check(what);
	if (ret)
		return ERR_PTR(ret);
	card = kzalloc(sizeof(*card), GFP_KERNEL);
	if (!card)
		return ERR_PTR(-ENOMEM);
	kref_init(&card->ref);
	INIT_WORK(&card->free_work, vgpu_card_free);
	INIT_WORK(&card->plug_work, vgpu_card_plug_work);
	INIT_WORK(&card->user_work, vgpu_card_user_work);
	mutex_init(&card->plug_lock);
	mutex_init(&card->arm_lock);
	vgpu_events_init(&card->events);
	card->what = *what;
	card->mapping = mapping;
	card->probes_missed = vgpu_probes_missed();

	ret = ida_alloc_max(&card_ids, INT_MAX >> 1, GFP_KERNEL);
	if (ret < 0)
		goto fail_id;
	card->id = ret;
	ret = vgpu_card_parts(card);
	if (ret)
		goto fail_parts;
	mutex_lock(&cards_lock);
	ret = vgpu_host_domain_get(card);
	if (!ret) {
		vgpu_config_init(card);
		mmgrab(current->mm);
		card->owner = current->mm;
		__module_get(THIS_MODULE);
		list_add_tail_rcu(&card->node, &cards);
	}
	mutex_unlock(&cards_lock);
	if (ret)
		goto fail_parts;
	vgpu_debugfs_add(card);
	what->card = card->id;
	what->pci_domain = card->domain;
	what->pci_bus = 0;
	what->pci_devfn = 0;
	what->reserved_out = 0;
	pr_info("card %u (%s) %04x:%04x at %x:00:00.0 belongs to %s, process %d\n", card->id,
		what->name[0] ? what->name : "no name", what->vendor, what->device, card->domain,
		current->comm, task_tgid_nr(current));
	return card;

fail_parts:
	vgpu_irq_exit(card);
	vgpu_dma_exit(card);
	vgpu_bar_free(&card->bars[VGPU_FRAMEBUFFER]);
	vgpu_bar_free(&card->bars[VGPU_REGISTERS]);
	ida_free(&card_ids, card->id);
fail_id:
	kfree(card);
	return ERR_PTR(ret);
}

/* Until nobody has it mapped any more, which is a little longer than it is on its bus. */
static bool vgpu_card_is_there(struct vgpu_card *card)
{
	return READ_ONCE(card->plugged) ||
	       (READ_ONCE(card->plug_busy) && !READ_ONCE(card->plug_wanted));
}

void vgpu_card_status(struct vgpu_card *card, struct vgpu_status *status)
{
	u16 command = vgpu_config_command(card);

	*status = (struct vgpu_status){
		.flags = (vgpu_card_is_there(card) ? VGPU_STATUS_PLUGGED : 0) |
			 (READ_ONCE(card->bound) ? VGPU_STATUS_BOUND : 0) |
			 (command & PCI_COMMAND_MEMORY ? VGPU_STATUS_MEMORY : 0) |
			 (command & PCI_COMMAND_MASTER ? VGPU_STATUS_BUS_MASTER : 0) |
			 (command & PCI_COMMAND_INTX_DISABLE ? VGPU_STATUS_INTX_OFF : 0) |
			 (READ_ONCE(card->irq.intx_level) ? VGPU_STATUS_INTX_HIGH : 0) |
			 (vgpu_traps ? 0 : VGPU_STATUS_NO_TRAPS) |
			 (READ_ONCE(card->plug_failed) ? VGPU_STATUS_PLUG_FAILED : 0),
		.command = command,
		.power_state = vgpu_config_power_state(card),
		.msi_vectors = vgpu_config_msi_vectors(card),
		.kernel_mappings = atomic_read(&card->kernel_maps),
		.user_mappings = atomic_read(&card->user_maps),
		.dma_mappings = READ_ONCE(card->dma.live),
		.arms = READ_ONCE(card->arms),
		.interrupts = atomic64_read(&card->irq.sent),
		.interrupts_refused = atomic64_read(&card->irq.refused),
		.revocations = atomic64_read(&card->revocations),
	};
}
