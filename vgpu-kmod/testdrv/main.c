// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver for the test card (testcard_regs.h), written with the kernel's ordinary PCI interfaces:
 * it would drive the same card made of silicon.
 */

#include <linux/dma-mapping.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "testcard.h"

static DEFINE_IDA(testcard_ids);

static int testcard_map(struct testcard *card)
{
	struct pci_dev *pdev = card->pdev;

	card->regs_bytes = pci_resource_len(pdev, 0);
	card->fb_bytes = pci_resource_len(pdev, 2);
	if (card->regs_bytes < TC_REGS_SIZE || !card->fb_bytes) {
		dev_err(&pdev->dev, "the BARs are too small: %pR, %pR\n",
			&pdev->resource[0], &pdev->resource[2]);
		return -ENODEV;
	}
	card->regs = pci_iomap(pdev, 0, 0);
	if (!card->regs)
		return -ENOMEM;
	card->fb = ioremap_wc(pci_resource_start(pdev, 2), card->fb_bytes);
	if (!card->fb) {
		pci_iounmap(pdev, card->regs);
		return -ENOMEM;
	}
	return 0;
}

static void testcard_unmap(struct testcard *card)
{
	iounmap(card->fb);
	pci_iounmap(card->pdev, card->regs);
}

static int testcard_identify(struct testcard *card)
{
	u32 id = testcard_read(card, TC_ID);
	u32 version = testcard_read(card, TC_VERSION);

	if (id == TC_ID_VALUE && version == TC_VERSION_VALUE)
		return 0;
	dev_err(&card->pdev->dev, "not a test card: id 0x%08x, version %u\n", id, version);
	return -ENODEV;
}

static struct testcard *testcard_new(struct pci_dev *pdev)
{
	struct testcard *card = kzalloc(sizeof(*card), GFP_KERNEL);
	int id;

	if (!card)
		return NULL;
	id = ida_alloc(&testcard_ids, GFP_KERNEL);
	if (id < 0) {
		kfree(card);
		return NULL;
	}
	card->id = id;
	snprintf(card->name, sizeof(card->name), "testcard%d", id);
	card->pdev = pdev;
	kref_init(&card->ref);
	init_rwsem(&card->users);
	mutex_init(&card->files_lock);
	INIT_LIST_HEAD(&card->files);
	mutex_init(&card->commands);
	mutex_init(&card->ring.lock);
	init_waitqueue_head(&card->wait);
	spin_lock_init(&card->stamps_lock);
	return card;
}

static int testcard_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct testcard *card = testcard_new(pdev);
	int err;

	if (!card)
		return -ENOMEM;
	err = pci_enable_device(pdev);
	if (err)
		goto free;
	err = pci_request_regions(pdev, KBUILD_MODNAME);
	if (err)
		goto disable;
	err = testcard_map(card);
	if (err)
		goto release;
	err = testcard_identify(card);
	if (err)
		goto unmap;
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		goto unmap;
	dma_set_max_seg_size(&pdev->dev, TESTCARD_COPY_MAX);
	err = testcard_irq_init(card);
	if (err)
		goto unmap;
	err = testcard_ring_init(card);
	if (err)
		goto irq;
	pci_set_drvdata(pdev, card);
	err = testcard_cdev_init(card);
	if (err)
		goto ring;
	dev_info(&pdev->dev, "%s: registers %pR, framebuffer %pR, %s %d\n", card->name,
		 &pdev->resource[0], &pdev->resource[2], pdev->msi_enabled ? "MSI" : "INTx",
		 card->irq);
	return 0;
ring:
	testcard_ring_exit(card);
irq:
	testcard_irq_exit(card);
unmap:
	testcard_unmap(card);
release:
	pci_release_regions(pdev);
disable:
	pci_disable_device(pdev);
free:
	ida_free(&testcard_ids, card->id);
	testcard_put(card);
	return err;
}

/* The card may be there or not, with or without somebody who answers: nothing here waits for it. */
static void testcard_remove(struct pci_dev *pdev)
{
	struct testcard *card = pci_get_drvdata(pdev);

	testcard_cdev_exit(card);
	/* From here on no program is inside, and none comes in. */
	testcard_ring_exit(card);
	testcard_irq_exit(card);
	testcard_unmap(card);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	ida_free(&testcard_ids, card->id);
	testcard_put(card);
}

static const struct pci_device_id testcard_table[] = {
	{ PCI_DEVICE(TC_VENDOR, TC_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, testcard_table);

static struct pci_driver testcard_driver = {
	.name = KBUILD_MODNAME,
	.id_table = testcard_table,
	.probe = testcard_probe,
	.remove = testcard_remove,
};
module_pci_driver(testcard_driver);

MODULE_DESCRIPTION("Driver for the test card");
MODULE_LICENSE("GPL");
