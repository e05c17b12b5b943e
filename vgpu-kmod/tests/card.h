/* SPDX-License-Identifier: GPL-2.0-only */
/* What the test programs share: making a card, and reporting. */
#ifndef TESTS_CARD_H
#define TESTS_CARD_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vgpu.h>

#define DEVICE	"/dev/vgpu"

static inline void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	exit(1);
}

static inline int open_device(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("cannot open " DEVICE ": %s", strerror(errno));
	return fd;
}

/* 0, or the error. */
static inline int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? errno : 0;
}

static inline struct vgpu_create a_card(void)
{
	return (struct vgpu_create){
		.vendor = 0x1b36,
		.device = 0xfe77,
		.subsystem_vendor = 0x1b36,
		.subsystem_device = 0x0001,
		.class_code = 0x038000,
		.revision = 2,
		.msi_vectors = 4,
		.flags = VGPU_CREATE_INTX,
		.register_bytes = 0x4000,
		.framebuffer_bytes = 0x400000,
		.name = "test",
	};
}

static inline struct vgpu_status status_of(int fd)
{
	struct vgpu_status status;

	if (call(fd, VGPU_GET_STATUS, &status))
		fail("VGPU_GET_STATUS: %s", strerror(errno));
	return status;
}

/* Waits until the flags under the mask have a value; fails after ten seconds. */
static inline void wait_status(int fd, uint32_t mask, uint32_t value)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if ((status_of(fd).flags & mask) == value)
			return;
		usleep(10000);
	}
	fail("the card's status is %#x, wanted %#x of %#x", status_of(fd).flags, value, mask);
}

/*
 * VGPU_PLUG or VGPU_UNPLUG when what went on before is over: a card is bound a little before it is
 * plugged in for good. Waits for that for ten seconds.
 */
static inline int call_plug(int fd, unsigned long request)
{
	int i, ret;

	for (i = 0; i < 1000; i++) {
		ret = call(fd, request, NULL);
		if (ret != EBUSY)
			break;
		usleep(10000);
	}
	return ret;
}

static inline void plug(int fd)
{
	int ret = call_plug(fd, VGPU_PLUG);

	if (ret)
		fail("VGPU_PLUG: %s", strerror(ret));
	wait_status(fd, VGPU_STATUS_PLUGGED | VGPU_STATUS_PLUG_FAILED, VGPU_STATUS_PLUGGED);
}

static inline int new_card(struct vgpu_create *create)
{
	int fd = open_device();
	int ret = call(fd, VGPU_CREATE, create);

	if (ret)
		fail("VGPU_CREATE: %s", strerror(ret));
	return fd;
}

static inline void pci_name(const struct vgpu_create *create, char *name, size_t size)
{
	snprintf(name, size, "%04x:%02x:%02x.%x", create->pci_domain, create->pci_bus,
		 create->pci_devfn >> 3, create->pci_devfn & 7);
}

#endif
