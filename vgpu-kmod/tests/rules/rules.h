/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of the rules share, and their list for main(). */
#ifndef RULES_H
#define RULES_H

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../baddrv.h"
#include "../card.h"

#define PAGE	4096UL

extern int failed, checks;

/* A card with the driver bound, mapped by the daemon. */
struct test {
	struct vgpu_create card;
	int fd;
	int drv;
	volatile uint32_t *registers;
	char pci[32];
};

/* A process of its own, which does what it is told by bytes on a pipe and answers each. */
struct app {
	pid_t pid;
	int to;
	int from;
};

/*
 * Maps registers and does what it is told: M says whether mapping them went well, w writes, r
 * reads, f forks a child that writes, m moves the mapping, p protects it from writing and back, s
 * unmaps one half, q ends.
 */
struct mapper {
	int fd;
	uint64_t offset;
	size_t size;
};

void check(int holds, const char *format, ...);
void expect(int is, int wanted, const char *what);
struct test begin_device(uint16_t device);
struct test begin(void);
int card_exists(unsigned int card);
int gone_after_a_while(unsigned int card);
void drop(struct test *t);
void end(struct test *t);
struct vgpu_arm arm(int fd);
struct vgpu_wait wait_for(int fd, int milliseconds);
void settle(int fd);
int touch(volatile uint32_t *address, int write);
struct app app_start(void (*run)(int from, int to, void *arg), void *arg);
int app_do(struct app *app, char order);
int app_end(struct app *app);
void run_mapper(int from, int to, void *arg);

void test_version(void);
void test_create(void);
void test_sizes(void);
void test_owner(void);
void test_mmap(void);
void test_kernel_writes(void);
void test_user_writes(void);
void test_user_faults(void);
void test_sysfs(void);
void test_dma(void);
void test_msi(void);
void test_intx(void);
void test_unplug(void);
void test_forgetful(void);
void test_kill(void);
void test_cards(void);
void test_idle(void);
void test_polling(void);

#endif
