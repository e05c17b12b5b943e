// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver for the base card (regs.h), written with the kernel's ordinary PCI interfaces: it would
 * drive the same card made of silicon.
 */

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "bgc.h"

/* Linux 6.8 has given it its name. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX PCI_IRQ_LEGACY
#endif

static bool ring;
module_param(ring, bool, 0444);
MODULE_PARM_DESC(ring, "Send commands through the card's ring (default: no, in single buffers)");

static bool msi = true;
module_param(msi, bool, 0444);
MODULE_PARM_DESC(msi, "Use MSI where the card has it (default: yes)");

static DEFINE_IDA(bgc_ids);

/* Gives the card a command in a register, and waits until it is done. */
int bgc_command(struct bgc *card, u32 offset, u32 value)
{
	unsigned long until = jiffies + msecs_to_jiffies(BGC_PATIENCE_MS);
	u32 left;

	bgc_write(card, offset, value);
	do {
		left = bgc_read(card, offset);
		if (!left)
			return 0;
		if (left == U32_MAX || READ_ONCE(card->gone))
			return -ENODEV;
		usleep_range(50, 200);
	} while (time_before(jiffies, until));
	return bgc_read(card, offset) ? -ETIMEDOUT : 0;
}

static int bgc_identify(struct bgc *card)
{
	u32 hash = bgc_read(card, BGC_LAYOUT_HASH);

	if (hash == BGC_LAYOUT_HASH_VALUE)
		return 0;
	dev_err(&card->pdev->dev, "the card's layout is 0x%08x, this driver is for 0x%08x\n", hash,
		BGC_LAYOUT_HASH_VALUE);
	return -ENODEV;
}

/* As after power-on, with nothing pending. */
static int bgc_reset(struct bgc *card)
{
	int ret = bgc_command(card, BGC_CONTROL,
			      FIELD_PREP(BGC_CONTROL_ACTION, BGC_CONTROL_ACTION_RESET));

	if (ret)
		return ret;
	card->acked = bgc_read(card, BGC_INT_COUNT);
	bgc_write(card, BGC_INT_ACK, card->acked);
	return 0;
}

static int bgc_irq_init(struct bgc *card)
{
	struct pci_dev *pdev = card->pdev;
	int ret;

	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_INTX | (msi ? PCI_IRQ_MSI : 0));
	if (ret < 0)
		return ret;
	card->irq = pci_irq_vector(pdev, 0);
	ret = request_irq(card->irq, bgc_interrupt, pdev->msi_enabled ? 0 : IRQF_SHARED,
			  card->name, card);
	if (ret)
		pci_free_irq_vectors(pdev);
	return ret;
}

static void bgc_irq_exit(struct bgc *card)
{
	bgc_enable(card, ~0U, false);
	free_irq(card->irq, card);
	pci_free_irq_vectors(card->pdev);
}

static int bgc_streams_init(struct bgc *card)
{
	return card->use_ring ? bgc_ring_init(card) : bgc_buffers_init(card);
}

static void bgc_streams_exit(struct bgc *card)
{
	if (card->use_ring)
		bgc_ring_exit(card);
	else
		bgc_buffers_exit(card);
}

static struct bgc *bgc_new(struct pci_dev *pdev)
{
	struct bgc *card = kzalloc(sizeof(*card), GFP_KERNEL);

	if (!card)
		return NULL;
	card->id = ida_alloc(&bgc_ids, GFP_KERNEL);
	if (card->id < 0) {
		kfree(card);
		return NULL;
	}
	snprintf(card->name, sizeof(card->name), "bgc%d", card->id);
	card->pdev = pdev;
	card->use_ring = ring;
	card->next = 1;
	kref_init(&card->kref);
	init_rwsem(&card->alive);
	mutex_init(&card->screen);
	mutex_init(&card->submitting);
	mutex_init(&card->files_lock);
	INIT_LIST_HEAD(&card->files);
	spin_lock_init(&card->lock);
	init_waitqueue_head(&card->changed);
	return card;
}

static int bgc_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bgc *card = bgc_new(pdev);
	int ret;

	if (!card)
		return -ENOMEM;
	ret = pci_enable_device(pdev);
	if (ret)
		goto free;
	ret = pci_request_regions(pdev, KBUILD_MODNAME);
	if (ret)
		goto disable;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (ret)
		goto release;
	card->regs = pci_iomap(pdev, 0, 0);
	if (!card->regs) {
		ret = -ENOMEM;
		goto release;
	}
	ret = bgc_identify(card) ?: bgc_reset(card);
	if (ret)
		goto unmap;
	pci_set_master(pdev);
	ret = bgc_irq_init(card);
	if (ret)
		goto master;
	ret = bgc_streams_init(card);
	if (ret)
		goto streams;
	bgc_enable(card, BGC_INT_ENABLE_ERROR |
		   (card->use_ring ? BGC_INT_ENABLE_SYNC : BGC_INT_ENABLE_BUFFER), true);
	pci_set_drvdata(pdev, card);
	ret = bgc_cdev_add(card);
	if (ret)
		goto streams;
	dev_info(&pdev->dev, "%s: %u KiB of memory, %s, %s %d\n", card->name,
		 bgc_read(card, BGC_MEMORY_SIZE) >> 10, card->use_ring ? "ring" : "single buffers",
		 pdev->msi_enabled ? "MSI" : "INTx", card->irq);
	return 0;
streams:
	bgc_irq_exit(card);
	/* Nothing reads the streams' memory any more. */
	pci_clear_master(pdev);
	bgc_streams_exit(card);
master:
	pci_clear_master(pdev);
unmap:
	pci_iounmap(pdev, card->regs);
release:
	pci_release_regions(pdev);
disable:
	pci_disable_device(pdev);
free:
	ida_free(&bgc_ids, card->id);
	bgc_put(card);
	return ret;
}

/* The card may be there or not, with or without somebody who plays it: nothing waits for it. */
static void bgc_remove(struct pci_dev *pdev)
{
	struct bgc *card = pci_get_drvdata(pdev);

	bgc_cdev_remove(card);
	bgc_irq_exit(card);
	pci_clear_master(pdev);
	bgc_streams_exit(card);
	/* It goes on drawing what it has, and comes to an end. No driver, no picture. */
	bgc_write(card, BGC_MODE_CONTROL,
		  FIELD_PREP(BGC_MODE_CONTROL_ACTION, BGC_MODE_CONTROL_ACTION_LEAVE));
	pci_iounmap(pdev, card->regs);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	ida_free(&bgc_ids, card->id);
	bgc_put(card);
}

static const struct pci_device_id bgc_table[] = {
	{ PCI_DEVICE(BGC_VENDOR_ID, BGC_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, bgc_table);

static struct pci_driver bgc_driver = {
	.name = KBUILD_MODNAME,
	.id_table = bgc_table,
	.probe = bgc_probe,
	.remove = bgc_remove,
};
module_pci_driver(bgc_driver);

MODULE_DESCRIPTION("Driver for the base card");
MODULE_LICENSE("GPL");
