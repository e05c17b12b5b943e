/* SPDX-License-Identifier: GPL-2.0-only */
/* As much of a kernel as a compiler needs to read the trees. */
#ifndef TEST_KERNEL_H
#define TEST_KERNEL_H

#define __user
#define __init
#define __exit
#define NULL			((void *)0)
#define PAGE_SIZE		4096ul
#define GFP_KERNEL		0
#define EFAULT			14
#define EINVAL			22
#define EBUSY			16
#define ENOMEM			12
#define ENOENT			2
#define EPERM			1
#define ERESTART		85
#define ERESTARTSYS		512
#define TASK_RUNNING		0
#define TASK_INTERRUPTIBLE	1
#define MISC_DYNAMIC_MINOR	255
#define THIS_MODULE		((struct module *)0)
#define ERR_PTR(error)		((void *)(long)(error))
#define PTR_ERR(pointer)	((long)(pointer))
#define IS_ERR(pointer)		((unsigned long)(pointer) > -4096ul)
#define DEFINE_MUTEX(name)	struct mutex name
#define module_init(function)	int (*test_init)(void) = function
#define module_exit(function)	void (*test_exit)(void) = function
#define MODULE_LICENSE(text)	extern const char test_licence[]
#define get_user(value, at)	((value) = *(at), 0)
#define put_user(value, at)	(*(at) = (value), 0)
#define current			test_current()

typedef _Bool bool;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned long size_t;
typedef long ssize_t;
typedef long long loff_t;

struct module;
struct inode;
struct task_struct;
struct mutex {
	int held;
};

struct file {
	void *private_data;
};

struct file_operations {
	struct module *owner;
	long (*unlocked_ioctl)(struct file *file, unsigned int command, unsigned long argument);
	long (*compat_ioctl)(struct file *file, unsigned int command, unsigned long argument);
	int (*release)(struct inode *inode, struct file *file);
	ssize_t (*write)(struct file *file, const char *from, size_t size, loff_t *at);
	ssize_t (*read)(struct file *file, char *to, size_t size, loff_t *at);
};

struct miscdevice {
	int minor;
	const char *name;
	const struct file_operations *fops;
};

extern struct mutex lguest_lock;

struct task_struct *test_current(void);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
void local_irq_disable(void);
void local_irq_enable(void);
void schedule(void);
void set_current_state(int state);
bool signal_pending(struct task_struct *task);
bool try_to_freeze(void);
bool paravirt_enabled(void);
int get_kernel_rpl(void);
int printk(const char *format, ...);
void *kzalloc(size_t size, int flags);
void kfree(const void *pointer);
unsigned long copy_from_user(void *to, const void *from, size_t size);
unsigned long copy_to_user(void *to, const void *from, size_t size);
int misc_register(struct miscdevice *device);
void misc_deregister(struct miscdevice *device);

#endif
