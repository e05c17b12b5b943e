// SPDX-License-Identifier: GPL-2.0-only
/* /dev/testcardN: programs map the card and ask the driver for things. */

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "testcard.h"

/**
 * struct testcard_file - an open file
 * @link: in the card's list
 * @card: the card, by reference
 * @mapping: where its mappings are found when the card goes
 */
struct testcard_file {
	struct list_head link;
	struct testcard *card;
	struct address_space *mapping;
};

static void testcard_free(struct kref *ref)
{
	kfree(container_of(ref, struct testcard, ref));
}

void testcard_put(struct testcard *card)
{
	kref_put(&card->ref, testcard_free);
}

/* misc_deregister() waits for opens, so the card is there. */
static int testcard_open(struct inode *inode, struct file *filp)
{
	struct testcard *card = container_of(filp->private_data, struct testcard, misc);
	struct testcard_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	kref_get(&card->ref);
	file->card = card;
	file->mapping = filp->f_mapping;
	mutex_lock(&card->files_lock);
	list_add(&file->link, &card->files);
	mutex_unlock(&card->files_lock);
	filp->private_data = file;
	return 0;
}

static int testcard_release(struct inode *inode, struct file *filp)
{
	struct testcard_file *file = filp->private_data;
	struct testcard *card = file->card;

	mutex_lock(&card->files_lock);
	list_del(&file->link);
	mutex_unlock(&card->files_lock);
	kfree(file);
	testcard_put(card);
	return 0;
}

static int testcard_entered(struct testcard *card)
{
	if (!card->gone)
		return 0;
	up_read(&card->users);
	return -ENODEV;
}

/* From here to testcard_leave() the device and its mappings stay. */
static int testcard_enter(struct testcard *card)
{
	down_read(&card->users);
	return testcard_entered(card);
}

/*
 * The same in mmap(), where the memory manager's lock is held: other calls want that inside, to
 * read what programs have written. So this must not wait; it would only for the device to go.
 */
static int testcard_try_enter(struct testcard *card)
{
	return down_read_trylock(&card->users) ? testcard_entered(card) : -ENODEV;
}

static void testcard_leave(struct testcard *card)
{
	up_read(&card->users);
}

static int testcard_map_bar(struct testcard *card, struct vm_area_struct *vma)
{
	unsigned long page = vma->vm_pgoff, pages = vma_pages(vma);
	unsigned long fb_page = TESTCARD_MAP_FB >> PAGE_SHIFT;
	resource_size_t bytes = card->regs_bytes;
	int bar = 0;

	if (page >= fb_page) {
		bar = 2;
		page -= fb_page;
		bytes = card->fb_bytes;
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	} else {
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	}
	if (!(vma->vm_flags & VM_SHARED) || page > bytes >> PAGE_SHIFT ||
	    pages > (bytes >> PAGE_SHIFT) - page)
		return -EINVAL;
	return remap_pfn_range(vma, vma->vm_start,
			       (pci_resource_start(card->pdev, bar) >> PAGE_SHIFT) + page,
			       pages << PAGE_SHIFT, vma->vm_page_prot);
}

static int testcard_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct testcard_file *file = filp->private_data;
	struct testcard *card = file->card;
	int err = testcard_try_enter(card);

	if (err)
		return err;
	err = testcard_map_bar(card, vma);
	testcard_leave(card);
	return err;
}

static void testcard_info(struct testcard *card, struct testcard_info *info)
{
	*info = (struct testcard_info) {
		.regs_bytes = card->regs_bytes,
		.fb_bytes = card->fb_bytes,
		.irq = card->irq,
		.msi = card->pdev->msi_enabled,
		.interrupts = atomic64_read(&card->interrupts),
		.strangers = atomic64_read(&card->strangers),
		.fence = READ_ONCE(card->ring.fence),
	};
}

static int testcard_fill(struct testcard *card, struct testcard_fill *fill)
{
	const struct tc_entry entry = {
		.op = cpu_to_le32(TC_OP_FILL),
		.value = cpu_to_le32(fill->value),
		.offset = cpu_to_le32(fill->offset),
		.length = cpu_to_le32(fill->length),
	};
	u64 end = (u64)fill->offset + fill->length;

	if ((fill->offset | fill->length) % 4 || !fill->length || end > card->fb_bytes)
		return -EINVAL;
	return testcard_submit(card, &entry, 1, &fill->fence);
}

/* All that an ioctl can have as its argument. */
union testcard_argument {
	struct testcard_info info;
	struct testcard_selftest selftest;
	struct testcard_fill fill;
	struct testcard_wait wait;
	struct testcard_copy copy;
	struct testcard_hammer hammer;
	struct testcard_measure measure;
	struct testcard_latency latency;
};

static int testcard_do(struct testcard *card, unsigned int request, union testcard_argument *arg)
{
	switch (request) {
	case TESTCARD_INFO:
		testcard_info(card, &arg->info);
		return 0;
	case TESTCARD_SELFTEST:
		return testcard_selftest(card, &arg->selftest);
	case TESTCARD_FILL:
		return testcard_fill(card, &arg->fill);
	case TESTCARD_WAIT:
		return testcard_fence_wait(card, arg->wait.fence,
					   msecs_to_jiffies(arg->wait.timeout_ms));
	case TESTCARD_PUT:
		return testcard_copy_user(card, &arg->copy, true);
	case TESTCARD_GET:
		return testcard_copy_user(card, &arg->copy, false);
	case TESTCARD_HAMMER:
		return testcard_hammer(card, &arg->hammer);
	case TESTCARD_MEASURE:
		return testcard_measure(card, &arg->measure);
	case TESTCARD_LATENCY:
		testcard_latency(card, &arg->latency);
		return 0;
	default:
		return -ENOTTY;
	}
}

static long testcard_ioctl(struct file *filp, unsigned int request, unsigned long address)
{
	struct testcard_file *file = filp->private_data;
	void __user *user = (void __user *)address;
	size_t bytes = _IOC_SIZE(request);
	union testcard_argument *arg;
	int err;

	if (_IOC_TYPE(request) != 'T' || bytes > sizeof(*arg))
		return -ENOTTY;
	arg = kzalloc(sizeof(*arg), GFP_KERNEL);
	if (!arg)
		return -ENOMEM;
	if ((_IOC_DIR(request) & _IOC_WRITE) && copy_from_user(arg, user, bytes)) {
		err = -EFAULT;
		goto out;
	}
	err = testcard_enter(file->card);
	if (err)
		goto out;
	err = testcard_do(file->card, request, arg);
	testcard_leave(file->card);
	/* Also when it failed: what was done until then, or why. */
	if ((_IOC_DIR(request) & _IOC_READ) && err != -ENOTTY && copy_to_user(user, arg, bytes))
		err = -EFAULT;
out:
	kfree(arg);
	return err;
}

static const struct file_operations testcard_fops = {
	.owner = THIS_MODULE,
	.open = testcard_open,
	.release = testcard_release,
	.mmap = testcard_mmap,
	.unlocked_ioctl = testcard_ioctl,
};

int testcard_cdev_init(struct testcard *card)
{
	card->misc = (struct miscdevice) {
		.minor = MISC_DYNAMIC_MINOR,
		.name = card->name,
		.fops = &testcard_fops,
		.parent = &card->pdev->dev,
		.mode = 0600,
	};
	return misc_register(&card->misc);
}

/* When this returns, nobody is inside, nobody comes in, and no program has the card mapped. */
void testcard_cdev_exit(struct testcard *card)
{
	struct testcard_file *file;

	misc_deregister(&card->misc);
	WRITE_ONCE(card->gone, true);
	wake_up_all(&card->wait);
	down_write(&card->users);
	up_write(&card->users);
	mutex_lock(&card->files_lock);
	list_for_each_entry(file, &card->files, link)
		unmap_mapping_range(file->mapping, 0, 0, 1);
	mutex_unlock(&card->files_lock);
}
