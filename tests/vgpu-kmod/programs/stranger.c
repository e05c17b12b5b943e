// SPDX-License-Identifier: GPL-2.0-only
/* Every call on a card that belongs to another process. Prints what came of each. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vgpu.h>

#include "abuse.h"

static void told(const char *name, int done)
{
	printf("%s %s\n", name, done < 0 ? strerror(errno) : "done");
}

static void map(const char *name, off_t offset)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, STDIN_FILENO, offset);

	told(name, at == MAP_FAILED ? -1 : 0);
}

int stranger(void)
{
	struct vgpu_create create = {
		.vendor = 0x1234, .class_code = 0x038000, .register_bytes = 4096,
	};
	struct vgpu_dma_copy copy = { .direction = VGPU_DMA_READ };
	struct vgpu_interrupt interrupt = { 0 };
	struct vgpu_dma_query query = { 0 };
	struct vgpu_dma_list list = { 0 };
	struct vgpu_status status;
	struct vgpu_wait wait = { 0 };
	struct vgpu_intx intx = { 0 };
	struct vgpu_arm arm = { 0 };
	int fd = STDIN_FILENO;
	__u64 version;

	told("version", ioctl(fd, VGPU_GET_API_VERSION, &version));
	told("create", ioctl(fd, VGPU_CREATE, &create));
	told("plug", ioctl(fd, VGPU_PLUG));
	told("unplug", ioctl(fd, VGPU_UNPLUG));
	told("arm", ioctl(fd, VGPU_ARM, &arm));
	told("wait", ioctl(fd, VGPU_WAIT, &wait));
	told("status", ioctl(fd, VGPU_GET_STATUS, &status));
	told("dma list", ioctl(fd, VGPU_DMA_LIST, &list));
	told("dma query", ioctl(fd, VGPU_DMA_QUERY, &query));
	told("dma copy", ioctl(fd, VGPU_DMA_COPY, &copy));
	told("interrupt", ioctl(fd, VGPU_INTERRUPT, &interrupt));
	told("intx", ioctl(fd, VGPU_INTX, &intx));
	map("registers", VGPU_MMAP_REGISTERS);
	map("framebuffer", VGPU_MMAP_FRAMEBUFFER);
	map("dma", VGPU_MMAP_DMA);
	return 0;
}
