/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * A PCI graphics card played by a program.
 *
 * The program (the daemon) opens /dev/vgpu and makes a card:
 *
 *   open            one file is one card
 *   VGPU_CREATE     ids, BAR sizes, interrupts; the BARs' memory exists from here on
 *   mmap            the register BAR and the framebuffer BAR; put the reset values in
 *   VGPU_PLUG       the card appears on a PCI bus of its own; drivers probe it meanwhile
 *   loop            VGPU_ARM, look at the registers, VGPU_WAIT (or poll)
 *   close           the card is removed, as if pulled out; also when the daemon is killed.
 *                   (More exactly: when no process has the file, or a mapping of it, any more.)
 *
 * The card belongs to the process that created it. In any other process every call on the file
 * fails with EPERM, also in a child and in one that was sent the file.
 *
 * All reserved fields must be zero, and all unknown flags clear, or the call fails with EINVAL.
 * The file cannot tell the daemon a kernel or a physical address, nor be told one.
 */
#ifndef _UAPI_LINUX_VGPU_H
#define _UAPI_LINUX_VGPU_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VGPU_IOCTL	0xA8

/**
 * define VGPU_API_VERSION - the version of this interface
 *
 * It changes when an older daemon would no longer work. New calls, flags and events alone do not
 * change it.
 */
#define VGPU_API_VERSION	1

/* Limits of what VGPU_CREATE takes */
#define VGPU_NAME_BYTES		32
#define VGPU_REGISTERS_MIN	0x1000
#define VGPU_REGISTERS_MAX	0x10000
#define VGPU_FRAMEBUFFER_MIN	0x1000
#define VGPU_FRAMEBUFFER_MAX	0x1000000
#define VGPU_MSI_VECTORS_MAX	32

/*
 * Offsets for mmap(). Mappings must be MAP_SHARED; a child does not inherit them. They keep the
 * card alive, as the file does.
 *
 * A coherent DMA buffer is mapped at VGPU_MMAP_DMA + its DMA address, whole pages, at most to its
 * end. When the driver frees the buffer the pages are taken out of the mapping first; touching the
 * mapping from then on raises SIGBUS. The same holds while the card may not do DMA (Bus Master
 * off, or not in D0), but then the mapping works again later.
 */
#define VGPU_MMAP_REGISTERS	0x000000000ULL
#define VGPU_MMAP_FRAMEBUFFER	0x100000000ULL
#define VGPU_MMAP_DMA		0x200000000ULL

/* Flags of struct vgpu_create */
#define VGPU_CREATE_INTX	(1U << 0)	/* the card has an interrupt pin, INTA */
#define VGPU_CREATE_FLAGS	VGPU_CREATE_INTX

/**
 * struct vgpu_create - what card to make, and where it is
 * @vendor: PCI vendor id; not 0 and not 0xffff
 * @device: PCI device id
 * @subsystem_vendor: PCI subsystem vendor id
 * @subsystem_device: PCI subsystem id
 * @class_code: base class << 16 | subclass << 8 | programming interface
 * @revision: PCI revision id
 * @msi_vectors: MSI vectors the card offers: 0 (no MSI capability), 1, 2, 4, 8, 16 or 32
 * @reserved0: must be zero
 * @flags: VGPU_CREATE_*
 * @register_bytes: size of BAR 0, the registers: a power of two, 4 KiB to 64 KiB
 * @framebuffer_bytes: size of BAR 2, the framebuffer (prefetchable): 0 (no such BAR), or a power
 *	of two, 4 KiB to 16 MiB
 * @name: for logs and debugfs; ends with a zero byte, only letters, digits, '-', '_' and '.';
 *	may be empty
 * @reserved: must be zero
 * @card: result: the card's number, unique among the cards that exist
 * @pci_domain: result: PCI domain of the card
 * @pci_bus: result: PCI bus of the card
 * @pci_devfn: result: PCI device << 3 | function
 * @reserved_out: result: zero
 *
 * Both BARs are 64-bit memory BARs and begin as zeros. There is always a power-management
 * capability with D0 and D3hot.
 */
struct vgpu_create {
	__u16 vendor;
	__u16 device;
	__u16 subsystem_vendor;
	__u16 subsystem_device;
	__u32 class_code;
	__u8 revision;
	__u8 msi_vectors;
	__u16 reserved0;
	__u32 flags;
	__u32 register_bytes;
	__u32 framebuffer_bytes;
	char name[VGPU_NAME_BYTES];
	__u32 reserved[7];
	__u32 card;
	__u32 pci_domain;
	__u8 pci_bus;
	__u8 pci_devfn;
	__u16 reserved_out;
};

/*
 * Events: kinds of things that happen to a card. Each kind has a counter.
 */
#define VGPU_EVENT_KERNEL_WRITE	(1U << 0)	/* the driver wrote to a register page */
#define VGPU_EVENT_USER_WRITE	(1U << 1)	/* a process wrote through the driver's mmap */
#define VGPU_EVENT_MAPPING	(1U << 2)	/* a mapping of a BAR came or went */
#define VGPU_EVENT_CONFIG	(1U << 3)	/* command, MSI or power register changed */
#define VGPU_EVENT_DRIVER	(1U << 4)	/* plugged, unplugged, driver bound or unbound */
#define VGPU_EVENT_DMA		(1U << 5)	/* the table of DMA mappings changed */
#define VGPU_EVENT_POLL		(1U << 6)	/* without traps: time to look at the registers */
#define VGPU_EVENTS		0x7fU

/* These always wake: a write may have come with them. */
#define VGPU_EVENT_WRITES	(VGPU_EVENT_KERNEL_WRITE | VGPU_EVENT_USER_WRITE | \
				 VGPU_EVENT_MAPPING | VGPU_EVENT_POLL)

/**
 * struct vgpu_arm - collect what happened and watch for more
 * @wake: the events that end VGPU_WAIT and make poll() report POLLIN from now on; those in
 *	VGPU_EVENT_WRITES are added
 * @events: result: what happened since the previous VGPU_ARM, woken for or not
 * @pages: result: register pages that may have been written since the previous VGPU_ARM: bit n is
 *	for the page at offset n * 4096
 * @offset: result: where in the register BAR the newest write was trapped; meaningful if @events
 *	has one of the two writes
 * @reserved: must be zero
 *
 * After it, the first write to each register page is an event again. Look at the registers after
 * this call, not before: then a write is either seen by looking, or it ends the next VGPU_WAIT.
 * Writes to a page between its event and the next VGPU_ARM are not events of their own.
 */
struct vgpu_arm {
	__u32 wake;
	__u32 events;
	__u32 pages;
	__u32 offset;
	__u32 reserved[4];
};

/**
 * struct vgpu_wait - wait for an event
 * @timeout_ns: how long at most; 0 does not wait, a negative value waits without limit
 * @events: result: the events since the last VGPU_ARM; 0 when the time ran out
 * @pages: result: the register pages with a trapped write since the last VGPU_ARM
 * @offset: result: where in the register BAR the newest write was trapped
 * @reserved: must be zero
 * @kernel_writes: result: counter of VGPU_EVENT_KERNEL_WRITE since the card was created
 * @user_writes: result: counter of VGPU_EVENT_USER_WRITE
 * @mapping_changes: result: counter of VGPU_EVENT_MAPPING
 * @config_changes: result: counter of VGPU_EVENT_CONFIG
 * @driver_changes: result: counter of VGPU_EVENT_DRIVER
 * @dma_changes: result: counter of VGPU_EVENT_DMA; the generation of the table of DMA mappings
 *
 * It consumes nothing: until the next VGPU_ARM it returns at once. It can return without a reason
 * that is still there, never too late. A signal ends it with EINTR. Instead of it, poll() or
 * epoll can be used on the file: POLLIN is reported exactly when this call would not wait.
 */
struct vgpu_wait {
	__s64 timeout_ns;
	__u32 events;
	__u32 pages;
	__u32 offset;
	__u32 reserved[3];
	__u64 kernel_writes;
	__u64 user_writes;
	__u64 mapping_changes;
	__u64 config_changes;
	__u64 driver_changes;
	__u64 dma_changes;
};

/* Flags of struct vgpu_status */
#define VGPU_STATUS_PLUGGED	(1U << 0)	/* on its bus, or still mapped */
#define VGPU_STATUS_BOUND	(1U << 1)	/* a driver is bound to it */
#define VGPU_STATUS_MEMORY	(1U << 2)	/* the driver has enabled the memory BARs */
#define VGPU_STATUS_BUS_MASTER	(1U << 3)	/* the driver allows DMA */
#define VGPU_STATUS_INTX_OFF	(1U << 4)	/* the driver has disabled the interrupt pin */
#define VGPU_STATUS_INTX_HIGH	(1U << 5)	/* the card asserts its interrupt pin */
#define VGPU_STATUS_NO_TRAPS	(1U << 6)	/* the module was loaded with trap=poll */
#define VGPU_STATUS_PLUG_FAILED	(1U << 7)	/* the last VGPU_PLUG failed, see the log */

/**
 * struct vgpu_status - the state of a card
 * @flags: VGPU_STATUS_*
 * @command: the PCI command register
 * @power_state: 0 for D0, 3 for D3hot
 * @reserved0: zero
 * @msi_vectors: MSI vectors the driver has enabled; 0 while MSI is off
 * @kernel_mappings: mappings of the BARs in the kernel (ioremap)
 * @user_mappings: mappings of the BARs in processes, through a driver or sysfs, as far as they
 *	have been armed
 * @dma_mappings: live DMA mappings
 * @arms: calls of VGPU_ARM that had pages to protect
 * @interrupts: interrupts delivered
 * @interrupts_refused: interrupts not delivered, for whatever reason
 * @revocations: times that pages were taken out of the daemon's or a process's mappings
 * @reserved: zero
 */
struct vgpu_status {
	__u32 flags;
	__u16 command;
	__u8 power_state;
	__u8 reserved0;
	__u32 msi_vectors;
	__u32 kernel_mappings;
	__u32 user_mappings;
	__u32 dma_mappings;
	__u64 arms;
	__u64 interrupts;
	__u64 interrupts_refused;
	__u64 revocations;
	__u64 reserved[8];
};

/* What made a DMA mapping: struct vgpu_dma_mapping, @kind */
#define VGPU_DMA_COHERENT	1	/* dma_alloc_coherent(): can be mapped */
#define VGPU_DMA_SINGLE		2	/* dma_map_single(), dma_map_page(): copy only */
#define VGPU_DMA_SG		3	/* one element of dma_map_sg(): copy only */

/* What the card may do in a mapping: struct vgpu_dma_mapping, @access */
#define VGPU_DMA_MAY_READ	(1U << 0)	/* DMA_TO_DEVICE or DMA_BIDIRECTIONAL */
#define VGPU_DMA_MAY_WRITE	(1U << 1)	/* DMA_FROM_DEVICE or DMA_BIDIRECTIONAL */

/**
 * struct vgpu_dma_mapping - memory that the driver has opened for DMA
 * @address: DMA address, as the driver has it. Card-local, below 1 GiB; no physical address
 * @length: bytes
 * @kind: VGPU_DMA_COHERENT, VGPU_DMA_SINGLE or VGPU_DMA_SG
 * @access: VGPU_DMA_MAY_*
 */
struct vgpu_dma_mapping {
	__u64 address;
	__u64 length;
	__u32 kind;
	__u32 access;
};

/**
 * struct vgpu_dma_list - all DMA mappings at one moment
 * @entries: address of an array of struct vgpu_dma_mapping
 * @capacity: elements in that array, at most 65536; may be 0
 * @count: result: live mappings. If it is above @capacity only the first @capacity, by address,
 *	have been stored
 * @generation: result: the counter of VGPU_EVENT_DMA at that moment
 * @reserved: must be zero
 */
struct vgpu_dma_list {
	__u64 entries;
	__u32 capacity;
	__u32 count;
	__u64 generation;
	__u64 reserved;
};

/**
 * struct vgpu_dma_query - the DMA mapping at an address
 * @address: a DMA address anywhere in the mapping
 * @reserved: must be zero
 * @mapping: result
 *
 * Fails with ENOENT when no live mapping has the address.
 */
struct vgpu_dma_query {
	__u64 address;
	__u64 reserved;
	struct vgpu_dma_mapping mapping;
};

/* Which way VGPU_DMA_COPY goes, as seen from the card */
#define VGPU_DMA_READ		1	/* from the driver's memory to the daemon */
#define VGPU_DMA_WRITE		2	/* from the daemon to the driver's memory */

/**
 * struct vgpu_dma_copy - one DMA transfer
 * @address: DMA address of the first byte
 * @buffer: address of the daemon's memory
 * @length: bytes; 0 does nothing
 * @direction: VGPU_DMA_READ or VGPU_DMA_WRITE
 * @copied: result: bytes transferred, also when the call fails
 * @reserved: must be zero
 *
 * All bytes must lie in one live mapping. Fails with EPERM while the card may not do DMA (Bus
 * Master off, or not in D0), ENOENT when no live mapping has all bytes (also when the driver
 * takes the mapping away meanwhile), EACCES when the mapping's direction forbids it, EFAULT when
 * the daemon's memory cannot be used. A driver that has unmapped the memory can rely on it: no byte
 * is read or written there after dma_unmap_*() or dma_free_coherent() returned.
 */
struct vgpu_dma_copy {
	__u64 address;
	__u64 buffer;
	__u32 length;
	__u32 direction;
	__u32 copied;
	__u32 reserved;
};

/**
 * struct vgpu_interrupt - send an MSI
 * @vector: 0 to the number of vectors the driver has enabled - 1
 * @reserved: must be zero
 *
 * When it succeeds, the driver's handler has run (or the kernel has noted the interrupt for when
 * the driver enables it again). Fails with ENXIO when MSI is not enabled, the driver has not
 * enabled that many vectors, the card is not plugged or not in D0, and with EBUSY when the card
 * sends more interrupts than the module's option irq_rate allows.
 */
struct vgpu_interrupt {
	__u32 vector;
	__u32 reserved;
};

/**
 * struct vgpu_intx - set the interrupt pin
 * @level: 1 asserts the pin, 0 deasserts it
 * @reserved: must be zero
 *
 * The pin is level triggered: while it is asserted, the driver's handler is called at once and
 * then again every few milliseconds, which is time for the daemon to see the driver's
 * acknowledgment and deassert the pin. The handler is not called while MSI is enabled, the driver
 * has set Interrupt Disable, or the card is not in D0; the level is kept, and shown in the PCI
 * status register, all the same. Fails with ENXIO for a card without a pin.
 */
struct vgpu_intx {
	__u32 level;
	__u32 reserved;
};

/* The version of the interface, VGPU_API_VERSION. Works on every file, in every process. */
#define VGPU_GET_API_VERSION	_IOR(VGPU_IOCTL, 0x00, __u64)

/*
 * Make the card of this file. Fails with EBUSY when it has one already, ENOMEM when there is no
 * memory for the BARs that is in one piece.
 */
#define VGPU_CREATE		_IOWR(VGPU_IOCTL, 0x01, struct vgpu_create)

/*
 * Put the card on its bus, or take it from there. Both return before it is done, as the driver's
 * probe or remove function may want answers from the card; VGPU_EVENT_DRIVER tells. Plugging and
 * unplugging can be repeated. Fail with EBUSY while another one is going on, EALREADY when there
 * is nothing to do.
 */
#define VGPU_PLUG		_IO(VGPU_IOCTL, 0x02)
#define VGPU_UNPLUG		_IO(VGPU_IOCTL, 0x03)

#define VGPU_ARM		_IOWR(VGPU_IOCTL, 0x04, struct vgpu_arm)
#define VGPU_WAIT		_IOWR(VGPU_IOCTL, 0x05, struct vgpu_wait)
#define VGPU_GET_STATUS		_IOR(VGPU_IOCTL, 0x06, struct vgpu_status)
#define VGPU_DMA_LIST		_IOWR(VGPU_IOCTL, 0x07, struct vgpu_dma_list)
#define VGPU_DMA_QUERY		_IOWR(VGPU_IOCTL, 0x08, struct vgpu_dma_query)
#define VGPU_DMA_COPY		_IOWR(VGPU_IOCTL, 0x09, struct vgpu_dma_copy)
#define VGPU_INTERRUPT		_IOW(VGPU_IOCTL, 0x0a, struct vgpu_interrupt)
#define VGPU_INTX		_IOW(VGPU_IOCTL, 0x0b, struct vgpu_intx)

#endif /* _UAPI_LINUX_VGPU_H */
