#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Finds out what a kernel has, by compiling a piece of code for each feature against its headers:
#
#   features.sh HEADERS FOLDER
#
# Writes FOLDER/features.h. HEADERS is the kernel's build folder.

set -eu
headers=$1 folder=$2
probes=$folder/features
rm -rf "$probes"
mkdir -p "$probes"

# feature NAME INCLUDES CODE: defines VGPU_HAVE_NAME if the code compiles.
objects=
feature() {
	{
		for include in $2; do
			echo "#include <$include>"
		done
		echo "int probe(void);"
		echo "int probe(void)"
		echo "{"
		echo "	$3"
		echo "	return 0;"
		echo "}"
	} > "$probes/$1.c"
	objects="$objects $1.o"
}

feature BASE "linux/module.h" ""
feature DMA_OPS "linux/dma-map-ops.h linux/device.h" \
	"set_dma_ops((struct device *)0, (struct dma_map_ops *)0);
#ifndef CONFIG_ARCH_HAS_DMA_OPS
#ifndef CONFIG_DMA_OPS
#error none
#endif
#endif"
feature DMA_MAP_PHYS "linux/dma-map-ops.h" \
	"(void)((struct dma_map_ops *)0)->map_phys;"
feature DMA_ALLOC_PAGES_OP "linux/dma-map-ops.h" \
	"(void)((struct dma_map_ops *)0)->alloc_pages_op;"
feature VM_FLAGS_SET "linux/mm.h" \
	"vm_flags_set((struct vm_area_struct *)0, VM_IO);"
feature FOLLOW_PFNMAP "linux/mm.h" \
	"follow_pfnmap_start((struct follow_pfnmap_args *)0);"
feature ZAP_VMA_PTES "linux/mm.h" \
	"zap_vma_ptes((struct vm_area_struct *)0, 0, 0);"
feature PCI_MSI_CREATE_IRQ_DOMAIN "linux/msi.h" \
	"(void)pci_msi_create_irq_domain((struct fwnode_handle *)0, (void *)0, (void *)0);"
feature IRQ_MOVE_PCNTXT "linux/irq.h" \
	"irq_set_status_flags(0, IRQ_MOVE_PCNTXT);"
feature EMUL_DOMAIN "linux/pci.h" \
	"pci_bus_release_emul_domain_nr(pci_bus_find_emul_domain_nr(0, 0, 0));"

echo "ccflags-y := -Werror" > "$probes/Kbuild"
echo "obj-m :=$objects" >> "$probes/Kbuild"
# One that does not compile is one that the kernel has not.
# shellcheck disable=SC2086
make -k -s -C "$headers" M="$probes" $objects > "$probes/log" 2>&1 || true

if [ ! -f "$probes/BASE.o" ]; then
	echo "features.sh: nothing can be compiled with the headers in $headers:" >&2
	head -n 20 "$probes/log" >&2
	exit 1
fi
{
	echo "/* SPDX-License-Identifier: GPL-2.0-only */"
	echo "/* Written by features.sh for $(make -s --no-print-directory -C "$headers" kernelrelease 2>/dev/null). */"
	for object in $objects; do
		[ ! -f "$probes/$object" ] || echo "#define VGPU_HAVE_${object%.o} 1"
	done
} > "$folder/features.h.new"
mv "$folder/features.h.new" "$folder/features.h"
rm -rf "$probes"
