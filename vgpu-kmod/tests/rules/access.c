// SPDX-License-Identifier: GPL-2.0-only
/* Making a card, mapping it, and seeing what is written. */
#include "rules.h"

void test_version(void)
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

void test_create(void)
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

void test_sizes(void)
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

void test_owner(void)
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

void test_mmap(void)
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

void test_kernel_writes(void)
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

void run_mapper(int from, int to, void *arg)
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

void test_user_writes(void)
{
	struct test t = begin();

	try_user_writes(&t, t.drv, BAD_MMAP_REGISTERS);
	end(&t);
}

void test_user_faults(void)
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
void test_sysfs(void)
{
	struct test t = begin_device(0xfe78);
	char path[96];
	int i, fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", t.pci);
	/* The file appears a little after the card was plugged in. */
	for (i = 0, fd = -1; i < 500 && fd < 0; i++) {
		usleep(10000);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	check(fd >= 0, "%s: %s", path, strerror(errno));
	try_user_writes(&t, fd, 0);
	close(fd);
	end(&t);
}
