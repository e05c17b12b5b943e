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
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "baddrv.h"
#include "card.h"

#define PAGE	4096UL

static int failed, checks;

static void check(int holds, const char *format, ...)
{
	va_list args;

	checks++;
	if (holds)
		return;
	failed++;
	va_start(args, format);
	printf("  FAILED: ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

/* Expects an error (0 for success). */
static void expect(int is, int wanted, const char *what)
{
	check(is == wanted, "%s: %s, wanted %s", what, is ? strerror(is) : "success",
	      wanted ? strerror(wanted) : "success");
}

/* A card with the driver bound, mapped by the daemon. */
struct test {
	struct vgpu_create card;
	int fd;
	int drv;
	volatile uint32_t *registers;
	char pci[32];
};

static int open_driver(void)
{
	char name[32];
	int i, fd;

	/* The node appears a little after the driver was bound. */
	for (i = 0; i < 200 * 8; i++) {
		snprintf(name, sizeof(name), "/dev/baddrv%d", i % 8);
		fd = open(name, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (i % 8 == 7)
			usleep(10000);
	}
	fail("no /dev/baddrvN: is the module loaded?");
	return -1;
}

/* Without a driver, if the device id is none that it knows. */
static struct test begin_device(uint16_t device)
{
	struct test t = { .card = a_card(), .drv = -1 };

	t.card.device = device;
	t.fd = new_card(&t.card);
	pci_name(&t.card, t.pci, sizeof(t.pci));
	t.registers = mmap(NULL, t.card.register_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd,
			   VGPU_MMAP_REGISTERS);
	if (t.registers == MAP_FAILED)
		fail("mmap of the registers: %s", strerror(errno));
	plug(t.fd);
	if (device != a_card().device)
		return t;
	wait_status(t.fd, VGPU_STATUS_BOUND, VGPU_STATUS_BOUND);
	t.drv = open_driver();
	return t;
}

static struct test begin(void)
{
	return begin_device(a_card().device);
}

/* What debugfs still has of a card: nothing, if all of it was given back. */
static int card_exists(unsigned int card)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/kernel/debug/vgpu/card%u", card);
	return !stat(path, &st);
}

static int gone_after_a_while(unsigned int card)
{
	int i;

	for (i = 0; i < 500 && card_exists(card); i++)
		usleep(10000);
	return !card_exists(card);
}

static void drop(struct test *t)
{
	char path[96];
	struct stat st;

	munmap((void *)t->registers, t->card.register_bytes);
	close(t->fd);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", t->pci);
	check(stat(path, &st) < 0, "the PCI device is there after close");
}

static void end(struct test *t)
{
	drop(t);
	close(t->drv);
	check(gone_after_a_while(t->card.card), "the card was not freed");
}

static struct vgpu_arm arm(int fd)
{
	struct vgpu_arm arm = { .wake = VGPU_EVENTS & ~VGPU_EVENT_DMA };
	int ret = call(fd, VGPU_ARM, &arm);

	check(!ret, "VGPU_ARM: %s", strerror(ret));
	return arm;
}

static struct vgpu_wait wait_for(int fd, int milliseconds)
{
	struct vgpu_wait wait = { .timeout_ns = milliseconds * 1000000LL };
	int ret = call(fd, VGPU_WAIT, &wait);

	check(!ret, "VGPU_WAIT: %s", strerror(ret));
	return wait;
}

/* Arms until nothing is left over from before. */
static void settle(int fd)
{
	int i;

	for (i = 0; i < 100; i++) {
		arm(fd);
		if (!wait_for(fd, 20).events)
			return;
	}
	check(0, "events do not end");
}

/* A page touched, with what a SIGBUS or SIGSEGV would say: 0 if it went well. */
static sigjmp_buf jump;

static void on_fault(int number)
{
	siglongjmp(jump, number);
}

static int touch(volatile uint32_t *address, int write)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	int number;

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	number = sigsetjmp(jump, 1);
	if (number)
		return number;
	if (write)
		*address = 0x70c4ed;
	else
		(void)*address;
	return 0;
}

/* A process of its own, which does what it is told by bytes on a pipe and answers each. */
struct app {
	pid_t pid;
	int to;
	int from;
};

/* An inherited file would keep the card. */
static void close_cards(void)
{
	char path[32], target[64];
	ssize_t length;
	int fd;

	for (fd = 3; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = 0;
		if (!strcmp(target, DEVICE))
			close(fd);
	}
}

static struct app app_start(void (*run)(int from, int to, void *arg), void *arg)
{
	int there[2], back[2];
	struct app app;

	if (pipe(there) || pipe(back))
		fail("pipe: %s", strerror(errno));
	fflush(stdout);
	app.pid = fork();
	if (!app.pid) {
		close(there[1]);
		close(back[0]);
		close_cards();
		run(there[0], back[1], arg);
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	app.to = there[1];
	app.from = back[0];
	return app;
}

/* The answer to an order. */
static int app_do(struct app *app, char order)
{
	char answer = -1;

	if (write(app->to, &order, 1) != 1 || read(app->from, &answer, 1) != 1)
		return -1;
	return answer;
}

static int app_end(struct app *app)
{
	int status;

	/* Others may have inherited the pipe, so it does not end when it is closed. */
	if (write(app->to, "q", 1) != 1)
		kill(app->pid, SIGKILL);
	close(app->to);
	close(app->from);
	waitpid(app->pid, &status, 0);
	return WIFEXITED(status) ? 0 : WTERMSIG(status);
}

static void test_version(void)
{
	uint64_t version = 0;
	int fd = open_device();

	expect(call(fd, VGPU_GET_API_VERSION, &version), 0, "VGPU_GET_API_VERSION");
	check(version == VGPU_API_VERSION, "version %lu", (unsigned long)version);
	expect(call(fd, VGPU_GET_STATUS, &(struct vgpu_status){ 0 }), ENXIO, "status of no card");
	expect(call(fd, VGPU_PLUG, NULL), ENXIO, "plugging no card");
	expect(call(fd, _IO(VGPU_IOCTL, 0x7f), NULL), ENXIO, "an unknown call");
	close(fd);
}

static void test_create(void)
{
	static const struct {
		size_t offset;
		size_t size;
		uint32_t value;
		const char *what;
	} wrong[] = {
#define WRONG(field, value) \
	{ offsetof(struct vgpu_create, field), sizeof(((struct vgpu_create *)0)->field), value, \
	  #field "=" #value }
		WRONG(vendor, 0), WRONG(vendor, 0xffff), WRONG(class_code, 0x1000000),
		WRONG(msi_vectors, 3), WRONG(msi_vectors, 64), WRONG(reserved0, 1),
		WRONG(flags, 2), WRONG(flags, 0x80000000), WRONG(register_bytes, 0),
		WRONG(register_bytes, 0x800), WRONG(register_bytes, 0x3000),
		WRONG(register_bytes, 0x20000), WRONG(framebuffer_bytes, 0x800),
		WRONG(framebuffer_bytes, 0x300000), WRONG(framebuffer_bytes, 0x2000000),
		WRONG(reserved[0], 1), WRONG(reserved[6], 1), WRONG(name[0], '/'),
		WRONG(name[0], ' '),
	};
	struct vgpu_create create;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		create = a_card();
		memcpy((char *)&create + wrong[i].offset, &wrong[i].value, wrong[i].size);
		fd = open_device();
		expect(call(fd, VGPU_CREATE, &create), EINVAL, wrong[i].what);
		close(fd);
	}
	create = a_card();
	memset(create.name, 'x', sizeof(create.name));
	fd = open_device();
	expect(call(fd, VGPU_CREATE, &create), EINVAL, "a name without end");
	create = a_card();
	expect(call(fd, VGPU_CREATE, &create), 0, "a card");
	check(create.pci_domain >= 0x10000, "domain %#x", create.pci_domain);
	create = a_card();
	expect(call(fd, VGPU_CREATE, &create), EBUSY, "a second card in a file");
	expect(call(fd, VGPU_UNPLUG, NULL), EALREADY, "unplugging what is not plugged");
	close(fd);
	check(gone_after_a_while(0), "the card was not freed");
}

static void test_sizes(void)
{
	static const uint32_t registers[] = { 0x1000, 0x2000, 0x8000, 0x10000 };
	static const uint32_t framebuffer[] = { 0, 0x1000, 0x10000, 0x800000, 0x1000000 };
	volatile uint32_t *map;
	struct vgpu_create create;
	size_t i, j, k;
	int fd, clean;

	for (i = 0; i < 4; i++)
		for (j = 0; j < 5; j++) {
			create = a_card();
			create.register_bytes = registers[i];
			create.framebuffer_bytes = framebuffer[j];
			create.msi_vectors = i == 1 ? 0 : 1 << (i + 2);
			create.flags = i & 1 ? VGPU_CREATE_INTX : 0;
			fd = new_card(&create);
			map = mmap(NULL, registers[i], PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			check(map != MAP_FAILED, "registers of %#x bytes", registers[i]);
			for (clean = 1, k = 0; k < registers[i] / 4; k++) {
				clean &= !map[k];
				map[k] = ~0U;
			}
			check(clean, "registers are not zero at first");
			munmap((void *)map, registers[i]);
			if (framebuffer[j]) {
				map = mmap(NULL, framebuffer[j], PROT_READ | PROT_WRITE, MAP_SHARED,
					   fd, VGPU_MMAP_FRAMEBUFFER);
				check(map != MAP_FAILED, "framebuffer of %#x bytes",
				      framebuffer[j]);
				for (clean = 1, k = 0; k < framebuffer[j] / 4; k += 61) {
					clean &= !map[k];
					map[k] = ~0U;
				}
				check(clean, "the framebuffer is not zero at first");
				munmap((void *)map, framebuffer[j]);
			}
			plug(fd);
			close(fd);
			check(gone_after_a_while(create.card), "the card was not freed");
		}
}

static void test_owner(void)
{
	struct test t = begin();
	int status, fd;
	pid_t child;
	void *map;

	fflush(stdout);
	child = fork();
	if (!child) {
		struct vgpu_create create = a_card();

		failed = 0;
		expect(call(t.fd, VGPU_GET_STATUS, &(struct vgpu_status){ 0 }), EPERM,
		       "status in a child");
		expect(call(t.fd, VGPU_CREATE, &create), EPERM, "create in a child");
		map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, t.fd, 0);
		check(map == MAP_FAILED && errno == EPERM, "mmap in a child");
		check(touch(t.registers, 0) == SIGSEGV, "a child has inherited the registers");
		check(poll(&(struct pollfd){ .fd = t.fd, .events = POLLIN }, 1, 0) == 1,
		      "poll in a child");
		if (setresuid(65534, 65534, 65534))
			fail("setresuid");
		fd = open(DEVICE, O_RDWR);
		check(fd < 0 && errno == EACCES, "an unprivileged user has opened the device");
		fflush(stdout);
		_exit(failed);
	}
	waitpid(child, &status, 0);
	check(WIFEXITED(status) && !WEXITSTATUS(status), "in a child");
	expect(call(t.fd, VGPU_GET_STATUS, &(struct vgpu_status){ 0 }), 0, "status in the owner");
	end(&t);
}

static void test_mmap(void)
{
	static const struct {
		uint64_t offset;
		size_t size;
		int flags;
		int error;
	} maps[] = {
		{ VGPU_MMAP_REGISTERS, 0x4000, MAP_SHARED, 0 },
		{ VGPU_MMAP_REGISTERS + 0x3000, 0x1000, MAP_SHARED, 0 },
		{ VGPU_MMAP_REGISTERS, 0x5000, MAP_SHARED, EINVAL },
		{ VGPU_MMAP_REGISTERS + 0x3000, 0x2000, MAP_SHARED, EINVAL },
		{ VGPU_MMAP_REGISTERS + 0x4000, 0x1000, MAP_SHARED, EINVAL },
		{ VGPU_MMAP_REGISTERS, 0x1000, MAP_PRIVATE, EINVAL },
		{ VGPU_MMAP_FRAMEBUFFER, 0x400000, MAP_SHARED, 0 },
		{ VGPU_MMAP_FRAMEBUFFER + 0x400000, 0x1000, MAP_SHARED, EINVAL },
		{ VGPU_MMAP_FRAMEBUFFER, 0x401000, MAP_SHARED, EINVAL },
		{ VGPU_MMAP_FRAMEBUFFER - 0x1000, 0x2000, MAP_SHARED, EINVAL },
		{ VGPU_MMAP_DMA, 0x1000, MAP_SHARED, ENOENT },
		{ VGPU_MMAP_DMA + 0x100000, 0x1000, MAP_SHARED, ENOENT },
		{ VGPU_MMAP_DMA + 0xfffffffff000, 0x1000, MAP_SHARED, EINVAL },
		{ 1ULL << 36, 0x1000, MAP_SHARED, EINVAL },
		{ 0x7ffffffffffff000, 0x1000, MAP_SHARED, EINVAL },
	};
	struct test t = begin();
	size_t i;
	void *map;

	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		errno = 0;
		map = mmap(NULL, maps[i].size, PROT_READ | PROT_WRITE, maps[i].flags, t.fd,
			   maps[i].offset);
		check(maps[i].error ? map == MAP_FAILED : map != MAP_FAILED,
		      "mmap %#lx+%#zx: %s", (unsigned long)maps[i].offset, maps[i].size,
		      strerror(errno));
		if (map != MAP_FAILED)
			munmap(map, maps[i].size);
	}
	end(&t);
}

static void test_kernel_writes(void)
{
	struct test t = begin();
	struct bad_register reg = { .offset = 0x2344, .value = 7 };
	struct vgpu_wait wait;
	struct vgpu_arm armed;
	int i;

	settle(t.fd);
	check(!wait_for(t.fd, 0).events, "an event before anything happened");
	expect(call(t.drv, BAD_WRITE, &reg), 0, "a write");
	wait = wait_for(t.fd, 0);
	check(wait.events == VGPU_EVENT_KERNEL_WRITE && wait.offset == 0x2344 && wait.pages == 4,
	      "events %#x, offset %#x, pages %#x", wait.events, wait.offset, wait.pages);
	check(t.registers[0x2344 / 4] == 7, "the daemon reads %u", t.registers[0x2344 / 4]);
	check(poll(&(struct pollfd){ .fd = t.fd, .events = POLLIN }, 1, 0) == 1, "poll");
	reg.value = 8;
	call(t.drv, BAD_WRITE, &reg);
	check(wait_for(t.fd, 0).kernel_writes == wait.kernel_writes, "a second write was trapped");
	check(t.registers[0x2344 / 4] == 8, "the daemon reads %u", t.registers[0x2344 / 4]);
	reg.offset = 0x10;
	call(t.drv, BAD_WRITE, &reg);
	armed = arm(t.fd);
	check(armed.events == VGPU_EVENT_KERNEL_WRITE && armed.pages == 5 && armed.offset == 0x10,
	      "events %#x, pages %#x, offset %#x", armed.events, armed.pages, armed.offset);
	check(!wait_for(t.fd, 0).events, "an event that was collected");
	check(!poll(&(struct pollfd){ .fd = t.fd, .events = POLLIN }, 1, 0), "poll");
	expect(call(t.drv, BAD_READ, &reg), 0, "a read");
	check(!wait_for(t.fd, 0).events, "a read is an event");
	t.registers[0] = 1;
	check(!wait_for(t.fd, 0).events, "the daemon's own write is an event");

	/* A mapping that goes, and a new one. */
	reg.offset = 0x1000;
	call(t.drv, BAD_WRITE, &reg);
	expect(call(t.drv, BAD_REMAP, NULL), 0, "remapping");
	armed = arm(t.fd);
	check(armed.events & VGPU_EVENT_MAPPING && armed.pages == 0xf, "events %#x, pages %#x",
	      armed.events, armed.pages);
	for (i = 0; i < 100; i++) {
		arm(t.fd);
		call(t.drv, BAD_WRITE, &reg);
		if (wait_for(t.fd, 0).events != VGPU_EVENT_KERNEL_WRITE)
			break;
	}
	check(i == 100, "round %d was lost", i);
	end(&t);
}

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

static void run_mapper(int from, int to, void *arg)
{
	struct mapper *mapper = arg;
	volatile uint32_t *map;
	char order, answer;
	int status;
	void *new;

	map = mmap(NULL, mapper->size, PROT_READ | PROT_WRITE, MAP_SHARED, mapper->fd,
		   mapper->offset);
	while (read(from, &order, 1) == 1) {
		answer = 0;
		switch (order) {
		case 'M':
			answer = map == MAP_FAILED;
			break;
		case 'w':
			answer = touch(map + 5, 1);
			break;
		case 'r':
			answer = touch(map, 0);
			break;
		case 'f':
			if (!fork()) {
				touch(map + 6, 1);
				_exit(0);
			}
			wait(&status);
			break;
		case 'm':
			new = mremap((void *)map, mapper->size, mapper->size,
				     MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x700000000000);
			answer = new == MAP_FAILED;
			if (!answer)
				map = new;
			break;
		case 'p':
			answer = mprotect((void *)map, mapper->size, PROT_READ) ||
				 mprotect((void *)map, mapper->size, PROT_READ | PROT_WRITE);
			break;
		case 's':
			answer = munmap((char *)map + mapper->size / 2, mapper->size / 2);
			break;
		case 'q':
			return;
		default:
			answer = -1;
		}
		if (write(to, &answer, 1) != 1)
			return;
	}
}

static void expect_user_write(struct test *t, struct app *app, char order, const char *what)
{
	struct vgpu_wait wait;
	int ret;

	settle(t->fd);
	ret = app_do(app, order);
	wait = wait_for(t->fd, 1000);
	check(!ret && wait.events & VGPU_EVENT_USER_WRITE && wait.pages & 1,
	      "%s: answer %d, events %#x, pages %#x", what, ret, wait.events, wait.pages);
}

static void try_user_writes(struct test *t, int fd, uint64_t offset)
{
	struct mapper mapper = { .fd = fd, .offset = offset, .size = 0x4000 };
	struct app app;
	struct vgpu_wait wait;

	app = app_start(run_mapper, &mapper);
	check(!app_do(&app, 'M'), "mmap in a process");
	expect_user_write(t, &app, 'w', "a write");
	wait = wait_for(t->fd, 0);
	app_do(&app, 'w');
	check(wait_for(t->fd, 0).user_writes == wait.user_writes, "a second write was trapped");
	expect_user_write(t, &app, 'w', "a write after arming");
	expect_user_write(t, &app, 'f', "a child's write");
	expect_user_write(t, &app, 'w', "a write after a fork");
	check(!app_do(&app, 'p'), "mprotect");
	expect_user_write(t, &app, 'w', "a write after mprotect");
	check(!app_do(&app, 'm'), "mremap");
	expect_user_write(t, &app, 'w', "a write after mremap");
	check(!app_do(&app, 's'), "munmap of one half");
	expect_user_write(t, &app, 'w', "a write after munmap of one half");
	settle(t->fd);
	app_do(&app, 'r');
	check(!wait_for(t->fd, 0).events, "a read is an event");
	app_end(&app);
	settle(t->fd);
	check(!status_of(t->fd).user_mappings, "%u mappings are left",
	      status_of(t->fd).user_mappings);

	/* Forked before the mapping was ever armed. */
	app = app_start(run_mapper, &mapper);
	check(!app_do(&app, 'M'), "mmap in a process");
	app_do(&app, 'f');
	expect_user_write(t, &app, 'f', "a child's write, forked before arming");
	app_end(&app);
}

static void test_user_writes(void)
{
	struct test t = begin();

	try_user_writes(&t, t.drv, BAD_MMAP_REGISTERS);
	end(&t);
}

static void test_user_faults(void)
{
	struct test t = begin();
	struct mapper mapper = { .fd = t.drv, .offset = BAD_MMAP_FAULT, .size = 0x4000 };
	struct app app = app_start(run_mapper, &mapper);

	/* The page fault of the driver maps the page writable: that is an event of its own. */
	settle(t.fd);
	check(!app_do(&app, 'w'), "a write");
	check(wait_for(t.fd, 1000).events & VGPU_EVENT_MAPPING, "a page inserted by a driver");
	expect_user_write(&t, &app, 'w', "a write after arming");
	expect_user_write(&t, &app, 'f', "a child's write");
	check(!app_do(&app, 'm'), "mremap");
	settle(t.fd);
	check(!app_do(&app, 'w'), "a write");
	check(wait_for(t.fd, 1000).events, "a write after mremap");
	app_end(&app);
	end(&t);
}

/* The kernel lets nobody map what a driver has requested, so there is none. */
static void test_sysfs(void)
{
	struct test t = begin_device(0xfe78);
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", t.pci);
	fd = open(path, O_RDWR | O_CLOEXEC);
	check(fd >= 0, "%s: %s", path, strerror(errno));
	try_user_writes(&t, fd, 0);
	close(fd);
	end(&t);
}

static void test_dma(void)
{
	struct test t = begin();
	struct bad_dma buffer = { .slot = 1, .size = 10000 }, single = { .slot = 2, .size = 5000 };
	struct bad_byte byte = { .slot = 1, .offset = 4097, .value = 0x5a };
	struct vgpu_dma_mapping entries[8];
	struct vgpu_dma_list list = { .entries = (uintptr_t)entries, .capacity = 8 };
	struct vgpu_dma_query query;
	struct vgpu_dma_copy copy;
	volatile uint8_t *map;
	uint8_t data[20000];
	int i;

	expect(call(t.drv, BAD_DMA_ALLOC, &buffer), 0, "dma_alloc_coherent");
	single.direction = 1;
	expect(call(t.drv, BAD_DMA_MAP, &single), 0, "dma_map_single");
	expect(call(t.fd, VGPU_DMA_LIST, &list), 0, "the list");
	check(list.count == 2 && list.generation >= 2, "%u mappings", list.count);
	for (i = 0; i < 2; i++) {
		int coherent = entries[i].address == buffer.address;

		check(entries[i].kind == (coherent ? VGPU_DMA_COHERENT : VGPU_DMA_SINGLE) &&
		      entries[i].length == (coherent ? 12288 : 5000) &&
		      entries[i].access == (coherent ? 3 : 1),
		      "entry %d: %#lx+%lu, kind %u, access %u", i,
		      (unsigned long)entries[i].address, (unsigned long)entries[i].length,
		      entries[i].kind, entries[i].access);
		check(entries[i].address + entries[i].length <= 0x40000000, "above 1 GiB");
	}
	list.capacity = 1;
	expect(call(t.fd, VGPU_DMA_LIST, &list), 0, "the list, shortened");
	check(list.count == 2, "%u mappings", list.count);
	list.entries = 16;
	expect(call(t.fd, VGPU_DMA_LIST, &list), EFAULT, "the list, to nowhere");
	query = (struct vgpu_dma_query){ .address = buffer.address + 4097 };
	expect(call(t.fd, VGPU_DMA_QUERY, &query), 0, "a query");
	check(query.mapping.address == buffer.address, "the query's answer");
	query.address = buffer.address + 12288;
	expect(call(t.fd, VGPU_DMA_QUERY, &query), ENOENT, "a query past the end");

	/* Copying, at and over the edges. */
	expect(call(t.drv, BAD_DMA_POKE, &byte), 0, "poke");
	copy = (struct vgpu_dma_copy){ .address = buffer.address, .buffer = (uintptr_t)data,
				       .length = 12288, .direction = VGPU_DMA_READ };
	expect(call(t.fd, VGPU_DMA_COPY, &copy), 0, "reading all");
	check(copy.copied == 12288 && data[4097] == 0x5a && !data[4096], "what was read");
	copy.length = 12289;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), ENOENT, "reading more");
	check(copy.copied == 0, "copied %u", copy.copied);
	copy.address = buffer.address - 1;
	copy.length = 2;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), ENOENT, "reading what is before");
	copy.address = buffer.address + 12287;
	copy.length = 1;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), 0, "reading the last byte");
	copy.length = 2;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), ENOENT, "reading one more");
	copy.length = ~0U;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), ENOENT, "reading 4 GiB");
	copy.address = ~0ULL;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), ENOENT, "reading at the end of the world");
	copy.address = buffer.address;
	copy.length = 12288;
	copy.buffer = 4096;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), EFAULT, "reading to nowhere");
	copy.buffer = (uintptr_t)&copy & ~0xfffffffUL;
	copy.direction = 3;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), EINVAL, "a third direction");
	copy.buffer = 0xffff888000000000;
	copy.direction = VGPU_DMA_READ;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), EFAULT, "reading into the kernel");
	copy.direction = VGPU_DMA_WRITE;
	copy.buffer = (uintptr_t)data;
	data[9] = 0x77;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), 0, "writing all");
	byte.offset = 9;
	call(t.drv, BAD_DMA_PEEK, &byte);
	check(byte.value == 0x77, "what was written");
	copy.address = single.address;
	copy.length = 5000;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), EACCES, "writing what is to the device only");
	copy.direction = VGPU_DMA_READ;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), 0, "reading a single mapping");
	expect(call(t.drv, BAD_DMA_FREE, &single), 0, "unmap");
	expect(call(t.fd, VGPU_DMA_COPY, &copy), ENOENT, "reading after unmap");

	/* Mapping. */
	map = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd,
		   VGPU_MMAP_DMA + buffer.address);
	check(map != MAP_FAILED, "mmap of a buffer: %s", strerror(errno));
	check(mmap(NULL, 16384, PROT_READ, MAP_SHARED, t.fd, VGPU_MMAP_DMA + buffer.address) ==
	      MAP_FAILED && errno == ENOENT, "mmap of more than a buffer");
	check(map[9] == 0x77, "what is mapped");
	map[8192] = 0x33;
	byte.offset = 8192;
	call(t.drv, BAD_DMA_PEEK, &byte);
	check(byte.value == 0x33, "what was written to the mapping");

	/* Bus Master and D3hot. */
	expect(call(t.drv, BAD_MASTER, (void *)0), 0, "Bus Master off");
	copy.address = buffer.address;
	expect(call(t.fd, VGPU_DMA_COPY, &copy), EPERM, "reading without Bus Master");
	check(mmap(NULL, 4096, PROT_READ, MAP_SHARED, t.fd, VGPU_MMAP_DMA + buffer.address) ==
	      MAP_FAILED && errno == EPERM, "mmap without Bus Master");
	for (i = 0; i < 300 && !touch((void *)map, 0); i++)
		usleep(10000);
	check(touch((void *)map, 0) == SIGBUS, "the mapping works without Bus Master");
	expect(call(t.drv, BAD_MASTER, (void *)1), 0, "Bus Master on");
	check(!touch((void *)map, 0) && map[9] == 0x77, "the mapping works no more");
	expect(call(t.drv, BAD_POWER, (void *)3), 0, "D3hot");
	check(status_of(t.fd).power_state == 3, "D%u", status_of(t.fd).power_state);
	expect(call(t.fd, VGPU_DMA_COPY, &copy), EPERM, "reading in D3hot");
	expect(call(t.fd, VGPU_INTERRUPT, &(struct vgpu_interrupt){ 0 }), ENXIO, "MSI in D3hot");
	expect(call(t.drv, BAD_POWER, (void *)0), 0, "D0");
	expect(call(t.fd, VGPU_DMA_COPY, &copy), 0, "reading in D0");

	/* Freed while mapped. */
	expect(call(t.drv, BAD_DMA_FREE, &buffer), 0, "dma_free_coherent");
	for (i = 0; i < 300 && !touch((void *)map, 0); i++)
		usleep(10000);
	check(touch((void *)map, 0) == SIGBUS, "a freed buffer is still mapped");
	check(touch((void *)map, 1) == SIGBUS, "a freed buffer is still mapped");
	expect(call(t.drv, BAD_DMA_ALLOC, &buffer), 0, "dma_alloc_coherent");
	check(touch((void *)map, 0) == SIGBUS, "another buffer came into an old mapping");
	munmap((void *)map, 12288);

	/* Larger than the page allocator's blocks. */
	expect(call(t.drv, BAD_DMA_FREE, &buffer), 0, "dma_free_coherent");
	buffer.size = 8 << 20;
	expect(call(t.drv, BAD_DMA_ALLOC, &buffer), 0, "8 MiB");
	map = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd,
		   VGPU_MMAP_DMA + buffer.address);
	check(map != MAP_FAILED, "mmap of 8 MiB");
	map[(8 << 20) - 1] = 0x44;
	byte.offset = (8 << 20) - 1;
	call(t.drv, BAD_DMA_PEEK, &byte);
	check(byte.value == 0x44, "the last byte of 8 MiB");
	munmap((void *)map, 8 << 20);
	end(&t);
}

static void test_msi(void)
{
	struct test t = begin();
	struct bad_interrupts before, after;
	struct vgpu_interrupt interrupt = { 0 };
	int i, busy = 0;

	expect(call(t.drv, BAD_INTERRUPTS, &before), 0, "interrupts");
	check(before.msi && before.vectors == 4, "%u vectors", before.vectors);
	check(status_of(t.fd).msi_vectors == 4, "%u vectors", status_of(t.fd).msi_vectors);
	for (i = 0; i < 40; i++) {
		interrupt.vector = i % 4;
		expect(call(t.fd, VGPU_INTERRUPT, &interrupt), 0, "an interrupt");
	}
	call(t.drv, BAD_INTERRUPTS, &after);
	for (i = 0; i < 4; i++)
		check(after.count[i] - before.count[i] == 10, "vector %d came %lu times", i,
		      (unsigned long)(after.count[i] - before.count[i]));
	interrupt.vector = 4;
	expect(call(t.fd, VGPU_INTERRUPT, &interrupt), ENXIO, "a vector too many");
	interrupt.vector = ~0U;
	expect(call(t.fd, VGPU_INTERRUPT, &interrupt), ENXIO, "a vector far too many");
	interrupt = (struct vgpu_interrupt){ .reserved = 1 };
	expect(call(t.fd, VGPU_INTERRUPT, &interrupt), EINVAL, "reserved");

	/* The pin while MSI is on. */
	expect(call(t.fd, VGPU_INTX, &(struct vgpu_intx){ .level = 1 }), 0, "the pin");
	usleep(50000);
	call(t.drv, BAD_INTERRUPTS, &before);
	check(before.count[0] == after.count[0], "the pin interrupts while MSI is on");
	check(status_of(t.fd).flags & VGPU_STATUS_INTX_HIGH, "the pin's level");
	expect(call(t.fd, VGPU_INTX, &(struct vgpu_intx){ 0 }), 0, "the pin");

	/* The limit, if it can be reached here. */
	interrupt = (struct vgpu_interrupt){ 0 };
	for (i = 0; i < 20000 && !busy; i++)
		busy = call(t.fd, VGPU_INTERRUPT, &interrupt) == EBUSY;
	printf("  rate limit %s\n", busy ? "reached" : "not reached at this speed");

	expect(call(t.fd, VGPU_UNPLUG, NULL), 0, "unplug");
	wait_status(t.fd, VGPU_STATUS_PLUGGED, 0);
	expect(call(t.fd, VGPU_INTERRUPT, &interrupt), ENXIO, "an interrupt after unplugging");
	end(&t);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		check(0, "writing %s to %s: %s", text, path, strerror(errno));
	close(fd);
}

static void test_intx(void)
{
	struct vgpu_intx high = { .level = 1 }, low = { 0 };
	struct bad_interrupts before, after;
	struct test t;

	write_file("/sys/module/baddrv/parameters/intx", "1");
	t = begin();
	write_file("/sys/module/baddrv/parameters/intx", "0");
	call(t.drv, BAD_INTERRUPTS, &before);
	check(!before.msi && before.vectors == 1, "not the pin");
	expect(call(t.fd, VGPU_INTERRUPT, &(struct vgpu_interrupt){ 0 }), ENXIO, "MSI while off");
	expect(call(t.fd, VGPU_INTX, &high), 0, "assert");
	usleep(100000);
	expect(call(t.fd, VGPU_INTX, &low), 0, "deassert");
	call(t.drv, BAD_INTERRUPTS, &after);
	check(after.count[0] - before.count[0] >= 2, "level: the handler came %lu times",
	      (unsigned long)(after.count[0] - before.count[0]));
	usleep(20000);
	call(t.drv, BAD_INTERRUPTS, &before);
	usleep(50000);
	call(t.drv, BAD_INTERRUPTS, &after);
	check(after.count[0] == before.count[0], "interrupts while deasserted");
	expect(call(t.fd, VGPU_INTX, &(struct vgpu_intx){ .level = 2 }), EINVAL, "level 2");
	end(&t);
}

static void test_unplug(void)
{
	struct test t = begin();
	struct mapper regs = { .fd = t.drv, .offset = BAD_MMAP_REGISTERS, .size = 0x4000 };
	struct mapper fb = { .fd = t.drv, .offset = BAD_MMAP_FRAMEBUFFER, .size = 0x400000 };
	struct app one = app_start(run_mapper, &regs), two = app_start(run_mapper, &fb), late;
	struct bad_dma buffer = { .slot = 1, .size = 8192 };
	volatile uint8_t *map;
	int i;

	check(!app_do(&one, 'M') && !app_do(&two, 'M'), "mmap");
	settle(t.fd);
	check(!app_do(&one, 'w') && !app_do(&two, 'w'), "writes before");
	call(t.drv, BAD_DMA_ALLOC, &buffer);
	map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, t.fd, VGPU_MMAP_DMA + buffer.address);
	check(map != MAP_FAILED && !touch((void *)map, 0), "mmap of a buffer");
	expect(call(t.fd, VGPU_UNPLUG, NULL), 0, "unplug");
	wait_status(t.fd, VGPU_STATUS_PLUGGED | VGPU_STATUS_BOUND, 0);
	settle(t.fd);
	check(app_do(&one, 'w') == SIGBUS, "registers after unplugging");
	check(app_do(&two, 'w') == SIGBUS, "framebuffer after unplugging");
	check(touch((void *)map, 0) == SIGBUS, "DMA memory after unplugging");
	/* The driver maps what is no more. */
	late = app_start(run_mapper, &regs);
	check(!app_do(&late, 'M'), "mmap by a driver that does not know");
	usleep(200000);
	check(app_do(&late, 'w') == SIGBUS, "registers mapped after unplugging");
	check(!touch(t.registers, 1), "the daemon's own registers");

	/* In again: those of before stay without. */
	plug(t.fd);
	wait_status(t.fd, VGPU_STATUS_BOUND, VGPU_STATUS_BOUND);
	check(app_do(&one, 'w') == SIGBUS, "old registers after plugging again");
	/* Bound is a little before done. */
	for (i = 0; i < 100 && call(t.fd, VGPU_PLUG, NULL) == EBUSY; i++)
		usleep(10000);
	expect(call(t.fd, VGPU_PLUG, NULL), EALREADY, "plugging what is plugged");
	munmap((void *)map, 8192);
	drop(&t);
	check(card_exists(t.card.card), "the card is freed while areas exist");
	app_end(&one);
	app_end(&two);
	app_end(&late);
	close(t.drv);
	check(gone_after_a_while(t.card.card), "the card was not freed");
}

static void test_forgetful(void)
{
	struct test t = begin();
	struct bad_dma buffer = { .slot = 1, .size = 8192 }, single = { .slot = 2, .size = 100 };
	struct vgpu_dma_copy copy;
	uint8_t data[100];
	struct vgpu_dma_list list = { 0 };

	call(t.drv, BAD_DMA_ALLOC, &buffer);
	call(t.drv, BAD_DMA_MAP, &single);
	expect(call(t.drv, BAD_FORGET, (void *)(long)(BAD_FORGET_IOUNMAP | BAD_FORGET_DMA)), 0,
	       "forget");
	expect(call(t.fd, VGPU_UNPLUG, NULL), 0, "unplug");
	wait_status(t.fd, VGPU_STATUS_PLUGGED | VGPU_STATUS_BOUND, 0);
	copy = (struct vgpu_dma_copy){ .address = single.address, .buffer = (uintptr_t)data,
				       .length = 100, .direction = VGPU_DMA_READ };
	check(call(t.fd, VGPU_DMA_COPY, &copy), "DMA after the driver is gone");
	expect(call(t.fd, VGPU_DMA_LIST, &list), 0, "the list");
	check(!list.count, "%u mappings without a driver", list.count);
	check(status_of(t.fd).kernel_mappings == 1, "%u mappings in the kernel",
	      status_of(t.fd).kernel_mappings);
	drop(&t);
	usleep(300000);
	check(card_exists(t.card.card), "the card is freed while a driver has it mapped");
	expect(call(t.drv, BAD_REMEMBER, NULL), 0, "iounmap at last");
	check(gone_after_a_while(t.card.card), "the card was not freed");
	close(t.drv);
}

static void *hammer(void *arg)
{
	struct test *t = arg;
	struct bad_register reg = { .offset = 0x100, .value = 20000 };

	call(t->drv, BAD_HAMMER, &reg);
	return NULL;
}

static void test_kill(void)
{
	int status, i, round;
	struct test t;
	pid_t child;
	char byte;
	int pipes[2];

	for (round = 0; round < 10; round++) {
		if (pipe(pipes))
			fail("pipe");
		fflush(stdout);
		child = fork();
		if (!child) {
			pthread_t thread;

			t = begin();
			pthread_create(&thread, NULL, hammer, &t);
			if (write(pipes[1], "x", 1) != 1)
				_exit(1);
			for (;;)
				arm(t.fd);
		}
		check(read(pipes[0], &byte, 1) == 1, "no child");
		usleep(round * 7000);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		close(pipes[0]);
		close(pipes[1]);
		for (i = 0; i < 64 && gone_after_a_while(i); i++)
			;
		check(i == 64, "card %d was not freed", i);
	}
}

static void test_cards(void)
{
	struct test t[4];
	struct bad_register reg = { .offset = 4, .value = 99 };
	int i, j, events;

	for (i = 0; i < 4; i++) {
		t[i] = (struct test){ .card = a_card() };
		t[i].fd = new_card(&t[i].card);
		pci_name(&t[i].card, t[i].pci, sizeof(t[i].pci));
		t[i].registers = mmap(NULL, t[i].card.register_bytes, PROT_READ | PROT_WRITE,
				      MAP_SHARED, t[i].fd, VGPU_MMAP_REGISTERS);
		plug(t[i].fd);
		wait_status(t[i].fd, VGPU_STATUS_BOUND, VGPU_STATUS_BOUND);
	}
	for (i = 0; i < 4; i++) {
		char name[32];

		for (j = 0; j < 4; j++)
			settle(t[j].fd);
		snprintf(name, sizeof(name), "/dev/baddrv%d", i);
		t[i].drv = open(name, O_RDWR | O_CLOEXEC);
		check(t[i].drv >= 0, "%s", name);
		expect(call(t[i].drv, BAD_WRITE, &reg), 0, "a write");
		for (events = 0, j = 0; j < 4; j++)
			events |= !!wait_for(t[j].fd, 0).events << j;
		check(events == 1 << i, "card %d: events of cards %#x", i, events);
	}
	/* Not in the order they came. */
	end(&t[2]);
	end(&t[0]);
	end(&t[3]);
	end(&t[1]);
}

static unsigned long context_switches(void)
{
	unsigned long switches = 0;
	char text[4096], *line;
	int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (length > 0) {
		text[length] = 0;
		line = strstr(text, "\nvoluntary_ctxt_switches:");
		if (line)
			sscanf(line, "\nvoluntary_ctxt_switches: %lu", &switches);
	}
	return switches;
}

/* Nothing is written, so nothing wakes: the daemon's context switches are counted. */
static void test_idle(void)
{
	struct vgpu_wait wait = { .timeout_ns = 3000000000LL };
	struct test t = begin();
	unsigned long before, after;
	int round;

	settle(t.fd);
	/* The first time, pages of the program may have to be read. */
	for (round = 0; round < 2; round++) {
		before = context_switches();
		expect(call(t.fd, VGPU_WAIT, &wait), 0, "a wait");
		after = context_switches();
		check(!wait.events, "an event on an idle card");
	}
	check(after - before <= 1, "%lu switches in 3 s", after - before);
	end(&t);
}

/* Only where the module was loaded with trap=poll. */
static void test_polling(void)
{
	struct test t = begin();
	struct bad_register reg = { .offset = 8, .value = 3 };
	struct vgpu_wait wait;
	struct vgpu_arm armed;
	int i;

	check(status_of(t.fd).flags & VGPU_STATUS_NO_TRAPS, "traps");
	for (i = 0; i < 5; i++) {
		armed = arm(t.fd);
		check(armed.pages == 0xf, "pages %#x", armed.pages);
		check(!(wait_for(t.fd, 0).events & VGPU_EVENT_POLL), "it is early");
		wait = wait_for(t.fd, 1000);
		check(wait.events & VGPU_EVENT_POLL, "events %#x", wait.events);
	}
	armed = arm(t.fd);
	check(armed.events == VGPU_EVENT_POLL, "events %#x", armed.events);
	expect(call(t.drv, BAD_WRITE, &reg), 0, "a write");
	check(!wait_for(t.fd, 0).kernel_writes, "a write was trapped");
	check(t.registers[2] == 3, "the daemon reads %u", t.registers[2]);
	end(&t);
}

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
