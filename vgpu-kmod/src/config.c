// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space: 256 bytes in memory, with masks of what can be written, and the few
 * registers that do something.
 *
 * BARs can be sized (all ones reads back as the size) but not moved: any other value reads back as
 * the true address. The kernel never moves them, as it finds them already assigned.
 */
#include <linux/log2.h>

#include "vgpu.h"

#define CAP_PM		0x40
#define CAP_MSI		0x50

#define COMMAND_BITS	(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | \
			 PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

static void put16(u8 *bytes, int where, u16 value)
{
	bytes[where] = value;
	bytes[where + 1] = value >> 8;
}

static void put32(u8 *bytes, int where, u32 value)
{
	put16(bytes, where, value);
	put16(bytes, where + 2, value >> 16);
}

static u16 get16(const u8 *bytes, int where)
{
	return bytes[where] | bytes[where + 1] << 8;
}

static u32 get32(const u8 *bytes, int where)
{
	return get16(bytes, where) | (u32)get16(bytes, where + 2) << 16;
}

static void vgpu_config_bar(struct vgpu_config *config, int where, const struct vgpu_bar *bar,
			    u32 flags)
{
	if (!bar->bytes)
		return;
	put32(config->bytes, where,
	      lower_32_bits(bar->base) | PCI_BASE_ADDRESS_MEM_TYPE_64 | flags);
	put32(config->bytes, where + 4, upper_32_bits(bar->base));
}

static void vgpu_config_revoke(struct work_struct *work)
{
	struct vgpu_config *config = container_of(work, struct vgpu_config, revoke_work);
	struct vgpu_card *card = container_of(config, struct vgpu_card, config);

	/* If it is allowed again by now, the daemon's next access maps the page again. */
	vgpu_dma_revoke_all(card);
	vgpu_card_put(card);
}

void vgpu_config_init(struct vgpu_card *card)
{
	struct vgpu_config *config = &card->config;
	const struct vgpu_create *what = &card->what;
	u8 *bytes = config->bytes, *writable = config->writable;

	raw_spin_lock_init(&config->lock);
	INIT_WORK(&config->revoke_work, vgpu_config_revoke);

	put16(bytes, PCI_VENDOR_ID, what->vendor);
	put16(bytes, PCI_DEVICE_ID, what->device);
	put16(writable, PCI_COMMAND, COMMAND_BITS);
	put16(bytes, PCI_STATUS, PCI_STATUS_CAP_LIST);
	put32(bytes, PCI_CLASS_REVISION, what->class_code << 8 | what->revision);
	writable[PCI_CACHE_LINE_SIZE] = 0xff;
	writable[PCI_LATENCY_TIMER] = 0xff;
	vgpu_config_bar(config, PCI_BASE_ADDRESS_0, &card->bars[VGPU_REGISTERS], 0);
	vgpu_config_bar(config, PCI_BASE_ADDRESS_2, &card->bars[VGPU_FRAMEBUFFER],
			PCI_BASE_ADDRESS_MEM_PREFETCH);
	put16(bytes, PCI_SUBSYSTEM_VENDOR_ID, what->subsystem_vendor);
	put16(bytes, PCI_SUBSYSTEM_ID, what->subsystem_device);
	bytes[PCI_CAPABILITY_LIST] = CAP_PM;
	writable[PCI_INTERRUPT_LINE] = 0xff;
	bytes[PCI_INTERRUPT_PIN] = what->flags & VGPU_CREATE_INTX ? 1 : 0;

	/* D0 and D3hot, and going back from D3hot to D0 loses nothing. */
	bytes[CAP_PM + PCI_CAP_LIST_ID] = PCI_CAP_ID_PM;
	put16(bytes, CAP_PM + PCI_PM_PMC, 3);
	put16(bytes, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	put16(writable, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);

	if (!what->msi_vectors)
		return;
	bytes[CAP_PM + PCI_CAP_LIST_NEXT] = CAP_MSI;
	bytes[CAP_MSI + PCI_CAP_LIST_ID] = PCI_CAP_ID_MSI;
	put16(bytes, CAP_MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT | ilog2(what->msi_vectors) << 1);
	put16(writable, CAP_MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	put32(writable, CAP_MSI + PCI_MSI_ADDRESS_LO, ~3U);
	put32(writable, CAP_MSI + PCI_MSI_ADDRESS_HI, ~0U);
	put16(writable, CAP_MSI + PCI_MSI_DATA_64, 0xffff);
}

/* The dword of a BAR as it reads while it is being sized. */
static u32 vgpu_config_bar_size(struct vgpu_card *card, int number)
{
	int index = number / 2;
	u64 mask;

	if (index >= VGPU_BARS || !card->bars[index].bytes)
		return 0;
	mask = ~((u64)card->bars[index].bytes - 1);
	if (number & 1)
		return upper_32_bits(mask);
	return lower_32_bits(mask) | (card->config.bytes[PCI_BASE_ADDRESS_0 + 8 * index] & 0xf);
}

/* An aligned dword. Under config->lock. */
static u32 vgpu_config_dword(struct vgpu_card *card, int where)
{
	struct vgpu_config *config = &card->config;
	int bar = (where - PCI_BASE_ADDRESS_0) / 4;
	u32 value = get32(config->bytes, where);

	if (where >= PCI_BASE_ADDRESS_0 && where <= PCI_BASE_ADDRESS_5 && config->bar_sizing[bar])
		return vgpu_config_bar_size(card, bar);
	if (where == PCI_COMMAND && READ_ONCE(card->irq.intx_level))
		value |= (u32)PCI_STATUS_INTERRUPT << 16;
	return value;
}

u32 vgpu_config_read(struct vgpu_card *card, int where, int size)
{
	unsigned long flags;
	u32 value;

	raw_spin_lock_irqsave(&card->config.lock, flags);
	value = vgpu_config_dword(card, where & ~3) >> 8 * (where & 3);
	raw_spin_unlock_irqrestore(&card->config.lock, flags);
	return size == 4 ? value : value & (BIT(8 * size) - 1);
}

/* What the rest of the module reacts to, packed for comparing. */
static u64 vgpu_config_state(const struct vgpu_config *config)
{
	return get16(config->bytes, PCI_COMMAND) |
	       (u64)get16(config->bytes, CAP_MSI + PCI_MSI_FLAGS) << 16 |
	       (u64)get16(config->bytes, CAP_PM + PCI_PM_CTRL) << 32;
}

static bool vgpu_config_may_dma(const struct vgpu_config *config)
{
	return get16(config->bytes, PCI_COMMAND) & PCI_COMMAND_MASTER &&
	       !(config->bytes[CAP_PM + PCI_PM_CTRL] & PCI_PM_CTRL_STATE_MASK);
}

void vgpu_config_write(struct vgpu_card *card, int where, int size, u32 value)
{
	struct vgpu_config *config = &card->config;
	int bar = (where - PCI_BASE_ADDRESS_0) / 4, power = CAP_PM + PCI_PM_CTRL, i;
	bool could_dma, can_dma, changed;
	unsigned long flags;
	u64 before;
	u8 state;

	raw_spin_lock_irqsave(&config->lock, flags);
	before = vgpu_config_state(config);
	could_dma = vgpu_config_may_dma(config);
	state = config->bytes[power] & PCI_PM_CTRL_STATE_MASK;
	for (i = 0; i < size; i++) {
		u8 mask = config->writable[where + i];

		config->bytes[where + i] = (config->bytes[where + i] & ~mask) |
					   ((value >> 8 * i) & mask);
	}
	if (where >= PCI_BASE_ADDRESS_0 && where < PCI_BASE_ADDRESS_5 + 4)
		config->bar_sizing[bar] = size == 4 && value == ~0U;
	/* There is no D1 and no D2: the state stays as it was. */
	if ((config->bytes[power] & PCI_PM_CTRL_STATE_MASK) % 3)
		config->bytes[power] = (config->bytes[power] & ~PCI_PM_CTRL_STATE_MASK) | state;
	changed = before != vgpu_config_state(config);
	can_dma = vgpu_config_may_dma(config);
	raw_spin_unlock_irqrestore(&config->lock, flags);

	if (!changed)
		return;
	vgpu_event(card, VGPU_CONFIG);
	vgpu_irq_intx_kick(card);
	if (could_dma && !can_dma && vgpu_card_tryget(card))
		if (!queue_work(vgpu_wq, &config->revoke_work))
			vgpu_card_put(card);
}

u16 vgpu_config_command(struct vgpu_card *card)
{
	return vgpu_config_read(card, PCI_COMMAND, 2);
}

u8 vgpu_config_power_state(struct vgpu_card *card)
{
	return vgpu_config_read(card, CAP_PM + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK;
}

/* How many vectors the driver has enabled; 0 while MSI is off. */
unsigned int vgpu_config_msi_vectors(struct vgpu_card *card)
{
	unsigned int flags;

	if (!card->what.msi_vectors)
		return 0;
	flags = vgpu_config_read(card, CAP_MSI + PCI_MSI_FLAGS, 2);
	if (!(flags & PCI_MSI_FLAGS_ENABLE))
		return 0;
	return min(1U << ((flags & PCI_MSI_FLAGS_QSIZE) >> 4),
		   (unsigned int)card->what.msi_vectors);
}

bool vgpu_config_dma_allowed(struct vgpu_card *card)
{
	unsigned long flags;
	bool allowed;

	raw_spin_lock_irqsave(&card->config.lock, flags);
	allowed = vgpu_config_may_dma(&card->config);
	raw_spin_unlock_irqrestore(&card->config.lock, flags);
	return allowed;
}

bool vgpu_config_intx_allowed(struct vgpu_card *card)
{
	return !(vgpu_config_command(card) & PCI_COMMAND_INTX_DISABLE) &&
	       !vgpu_config_msi_vectors(card) && !vgpu_config_power_state(card);
}
