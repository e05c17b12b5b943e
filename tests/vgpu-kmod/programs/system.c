// SPDX-License-Identifier: GPL-2.0-only
/* What root can do to any PCI device through sysfs. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abuse.h"

#define DEVICES "/sys/bus/pci/devices"

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Whether it is liked is not the question. */
	if (write(fd, text, strlen(text)) < 0)
		usleep(1);
	close(fd);
}

static int open_of(const char *address, const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", address, name);
	return open(path, flags | O_CLOEXEC);
}

void map_resource(const char *address)
{
	int bar = random_once_in(2) ? 0 : 2, fd;
	size_t bytes = 4096u << random_below(3);
	volatile uint32_t *at;
	char name[16];
	unsigned int i;

	snprintf(name, sizeof(name), "resource%d", bar);
	fd = open_of(address, name, O_RDWR);
	if (fd < 0)
		return;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return;
	for (i = 0; i < 50; i++)
		touch(at + random_below(bytes / 4), random_once_in(2));
	munmap((void *)at, bytes);
}

void rebind(const char *address)
{
	write_file("/sys/bus/pci/drivers/testcard/unbind", address);
	write_file("/sys/bus/pci/drivers/testcard/bind", address);
}

int some_card(char *address, size_t bytes)
{
	DIR *folder = opendir(DEVICES);
	unsigned int seen = 0;
	struct dirent *entry;

	if (!folder)
		return -1;
	while ((entry = readdir(folder))) {
		/* Only the domains of cards like ours have five digits. */
		if (strlen(entry->d_name) > strlen("0000:00:00.0") && random_once_in(++seen))
			snprintf(address, bytes, "%.31s", entry->d_name);
	}
	closedir(folder);
	return seen ? 0 : -1;
}
