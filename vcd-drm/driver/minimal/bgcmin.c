// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest driver of the base card that draws, written from its manual alone: streams by
 * write(), pixels by pread(), the mode by an ioctl. One program at a time, one buffer at a time;
 * whoever writes sleeps until all is drawn.
 */
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../base/regs.h"
#include "bgcmin.h"

struct bgcmin {
	refcount_t users; /* the device and the open file: either may go first */
	struct miscdevice misc;
	struct pci_dev *pdev;
	void __iomem *regs;
	void *memory;
	void *stream;
	dma_addr_t stream_dma;
	struct mutex lock; /* the card, and between checking gone and the last use of it */
	bool gone;
	wait_queue_head_t wait;
	u32 seen; /* INT_COUNT, as the handler has seen it last */
	unsigned long open;
};

static void bgcmin_put(void *data)
{
	struct bgcmin *bgc = data;

	if (refcount_dec_and_test(&bgc->users))
		kfree(bgc);
}

/* Commands take microseconds. After a second, nobody plays the card any more. */
static int bgcmin_command(struct bgcmin *bgc, u32 reg, u32 value)
{
	u32 now;

	writel(value, bgc->regs + reg);
	return readl_poll_timeout(bgc->regs + reg, now, !now, 10, USEC_PER_SEC);
}

/* The card reads no memory and does not interrupt from here on, whether it answers or not. */
static void bgcmin_stop(struct bgcmin *bgc)
{
	WRITE_ONCE(bgc->gone, true);
	writel(0, bgc->regs + BGC_INT_ENABLE);
	bgcmin_command(bgc, BGC_CONTROL, BGC_CONTROL_ACTION_RESET);
	pci_clear_master(bgc->pdev);
}

static irqreturn_t bgcmin_interrupt(int irq, void *data)
{
	struct bgcmin *bgc = data;
	u32 count = readl(bgc->regs + BGC_INT_COUNT);
	u32 news = count ^ bgc->seen;

	/* The pin stays asserted until the card has seen what was acknowledged. */
	if (!news)
		return readl(bgc->regs + BGC_STATUS) & BGC_STATUS_LINE ? IRQ_HANDLED : IRQ_NONE;
	bgc->seen = count;
	writel(count, bgc->regs + BGC_INT_ACK);
	if (news & BGC_INT_COUNT_ERROR)
		dev_err_ratelimited(&bgc->pdev->dev, "error %03x at %08x: %08x\n",
				    readl(bgc->regs + BGC_ERROR_CODE),
				    readl(bgc->regs + BGC_ERROR_WHERE),
				    readl(bgc->regs + BGC_ERROR_DATA));
	wake_up_all(&bgc->wait);
	return IRQ_HANDLED;
}

/*
 * A buffer ends by one event or the other: it was drawn, or there was a mistake in it. DMA_COUNT
 * does not tell which, and is 0 before either is counted.
 */
static bool bgcmin_ended(struct bgcmin *bgc, u32 before)
{
	u32 news = readl(bgc->regs + BGC_INT_COUNT) ^ before;

	return news & (BGC_INT_COUNT_BUFFER | BGC_INT_COUNT_ERROR);
}

static int bgcmin_draw(struct bgcmin *bgc, u32 words)
{
	u32 before = readl(bgc->regs + BGC_INT_COUNT);

	writel(bgc->stream_dma, bgc->regs + BGC_DMA_ADDRESS);
	/* writel() comes after all that was written to the stream. */
	writel(words, bgc->regs + BGC_DMA_COUNT);
	wait_event_timeout(bgc->wait, bgcmin_ended(bgc, before) || READ_ONCE(bgc->gone), 5 * HZ);
	if (!bgcmin_ended(bgc, before)) {
		bgcmin_stop(bgc);
		return -ENODEV;
	}
	return (readl(bgc->regs + BGC_INT_COUNT) ^ before) & BGC_INT_COUNT_ERROR ? -EIO : 0;
}

static ssize_t bgcmin_write(struct file *file, const char __user *from, size_t bytes, loff_t *pos)
{
	struct bgcmin *bgc = file->private_data;
	int err = -ENODEV;

	if (!bytes || bytes > BGCMIN_BYTES || bytes % sizeof(u32))
		return -EINVAL;
	mutex_lock(&bgc->lock);
	if (!bgc->gone)
		err = copy_from_user(bgc->stream, from, bytes) ?
			-EFAULT : bgcmin_draw(bgc, bytes / sizeof(u32));
	mutex_unlock(&bgc->lock);
	return err ?: bytes;
}

static ssize_t bgcmin_read(struct file *file, char __user *to, size_t bytes, loff_t *pos)
{
	struct bgcmin *bgc = file->private_data;
	ssize_t done = -ENODEV;

	mutex_lock(&bgc->lock);
	if (!bgc->gone)
		done = simple_read_from_buffer(to, bytes, pos, bgc->memory,
					       pci_resource_len(bgc->pdev, 2));
	mutex_unlock(&bgc->lock);
	return done;
}

static int bgcmin_mode(struct bgcmin *bgc, u32 size)
{
	u32 before = readl(bgc->regs + BGC_INT_COUNT);
	int err;

	writel(size, bgc->regs + BGC_MODE_SIZE);
	writel(FIELD_GET(BGC_MODE_SIZE_WIDTH, size), bgc->regs + BGC_MODE_STRIDE);
	writel(BGC_MODE_FORMAT_FORMAT_XRGB8888, bgc->regs + BGC_MODE_FORMAT);
	writel(0, bgc->regs + BGC_DISPLAY_BASE);
	writel(0, bgc->regs + BGC_DISPLAY_CONTROL);
	err = bgcmin_command(bgc, BGC_MODE_CONTROL, size ? BGC_MODE_CONTROL_ACTION_ENTER :
							   BGC_MODE_CONTROL_ACTION_LEAVE);
	if (!err && (readl(bgc->regs + BGC_INT_COUNT) ^ before) & BGC_INT_COUNT_ERROR)
		err = -EINVAL;
	return err;
}

static long bgcmin_ioctl(struct file *file, unsigned int what, unsigned long size)
{
	struct bgcmin *bgc = file->private_data;
	int err = -ENODEV;

	if (what != BGCMIN_MODE)
		return -ENOTTY;
	mutex_lock(&bgc->lock);
	if (!bgc->gone)
		err = bgcmin_mode(bgc, size);
	mutex_unlock(&bgc->lock);
	return err;
}

/* misc_deregister() waits for this, so the device is there. */
static int bgcmin_open(struct inode *inode, struct file *file)
{
	struct bgcmin *bgc = container_of(file->private_data, struct bgcmin, misc);

	if (test_and_set_bit(0, &bgc->open))
		return -EBUSY;
	refcount_inc(&bgc->users);
	file->private_data = bgc;
	return 0;
}

static int bgcmin_release(struct inode *inode, struct file *file)
{
	struct bgcmin *bgc = file->private_data;

	bgcmin_ioctl(file, BGCMIN_MODE, 0);
	clear_bit(0, &bgc->open);
	bgcmin_put(bgc);
	return 0;
}

static const struct file_operations bgcmin_files = {
	.owner = THIS_MODULE,
	.open = bgcmin_open,
	.release = bgcmin_release,
	.read = bgcmin_read,
	.write = bgcmin_write,
	.unlocked_ioctl = bgcmin_ioctl,
	.llseek = default_llseek,
};

static int bgcmin_setup(struct bgcmin *bgc)
{
	struct pci_dev *pdev = bgc->pdev;
	struct device *dev = &pdev->dev;
	int err = pcim_enable_device(pdev) ?: pcim_iomap_regions(pdev, BIT(0), "bgcmin");

	if (err)
		return err;
	bgc->regs = pcim_iomap_table(pdev)[0];
	if (readl(bgc->regs + BGC_LAYOUT_HASH) != BGC_LAYOUT_HASH_VALUE ||
	    !(readl(bgc->regs + BGC_FEATURES) & BGC_FEATURE_DMA_SINGLE))
		return dev_err_probe(dev, -ENODEV, "another card, or it has no buffers\n");
	bgc->memory = devm_memremap(dev, pci_resource_start(pdev, 2), pci_resource_len(pdev, 2),
				    MEMREMAP_WC);
	if (IS_ERR(bgc->memory))
		return PTR_ERR(bgc->memory);
	err = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
	if (err)
		return err;
	bgc->stream = dmam_alloc_coherent(dev, BGCMIN_BYTES, &bgc->stream_dma, GFP_KERNEL);
	if (!bgc->stream)
		return -ENOMEM;
	err = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (err < 0)
		return err;
	/* What an earlier driver has left may neither interrupt nor be read. */
	writel(0, bgc->regs + BGC_INT_ENABLE);
	err = bgcmin_command(bgc, BGC_CONTROL, BGC_CONTROL_ACTION_RESET);
	bgc->seen = readl(bgc->regs + BGC_INT_COUNT);
	writel(bgc->seen, bgc->regs + BGC_INT_ACK);
	return err ?: devm_request_irq(dev, pci_irq_vector(pdev, 0), bgcmin_interrupt,
				       IRQF_SHARED, "bgcmin", bgc);
}

static int bgcmin_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bgcmin *bgc = kzalloc(sizeof(*bgc), GFP_KERNEL);
	int err;

	if (!bgc)
		return -ENOMEM;
	bgc->pdev = pdev;
	bgc->misc = (struct miscdevice) { MISC_DYNAMIC_MINOR, "bgcmin", &bgcmin_files };
	refcount_set(&bgc->users, 1);
	mutex_init(&bgc->lock);
	init_waitqueue_head(&bgc->wait);
	/* The first action is the last to be undone: the handler is freed before what it uses. */
	err = devm_add_action_or_reset(&pdev->dev, bgcmin_put, bgc) ?: bgcmin_setup(bgc);
	if (err)
		return err;
	pci_set_drvdata(pdev, bgc);
	pci_set_master(pdev);
	writel(BGC_INT_ENABLE_BUFFER | BGC_INT_ENABLE_ERROR, bgc->regs + BGC_INT_ENABLE);
	err = misc_register(&bgc->misc);
	if (err)
		bgcmin_stop(bgc);
	return err;
}

static void bgcmin_remove(struct pci_dev *pdev)
{
	struct bgcmin *bgc = pci_get_drvdata(pdev);

	misc_deregister(&bgc->misc);
	/* Whoever waits for the card holds the lock. */
	WRITE_ONCE(bgc->gone, true);
	wake_up_all(&bgc->wait);
	mutex_lock(&bgc->lock);
	bgcmin_stop(bgc);
	mutex_unlock(&bgc->lock);
}

static const struct pci_device_id bgcmin_ids[] = {
	{ PCI_DEVICE(BGC_VENDOR_ID, BGC_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, bgcmin_ids);

static struct pci_driver bgcmin_driver = {
	.name = "bgcmin",
	.id_table = bgcmin_ids,
	.probe = bgcmin_probe,
	.remove = bgcmin_remove,
};
module_pci_driver(bgcmin_driver);

MODULE_DESCRIPTION("The smallest driver of the base card that draws");
MODULE_LICENSE("GPL");
