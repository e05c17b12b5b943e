// SPDX-License-Identifier: GPL-2.0-only
/* The card as a program sees it: requests to the driver, registers and pixels as memory. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "tcctl.h"

#define PATIENCE_MS 30000

int card_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("cannot open %s: %s", path, strerror(errno));
	return fd;
}

void card_ask(int fd, unsigned long request, void *argument, const char *what)
{
	if (ioctl(fd, request, argument))
		fail("%s: %s", what, strerror(errno));
}

static volatile uint32_t *map(int fd, off_t offset, size_t bytes, const char *what)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (at == MAP_FAILED)
		fail("cannot map the %s: %s", what, strerror(errno));
	return at;
}

/* Of the driver's device, or a resource0 of sysfs. */
volatile uint32_t *card_registers(int fd)
{
	return map(fd, 0, TC_REGS_SIZE, "registers");
}

volatile uint32_t *card_framebuffer(int fd, size_t bytes)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return map(fd, TESTCARD_MAP_FB, (bytes + page - 1) / page * page, "framebuffer");
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

int reg_await(volatile uint32_t *registers, unsigned int reg, uint32_t want, uint32_t timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	unsigned int spins = 0;
	int late = 0;

	while (reg_read(registers, reg) != want) {
		if (late)
			return -1;
		if (++spins % 64)
			continue;
		late = now_ms() > end;
	}
	return 0;
}

int command_mirror(int fd, int argc, char **argv)
{
	volatile uint32_t *registers;
	uint32_t count, i;

	if (argc != 1 && argc != 2)
		return -1;
	count = number(argv[0]);
	registers = card_registers(argc == 2 ? card_open(argv[1]) : fd);
	for (i = 0; i < count; i++) {
		uint32_t value = rand();

		reg_write(registers, TC_SCRATCH, value);
		if (reg_await(registers, TC_MIRROR, ~value, PATIENCE_MS))
			fail("the mirror of 0x%08x stays 0x%08x", value,
			     reg_read(registers, TC_MIRROR));
	}
	printf("mirrored %u\n", count);
	return 0;
}

int command_measure_mapped(int fd, int argc, char **argv)
{
	volatile uint32_t *registers;
	unsigned int reg, echo;
	uint32_t count, value;

	if (argc != 2 || number(argv[0]) >= TC_HAMMERS)
		return -1;
	reg = TC_HAMMER(number(argv[0]));
	echo = TC_ECHO(number(argv[0]));
	registers = card_registers(fd);
	value = reg_read(registers, reg);
	for (count = number(argv[1]); count; count--) {
		uint64_t before, between, after;

		reg_write(registers, reg, ++value);
		if (reg_await(registers, echo, value, PATIENCE_MS))
			fail("the card does not show %u", value);
		before = __rdtsc();
		reg_write(registers, reg, ++value);
		between = __rdtsc();
		reg_write(registers, reg, ++value);
		after = __rdtsc();
		if (reg_await(registers, echo, value, PATIENCE_MS))
			fail("the card does not show %u", value);
		printf("mapped %llu %llu\n", (unsigned long long)(between - before),
		       (unsigned long long)(after - between));
	}
	return 0;
}

static void gone(int signal)
{
	static const char message[] = "gone\n";

	(void)signal;
	_exit(write(STDOUT_FILENO, message, sizeof(message) - 1) < 0);
}

/* SIGBUS is how a program learns that a mapped card was removed. */
int command_hold(int fd, int argc, char **argv)
{
	volatile uint32_t *registers = card_registers(fd);
	volatile uint32_t *fb = card_framebuffer(fd, 4096);
	uint32_t i;

	(void)argc;
	(void)argv;
	signal(SIGBUS, gone);
	puts("holding");
	for (i = 0;; i++) {
		reg_write(registers, TC_HAMMER(TC_HAMMERS - 1), i);
		reg_write(fb, 0, i);
		usleep(1000);
	}
}
