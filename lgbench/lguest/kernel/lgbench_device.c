// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/lgbench, which lgbench_abi.h describes: what lgbench.c knows, for programs. Whoever sets
 * modes and reads samples is kept apart by a mutex, which nobody has who runs or switches guests.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "lgbench.h"
#include "lgbench_device.h"

/* Samples that are copied at once: never to a program with the lock held. */
#define LGB_CHUNK	64

static DEFINE_MUTEX(lgb_control);
static struct file *lgb_owner;		/* of the mode; under lgb_control */
static bool lgb_is_shown;

static ssize_t lgb_read(struct file *file, char __user *to, size_t room, loff_t *at)
{
	struct lgb_header header = {
		.version = LGB_ABI_VERSION,
		.sample_bytes = sizeof(struct lgb_sample),
	};
	struct lgb_sample *chunk;
	unsigned int taken;
	size_t left, used;
	ssize_t ret = 0;

	if (room < sizeof(header) + sizeof(*chunk))
		return -EINVAL;
	chunk = kmalloc(LGB_CHUNK * sizeof(*chunk), GFP_KERNEL);
	if (!chunk)
		return -ENOMEM;
	if (mutex_lock_interruptible(&lgb_control)) {
		kfree(chunk);
		return -EINTR;
	}
	used = sizeof(header);
	do {
		left = (room - used) / sizeof(*chunk);
		taken = lgb_take(chunk, min_t(size_t, left, LGB_CHUNK));
		header.samples += taken;
		if (copy_to_user(to + used, chunk, taken * sizeof(*chunk))) {
			ret = -EFAULT;
			break;
		}
		used += taken * sizeof(*chunk);
	} while (taken == LGB_CHUNK);
	header.lost = lgb_take_lost();
	if (!ret && copy_to_user(to, &header, sizeof(header)))
		ret = -EFAULT;
	/* Out of the ring, and given to nobody. */
	if (ret)
		lgb_lose(header.lost + header.samples);
	mutex_unlock(&lgb_control);
	kfree(chunk);
	return ret ?: (ssize_t)used;
}

/* One program at a time. Under lgb_control. */
static bool lgb_is_busy(const struct file *file)
{
	return lgb_owner && lgb_owner != file;
}

static long lgb_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *user = (void __user *)argument;
	struct lgb_info info;
	struct lgb_mode mode;
	long ret = 0;
	u32 id;

	if (mutex_lock_interruptible(&lgb_control))
		return -EINTR;
	switch (command) {
	case LGB_INFO:
		lgb_tell(&info);
		ret = copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
		break;
	case LGB_SET_MODE:
		if (copy_from_user(&mode, user, sizeof(mode)))
			ret = -EFAULT;
		else
			ret = lgb_is_busy(file) ? -EBUSY : lgb_set_mode(&mode);
		if (!ret && mode.mode != LGB_FREE)
			lgb_owner = file;
		break;
	case LGB_HOLD:
	case LGB_LET:
		if (copy_from_user(&id, user, sizeof(id)))
			ret = -EFAULT;
		else
			ret = lgb_is_busy(file) ? -EBUSY : lgb_hold(id, command == LGB_HOLD);
		if (!ret && command == LGB_HOLD)
			lgb_owner = file;
		break;
	case LGB_CLEAR:
		lgb_clear();
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&lgb_control);
	return ret;
}

/* No guest waits for a program that has gone. */
static int lgb_release(struct inode *inode, struct file *file)
{
	mutex_lock(&lgb_control);
	if (lgb_owner == file) {
		lgb_let_all();
		lgb_owner = NULL;
	}
	mutex_unlock(&lgb_control);
	return 0;
}

static const struct file_operations lgb_files = {
	.owner = THIS_MODULE,
	.read = lgb_read,
	.unlocked_ioctl = lgb_ioctl,
	/* The structures are the same for programs of 32 bits. */
	.compat_ioctl = lgb_ioctl,
	.release = lgb_release,
};

static struct miscdevice lgb_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "lgbench",
	.fops = &lgb_files,
};

void lgb_show(void)
{
	int error = misc_register(&lgb_device);

	lgb_is_shown = !error;
	if (error)
		pr_err("lgbench: cannot make /dev/lgbench: %d\n", error);
}

void lgb_hide(void)
{
	if (lgb_is_shown)
		misc_deregister(&lgb_device);
	lgb_is_shown = false;
}
