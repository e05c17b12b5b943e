// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tries each rule of the kernel shim, with the misbehaving driver (module baddrv) on the other
 * side.
 *
 *   rules [NAME...]      all, or those with these names; with the module's option trap=poll,
 *                        those that are of use then
 *
 * The last line says how many failed.
 */
#include "rules.h"

static int polling(void)
{
	char mode[16] = "";
	int fd = open("/sys/module/vgpu/parameters/trap", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, mode, sizeof(mode) - 1) < 0)
		fail("the module vgpu is not loaded");
	close(fd);
	return !strncmp(mode, "poll", 4);
}

/* When a test is of use: with write traps, with polling, or both. */
enum modes { TRAPS = 1, POLL = 2, BOTH = 3 };

static const struct {
	const char *name;
	void (*run)(void);
	enum modes modes;
} tests[] = {
	{ "version", test_version, BOTH },
	{ "create", test_create, BOTH },
	{ "owner", test_owner, BOTH },
	{ "mmap", test_mmap, BOTH },
	{ "kernel-writes", test_kernel_writes, TRAPS },
	{ "user-writes", test_user_writes, TRAPS },
	{ "user-faults", test_user_faults, TRAPS },
	{ "sysfs", test_sysfs, TRAPS },
	{ "dma", test_dma, BOTH },
	{ "msi", test_msi, BOTH },
	{ "intx", test_intx, BOTH },
	{ "unplug", test_unplug, TRAPS },
	{ "forgetful", test_forgetful, BOTH },
	{ "cards", test_cards, TRAPS },
	{ "idle", test_idle, TRAPS },
	{ "kill", test_kill, TRAPS },
	{ "sizes", test_sizes, BOTH },
	{ "polling", test_polling, POLL },
};

int main(int argc, char **argv)
{
	size_t i;
	int j, wanted, before, mode = polling() ? POLL : TRAPS;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		for (wanted = argc < 2, j = 1; j < argc; j++)
			wanted |= !strcmp(argv[j], tests[i].name);
		if (!wanted || !(tests[i].modes & mode))
			continue;
		printf("%s\n", tests[i].name);
		fflush(stdout);
		before = failed;
		/* None takes as long, in an emulator either. */
		alarm(120);
		tests[i].run();
		printf("%s: %s\n", tests[i].name, failed == before ? "ok" : "FAILED");
		fflush(stdout);
	}
	printf("%d checks, %d failed\n", checks, failed);
	return failed ? 1 : 0;
}
