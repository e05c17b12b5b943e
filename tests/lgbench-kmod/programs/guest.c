// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest ROLE COUNTERS CPU: a process that is a guest, or several, until it is killed. What it does
 * when it gets SIGUSR1 or SIGUSR2 depends on its role. COUNTERS is a file of struct slot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "lgbench_guest.h"

#define THREADS		4

static struct slot *slots;
static volatile sig_atomic_t told;
static int device;

/*
 * Of a file that is to be closed between two calls: during one, the caller is the last to have it.
 */
static enum { OPEN, CLOSING, OUTSIDE, CLOSED } file;

static void on_signal(int number)
{
	(void)number;
	told = 1;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int opened(int flags)
{
	int fd = open("/dev/lgbench-guest", O_RDWR | flags);

	if (fd < 0)
		die("/dev/lgbench-guest");
	return fd;
}

static void set(uint64_t *place, uint64_t value)
{
	__atomic_store_n(place, value, __ATOMIC_SEQ_CST);
}

/* One call; whether it did what it should. */
static int once(int fd, struct slot *slot)
{
	if (!ioctl(fd, LGB_RUN)) {
		set(&slot->runs, slot->runs + 1);
	} else if (errno == EINTR) {
		set(&slot->interrupted, slot->interrupted + 1);
	} else {
		set(&slot->error, errno);
		return 0;
	}
	return 1;
}

/* Calls again and again, until it is told something. */
static void run(int fd, struct slot *slot)
{
	while (once(fd, slot) && !told)
		;
}

static void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static void becomes_sleep(void)
{
	set(&slots->state, 2);
	execlp("sleep", "sleep", "100000", (char *)NULL);
	die("sleep");
}

/* A child has the file too, but is not the guest. */
static void fork_one(int fd)
{
	pid_t child = fork();

	if (!child)
		_exit(ioctl(fd, LGB_RUN) && errno == EBUSY ? 0 : 1);
	int status;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		set(&slots->error, EBUSY);
}

static int file_is(int state)
{
	return (int)__atomic_load_n(&file, __ATOMIC_SEQ_CST) == state;
}

static void set_file(int state)
{
	__atomic_store_n(&file, state, __ATOMIC_SEQ_CST);
}

/* Lets another thread close the file, if it wants to. */
static void between_calls(void)
{
	if (!file_is(CLOSING))
		return;
	set_file(OUTSIDE);
	while (!file_is(CLOSED))
		sched_yield();
}

static void *thread(void *argument)
{
	const char *role = argument;
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	if (!strcmp(role, "closer") || !strcmp(role, "again")) {
		/* Until another thread closes the file. */
		while (once(device, slots))
			between_calls();
		if (slots->error != EBADF)
			return NULL;
		if (!strcmp(role, "again")) {
			set(&slots->error, 0);
			device = opened(0);
			set(&slots->state, 3);
			run(device, slots);
		}
		while (!told)
			sched_yield();
	} else {
		run(device, slots);
	}
	return NULL;
}

static void *one_of_many(void *slot)
{
	int fd = opened(0);

	set(&((struct slot *)slot)->state, 1);
	for (;;)
		once(fd, slot);
	return NULL;
}

/* The guest is a thread, and the main thread waits for SIGUSR2. */
static void with_thread(char *role)
{
	pthread_t other;
	sigset_t both;
	int number;

	sigemptyset(&both);
	sigaddset(&both, SIGUSR1);
	sigaddset(&both, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &both, NULL);
	device = opened(O_CLOEXEC);
	if (pthread_create(&other, NULL, thread, role))
		die("pthread_create");
	set(&slots->state, 1);
	if (!strcmp(role, "thread")) {
		/* It ends, and the file stays open. */
		pthread_join(other, NULL);
		set(&slots->state, 2);
	}
	sigdelset(&both, SIGUSR1);
	sigwait(&both, &number);
	if (!strcmp(role, "execer"))
		becomes_sleep();
	if (!strcmp(role, "closer")) {
		set_file(CLOSING);
		/* For ever, if the guest is held: then it is killed some day. */
		while (!file_is(OUTSIDE))
			usleep(1000);
	}
	close(device);
	set_file(CLOSED);
	if (strcmp(role, "again"))
		set(&slots->state, 2);
	sleep_for_ever();
}

static int is_threaded(const char *role)
{
	return !strcmp(role, "thread") || !strcmp(role, "closer") || !strcmp(role, "again") ||
	       !strcmp(role, "execer");
}

static void guest(char *role)
{
	device = opened(!strcmp(role, "exec") ? O_CLOEXEC : 0);
	set(&slots->state, 1);
	if (!strcmp(role, "yield")) {
		for (once(device, slots);; sched_yield())
			set(&slots->runs, slots->runs + 1);
	}
	for (;;) {
		run(device, slots);
		if (slots->error)
			sleep_for_ever();
		told = 0;
		if (!strcmp(role, "close")) {
			close(device);
			set(&slots->state, 2);
			sleep_for_ever();
		}
		if (!strcmp(role, "exec") || !strcmp(role, "keep"))
			becomes_sleep();
		if (!strcmp(role, "fork"))
			fork_one(device);
	}
}

int main(int count, char **arguments)
{
	struct sigaction action = { .sa_handler = on_signal };
	cpu_set_t cpus;
	int file, i;

	if (count == 2 && !strcmp(arguments[1], "refused"))
		return refused() ? 1 : 0;
	if (count == 2 && !strcmp(arguments[1], "torn"))
		return torn() ? 1 : 0;
	if (count != 4)
		return 2;
	file = open(arguments[2], O_RDWR);
	slots = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (slots == MAP_FAILED)
		die(arguments[2]);
	close(file);
	CPU_ZERO(&cpus);
	CPU_SET(atoi(arguments[3]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity");
	sigaction(SIGUSR1, &action, NULL);
	if (!strcmp(arguments[1], "threads")) {
		pthread_t other;

		for (i = 0; i < THREADS; i++)
			if (pthread_create(&other, NULL, one_of_many, &slots[i]))
				die("pthread_create");
		sleep_for_ever();
	}
	if (is_threaded(arguments[1]))
		with_thread(arguments[1]);
	guest(arguments[1]);
}
