// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that must be refused, each with the errno that lgbench_abi.h says, and others beside them
 * that must not. There is no guest but those that are made here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "lgbench_abi.h"
#include "lgbench_guest.h"

static int failures;

static void check(const char *what, long got, int wanted)
{
	int found = got < 0 ? errno : 0;

	if (found == wanted)
		return;
	fprintf(stderr, "%s: %s, not %s\n", what, strerror(found), strerror(wanted));
	failures++;
}

#define CHECK(call, wanted)	check(#call, call, wanted)

/* No program has anything there. */
static void *volatile nowhere = (void *)8;

static int mode(int fd, __u32 mode, __u32 first, __u64 interval_ns)
{
	struct lgb_mode argument = { mode, first, interval_ns };

	return ioctl(fd, LGB_SET_MODE, &argument);
}

static void calls(int fd, int other)
{
	__u32 none = 1, beyond = LGB_GUESTS_MAX, huge = 0xffffffffu, zero = 0;
	struct lgb_info info;

	CHECK(ioctl(fd, _IO('l', 0xb5)), ENOTTY);
	CHECK(ioctl(fd, _IOR('l', 0xb0, __u32), &info), ENOTTY);
	CHECK(ioctl(fd, LGB_RUN), ENOTTY);
	CHECK(ioctl(fd, LGB_INFO, nowhere), EFAULT);
	CHECK(ioctl(fd, LGB_SET_MODE, nowhere), EFAULT);
	CHECK(ioctl(fd, LGB_HOLD, nowhere), EFAULT);
	CHECK(ioctl(fd, LGB_LET, nowhere), EFAULT);
	CHECK(mode(fd, 3, 0, 1000000), EINVAL);
	CHECK(mode(fd, 0xffffffffu, 0, 1000000), EINVAL);
	CHECK(mode(fd, LGB_ALTERNATE, LGB_GUESTS_MAX, 1000000), EINVAL);
	CHECK(mode(fd, LGB_ONCE, LGB_NOBODY, 1000000), EINVAL);
	CHECK(mode(fd, LGB_ALTERNATE, 0, 0), EINVAL);
	CHECK(mode(fd, LGB_ALTERNATE, 0, LGB_INTERVAL_MIN - 1), EINVAL);
	CHECK(mode(fd, LGB_ALTERNATE, 0, LGB_INTERVAL_MAX + 1), EINVAL);
	CHECK(mode(fd, LGB_ALTERNATE, 0, ~0ull), EINVAL);
	CHECK(mode(fd, LGB_ALTERNATE, 1, 1000000), ESRCH);
	CHECK(ioctl(fd, LGB_HOLD, &none), ESRCH);
	CHECK(ioctl(fd, LGB_LET, &none), ESRCH);
	CHECK(ioctl(fd, LGB_HOLD, &beyond), EINVAL);
	CHECK(ioctl(fd, LGB_LET, &huge), EINVAL);
	/* Nothing of this has given it the control; nor does letting go. */
	CHECK(mode(fd, LGB_FREE, 99, 0), 0);
	CHECK(ioctl(fd, LGB_LET, &zero), 0);
	CHECK(ioctl(other, LGB_HOLD, &zero), 0);
	CHECK(ioctl(fd, LGB_LET, &zero), EBUSY);
	CHECK(ioctl(fd, LGB_HOLD, &none), EBUSY);
	CHECK(mode(fd, LGB_FREE, 0, 0), EBUSY);
	CHECK(ioctl(other, LGB_LET, &zero), 0);
	CHECK(mode(other, LGB_ALTERNATE, 0, LGB_INTERVAL_MAX), 0);
	CHECK(ioctl(fd, LGB_INFO, &info), 0);
	/* What fails changes nothing. */
	CHECK(mode(other, LGB_ALTERNATE, 1, 1000000), ESRCH);
	CHECK(mode(other, LGB_ONCE, 0, 1), EINVAL);
	CHECK(ioctl(fd, LGB_INFO, &info), 0);
	if (info.mode != LGB_ALTERNATE || info.turn != 0)
		check("the mode that was", (errno = EINVAL, -1), 0);
	CHECK(mode(other, LGB_FREE, 0, 0), 0);
	CHECK(ioctl(fd, LGB_CLEAR), 0);
}

static void reads(int fd)
{
	char room[sizeof(struct lgb_header) + sizeof(struct lgb_sample)];

	CHECK(read(fd, room, 0), EINVAL);
	CHECK(read(fd, room, sizeof(struct lgb_header)), EINVAL);
	CHECK(read(fd, room, sizeof(room) - 1), EINVAL);
	CHECK(read(fd, room, sizeof(room)), 0);
	CHECK(read(fd, nowhere, sizeof(room)), EFAULT);
	CHECK(write(fd, room, sizeof(room)), EINVAL);
}

static void runs(int guest, int second)
{
	int status, copy;
	pid_t child;

	CHECK(ioctl(guest, LGB_INFO, nowhere), ENOTTY);
	CHECK(read(guest, nowhere, 1), EINVAL);
	CHECK(ioctl(guest, LGB_RUN), 0);
	/* A thread is one guest, and a guest is one thread. */
	CHECK(ioctl(second, LGB_RUN), EBUSY);
	child = fork();
	if (!child)
		_exit(ioctl(guest, LGB_RUN) && errno == EBUSY ? 0 : 1);
	waitpid(child, &status, 0);
	check("a child", (errno = EBUSY, status ? -1 : 0), 0);
	CHECK(ioctl(guest, LGB_RUN), 0);
	/* The file is still open, so the guest is there, and the thread may be another one. */
	copy = dup(guest);
	CHECK(close(copy), 0);
	CHECK(ioctl(second, LGB_RUN), 0);
	CHECK(ioctl(guest, LGB_RUN), EBUSY);
}

int torn(void)
{
	int fd = open("/dev/lgbench", O_RDWR);
	long page = sysconf(_SC_PAGESIZE);
	int rights = PROT_READ | PROT_WRITE;
	char *room = mmap(NULL, 2 * page, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || room == MAP_FAILED || mprotect(room + page, page, PROT_NONE)) {
		perror("a page that cannot be written");
		return 1;
	}
	room += page - sizeof(struct lgb_header) - 10 * sizeof(struct lgb_sample);
	CHECK(read(fd, room, page), EFAULT);
	return failures;
}

int refused(void)
{
	int fd = open("/dev/lgbench", O_RDWR), other = open("/dev/lgbench", O_RDWR);
	int guest = open("/dev/lgbench-guest", O_RDWR), second;

	if (fd < 0 || other < 0 || guest < 0) {
		perror("/dev/lgbench");
		return 1;
	}
	calls(fd, other);
	reads(fd);
	second = open("/dev/lgbench-guest", O_RDWR);
	runs(guest, second);
	return failures;
}
