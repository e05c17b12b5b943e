/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI card played by a program: what the files of the module share.
 *
 *   main.c         loading and unloading, options
 *   chardev.c      /dev/vgpu: the daemon's calls
 *   daemon_map.c   what the daemon maps: BARs and coherent DMA buffers
 *   card.c         a card's life: creating, plugging, unplugging, freeing
 *   host.c         the PCI host bridge of a card
 *   config.c       configuration space
 *   bar.c          BAR memory: taking it, giving it back, keeping it for the next card
 *   hole.c         the only file that touches the tree of physical memory
 *   events.c       counting what happens and waking the daemon
 *   arm.c          VGPU_ARM: making the next write to each register page an event
 *   trap_kernel.c  mappings in the kernel: finding, write-protecting, trapping
 *   trap_user.c    mappings in processes: finding, write-protecting, trapping, revoking
 *   probes.c       the observation points in the kernel that the two need
 *   dma_ops.c      the DMA interface of the kernel, for the card's driver
 *   dma_table.c    the table of live DMA mappings, for the daemon
 *   irq.c          MSI and INTx
 *   debugfs.c      the state of all cards, to read
 *
 * Lock order, outer before inner:
 *
 *   card->plug_lock                 (mutex; never held while a driver runs)
 *   pci_lock_rescan_remove()        the driver's probe and remove functions run inside
 *   card->arm_lock                  (mutex)
 *   mmap_lock of a process
 *   card->dma.revoke_lock           (rwsem; read in the daemon's page faults)
 *   card->irq.lock                  (mutex)
 *   vgpu_bar_lock                   (mutex, in bar.c)
 *   spinlocks, none inside another: card->dma.lock, and the raw ones of trap_kernel.c, trap_user.c
 *     and config.c
 *
 * What runs with interrupts off, in the middle of anything: the page-fault and kprobe handlers
 * (RCU, raw spinlocks, no allocation), configuration accesses (config.lock), DMA map and unmap
 * (dma.lock). Everything that must sleep in reaction to these is work on vgpu_wq.
 */
#ifndef VGPU_H
#define VGPU_H

#include <linux/atomic.h>
#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/vgpu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"

#define VGPU_PAGES_MAX		(VGPU_REGISTERS_MAX >> PAGE_SHIFT)
#define VGPU_CONFIG_BYTES	256

/* Each card has this much of the offsets of /dev/vgpu, see daemon_map.c */
#define VGPU_OFFSET_SHIFT	36

struct vgpu_bar_memory;
struct irq_domain;
struct fwnode_handle;
struct platform_device;

enum vgpu_bar_index { VGPU_REGISTERS, VGPU_FRAMEBUFFER, VGPU_BARS };

/**
 * struct vgpu_bar - memory behind a BAR
 * @bytes: size, a power of two; 0 if the card has not this BAR
 * @base: physical address, aligned to the size
 * @window: the range in the tree of physical memory; the host bridge's window
 * @memory: what bar.c keeps
 */
struct vgpu_bar {
	size_t bytes;
	phys_addr_t base;
	struct resource *window;
	struct vgpu_bar_memory *memory;
};

/* The order of the bits VGPU_EVENT_* */
enum vgpu_event {
	VGPU_KERNEL_WRITE,
	VGPU_USER_WRITE,
	VGPU_MAPPING,
	VGPU_CONFIG,
	VGPU_DRIVER,
	VGPU_DMA,
	VGPU_POLL,
	VGPU_EVENT_KINDS
};

/**
 * struct vgpu_events - what happened to a card
 * @count: how often, per kind; only grows
 * @armed: @count as it was at the last VGPU_ARM
 * @wake: the kinds that wake the daemon
 * @pages: register pages with a write, or with a mapping that came or went, not yet collected
 * @offset: of the newest trapped write
 * @queue: where the daemon waits
 * @irq_work: wakes @queue; events may come where waking is not allowed
 * @poll_work: without traps: the next %VGPU_POLL
 */
struct vgpu_events {
	atomic64_t count[VGPU_EVENT_KINDS];
	u64 armed[VGPU_EVENT_KINDS];
	u32 wake;
	atomic_t pages;
	u32 offset;
	wait_queue_head_t queue;
	struct irq_work irq_work;
	struct delayed_work poll_work;
};

/**
 * struct vgpu_config - configuration space
 * @lock: for all below; raw, as the PCI core's own lock is
 * @bytes: as the driver reads it, but for the two below
 * @writable: bits that a write changes
 * @bar_sizing: the dword of a BAR was last written with all ones, and reads as the size
 * @revoke_work: takes the daemon's DMA mappings away after DMA was forbidden
 */
struct vgpu_config {
	raw_spinlock_t lock;
	u8 bytes[VGPU_CONFIG_BYTES];
	u8 writable[VGPU_CONFIG_BYTES];
	bool bar_sizing[6];
	struct work_struct revoke_work;
};

/**
 * struct vgpu_dma_space - DMA addresses and mappings of a card
 * @lock: for @used, @next, @mappings, @live
 * @revoke_lock: see dma_revoke() in dma_table.c
 * @used: one bit for each page of the aperture
 * @next: where to look for free pages first
 * @mappings: live mappings by address
 * @live: how many
 */
struct vgpu_dma_space {
	spinlock_t lock;
	struct rw_semaphore revoke_lock;
	unsigned long *used;
	unsigned long next;
	struct rb_root mappings;
	unsigned int live;
};

/**
 * struct vgpu_irq - interrupts of a card
 * @lock: one interrupt at a time; @tokens and @refilled
 * @fwnode: names the domains
 * @msi_domain: hardware interrupt n is MSI vector n
 * @msi_info: of @msi_domain, in kernels where its maker keeps it
 * @intx_domain: hardware interrupt 0 is INTA
 * @intx_virq: INTA's Linux interrupt number
 * @cpu: where each MSI vector goes
 * @work: calls the MSI handler, in interrupt context
 * @vector: for @work
 * @result: of @work
 * @intx_level: the pin
 * @intx_work: calls the INTx handler, in interrupt context
 * @intx_again: calls it again while the pin is asserted
 * @tokens: interrupts that may be sent at once
 * @refilled: when @tokens was last refilled
 * @sent: counter
 * @refused: counter
 */
struct vgpu_irq {
	struct mutex lock;
	struct fwnode_handle *fwnode;
	struct irq_domain *msi_domain;
	void *msi_info;
	struct irq_domain *intx_domain;
	unsigned int intx_virq;
	unsigned int cpu[VGPU_MSI_VECTORS_MAX];
	struct irq_work work;
	unsigned int vector;
	int result;
	bool intx_level;
	struct irq_work intx_work;
	struct delayed_work intx_again;
	u64 tokens;
	u64 refilled;
	atomic64_t sent;
	atomic64_t refused;
};

/**
 * struct vgpu_card - a card
 * @node: in the list of all cards, which is read under RCU
 * @ref: held by the file, the host bridge, every mapping of a BAR, and pending work
 * @free_work: frees it, after the last of them
 * @id: its number
 * @what: as it was created
 * @owner: the process it belongs to; for comparing only
 * @mapping: the daemon's file's address space, in which the card's offsets are its own; NULL when
 *	the file is gone
 * @bars: the memory
 * @config: configuration space
 * @events: what happened
 * @arm_lock: one VGPU_ARM at a time; @arms
 * @arms: counter
 * @armed_once: there was a VGPU_ARM that succeeded
 * @dma: DMA mappings
 * @irq: interrupts
 * @plug_lock: for @plug_wanted, @plug_busy, @closing
 * @plug_work: makes @plugged what @plug_wanted says
 * @plug_wanted: the card shall be on its bus
 * @plug_busy: @plug_work has something to do
 * @closing: the file is gone
 * @plug_failed: the last attempt failed
 * @plugged: the card is on its bus
 * @gone: nothing of the card may be mapped into a process any more
 * @bound: a driver is bound
 * @domain: PCI domain
 * @sysdata: what x86 wants to know about a root bus
 * @busn: bus numbers of the host bridge: 0 only
 * @host: the device that the host bridge hangs from
 * @bridge: the host bridge
 * @pdev: the PCI device
 * @probes_missed: vgpu_probes_missed() when the card was created
 * @kernel_maps: mappings of BARs in the kernel
 * @user_maps: mappings of BARs in processes
 * @revocations: counter
 * @user_work: revokes mappings in processes that appeared when @gone
 * @debugfs: its folder
 */
struct vgpu_card {
	struct list_head node;
	struct kref ref;
	struct work_struct free_work;
	unsigned int id;
	struct vgpu_create what;
	struct mm_struct *owner;
	struct address_space *mapping;
	struct vgpu_bar bars[VGPU_BARS];
	struct vgpu_config config;
	struct vgpu_events events;
	struct mutex arm_lock;
	u64 arms;
	bool armed_once;
	struct vgpu_dma_space dma;
	struct vgpu_irq irq;
	struct mutex plug_lock;
	struct work_struct plug_work;
	bool plug_wanted;
	bool plug_busy;
	bool closing;
	bool plug_failed;
	bool plugged;
	bool gone;
	bool bound;
	int domain;
	struct pci_sysdata sysdata;
	struct resource busn;
	struct platform_device *host;
	struct pci_host_bridge *bridge;
	struct pci_dev *pdev;
	unsigned long probes_missed;
	atomic_t kernel_maps;
	atomic_t user_maps;
	atomic64_t revocations;
	struct work_struct user_work;
	struct dentry *debugfs;
};

/* main.c */
extern struct workqueue_struct *vgpu_wq;
extern bool vgpu_traps;
extern bool vgpu_watched;
extern unsigned int vgpu_poll_ms;
extern unsigned int vgpu_irq_rate;

/* card.c */
struct vgpu_card *vgpu_card_create(struct vgpu_create *what, struct address_space *mapping);
void vgpu_card_get(struct vgpu_card *card);
bool vgpu_card_tryget(struct vgpu_card *card);
void vgpu_card_put(struct vgpu_card *card);
struct vgpu_card *vgpu_card_find(phys_addr_t base, size_t bytes, enum vgpu_bar_index *bar);
bool vgpu_card_domain_used(int domain);
int vgpu_card_plug(struct vgpu_card *card, bool in);
void vgpu_card_close(struct vgpu_card *card);
void vgpu_card_status(struct vgpu_card *card, struct vgpu_status *status);

/* host.c */
int vgpu_host_init(void);
void vgpu_host_exit(void);
int vgpu_host_domain_get(struct vgpu_card *card);
void vgpu_host_domain_put(struct vgpu_card *card);
int vgpu_host_plug(struct vgpu_card *card);
void vgpu_host_unplug(struct vgpu_card *card);
struct vgpu_card *vgpu_host_card(struct pci_dev *pdev);

/* config.c */
void vgpu_config_init(struct vgpu_card *card);
u32 vgpu_config_read(struct vgpu_card *card, int where, int size);
void vgpu_config_write(struct vgpu_card *card, int where, int size, u32 value);
u16 vgpu_config_command(struct vgpu_card *card);
u8 vgpu_config_power_state(struct vgpu_card *card);
unsigned int vgpu_config_msi_vectors(struct vgpu_card *card);
bool vgpu_config_dma_allowed(struct vgpu_card *card);
bool vgpu_config_intx_allowed(struct vgpu_card *card);

/**
 * struct vgpu_hole - a range cut out of System RAM
 * @start: first byte
 * @end: last byte
 * @origin: the kernel's entry that it was cut out of
 */
struct vgpu_hole {
	resource_size_t start;
	resource_size_t end;
	struct resource *origin;
};

/* hole.c */
int vgpu_hole_cut(struct vgpu_hole *hole, resource_size_t start, resource_size_t end);
int vgpu_hole_mend(const struct vgpu_hole *hole);

/* bar.c */
int vgpu_bar_init(void);
void vgpu_bar_exit(void);
int vgpu_bar_create(struct vgpu_bar *bar, size_t bytes, bool prefetchable);
void vgpu_bar_free(struct vgpu_bar *bar);

/* events.c */
void vgpu_events_init(struct vgpu_events *events);
void vgpu_events_stop(struct vgpu_events *events);
void vgpu_event(struct vgpu_card *card, enum vgpu_event kind);
void vgpu_event_pages(struct vgpu_card *card, enum vgpu_event kind, u32 pages);
void vgpu_event_write(struct vgpu_card *card, enum vgpu_event kind, size_t offset);
u32 vgpu_events_pending(struct vgpu_events *events);
int vgpu_events_wait(struct vgpu_events *events, struct vgpu_wait *wait);
u64 vgpu_event_count(struct vgpu_card *card, enum vgpu_event kind);

/* chardev.c */
int vgpu_chardev_init(void);
void vgpu_chardev_exit(void);

/* arm.c */
int vgpu_arm(struct vgpu_card *card, struct vgpu_arm *arm);

/* probes.c */
int vgpu_probes_init(void);
void vgpu_probes_exit(void);
unsigned long vgpu_probes_missed(void);

/* trap_kernel.c */
void vgpu_page_fault_kernel(void *data, unsigned long address, struct pt_regs *regs,
			    unsigned long error_code);
bool vgpu_kmap_add(struct vgpu_card *card, enum vgpu_bar_index bar, unsigned long address,
		   size_t bytes);
struct vgpu_card *vgpu_kmap_remove(unsigned long address);
bool vgpu_kmap_find_writable(struct vgpu_card *card);
u32 vgpu_kmap_protect(struct vgpu_card *card);
struct seq_file;
void vgpu_kmap_show(struct seq_file *m, struct vgpu_card *card);

/* trap_user.c */
void vgpu_umap_note(struct vgpu_card *card, struct mm_struct *mm);
void vgpu_umap_fork(void *data, struct task_struct *parent, struct task_struct *child);
int vgpu_umap_protect(struct vgpu_card *card, u32 *pages);
void vgpu_umap_revoke(struct vgpu_card *card);

/* daemon_map.c */
int vgpu_daemon_mmap(struct vgpu_card *card, struct vm_area_struct *vma);
bool vgpu_daemon_owns(struct vm_area_struct *vma);
void vgpu_daemon_unmap(struct vgpu_card *card, u64 offset, u64 bytes);
void vgpu_daemon_gone(struct vgpu_card *card);

/* dma_ops.c */
extern const struct dma_map_ops vgpu_dma_ops;

/* dma_table.c */
struct vgpu_dma;
int vgpu_dma_init(struct vgpu_card *card);
void vgpu_dma_exit(struct vgpu_card *card);
void vgpu_dma_driver_gone(struct vgpu_card *card);
int vgpu_dma_list(struct vgpu_card *card, struct vgpu_dma_list *list);
int vgpu_dma_query(struct vgpu_card *card, struct vgpu_dma_query *query);
int vgpu_dma_copy(struct vgpu_card *card, struct vgpu_dma_copy *copy);
void vgpu_dma_revoke_all(struct vgpu_card *card);
void vgpu_dma_show(struct seq_file *m, struct vgpu_card *card);

/* irq.c */
int vgpu_irq_init(struct vgpu_card *card);
int vgpu_irq_exit(struct vgpu_card *card);
void vgpu_irq_plug(struct vgpu_card *card, struct pci_dev *pdev);
void vgpu_irq_stop(struct vgpu_card *card);
int vgpu_irq_msi(struct vgpu_card *card, unsigned int vector);
int vgpu_irq_intx(struct vgpu_card *card, bool level);
void vgpu_irq_intx_kick(struct vgpu_card *card);

/* debugfs.c */
void vgpu_debugfs_init(void);
void vgpu_debugfs_exit(void);
void vgpu_debugfs_add(struct vgpu_card *card);
void vgpu_debugfs_remove(struct vgpu_card *card);

/* Register pages from offset to offset + bytes, as bits */
static inline u32 vgpu_pages(size_t offset, size_t bytes)
{
	unsigned int first = offset >> PAGE_SHIFT;
	unsigned int last = (offset + bytes - 1) >> PAGE_SHIFT;

	return GENMASK(last, first);
}

#endif
