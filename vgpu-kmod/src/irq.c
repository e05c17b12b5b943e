// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: MSI and the pin INTA.
 *
 * Each card has interrupt domains of its own, in which the hardware number is the MSI vector, or 0
 * for the pin. To interrupt is to call the handler of a hardware number in the domain; the kernel
 * looks up what is requested there at that moment, so an interrupt that was just freed, or belongs
 * to someone else by now, cannot be hit.
 *
 * Handlers run in interrupt context, by irq_work, and those of MSI on the CPU that the vector's
 * affinity says, as on hardware.
 */
#include <linux/cpu.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/ktime.h>
#include <linux/msi.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "vgpu.h"

#ifndef VGPU_HAVE_PCI_MSI_CREATE_IRQ_DOMAIN
#include <linux/irqchip/irq-msi-lib.h>
#endif

/* While the pin is asserted, the handler is called again after this. */
#define INTX_AGAIN_MS	4

/* The message that a driver's MSI capability gets. Nobody sends it: the card has no bus. */
static void vgpu_msi_compose(struct irq_data *data, struct msi_msg *msg)
{
	msg->address_hi = 0;
	msg->address_lo = 0xfee00000;
	msg->data = data->hwirq;
}

static int vgpu_msi_set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	struct vgpu_card *card = data->chip_data;
	unsigned int cpu = cpumask_any_and(mask, cpu_online_mask);

	if (cpu >= nr_cpu_ids)
		return -EINVAL;
	if (data->hwirq < VGPU_MSI_VECTORS_MAX)
		WRITE_ONCE(card->irq.cpu[data->hwirq], cpu);
	irq_data_update_effective_affinity(data, cpumask_of(cpu));
	return IRQ_SET_MASK_OK_DONE;
}

/*
 * A vector goes to another CPU at once, whoever asks. Kernels that know this flag would otherwise
 * wait for the next interrupt, and for a chip that moves the vector then; later ones do not wait.
 */
static void vgpu_msi_may_move(unsigned int virq)
{
#ifdef VGPU_HAVE_IRQ_MOVE_PCNTXT
	irq_set_status_flags(virq, IRQ_MOVE_PCNTXT);
#endif
}

static void vgpu_irq_nothing(struct irq_data *data)
{
}

static struct irq_chip vgpu_msi_chip = {
	.name = "vgpu-MSI",
	.irq_ack = vgpu_irq_nothing,
	.irq_compose_msi_msg = vgpu_msi_compose,
	.irq_set_affinity = vgpu_msi_set_affinity,
};

#ifdef VGPU_HAVE_PCI_MSI_CREATE_IRQ_DOMAIN
/* By default the number would say which PCI device it is; here each device has its own domain. */
static irq_hw_number_t vgpu_msi_hwirq(struct msi_domain_info *info, msi_alloc_info_t *arg)
{
	return 0;
}

static int vgpu_msi_init(struct irq_domain *domain, struct msi_domain_info *info, unsigned int virq,
			 irq_hw_number_t hwirq, msi_alloc_info_t *arg)
{
	irq_domain_set_info(domain, virq, hwirq, info->chip, info->chip_data, info->handler, NULL,
			    info->handler_name);
	vgpu_msi_may_move(virq);
	return 0;
}

static struct msi_domain_ops vgpu_msi_ops = {
	.get_hwirq = vgpu_msi_hwirq,
	.msi_init = vgpu_msi_init,
};

static struct irq_domain *vgpu_msi_domain(struct vgpu_card *card)
{
	struct msi_domain_info *info = kzalloc(sizeof(*info), GFP_KERNEL);

	if (!info)
		return NULL;
	*info = (struct msi_domain_info){
		.flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS |
			 MSI_FLAG_MULTI_PCI_MSI,
		.ops = &vgpu_msi_ops,
		.chip = &vgpu_msi_chip,
		.chip_data = card,
		.handler = handle_edge_irq,
		.handler_name = "edge",
	};
	/* The domain does not free it. */
	card->irq.msi_info = info;
	return pci_msi_create_irq_domain(card->irq.fwnode, info, NULL);
}
#else
static int vgpu_msi_alloc(struct irq_domain *domain, unsigned int virq, unsigned int count,
			  void *arg)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		irq_domain_set_info(domain, virq + i, i, &vgpu_msi_chip, domain->host_data,
				    handle_edge_irq, NULL, "edge");
		vgpu_msi_may_move(virq + i);
	}
	return 0;
}

static void vgpu_msi_free(struct irq_domain *domain, unsigned int virq, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		irq_domain_reset_irq_data(irq_domain_get_irq_data(domain, virq + i));
}

static const struct irq_domain_ops vgpu_msi_ops = {
	.alloc = vgpu_msi_alloc,
	.free = vgpu_msi_free,
};

static const struct msi_parent_ops vgpu_msi_parent = {
	.supported_flags = MSI_GENERIC_FLAGS_MASK | MSI_FLAG_MULTI_PCI_MSI,
	.required_flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS,
	.chip_flags = MSI_CHIP_FLAG_SET_ACK,
	.bus_select_token = DOMAIN_BUS_PCI_MSI,
	.bus_select_mask = MATCH_PCI_MSI,
	.prefix = "vgpu-",
	.init_dev_msi_info = msi_lib_init_dev_msi_info,
};

static struct irq_domain *vgpu_msi_domain(struct vgpu_card *card)
{
	struct irq_domain_info info = {
		.fwnode = card->irq.fwnode,
		.ops = &vgpu_msi_ops,
		.host_data = card,
		.size = VGPU_MSI_VECTORS_MAX,
		.hwirq_max = VGPU_MSI_VECTORS_MAX,
	};

	return msi_create_parent_irq_domain(&info, &vgpu_msi_parent);
}
#endif

/* Requested, enabled again, or done handling: if the pin is still asserted, call again. */
static void vgpu_intx_unmask(struct irq_data *data)
{
	struct vgpu_card *card = data->chip_data;

	if (READ_ONCE(card->irq.intx_level))
		mod_delayed_work(vgpu_wq, &card->irq.intx_again, msecs_to_jiffies(INTX_AGAIN_MS));
}

static struct irq_chip vgpu_intx_chip = {
	.name = "vgpu-INTx",
	.irq_ack = vgpu_irq_nothing,
	.irq_mask = vgpu_irq_nothing,
	.irq_unmask = vgpu_intx_unmask,
};

static int vgpu_intx_map(struct irq_domain *domain, unsigned int virq, irq_hw_number_t hwirq)
{
	irq_set_chip_data(virq, domain->host_data);
	irq_set_chip_and_handler_name(virq, &vgpu_intx_chip, handle_level_irq, "level");
	irq_set_status_flags(virq, IRQ_LEVEL);
	return 0;
}

static const struct irq_domain_ops vgpu_intx_ops = { .map = vgpu_intx_map };

/* In interrupt context. */
static void vgpu_irq_msi_work(struct irq_work *work)
{
	struct vgpu_irq *irq = container_of(work, struct vgpu_irq, work);

	irq->result = generic_handle_domain_irq(irq->msi_domain, irq->vector);
}

/* In interrupt context. */
static void vgpu_irq_intx_work(struct irq_work *work)
{
	struct vgpu_irq *irq = container_of(work, struct vgpu_irq, intx_work);
	struct vgpu_card *card = container_of(irq, struct vgpu_card, irq);

	if (!READ_ONCE(irq->intx_level) || !READ_ONCE(card->plugged) ||
	    !vgpu_config_intx_allowed(card))
		return;
	if (!generic_handle_domain_irq(irq->intx_domain, 0))
		atomic64_inc(&irq->sent);
}

static void vgpu_irq_intx_again(struct work_struct *work)
{
	struct vgpu_irq *irq = container_of(work, struct vgpu_irq, intx_again.work);

	irq_work_queue(&irq->intx_work);
}

static int vgpu_irq_make_domains(struct vgpu_card *card)
{
	struct vgpu_irq *irq = &card->irq;

	irq->fwnode = irq_domain_alloc_named_id_fwnode("vgpu", card->id);
	if (!irq->fwnode)
		return -ENOMEM;
	if (card->what.msi_vectors) {
		irq->msi_domain = vgpu_msi_domain(card);
		if (!irq->msi_domain)
			return -ENOMEM;
	}
	if (card->what.flags & VGPU_CREATE_INTX) {
		irq->intx_domain = irq_domain_create_linear(NULL, 1, &vgpu_intx_ops, card);
		if (!irq->intx_domain)
			return -ENOMEM;
		irq->intx_virq = irq_create_mapping(irq->intx_domain, 0);
		if (!irq->intx_virq)
			return -ENOMEM;
	}
	return 0;
}

int vgpu_irq_init(struct vgpu_card *card)
{
	struct vgpu_irq *irq = &card->irq;

	mutex_init(&irq->lock);
	irq->work = IRQ_WORK_INIT_HARD(vgpu_irq_msi_work);
	irq->intx_work = IRQ_WORK_INIT_HARD(vgpu_irq_intx_work);
	INIT_DELAYED_WORK(&irq->intx_again, vgpu_irq_intx_again);
	return vgpu_irq_make_domains(card);
}

/* Fails if a driver has left an interrupt requested: then its descriptor leads to the card. */
int vgpu_irq_exit(struct vgpu_card *card)
{
	struct vgpu_irq *irq = &card->irq;

	if (irq->intx_virq && irq_has_action(irq->intx_virq)) {
		pr_err("card %u: a driver has not freed its interrupt\n", card->id);
		return -EBUSY;
	}
	if (irq->msi_domain && irq->msi_domain->mapcount) {
		pr_err("card %u: a driver has not freed its MSI vectors\n", card->id);
		return -EBUSY;
	}
	if (irq->intx_virq)
		irq_dispose_mapping(irq->intx_virq);
	if (irq->intx_domain)
		irq_domain_remove(irq->intx_domain);
	if (irq->msi_domain)
		irq_domain_remove(irq->msi_domain);
	if (irq->fwnode)
		irq_domain_free_fwnode(irq->fwnode);
	kfree(irq->msi_info);
	irq->msi_info = NULL;
	irq->intx_virq = 0;
	irq->intx_domain = NULL;
	irq->msi_domain = NULL;
	irq->fwnode = NULL;
	return 0;
}

/* The device is known, drivers are not told of it yet. */
void vgpu_irq_plug(struct vgpu_card *card, struct pci_dev *pdev)
{
	if (card->irq.msi_domain)
		dev_set_msi_domain(&pdev->dev, card->irq.msi_domain);
	if (!card->irq.intx_virq)
		return;
	pdev->irq = card->irq.intx_virq;
	/*
	 * ACPI would look up where a device with a pin is routed to, and complain. It asks the
	 * kernel's own note of the pin; what the driver reads in configuration space stays.
	 */
	pdev->pin = 0;
}

/* The driver is gone, and card->plugged false: no interrupt from here on. */
void vgpu_irq_stop(struct vgpu_card *card)
{
	struct vgpu_irq *irq = &card->irq;

	mutex_lock(&irq->lock);
	WRITE_ONCE(irq->intx_level, false);
	irq_work_sync(&irq->work);
	irq_work_sync(&irq->intx_work);
	mutex_unlock(&irq->lock);
	cancel_delayed_work_sync(&irq->intx_again);
	irq_work_sync(&irq->intx_work);
}

/*
 * A bucket of tokens: as many interrupts at once as in 10 ms of the permitted rate, then that rate.
 * A daemon gone wild takes no more of the machine than that.
 */
static bool vgpu_irq_permitted(struct vgpu_irq *irq)
{
	u64 now = ktime_get_ns(), rate = READ_ONCE(vgpu_irq_rate), full = max(rate / 100, 1ULL);
	u64 new;

	if (!rate)
		return true;
	/* At most a second's, so that nothing overflows. */
	new = min_t(u64, now - irq->refilled, NSEC_PER_SEC) * rate / NSEC_PER_SEC;
	if (new) {
		irq->tokens = min(irq->tokens + new, full);
		irq->refilled = now;
	}
	if (!irq->tokens)
		return false;
	irq->tokens--;
	return true;
}

static void vgpu_irq_queue(void *data)
{
	irq_work_queue(data);
}

/* Under irq->lock. */
static int vgpu_irq_send(struct vgpu_card *card, unsigned int vector)
{
	struct vgpu_irq *irq = &card->irq;
	unsigned int cpu;

	if (!READ_ONCE(card->plugged) || vector >= vgpu_config_msi_vectors(card) ||
	    vgpu_config_power_state(card))
		return -ENXIO;
	if (!vgpu_irq_permitted(irq))
		return -EBUSY;
	irq->vector = vector;
	cpus_read_lock();
	cpu = READ_ONCE(irq->cpu[vector]);
	if (!cpu_online(cpu))
		cpu = cpumask_any(cpu_online_mask);
	smp_call_function_single(cpu, vgpu_irq_queue, &irq->work, 1);
	cpus_read_unlock();
	irq_work_sync(&irq->work);
	return irq->result ? -ENXIO : 0;
}

int vgpu_irq_msi(struct vgpu_card *card, unsigned int vector)
{
	struct vgpu_irq *irq = &card->irq;
	int ret;

	if (mutex_lock_interruptible(&irq->lock))
		return -EINTR;
	ret = vgpu_irq_send(card, vector);
	mutex_unlock(&irq->lock);
	atomic64_inc(ret ? &irq->refused : &irq->sent);
	return ret;
}

/* Something changed that the pin depends on. From any context. */
void vgpu_irq_intx_kick(struct vgpu_card *card)
{
	if (READ_ONCE(card->irq.intx_level) && READ_ONCE(card->plugged))
		irq_work_queue(&card->irq.intx_work);
}

int vgpu_irq_intx(struct vgpu_card *card, bool level)
{
	struct vgpu_irq *irq = &card->irq;
	int ret = 0;

	if (!irq->intx_virq)
		return -ENXIO;
	if (mutex_lock_interruptible(&irq->lock))
		return -EINTR;
	if (level && !irq->intx_level && !vgpu_irq_permitted(irq)) {
		atomic64_inc(&irq->refused);
		ret = -EBUSY;
	} else if (level != irq->intx_level) {
		WRITE_ONCE(irq->intx_level, level);
		vgpu_irq_intx_kick(card);
	}
	mutex_unlock(&irq->lock);
	return ret;
}
