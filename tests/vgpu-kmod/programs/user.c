// SPDX-License-Identifier: GPL-2.0-only
/* Uses whatever card there is, through its driver, while cards come and go. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../../vgpu-kmod/testdrv/testcard_ioctl.h"
#include "../../../vgpu-kmod/testdrv/testcard_regs.h"
#include "abuse.h"

static unsigned long opens, steps, faults;

static int open_some(void)
{
	DIR *folder = opendir("/dev");
	struct dirent *entry;
	char path[300] = "";
	unsigned int seen = 0;

	if (!folder)
		return -1;
	while ((entry = readdir(folder)))
		if (!strncmp(entry->d_name, "testcard", 8) && random_once_in(++seen))
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
	closedir(folder);
	return *path ? open(path, O_RDWR | O_CLOEXEC) : -1;
}

static void call(int fd)
{
	static const unsigned long requests[] = {
		TESTCARD_INFO, TESTCARD_SELFTEST, TESTCARD_FILL, TESTCARD_WAIT, TESTCARD_PUT,
		TESTCARD_GET, TESTCARD_HAMMER, TESTCARD_MEASURE, TESTCARD_LATENCY,
	};
	unsigned long request = requests[random_below(9)];
	static char buffer[65536];
	union {
		struct testcard_selftest selftest;
		struct testcard_fill fill;
		struct testcard_wait wait;
		struct testcard_copy copy;
		struct testcard_hammer hammer;
		struct testcard_measure measure;
		unsigned char bytes[1024];
	} argument;

	memset(&argument, 0, sizeof(argument));
	switch (request) {
	case TESTCARD_SELFTEST:
		argument.selftest.part = random_below(12);
		break;
	case TESTCARD_FILL:
		argument.fill.offset = random_below(4096) * 4;
		argument.fill.length = random_below(4096) * 4;
		break;
	case TESTCARD_WAIT:
		argument.wait.fence = random_number();
		argument.wait.timeout_ms = random_below(5);
		break;
	case TESTCARD_PUT:
	case TESTCARD_GET:
		argument.copy.buffer = (uintptr_t)buffer;
		argument.copy.length = random_below(sizeof(buffer));
		argument.copy.offset = random_number();
		break;
	case TESTCARD_HAMMER:
		argument.hammer.reg = random_below(TC_HAMMERS + 1);
		argument.hammer.rounds = random_below(4);
		argument.hammer.burst = random_below(4);
		argument.hammer.timeout_ms = random_below(5);
		break;
	}
	ioctl(fd, request, &argument);
}

static void map_and_touch(int fd)
{
	off_t offset = random_once_in(2) ? 0 : TESTCARD_MAP_FB;
	size_t bytes = (1 + random_below(4)) * 4096;
	volatile uint32_t *at;
	pid_t child;
	unsigned int i;

	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (at == MAP_FAILED)
		return;
	/* Mappings are copied into a child, and outlive the parent's. */
	child = random_once_in(4) ? fork() : -1;
	for (i = 0; i < 30; i++)
		faults += touch(at + random_below(bytes / 4), random_once_in(2)) != 0;
	if (!child)
		_exit(0);
	if (random_once_in(2))
		munmap((void *)at, 4096);
	munmap((void *)at, bytes);
	if (child > 0)
		waitpid(child, NULL, 0);
}

int user(uint64_t seed, unsigned int seconds)
{
	time_t end = time(NULL) + seconds;
	char address[32];
	unsigned int i;
	int fd;

	random_seed(seed);
	touch_begin();
	while (time(NULL) < end) {
		fd = open_some();
		if (fd < 0) {
			usleep(1000);
			continue;
		}
		opens++;
		for (i = random_below(20); i; i--) {
			steps++;
			if (random_once_in(3))
				map_and_touch(fd);
			else
				call(fd);
		}
		if (random_once_in(10) && !some_card(address, sizeof(address)))
			(random_once_in(2) ? rebind : map_resource)(address);
		close(fd);
	}
	printf("user %llu: %lu opens, %lu steps, %lu faults\n", (unsigned long long)seed, opens,
	       steps, faults);
	return 0;
}
