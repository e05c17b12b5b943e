// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vgpu: one file is one card. The daemon's calls are checked and passed on here.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vgpu.h"

/**
 * struct vgpu_file - an open file
 * @lock: one VGPU_CREATE at a time
 * @card: its card; written once, read without the lock
 */
struct vgpu_file {
	struct mutex lock;
	struct vgpu_card *card;
};

/* The arguments of all calls fit in here. */
union vgpu_argument {
	__u64 version;
	struct vgpu_create create;
	struct vgpu_arm arm;
	struct vgpu_wait wait;
	struct vgpu_status status;
	struct vgpu_dma_list dma_list;
	struct vgpu_dma_query dma_query;
	struct vgpu_dma_copy dma_copy;
	struct vgpu_interrupt interrupt;
	struct vgpu_intx intx;
};

/*
 * The file's card, if it has one and it belongs to the calling process. Another process may have
 * the file by inheritance, or have been sent it.
 */
static struct vgpu_card *vgpu_file_card(struct file *file)
{
	struct vgpu_file *priv = file->private_data;
	struct vgpu_card *card;

	card = smp_load_acquire(&priv->card);	/* pairs with vgpu_create() */
	if (!card)
		return ERR_PTR(-ENXIO);
	if (card->owner != current->mm)
		return ERR_PTR(-EPERM);
	return card;
}

static int vgpu_open(struct inode *inode, struct file *file)
{
	struct vgpu_file *priv = kzalloc(sizeof(*priv), GFP_KERNEL);

	if (!priv)
		return -ENOMEM;
	mutex_init(&priv->lock);
	file->private_data = priv;
	return nonseekable_open(inode, file);
}

/* The last reference to the file is gone: the daemon's, and those of its mappings. */
static int vgpu_release(struct inode *inode, struct file *file)
{
	struct vgpu_file *priv = file->private_data;

	if (priv->card)
		vgpu_card_close(priv->card);
	kfree(priv);
	return 0;
}

static int vgpu_create(struct file *file, struct vgpu_create *create)
{
	struct vgpu_file *priv = file->private_data;
	struct vgpu_card *card;
	int ret = 0;

	if (mutex_lock_interruptible(&priv->lock))
		return -EINTR;
	if (priv->card) {
		ret = priv->card->owner == current->mm ? -EBUSY : -EPERM;
	} else {
		card = vgpu_card_create(create, file->f_mapping);
		if (IS_ERR(card))
			ret = PTR_ERR(card);
		else
			smp_store_release(&priv->card, card);	/* it is complete now */
	}
	mutex_unlock(&priv->lock);
	return ret;
}

static int vgpu_call_arm(struct vgpu_card *card, struct vgpu_arm *arm)
{
	if (arm->wake & ~VGPU_EVENTS || memchr_inv(arm->reserved, 0, sizeof(arm->reserved)))
		return -EINVAL;
	return vgpu_arm(card, arm);
}

static int vgpu_call_wait(struct vgpu_card *card, struct vgpu_wait *wait)
{
	if (memchr_inv(wait->reserved, 0, sizeof(wait->reserved)))
		return -EINVAL;
	return vgpu_events_wait(&card->events, wait);
}

static int vgpu_call(struct vgpu_card *card, unsigned int cmd, union vgpu_argument *arg)
{
	switch (cmd) {
	case VGPU_PLUG:
		return vgpu_card_plug(card, true);
	case VGPU_UNPLUG:
		return vgpu_card_plug(card, false);
	case VGPU_ARM:
		return vgpu_call_arm(card, &arg->arm);
	case VGPU_WAIT:
		return vgpu_call_wait(card, &arg->wait);
	case VGPU_GET_STATUS:
		vgpu_card_status(card, &arg->status);
		return 0;
	case VGPU_DMA_LIST:
		return vgpu_dma_list(card, &arg->dma_list);
	case VGPU_DMA_QUERY:
		return vgpu_dma_query(card, &arg->dma_query);
	case VGPU_DMA_COPY:
		return vgpu_dma_copy(card, &arg->dma_copy);
	case VGPU_INTERRUPT:
		if (arg->interrupt.reserved)
			return -EINVAL;
		return vgpu_irq_msi(card, arg->interrupt.vector);
	case VGPU_INTX:
		if (arg->intx.reserved || arg->intx.level > 1)
			return -EINVAL;
		return vgpu_irq_intx(card, arg->intx.level);
	default:
		return -ENOTTY;
	}
}

/*
 * The command says which way its argument goes and how large it is. As commands are compared as a
 * whole, one with another size is unknown.
 */
static long vgpu_ioctl(struct file *file, unsigned int cmd, unsigned long address)
{
	void __user *user = (void __user *)address;
	size_t size = _IOC_SIZE(cmd);
	union vgpu_argument arg = {};
	struct vgpu_card *card;
	long ret;

	if (_IOC_TYPE(cmd) != VGPU_IOCTL || size > sizeof(arg))
		return -ENOTTY;
	if (_IOC_DIR(cmd) & _IOC_WRITE && copy_from_user(&arg, user, size))
		return -EFAULT;
	if (cmd == VGPU_GET_API_VERSION) {
		arg.version = VGPU_API_VERSION;
		ret = 0;
	} else if (cmd == VGPU_CREATE) {
		ret = vgpu_create(file, &arg.create);
	} else {
		card = vgpu_file_card(file);
		if (IS_ERR(card))
			return PTR_ERR(card);
		ret = vgpu_call(card, cmd, &arg);
	}
	/* How far a DMA transfer came is told also when it fails. */
	if (ret && cmd != VGPU_DMA_COPY)
		return ret;
	if (_IOC_DIR(cmd) & _IOC_READ && copy_to_user(user, &arg, size))
		return -EFAULT;
	return ret;
}

static __poll_t vgpu_poll(struct file *file, poll_table *wait)
{
	struct vgpu_card *card = vgpu_file_card(file);

	if (IS_ERR(card))
		return EPOLLERR;
	poll_wait(file, &card->events.queue, wait);
	return vgpu_events_pending(&card->events) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int vgpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vgpu_card *card = vgpu_file_card(file);

	return IS_ERR(card) ? PTR_ERR(card) : vgpu_daemon_mmap(card, vma);
}

static const struct file_operations vgpu_fops = {
	.owner = THIS_MODULE,
	.open = vgpu_open,
	.release = vgpu_release,
	.unlocked_ioctl = vgpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = vgpu_poll,
	.mmap = vgpu_mmap,
};

static struct miscdevice vgpu_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vgpu",
	.fops = &vgpu_fops,
	.mode = 0600,
};

int vgpu_chardev_init(void)
{
	return misc_register(&vgpu_misc);
}

void vgpu_chardev_exit(void)
{
	misc_deregister(&vgpu_misc);
}
