// SPDX-License-Identifier: GPL-2.0-only
/*
 * tcctl - asks the test driver for things: tcctl /dev/testcard0 COMMAND [ARGUMENT...]
 *
 * Prints lines of words; ends with 0 when all went well, 1 when not, 2 when it is used wrongly.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tcctl.h"

#define PATIENCE_MS 30000

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("tcctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

uint32_t number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (!*text || *end || value > UINT32_MAX) {
		fprintf(stderr, "tcctl: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static int command_info(int fd, int argc, char **argv)
{
	struct testcard_info info;

	(void)argc;
	(void)argv;
	card_ask(fd, TESTCARD_INFO, &info, "info");
	printf("registers %llu\nframebuffer %llu\nirq %u\nkind %s\n", info.regs_bytes,
	       info.fb_bytes, info.irq, info.msi ? "msi" : "intx");
	printf("interrupts %llu\nstrangers %llu\nfence %u\n", info.interrupts, info.strangers,
	       info.fence);
	return 0;
}

static int command_selftest(int fd, int argc, char **argv)
{
	struct testcard_selftest test = { .seed = argc > 0 ? number(argv[0]) : 1 };
	int failed = 0;

	for (test.part = 0;; test.part++) {
		if (!ioctl(fd, TESTCARD_SELFTEST, &test)) {
			printf("ok %s\n", test.name);
			continue;
		}
		if (errno == ENOENT)
			break;
		printf("FAILED %s: %s (%s)\n", test.name, test.said, strerror(errno));
		failed = 1;
		if (errno == ENODEV)
			break;
	}
	return failed;
}

static int command_fill(int fd, int argc, char **argv)
{
	struct testcard_fill fill = { 0 };
	struct testcard_wait wait;
	volatile uint32_t *fb;
	uint32_t at;

	if (argc != 3)
		return -1;
	fill.offset = number(argv[0]);
	fill.length = number(argv[1]);
	fill.value = number(argv[2]);
	card_ask(fd, TESTCARD_FILL, &fill, "fill");
	wait.fence = fill.fence;
	wait.timeout_ms = PATIENCE_MS;
	card_ask(fd, TESTCARD_WAIT, &wait, "wait for the fence");
	fb = card_framebuffer(fd, fill.offset + fill.length);
	for (at = fill.offset; at < fill.offset + fill.length; at += 4)
		if (reg_read(fb, at) != fill.value)
			fail("0x%08x at 0x%x of the framebuffer", reg_read(fb, at), at);
	printf("filled %u at %u, fence %u\n", fill.length, fill.offset, fill.fence);
	return 0;
}

static int command_copy(int fd, int argc, char **argv)
{
	uint32_t bytes, offset, i;
	unsigned char *out, *in;
	struct testcard_copy copy;

	if (argc != 2)
		return -1;
	offset = number(argv[0]);
	bytes = number(argv[1]);
	out = malloc(bytes + 1);
	in = calloc(1, bytes + 1);
	if (!out || !in)
		fail("no memory");
	for (i = 0; i < bytes; i++)
		out[i] = rand();
	copy = (struct testcard_copy) { (uintptr_t)out, offset, bytes };
	card_ask(fd, TESTCARD_PUT, &copy, "put");
	copy.buffer = (uintptr_t)in;
	card_ask(fd, TESTCARD_GET, &copy, "get");
	if (memcmp(in, out, bytes))
		fail("%u bytes came back as others", bytes);
	printf("copied %u\n", bytes);
	free(out);
	free(in);
	return 0;
}

static int command_measure(int fd, int argc, char **argv)
{
	struct testcard_measure measure = { 0 };
	uint32_t left, i;

	if (argc != 2)
		return -1;
	measure.reg = number(argv[0]);
	for (left = number(argv[1]); left; left -= measure.count) {
		measure.count = left < TESTCARD_SAMPLES ? left : TESTCARD_SAMPLES;
		card_ask(fd, TESTCARD_MEASURE, &measure, "measure");
		for (i = 0; i < measure.count; i++)
			printf("kernel %llu %llu\n", measure.first[i], measure.second[i]);
	}
	return 0;
}

static int command_latency(int fd, int argc, char **argv)
{
	struct testcard_latency latency;
	uint32_t i;

	(void)argc;
	(void)argv;
	card_ask(fd, TESTCARD_LATENCY, &latency, "latency");
	for (i = 0; i < latency.count; i++)
		printf("latency %llu\n", latency.cycles[i]);
	return 0;
}

static const struct {
	const char *name;
	const char *arguments;
	/* Returns -1 when its arguments are wrong. */
	int (*run)(int fd, int argc, char **argv);
} commands[] = {
	{ "info", "", command_info },
	{ "selftest", "[SEED]", command_selftest },
	{ "fill", "OFFSET LENGTH VALUE", command_fill },
	{ "copy", "OFFSET LENGTH", command_copy },
	{ "mirror", "COUNT [FILE]     through FILE, a resource0, instead of the driver",
	  command_mirror },
	{ "hammer", "ROUNDS BURST TIMEOUT_MS WHO...     WHO: k0 to k31 the driver, u0 to u31 here",
	  command_hammer },
	{ "measure", "REG COUNT", command_measure },
	{ "measure-mapped", "REG COUNT", command_measure_mapped },
	{ "latency", "", command_latency },
	{ "hold", "     keeps the card mapped, and touches it, until it goes", command_hold },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(void)
{
	size_t i;

	fprintf(stderr, "usage: tcctl DEVICE COMMAND, one of\n");
	for (i = 0; i < COMMANDS; i++)
		fprintf(stderr, "  %s %s\n", commands[i].name, commands[i].arguments);
	return 2;
}

int main(int argc, char **argv)
{
	size_t i;
	int done;

	if (argc < 3)
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < COMMANDS; i++) {
		if (strcmp(argv[2], commands[i].name))
			continue;
		done = commands[i].run(card_open(argv[1]), argc - 3, argv + 3);
		return done < 0 ? usage() : done;
	}
	return usage();
}
