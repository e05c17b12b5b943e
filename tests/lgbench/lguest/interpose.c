// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loaded before the C library, this counts lgbench's calls that change files. CALLS_END="kill 7" ends the
 * program before the seventh, "fail 7" has that one fail for lack of space, "full 7" that one and all later
 * ones. Programs that lgbench runs are not touched.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int calls;

/* Whether this call is to fail. */
static int counted(void)
{
	const char *end = getenv("CALLS_END");
	char what[8];
	int at;

	if (!end || strcmp(program_invocation_short_name, "lgbench"))
		return 0;
	if (sscanf(end, "%7s %d", what, &at) != 2)
		abort();
	calls++;
	if (calls == at && !strcmp(what, "kill"))
		raise(SIGKILL);
	if ((calls == at && !strcmp(what, "fail")) || (calls >= at && !strcmp(what, "full"))) {
		errno = ENOSPC;
		return 1;
	}
	return 0;
}

#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to)
{
	return counted() ? -1 : NEXT(rename)(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
	return counted() ? -1 : NEXT(linkat)(from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
	return counted() ? -1 : NEXT(mkdir)(path, mode);
}

int chmod(const char *path, mode_t mode)
{
	return counted() ? -1 : NEXT(chmod)(path, mode);
}

int fsync(int fd)
{
	return counted() ? -1 : NEXT(fsync)(fd);
}

ssize_t write(int fd, const void *from, size_t bytes)
{
	/* What it says does not change files. */
	return fd > 2 && counted() ? -1 : NEXT(write)(fd, from, bytes);
}

/* Removing needs no space. */
static int removed(void)
{
	int fails = counted();

	return fails && strncmp(getenv("CALLS_END"), "full", 4);
}

int unlink(const char *path)
{
	return removed() ? -1 : NEXT(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags)
{
	return removed() ? -1 : NEXT(unlinkat)(folder, path, flags);
}
