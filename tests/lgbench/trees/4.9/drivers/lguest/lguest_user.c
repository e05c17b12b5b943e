// SPDX-License-Identifier: GPL-2.0-only
/* The shape of 4.9. */
#include <linux/uaccess.h>
#include <linux/miscdevice.h>
#include <linux/fs.h>
#include "lg.h"

static ssize_t read(struct file *file, char __user *user, size_t size, loff_t *o)
{
	struct lguest *lg = file->private_data;
	struct lg_cpu *cpu;

	if (!lg || *o >= lg->nr_cpus)
		return -EINVAL;
	cpu = &lg->cpus[*o];
	if (current != cpu->tsk)
		return -EPERM;
	if (lg->dead)
		return IS_ERR(lg->dead) ? PTR_ERR(lg->dead) : -ENOENT;
	return run_guest(cpu, (unsigned long __user *)user);
}

static int lg_cpu_start(struct lg_cpu *cpu, struct lguest *lg)
{
	cpu->lg = lg;
	cpu->tsk = current;
	lg->nr_cpus++;
	return 0;
}

static int initialize(struct file *file, const unsigned long __user *input)
{
	struct lguest *lg;
	unsigned long args[4];
	int err;

	mutex_lock(&lguest_lock);
	if (file->private_data) {
		err = -EBUSY;
		goto unlock;
	}

	if (copy_from_user(args, input, sizeof(args)) != 0) {
		err = -EFAULT;
		goto unlock;
	}

	lg = kzalloc(sizeof(*lg), GFP_KERNEL);
	if (!lg) {
		err = -ENOMEM;
		goto unlock;
	}
	lg->pfn_limit = args[1];

	err = lg_cpu_start(&lg->cpus[0], lg);
	if (err)
		goto free_lg;

	err = init_guest_pagetable(lg);
	if (err)
		goto free_lg;

	/* From now on it can be run. */
	file->private_data = lg;

	mutex_unlock(&lguest_lock);
	return sizeof(args);

free_lg:
	kfree(lg);
unlock:
	mutex_unlock(&lguest_lock);
	return err;
}

static ssize_t write(struct file *file, const char __user *in, size_t size, loff_t *off)
{
	struct lguest *lg = file->private_data;
	const unsigned long __user *input = (const unsigned long __user *)in;
	unsigned long req;

	if (get_user(req, input) != 0)
		return -EFAULT;
	input++;
	if (req != LHREQ_INITIALIZE && (!lg || *off >= lg->nr_cpus || lg->dead))
		return -EINVAL;

	switch (req) {
	case LHREQ_INITIALIZE:
		return initialize(file, input);
	case LHREQ_IRQ:
		set_interrupt(&lg->cpus[*off], *input);
		return 0;
	default:
		return -EINVAL;
	}
}

static int close(struct inode *inode, struct file *file)
{
	struct lguest *lg = file->private_data;

	if (!lg)
		return 0;

	/* Nobody else begins or ends meanwhile. */
	mutex_lock(&lguest_lock);

	free_guest_pagetable(lg);
	if (!IS_ERR(lg->dead))
		kfree(lg->dead);
	kfree(lg);
	mutex_unlock(&lguest_lock);

	return 0;
}

static const struct file_operations lguest_fops = {
	.owner	 = THIS_MODULE,
	.release = close,
	.write	 = write,
	.read	 = read,
};

static struct miscdevice lguest_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "lguest",
	.fops	= &lguest_fops,
};

int __init lguest_device_init(void)
{
	return misc_register(&lguest_dev);
}

void __exit lguest_device_remove(void)
{
	misc_deregister(&lguest_dev);
}
