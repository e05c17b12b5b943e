// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts: MSI, or INTx shared with others. */

#include <linux/interrupt.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/timex.h>

#include "testcard.h"

/* Its name before Linux 6.8. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX PCI_IRQ_LEGACY
#endif

static char *interrupts = "any";
module_param(interrupts, charp, 0444);
MODULE_PARM_DESC(interrupts, "any, msi or intx");

static void testcard_stamp(struct testcard *card, u64 entered)
{
	u64 stamp = testcard_read(card, TC_INT_STAMP_LO);

	stamp |= (u64)testcard_read(card, TC_INT_STAMP_HI) << 32;
	spin_lock(&card->stamps_lock);
	if (stamp && card->stamps < TESTCARD_SAMPLES)
		card->stamp[card->stamps++] = entered - stamp;
	spin_unlock(&card->stamps_lock);
}

static irqreturn_t testcard_interrupt(int irq, void *data)
{
	u64 entered = get_cycles();
	struct testcard *card = data;
	u32 raised = testcard_read(card, TC_INT_RAISED);

	if (raised == card->seen) {
		atomic64_inc(&card->strangers);
		return IRQ_NONE;
	}
	card->seen = raised;
	testcard_stamp(card, entered);
	testcard_write(card, TC_INT_SEEN, raised);
	atomic64_inc(&card->interrupts);
	wake_up_all(&card->wait);
	return IRQ_HANDLED;
}

void testcard_latency(struct testcard *card, struct testcard_latency *latency)
{
	spin_lock_irq(&card->stamps_lock);
	latency->count = card->stamps;
	latency->reserved = 0;
	memcpy(latency->cycles, card->stamp, sizeof(card->stamp));
	card->stamps = 0;
	spin_unlock_irq(&card->stamps_lock);
}

int testcard_irq_init(struct testcard *card)
{
	struct pci_dev *pdev = card->pdev;
	unsigned int kinds = PCI_IRQ_MSI | PCI_IRQ_INTX;
	int err;

	if (sysfs_streq(interrupts, "msi"))
		kinds = PCI_IRQ_MSI;
	else if (sysfs_streq(interrupts, "intx"))
		kinds = PCI_IRQ_INTX;
	err = pci_alloc_irq_vectors(pdev, 1, 1, kinds);
	if (err < 0) {
		dev_err(&pdev->dev, "no interrupt (%s): %d\n", interrupts, err);
		return err;
	}
	card->irq = pci_irq_vector(pdev, 0);
	card->seen = testcard_read(card, TC_INT_RAISED);
	err = request_irq(card->irq, testcard_interrupt, IRQF_SHARED, card->name, card);
	if (err) {
		pci_free_irq_vectors(pdev);
		return err;
	}
	/* What an earlier driver has left is nobody's. */
	testcard_write(card, TC_INT_SEEN, card->seen);
	testcard_write(card, TC_INT_ENABLE, 1);
	return 0;
}

void testcard_irq_exit(struct testcard *card)
{
	testcard_write(card, TC_INT_ENABLE, 0);
	free_irq(card->irq, card);
	pci_free_irq_vectors(card->pdev);
}
