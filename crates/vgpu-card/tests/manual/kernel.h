/* SPDX-License-Identifier: MIT */
/* Declarations that the manual's code needs, for a compiler without a kernel at hand. */
#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t dma_addr_t;

#define __iomem
#define EIO 5
#define EINVAL 22
#define ENODEV 19
#define ETIMEDOUT 110
#define HZ 250

struct device {
	int unused;
};

struct pci_dev {
	struct device dev;
};

struct pci_device_id {
	u32 vendor, device;
};

struct mutex {
	int unused;
};

typedef struct {
	int unused;
} wait_queue_head_t;

typedef enum { IRQ_NONE, IRQ_HANDLED } irqreturn_t;

#define PCI_DEVICE(vend, dev) .vendor = (vend), .device = (dev)

u32 readl(const void *from);
void writel(u32 value, void *to);
u32 cpu_to_le32(u32 value);
void mutex_lock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);
void wake_up_all(wait_queue_head_t *wait);
void lockdep_assert_held(struct mutex *lock);
void dev_err(struct device *dev, const char *format, ...);
void dev_err_ratelimited(struct device *dev, const char *format, ...);

#define READ_ONCE(what) (what)
#define readl_poll_timeout(from, now, cond, delay, limit) \
	({ (now) = readl(from); (cond) ? 0 : -ETIMEDOUT * !!((delay) + (limit)); })
#define wait_event_timeout(wait, cond, limit) ((void)&(wait), (cond) ? (long)(limit) : 0L)
#define wait_event_interruptible_timeout(wait, cond, limit) wait_event_timeout(wait, cond, limit)
