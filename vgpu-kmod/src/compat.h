/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels. features.h is written by features.sh, which tries to compile a
 * piece of code for each: distributions move features between version numbers.
 */
#ifndef VGPU_COMPAT_H
#define VGPU_COMPAT_H

#include <linux/mm.h>

#include "features.h"

#ifndef CONFIG_X86_64
#error "vgpu works on x86-64 only"
#endif
#if !defined(CONFIG_KPROBES) || !defined(CONFIG_KRETPROBES)
#error "vgpu needs a kernel with CONFIG_KPROBES"
#endif
#ifndef VGPU_HAVE_DMA_OPS
#error "vgpu needs a kernel with per-device DMA operations (CONFIG_ARCH_HAS_DMA_OPS)"
#endif

#ifndef VGPU_HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#ifndef VGPU_HAVE_ZAP_VMA_PTES
#define zap_vma_ptes(vma, address, size) zap_special_vma_range(vma, address, size)
#endif

/* The page frame that an address of a VM_PFNMAP area leads to. The mmap_lock is held. */
static inline int vgpu_follow_pfn(struct vm_area_struct *vma, unsigned long address,
				  unsigned long *pfn)
{
#ifdef VGPU_HAVE_FOLLOW_PFNMAP
	struct follow_pfnmap_args args = { .vma = vma, .address = address };
	int ret = follow_pfnmap_start(&args);

	if (ret)
		return ret;
	*pfn = args.pfn;
	follow_pfnmap_end(&args);
	return 0;
#else
	return follow_pfn(vma, address, pfn);
#endif
}

#endif
