// SPDX-License-Identifier: GPL-2.0-only
/* Several writers at once, each on its own register and, as far as there are, its own processor. */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tcctl.h"

/* One writer: the driver on our behalf, or we through the mapped registers. */
struct writer {
	pthread_t thread;
	int fd;
	int kernel;
	int cpu;
	int error;
	volatile uint32_t *registers;
	struct testcard_hammer hammer;
};

static void hammer_mapped(struct writer *writer)
{
	struct testcard_hammer *hammer = &writer->hammer;
	unsigned int reg = TC_HAMMER(hammer->reg), seed = hammer->seed;

	hammer->last = reg_read(writer->registers, reg);
	while (hammer->rounds_done < hammer->rounds) {
		uint32_t count = 1 + rand_r(&seed) % hammer->burst;

		while (count--) {
			volatile int pause = rand_r(&seed) & 0xff;

			reg_write(writer->registers, reg, ++hammer->last);
			hammer->writes++;
			while (pause > 0)
				pause--;
		}
		if (reg_await(writer->registers, TC_ECHO(hammer->reg), hammer->last,
			      hammer->timeout_ms)) {
			hammer->lost = 1;
			return;
		}
		hammer->rounds_done++;
	}
}

static void *hammer_thread(void *argument)
{
	struct writer *writer = argument;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(writer->cpu, &cpus);
	/* Where they land is what makes it hard, not what makes it right. */
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	if (!writer->kernel)
		hammer_mapped(writer);
	else if (ioctl(writer->fd, TESTCARD_HAMMER, &writer->hammer))
		writer->error = errno;
	return NULL;
}

static int hammer_told(const struct writer *writer)
{
	const struct testcard_hammer *hammer = &writer->hammer;

	printf("%s reg %u rounds %u writes %llu lost %u last %u\n",
	       writer->kernel ? "kernel" : "user", hammer->reg, hammer->rounds_done,
	       (unsigned long long)hammer->writes, hammer->lost, hammer->last);
	if (writer->error)
		fprintf(stderr, "tcctl: hammer: %s\n", strerror(writer->error));
	return writer->error || hammer->lost;
}

int command_hammer(int fd, int argc, char **argv)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), bad = 0, count = argc - 3, i;
	struct writer *writers;

	if (count < 1)
		return -1;
	writers = calloc(count, sizeof(*writers));
	if (!writers)
		fail("no memory");
	for (i = 0; i < count; i++) {
		const char *who = argv[3 + i];
		uint32_t reg = *who ? number(who + 1) : TC_HAMMERS;

		if ((*who != 'k' && *who != 'u') || reg >= TC_HAMMERS)
			return -1;
		writers[i] = (struct writer) {
			.fd = fd,
			.kernel = *who == 'k',
			.cpu = i % cpus,
			.hammer = {
				.reg = reg,
				.rounds = number(argv[0]),
				.burst = number(argv[1]),
				.timeout_ms = number(argv[2]),
				.seed = reg + 1,
			},
		};
		/* Each a mapping of its own. */
		if (*who == 'u')
			writers[i].registers = card_registers(fd);
	}
	for (i = 0; i < count; i++)
		if (pthread_create(&writers[i].thread, NULL, hammer_thread, &writers[i]))
			fail("no thread");
	for (i = 0; i < count; i++) {
		pthread_join(writers[i].thread, NULL);
		bad |= hammer_told(&writers[i]);
	}
	free(writers);
	return bad;
}
