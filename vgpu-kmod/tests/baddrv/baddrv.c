// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that misbehaves on request: it frees what is in use, forgets to unmap, maps a card that
 * is gone. For testing that the kernel survives this and the card's memory is not given to others.
 *
 * It uses nothing but what any PCI driver uses. The option intx makes it not use MSI, msi limits
 * the vectors.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "../baddrv.h"

/* In kernels before 6.3. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define vm_flags_set(vma, flags) ((vma)->vm_flags |= (flags))
#endif

/* The newer name. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX PCI_IRQ_LEGACY
#endif

static bool intx;
module_param(intx, bool, 0644);
MODULE_PARM_DESC(intx, "Use the interrupt pin, not MSI");

struct bad_slot {
	void *memory;
	dma_addr_t address;
	size_t size;
	enum dma_data_direction direction;
	bool coherent;
};

/**
 * struct bad - one card
 * @lock: everything below
 * @pdev: NULL when the card is gone; the file may still be open
 */
struct bad {
	struct mutex lock;
	struct kref ref;
	struct pci_dev *pdev;
	struct miscdevice misc;
	char name[16];
	int number;
	void __iomem *registers;
	void __iomem *framebuffer;
	resource_size_t bases[2];
	resource_size_t sizes[2];
	struct bad_slot slots[BAD_SLOTS];
	int vectors;
	int first_irq;
	unsigned int forget;
	void __iomem *forgotten;
	atomic64_t counts[BAD_VECTORS];
};

static DEFINE_IDA(numbers);

static void bad_release(struct kref *ref)
{
	struct bad *bad = container_of(ref, struct bad, ref);

	if (bad->forgotten)
		iounmap(bad->forgotten);
	kfree(bad);
}

static irqreturn_t bad_interrupt(int number, void *data)
{
	struct bad *bad = data;

	atomic64_inc(&bad->counts[(number - bad->first_irq) & (BAD_VECTORS - 1)]);
	return IRQ_HANDLED;
}

static int bad_dma_make(struct bad *bad, struct bad_dma *dma, bool coherent)
{
	struct device *dev = &bad->pdev->dev;
	struct bad_slot *slot;

	if (dma->slot >= BAD_SLOTS || !dma->size || dma->size > SZ_16M || dma->direction > 2)
		return -EINVAL;
	slot = &bad->slots[dma->slot];
	if (slot->memory)
		return -EBUSY;
	slot->size = dma->size;
	slot->direction = dma->direction;
	slot->coherent = coherent;
	if (coherent) {
		slot->memory = dma_alloc_coherent(dev, slot->size, &slot->address, GFP_KERNEL);
		if (!slot->memory)
			return -ENOMEM;
	} else {
		slot->memory = kmalloc(slot->size, GFP_KERNEL | __GFP_NOWARN);
		if (!slot->memory)
			return -ENOMEM;
		memset(slot->memory, 0, slot->size);
		slot->address = dma_map_single(dev, slot->memory, slot->size, slot->direction);
		if (dma_mapping_error(dev, slot->address)) {
			kfree(slot->memory);
			slot->memory = NULL;
			return -ENOMEM;
		}
	}
	dma->address = slot->address;
	return 0;
}

static void bad_dma_drop(struct bad *bad, struct bad_slot *slot)
{
	struct device *dev = &bad->pdev->dev;

	if (!slot->memory)
		return;
	if (slot->coherent) {
		dma_free_coherent(dev, slot->size, slot->memory, slot->address);
	} else {
		dma_unmap_single(dev, slot->address, slot->size, slot->direction);
		kfree(slot->memory);
	}
	slot->memory = NULL;
}

static int bad_peek_poke(struct bad *bad, struct bad_byte *byte, bool poke)
{
	u8 *memory;

	if (byte->slot >= BAD_SLOTS || !bad->slots[byte->slot].memory ||
	    byte->offset >= bad->slots[byte->slot].size)
		return -EINVAL;
	memory = bad->slots[byte->slot].memory;
	if (poke)
		WRITE_ONCE(memory[byte->offset], byte->value);
	else
		byte->value = READ_ONCE(memory[byte->offset]);
	return 0;
}

static void bad_get_interrupts(struct bad *bad, struct bad_interrupts *interrupts)
{
	int i;

	interrupts->vectors = bad->vectors;
	interrupts->msi = bad->pdev->msi_enabled;
	for (i = 0; i < BAD_VECTORS; i++)
		interrupts->count[i] = atomic64_read(&bad->counts[i]);
}

static long bad_do(struct bad *bad, unsigned int cmd, void *arg, unsigned long number)
{
	struct bad_register *reg = arg;
	struct bad_dma *dma = arg;

	switch (cmd) {
	case BAD_WRITE:
		if (reg->offset & 3 || reg->offset >= bad->sizes[0] || !bad->registers)
			return -EINVAL;
		writel(reg->value, bad->registers + reg->offset);
		return 0;
	case BAD_HAMMER:
		if (reg->offset & 3 || reg->offset >= bad->sizes[0] || !bad->registers)
			return -EINVAL;
		for (; reg->value; reg->value--) {
			writel(reg->value, bad->registers + reg->offset);
			cond_resched();
		}
		return 0;
	case BAD_READ:
		if (reg->offset & 3 || reg->offset >= bad->sizes[0] || !bad->registers)
			return -EINVAL;
		reg->value = readl(bad->registers + reg->offset);
		return 0;
	case BAD_DMA_ALLOC:
		return bad_dma_make(bad, dma, true);
	case BAD_DMA_MAP:
		return bad_dma_make(bad, dma, false);
	case BAD_DMA_FREE:
		if (dma->slot >= BAD_SLOTS)
			return -EINVAL;
		bad_dma_drop(bad, &bad->slots[dma->slot]);
		return 0;
	case BAD_DMA_PEEK:
		return bad_peek_poke(bad, arg, false);
	case BAD_DMA_POKE:
		return bad_peek_poke(bad, arg, true);
	case BAD_MASTER:
		if (number)
			pci_set_master(bad->pdev);
		else
			pci_clear_master(bad->pdev);
		return 0;
	case BAD_INTERRUPTS:
		bad_get_interrupts(bad, arg);
		return 0;
	case BAD_FORGET:
		bad->forget = number;
		return 0;
	case BAD_REMAP:
		iounmap(bad->registers);
		bad->registers = ioremap(bad->bases[0], bad->sizes[0]);
		return bad->registers ? 0 : -ENOMEM;
	case BAD_POWER:
		return pci_set_power_state(bad->pdev, number == 3 ? PCI_D3hot : PCI_D0);
	default:
		return -ENOTTY;
	}
}

static long bad_ioctl(struct file *file, unsigned int cmd, unsigned long number)
{
	struct bad *bad = file->private_data;
	void __user *user = (void __user *)number;
	union {
		struct bad_register reg;
		struct bad_dma dma;
		struct bad_byte byte;
		struct bad_interrupts interrupts;
	} arg = {};
	long ret;

	if (_IOC_SIZE(cmd) > sizeof(arg))
		return -ENOTTY;
	if (_IOC_DIR(cmd) & _IOC_WRITE && copy_from_user(&arg, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	mutex_lock(&bad->lock);
	if (cmd == BAD_REMEMBER) {
		if (bad->forgotten)
			iounmap(bad->forgotten);
		bad->forgotten = NULL;
		ret = 0;
	} else {
		ret = bad->pdev ? bad_do(bad, cmd, &arg, number) : -ENODEV;
	}
	mutex_unlock(&bad->lock);
	if (!ret && _IOC_DIR(cmd) & _IOC_READ && copy_to_user(user, &arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	return ret;
}

static vm_fault_t bad_fault(struct vm_fault *vmf)
{
	struct bad *bad = vmf->vma->vm_private_data;
	unsigned long offset = (vmf->pgoff << PAGE_SHIFT) - BAD_MMAP_FAULT;

	if (offset >= bad->sizes[0])
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address, PHYS_PFN(bad->bases[0] + offset));
}

static const struct vm_operations_struct bad_vm_ops = { .fault = bad_fault };

/* Also when the card is gone: the addresses are remembered. */
static int bad_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct bad *bad = file->private_data;
	unsigned long offset = vma->vm_pgoff << PAGE_SHIFT, bytes = vma->vm_end - vma->vm_start;
	int bar = 0;

	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	if (offset >= BAD_MMAP_FAULT) {
		/* This much the kernel insists on. */
		if (!(vma->vm_flags & VM_SHARED))
			return -EINVAL;
		vma->vm_private_data = bad;
		vma->vm_ops = &bad_vm_ops;
		vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND);
		return 0;
	}
	if (offset >= BAD_MMAP_FRAMEBUFFER) {
		offset -= BAD_MMAP_FRAMEBUFFER;
		bar = 1;
	}
	if (offset >= bad->sizes[bar] || bytes > bad->sizes[bar] - offset)
		return -EINVAL;
	return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(bad->bases[bar] + offset), bytes,
			       vma->vm_page_prot);
}

static int bad_open(struct inode *inode, struct file *file)
{
	struct bad *bad = container_of(file->private_data, struct bad, misc);

	kref_get(&bad->ref);
	file->private_data = bad;
	return 0;
}

static int bad_close(struct inode *inode, struct file *file)
{
	struct bad *bad = file->private_data;

	kref_put(&bad->ref, bad_release);
	return 0;
}

static const struct file_operations bad_fops = {
	.owner = THIS_MODULE,
	.open = bad_open,
	.release = bad_close,
	.unlocked_ioctl = bad_ioctl,
	.mmap = bad_mmap,
};

static int bad_request_irqs(struct bad *bad)
{
	int ret, i;

	ret = pci_alloc_irq_vectors(bad->pdev, 1, BAD_VECTORS,
				    intx ? PCI_IRQ_INTX : PCI_IRQ_MSI | PCI_IRQ_INTX);
	bad->vectors = max(ret, 0);
	/* pci_irq_vector() may sleep, so the handler cannot ask. */
	if (bad->vectors)
		bad->first_irq = pci_irq_vector(bad->pdev, 0);
	/* A card may have no interrupts at all. */
	for (i = 0; i < bad->vectors; i++) {
		ret = request_irq(pci_irq_vector(bad->pdev, i), bad_interrupt, IRQF_SHARED,
				  "baddrv", bad);
		if (ret) {
			while (i--)
				free_irq(pci_irq_vector(bad->pdev, i), bad);
			pci_free_irq_vectors(bad->pdev);
			bad->vectors = 0;
			return ret;
		}
	}
	return 0;
}

static void bad_free_irqs(struct bad *bad)
{
	int i;

	for (i = 0; i < bad->vectors; i++)
		free_irq(pci_irq_vector(bad->pdev, i), bad);
	if (bad->vectors)
		pci_free_irq_vectors(bad->pdev);
}

static int bad_setup(struct bad *bad)
{
	struct pci_dev *pdev = bad->pdev;
	int i, ret;

	for (i = 0; i < 2; i++) {
		bad->bases[i] = pci_resource_start(pdev, 2 * i);
		bad->sizes[i] = pci_resource_len(pdev, 2 * i);
	}
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (ret)
		return ret;
	bad->registers = pci_iomap(pdev, 0, 0);
	if (!bad->registers)
		return -ENOMEM;
	if (bad->sizes[1])
		bad->framebuffer = pci_iomap_wc(pdev, 2, 0);
	ret = bad_request_irqs(bad);
	if (ret)
		return ret;
	bad->misc.minor = MISC_DYNAMIC_MINOR;
	bad->misc.name = bad->name;
	bad->misc.fops = &bad_fops;
	bad->misc.mode = 0600;
	ret = misc_register(&bad->misc);
	if (ret)
		bad_free_irqs(bad);
	return ret;
}

static void bad_unmap(struct bad *bad)
{
	if (bad->framebuffer)
		iounmap(bad->framebuffer);
	if (bad->registers && bad->forget & BAD_FORGET_IOUNMAP)
		bad->forgotten = bad->registers;
	else if (bad->registers)
		iounmap(bad->registers);
}

static int bad_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct bad *bad;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = pci_request_regions(pdev, "baddrv");
	if (ret)
		return ret;
	pci_set_master(pdev);
	bad = kzalloc(sizeof(*bad), GFP_KERNEL);
	if (!bad)
		return -ENOMEM;
	mutex_init(&bad->lock);
	kref_init(&bad->ref);
	bad->pdev = pdev;
	bad->number = ida_alloc(&numbers, GFP_KERNEL);
	snprintf(bad->name, sizeof(bad->name), "baddrv%d", bad->number);
	pci_set_drvdata(pdev, bad);
	ret = bad_setup(bad);
	if (ret) {
		bad_unmap(bad);
		ida_free(&numbers, bad->number);
		kref_put(&bad->ref, bad_release);
	}
	return ret;
}

static void bad_remove(struct pci_dev *pdev)
{
	struct bad *bad = pci_get_drvdata(pdev);
	int i;

	misc_deregister(&bad->misc);
	mutex_lock(&bad->lock);
	bad_free_irqs(bad);
	for (i = 0; i < BAD_SLOTS && !(bad->forget & BAD_FORGET_DMA); i++)
		bad_dma_drop(bad, &bad->slots[i]);
	bad_unmap(bad);
	ida_free(&numbers, bad->number);
	bad->pdev = NULL;
	mutex_unlock(&bad->lock);
	kref_put(&bad->ref, bad_release);
}

static const struct pci_device_id bad_ids[] = {
	{ PCI_DEVICE(0x1b36, 0xfe77) },
	{ }
};
MODULE_DEVICE_TABLE(pci, bad_ids);

static struct pci_driver bad_driver = {
	.name = "baddrv",
	.id_table = bad_ids,
	.probe = bad_probe,
	.remove = bad_remove,
};
module_pci_driver(bad_driver);

MODULE_DESCRIPTION("A PCI driver that misbehaves, for tests");
MODULE_LICENSE("GPL");
