// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI host bridge of a card. Each card has one of its own, and a PCI domain of its own above
 * those of real hardware, so cards come and go without touching anything else.
 *
 * A driver that keeps a reference to the PCI device may still access configuration space after
 * the card was unplugged. So the host bridge holds the card: it is released after its bus, and that
 * after the last device.
 */
#include <linux/delay.h>
#include <linux/dma-map-ops.h>
#include <linux/irqdomain.h>
#include <linux/platform_device.h>

#include "vgpu.h"

/* Domains of the ACPI firmware have 16 bits; those above are for emulated buses. */
#define DOMAIN_FIRST	0x10000
#define DOMAIN_LAST	0x7fffffff

static struct vgpu_card *vgpu_bus_card(struct pci_bus *bus)
{
	return container_of(bus->sysdata, struct vgpu_card, sysdata);
}

static int vgpu_pci_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *value)
{
	if (devfn || where < 0 || where + size > VGPU_CONFIG_BYTES) {
		*value = ~0U;
		return PCIBIOS_DEVICE_NOT_FOUND;
	}
	*value = vgpu_config_read(vgpu_bus_card(bus), where, size);
	return PCIBIOS_SUCCESSFUL;
}

static int vgpu_pci_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 value)
{
	if (devfn || where < 0 || where + size > VGPU_CONFIG_BYTES)
		return PCIBIOS_DEVICE_NOT_FOUND;
	vgpu_config_write(vgpu_bus_card(bus), where, size, value);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops vgpu_pci_ops = {
	.read = vgpu_pci_read,
	.write = vgpu_pci_write,
};

/* The card of a PCI device; NULL for any other device. */
struct vgpu_card *vgpu_host_card(struct pci_dev *pdev)
{
	return pdev->bus->ops == &vgpu_pci_ops ? vgpu_bus_card(pdev->bus) : NULL;
}

static int vgpu_bus_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	struct vgpu_card *card = vgpu_host_card(pdev);

	if (!card)
		return NOTIFY_DONE;
	if (action == BUS_NOTIFY_BOUND_DRIVER) {
		WRITE_ONCE(card->bound, true);
		pci_info(pdev, "vgpu: driver %s has taken card %u\n", pdev->driver->name, card->id);
	} else if (action == BUS_NOTIFY_UNBOUND_DRIVER) {
		WRITE_ONCE(card->bound, false);
		vgpu_dma_driver_gone(card);
		pci_info(pdev, "vgpu: card %u has no driver\n", card->id);
	} else {
		return NOTIFY_DONE;
	}
	vgpu_event(card, VGPU_DRIVER);
	return NOTIFY_OK;
}

static struct notifier_block vgpu_bus_notifier = { .notifier_call = vgpu_bus_notify };

int vgpu_host_init(void)
{
	return bus_register_notifier(&pci_bus_type, &vgpu_bus_notifier);
}

void vgpu_host_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &vgpu_bus_notifier);
}

#ifdef VGPU_HAVE_EMUL_DOMAIN
int vgpu_host_domain_get(struct vgpu_card *card)
{
	card->domain = pci_bus_find_emul_domain_nr(0, DOMAIN_FIRST, DOMAIN_LAST);
	return card->domain < 0 ? card->domain : 0;
}

void vgpu_host_domain_put(struct vgpu_card *card)
{
	pci_bus_release_emul_domain_nr(card->domain);
}
#else
static bool vgpu_domain_on_bus(int domain)
{
	struct pci_bus *bus = NULL;

	while ((bus = pci_find_next_bus(bus)))
		if (pci_domain_nr(bus) == domain)
			return true;
	return false;
}

/* The lowest that nobody uses. The caller lets only one card be created at a time. */
int vgpu_host_domain_get(struct vgpu_card *card)
{
	int domain = DOMAIN_FIRST;

	while (vgpu_domain_on_bus(domain) || vgpu_card_domain_used(domain))
		domain++;
	card->domain = domain;
	return 0;
}

void vgpu_host_domain_put(struct vgpu_card *card)
{
}
#endif

static void vgpu_host_release(struct pci_host_bridge *bridge)
{
	vgpu_card_put(bridge->release_data);
}

/* Under pci_lock_rescan_remove(). */
static int vgpu_host_scan(struct vgpu_card *card)
{
	struct pci_host_bridge *bridge = pci_alloc_host_bridge(0);
	int ret;

	if (!bridge)
		return -ENOMEM;
	card->bridge = bridge;
	vgpu_card_get(card);
	pci_set_host_bridge_release(bridge, vgpu_host_release, card);
	card->sysdata = (struct pci_sysdata){ .domain = card->domain, .node = NUMA_NO_NODE };
	/* One bus, number 0. */
	card->busn = (struct resource){ .name = "vgpu", .flags = IORESOURCE_BUS };
	pci_add_resource(&bridge->windows, &card->busn);
	pci_add_resource(&bridge->windows, card->bars[VGPU_REGISTERS].window);
	if (card->bars[VGPU_FRAMEBUFFER].bytes)
		pci_add_resource(&bridge->windows, card->bars[VGPU_FRAMEBUFFER].window);
	bridge->dev.parent = &card->host->dev;
	bridge->sysdata = &card->sysdata;
	bridge->busnr = 0;
	bridge->ops = &vgpu_pci_ops;

	ret = pci_scan_root_bus_bridge(bridge);
	if (ret) {
		/* The bus was freed again. */
		bridge->bus = NULL;
		return ret;
	}
	pci_bus_claim_resources(bridge->bus);
	card->pdev = pci_get_slot(bridge->bus, 0);
	if (!card->pdev)
		return -ENODEV;
	set_dma_ops(&card->pdev->dev, &vgpu_dma_ops);
	vgpu_irq_plug(card, card->pdev);
	return 0;
}

int vgpu_host_plug(struct vgpu_card *card)
{
	int ret;

	card->host = platform_device_register_simple("vgpu", card->id, NULL, 0);
	if (IS_ERR(card->host)) {
		ret = PTR_ERR(card->host);
		card->host = NULL;
		return ret;
	}
	pci_lock_rescan_remove();
	ret = vgpu_host_scan(card);
	if (!ret) {
		WRITE_ONCE(card->plugged, true);
		vgpu_event(card, VGPU_DRIVER);
		/* Drivers' probe functions run in here, and may talk to the card. */
		pci_bus_add_devices(card->bridge->bus);
	}
	pci_unlock_rescan_remove();
	if (ret)
		vgpu_host_unplug(card);
	return ret;
}

/*
 * Somebody may have written to the device's file "remove" in sysfs at the same time. Whoever does has
 * left the file before it waits for the lock, so the device's removal does not wait for him, and he
 * has no reference to the device of his own: any card that is pulled out just then meets this. The
 * device must stay until he has had his turn and found that nothing is left to be done.
 */
static void vgpu_host_let_others_pass(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		msleep(20);
		pci_lock_rescan_remove();
		pci_unlock_rescan_remove();
	}
}

void vgpu_host_unplug(struct vgpu_card *card)
{
	struct pci_bus *bus = card->bridge ? card->bridge->bus : NULL;
	struct pci_dev *pdev = card->pdev;

	pci_lock_rescan_remove();
	if (bus)
		pci_stop_root_bus(bus);
	/* The driver's remove function has returned: no more interrupts. */
	WRITE_ONCE(card->plugged, false);
	vgpu_irq_stop(card);
	card->pdev = NULL;
	if (bus)
		pci_remove_root_bus(bus);
	if (card->bridge)
		pci_free_host_bridge(card->bridge);
	card->bridge = NULL;
	pci_unlock_rescan_remove();
	platform_device_unregister(card->host);
	card->host = NULL;
	WRITE_ONCE(card->bound, false);
	if (pdev)
		vgpu_host_let_others_pass();
	/* The last reference, unless somebody else still looks at it. */
	pci_dev_put(pdev);
}
