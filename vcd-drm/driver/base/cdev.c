// SPDX-License-Identifier: GPL-2.0-only
/* /dev/bgcN: programs map the card's memory and ask the driver for things. */

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bgc.h"

/**
 * struct bgc_file - an open file
 * @link: in the card's list
 * @card: the card, by reference
 * @mapping: where its mappings are found when the card goes
 */
struct bgc_file {
	struct list_head link;
	struct bgc *card;
	struct address_space *mapping;
};

static void bgc_free(struct kref *kref)
{
	kfree(container_of(kref, struct bgc, kref));
}

void bgc_put(struct bgc *card)
{
	kref_put(&card->kref, bgc_free);
}

/* misc_deregister() waits for opens, so the card is there. */
static int bgc_open(struct inode *inode, struct file *filp)
{
	struct bgc *card = container_of(filp->private_data, struct bgc, misc);
	struct bgc_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	kref_get(&card->kref);
	file->card = card;
	file->mapping = filp->f_mapping;
	mutex_lock(&card->files_lock);
	list_add(&file->link, &card->files);
	mutex_unlock(&card->files_lock);
	filp->private_data = file;
	return 0;
}

static int bgc_release(struct inode *inode, struct file *filp)
{
	struct bgc_file *file = filp->private_data;
	struct bgc *card = file->card;

	mutex_lock(&card->files_lock);
	list_del(&file->link);
	mutex_unlock(&card->files_lock);
	kfree(file);
	bgc_put(card);
	return 0;
}

static int bgc_entered(struct bgc *card)
{
	if (!card->gone)
		return 0;
	up_read(&card->alive);
	return -ENODEV;
}

/* Until bgc_leave() the device stays. */
static int bgc_enter(struct bgc *card)
{
	down_read(&card->alive);
	return bgc_entered(card);
}

/*
 * The same in mmap(), where the memory manager's lock is held: other calls want that inside, to
 * read what programs have written. So this must not wait; it would only for the device to go.
 */
static int bgc_try_enter(struct bgc *card)
{
	return down_read_trylock(&card->alive) ? bgc_entered(card) : -ENODEV;
}

static void bgc_leave(struct bgc *card)
{
	up_read(&card->alive);
}

static int bgc_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct bgc *card = ((struct bgc_file *)filp->private_data)->card;
	unsigned long pages = vma_pages(vma), all;
	int ret;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	ret = bgc_try_enter(card);
	if (ret)
		return ret;
	all = pci_resource_len(card->pdev, 2) >> PAGE_SHIFT;
	if (vma->vm_pgoff > all || pages > all - vma->vm_pgoff) {
		ret = -EINVAL;
	} else {
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
		ret = remap_pfn_range(vma, vma->vm_start,
				      (pci_resource_start(card->pdev, 2) >> PAGE_SHIFT) +
				      vma->vm_pgoff,
				      pages << PAGE_SHIFT, vma->vm_page_prot);
	}
	bgc_leave(card);
	return ret;
}

static void bgc_tell(struct bgc *card, struct bgc_info *info)
{
	unsigned long flags;

	mutex_lock(&card->screen);
	spin_lock_irqsave(&card->lock, flags);
	*info = card->info;
	spin_unlock_irqrestore(&card->lock, flags);
	info->features = bgc_read(card, BGC_FEATURES);
	info->memory_bytes = pci_resource_len(card->pdev, 2);
	info->width = card->mode.width;
	info->height = card->mode.height;
	info->ring = card->use_ring;
	mutex_unlock(&card->screen);
}

/* What an argument may be. */
union bgc_argument {
	struct bgc_info info;
	struct bgc_mode mode;
	struct bgc_submit submit;
	struct bgc_wait wait;
	struct bgc_cursor cursor;
};

static int bgc_palette_from_user(struct bgc *card, void __user *from)
{
	struct bgc_palette *palette = memdup_user(from, sizeof(*palette));
	int ret;

	if (IS_ERR(palette))
		return PTR_ERR(palette);
	ret = bgc_set_palette(card, palette);
	kfree(palette);
	return ret;
}

static int bgc_do(struct bgc *card, unsigned int command, union bgc_argument *arg,
		  void __user *user)
{
	switch (command) {
	case BGC_INFO:
		bgc_tell(card, &arg->info);
		return 0;
	case BGC_SET_MODE:
		return bgc_set_mode(card, &arg->mode);
	case BGC_SUBMIT:
		return bgc_submit(card, &arg->submit);
	case BGC_WAIT:
		return bgc_wait(card, &arg->wait);
	case BGC_WAIT_VBLANK:
		return bgc_wait_vblank(card, &arg->wait);
	case BGC_SET_CURSOR:
		return bgc_set_cursor(card, &arg->cursor);
	case BGC_SET_PALETTE:
		return bgc_palette_from_user(card, user);
	default:
		return -ENOTTY;
	}
}

static long bgc_ioctl(struct file *filp, unsigned int command, unsigned long argument)
{
	struct bgc *card = ((struct bgc_file *)filp->private_data)->card;
	void __user *user = (void __user *)argument;
	union bgc_argument arg = { };
	size_t size = _IOC_SIZE(command);
	bool small = size <= sizeof(arg);
	int ret;

	if ((_IOC_DIR(command) & _IOC_WRITE) && small && copy_from_user(&arg, user, size))
		return -EFAULT;
	ret = bgc_enter(card);
	if (ret)
		return ret;
	ret = bgc_do(card, command, &arg, user);
	bgc_leave(card);
	if (!ret && (_IOC_DIR(command) & _IOC_READ) && small && copy_to_user(user, &arg, size))
		return -EFAULT;
	return ret;
}

static const struct file_operations bgc_fops = {
	.owner = THIS_MODULE,
	.open = bgc_open,
	.release = bgc_release,
	.mmap = bgc_mmap,
	.unlocked_ioctl = bgc_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

int bgc_cdev_add(struct bgc *card)
{
	card->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = card->name,
		.fops = &bgc_fops,
		.parent = &card->pdev->dev,
		.mode = 0600,
	};
	return misc_register(&card->misc);
}

/* From here on no program is inside, has the card mapped, or comes in. */
void bgc_cdev_remove(struct bgc *card)
{
	struct bgc_file *file;

	misc_deregister(&card->misc);
	WRITE_ONCE(card->gone, true);
	wake_up_all(&card->changed);
	/* Who waits for something has seen that the card is gone, or will. */
	down_write(&card->alive);
	mutex_lock(&card->files_lock);
	list_for_each_entry(file, &card->files, link)
		unmap_mapping_range(file->mapping, 0, pci_resource_len(card->pdev, 2), 1);
	mutex_unlock(&card->files_lock);
	up_write(&card->alive);
}
