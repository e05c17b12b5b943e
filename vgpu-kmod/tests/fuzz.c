// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls from all sides, for a time:
 *
 *   fuzz [seed=N] [seconds=N] [cards=N]
 *
 * Each card has a daemon, a process with threads that make calls with arguments right and wrong and
 * touch its mappings; the misbehaving driver (module baddrv) is told to do things by other
 * processes, which also map the card, fork, move and unmap; and configuration space is written
 * through sysfs, drivers are unbound and bound, daemons are killed and begin again.
 *
 * Says nothing about what the calls return. What matters is the kernel's log, and that all memory
 * is given back.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/poll.h>
#include <sys/wait.h>
#include <time.h>

#include "baddrv.h"
#include "card.h"

#define THREADS	3
#define APPS	2

static time_t end;
static __thread uint64_t state;
static __thread sigjmp_buf jump;
static __thread volatile sig_atomic_t jumping;

/* xorshift64* */
static uint64_t any(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(uint64_t limit)
{
	return any() % limit;
}

static int one_in(uint64_t n)
{
	return !below(n);
}

static int time_is_up(void)
{
	return time(NULL) >= end;
}

static void on_fault(int number)
{
	(void)number;
	if (jumping)
		siglongjmp(jump, 1);
	_exit(99);
}

static void touch(volatile uint32_t *address)
{
	jumping = 1;
	if (!sigsetjmp(jump, 1)) {
		if (one_in(2))
			*address = any();
		else
			(void)*address;
	}
	jumping = 0;
}

/* A number that is likely to be at an edge. */
static uint64_t edgy(uint64_t about)
{
	switch (below(8)) {
	case 0:
		return 0;
	case 1:
		return about - 1;
	case 2:
		return about + 1;
	case 3:
		return any();
	case 4:
		return about & ~0xfffULL;
	default:
		return about;
	}
}

struct daemon {
	int fd;
	uint64_t seed;
	struct vgpu_create create;
	volatile uint32_t *registers;
};

static uint64_t dma_address(int fd, uint64_t *length)
{
	struct vgpu_dma_mapping entries[32];
	struct vgpu_dma_list list = { .entries = (uintptr_t)entries, .capacity = 32 };
	uint32_t i;

	*length = 4096;
	if (ioctl(fd, VGPU_DMA_LIST, &list) || !list.count)
		return any() & 0x3fffffff;
	i = below(list.count < 32 ? list.count : 32);
	*length = entries[i].length;
	return entries[i].address;
}

static void daemon_map(struct daemon *d)
{
	uint64_t length, offset;
	volatile uint32_t *map;
	size_t size, i;

	switch (below(4)) {
	case 0:
		offset = VGPU_MMAP_REGISTERS;
		length = d->create.register_bytes;
		break;
	case 1:
		offset = VGPU_MMAP_FRAMEBUFFER;
		length = d->create.framebuffer_bytes;
		break;
	default:
		offset = VGPU_MMAP_DMA + dma_address(d->fd, &length);
	}
	if (one_in(8))
		offset = edgy(offset);
	size = ((one_in(4) ? edgy(length) : length) + 4095) & 0x1fff000;
	map = mmap(NULL, size ? size : 4096, PROT_READ | PROT_WRITE,
		   one_in(16) ? MAP_PRIVATE : MAP_SHARED, d->fd, offset & ~0xfffULL);
	if (map == MAP_FAILED)
		return;
	for (i = below(200); i; i--)
		touch(map + below(size / 4 ? size / 4 : 1));
	munmap((void *)map, size ? size : 4096);
}

static void daemon_copy(struct daemon *d)
{
	static uint8_t buffer[1 << 16];
	uint64_t length;
	struct vgpu_dma_copy copy = { .address = dma_address(d->fd, &length) };

	if (one_in(4))
		copy.address = edgy(copy.address);
	copy.length = edgy(length) & 0xffffff;
	copy.buffer = one_in(8) ? edgy((uintptr_t)buffer) : (uintptr_t)buffer;
	if (copy.length > sizeof(buffer) && copy.buffer == (uintptr_t)buffer)
		copy.length = sizeof(buffer);
	copy.direction = one_in(8) ? any() : 1 + below(2);
	/* A wrong address is one where nothing is: the program is not to overwrite itself. */
	if (copy.buffer != (uintptr_t)buffer)
		copy.buffer |= 1ULL << 63;
	ioctl(d->fd, VGPU_DMA_COPY, &copy);
}

static void daemon_step(struct daemon *d)
{
	union {
		struct vgpu_create create;
		struct vgpu_arm arm;
		struct vgpu_wait wait;
		struct vgpu_status status;
		struct vgpu_dma_query query;
		struct vgpu_interrupt interrupt;
		struct vgpu_intx intx;
		uint8_t bytes[256];
	} arg = { .bytes = { 0 } };
	size_t i;

	switch (below(16)) {
	case 0:
	case 1:
	case 2:
		arg.arm.wake = any() & VGPU_EVENTS;
		ioctl(d->fd, VGPU_ARM, &arg);
		break;
	case 3:
		arg.wait.timeout_ns = below(2000000);
		ioctl(d->fd, VGPU_WAIT, &arg);
		break;
	case 4:
		ioctl(d->fd, VGPU_GET_STATUS, &arg);
		break;
	case 5:
	case 6:
		daemon_copy(d);
		break;
	case 7:
	case 8:
		daemon_map(d);
		break;
	case 9:
		arg.interrupt.vector = one_in(4) ? any() : below(5);
		ioctl(d->fd, VGPU_INTERRUPT, &arg);
		break;
	case 10:
		arg.intx.level = below(2);
		ioctl(d->fd, VGPU_INTX, &arg);
		break;
	case 11:
		if (one_in(20))
			ioctl(d->fd, one_in(2) ? VGPU_PLUG : VGPU_UNPLUG);
		break;
	case 12:
		for (i = 0; i < sizeof(arg); i++)
			arg.bytes[i] = one_in(4) ? any() : 0;
		/* No timeout that outlives the run. */
		arg.wait.timeout_ns &= 0xfffff;
		i = one_in(4) ? any() : _IOWR(VGPU_IOCTL, below(16), char[128]);
		/* Results may go anywhere in the argument, so no call with pointers in it. */
		ioctl(d->fd, i & ~0xff00UL, &arg);
		break;
	case 13:
		arg.create = d->create;
		ioctl(d->fd, VGPU_CREATE, &arg);
		break;
	case 14:
		arg.query.address = edgy(dma_address(d->fd, &(uint64_t){ 0 }));
		ioctl(d->fd, VGPU_DMA_QUERY, &arg);
		break;
	default:
		for (i = below(64); i; i--)
			touch(d->registers + below(d->create.register_bytes / 4));
		poll(&(struct pollfd){ .fd = d->fd, .events = POLLIN }, 1, below(2));
	}
}

static void *daemon_thread(void *arg)
{
	struct daemon *d = arg;

	state = d->seed ^ (uint64_t)pthread_self();
	while (!time_is_up())
		daemon_step(d);
	return NULL;
}

/* A card's life: created, played for a while, closed; the process may be killed meanwhile. */
static void run_daemon(uint64_t seed)
{
	struct daemon d = { .create = a_card() };
	pthread_t threads[THREADS];
	int i;

	state = seed;
	d.seed = any();
	d.create.register_bytes = 0x1000 << below(5);
	d.create.framebuffer_bytes = one_in(4) ? 0 : 0x1000 << below(11);
	d.create.msi_vectors = one_in(4) ? 0 : 1 << below(4);
	d.create.flags = one_in(4) ? 0 : VGPU_CREATE_INTX;
	d.fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (d.fd < 0 || ioctl(d.fd, VGPU_CREATE, &d.create))
		_exit(2);
	d.registers = mmap(NULL, d.create.register_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, d.fd,
			   0);
	ioctl(d.fd, VGPU_PLUG);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, daemon_thread, &d);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

static void write_sysfs(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

static void config_step(unsigned int domain)
{
	/* Command, BARs, interrupt line, power, MSI: where something happens. */
	static const uint8_t likely[] = { 4, 5, 6, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x30, 0x3c, 0x44 };
	char path[96], name[32];
	uint32_t value = any();
	int fd, size = 1 << below(3);
	off_t where;

	snprintf(name, sizeof(name), "%04x:00:00.0", domain);
	if (one_in(30)) {
		snprintf(path, sizeof(path), "/sys/bus/pci/drivers/baddrv/%sbind",
			 one_in(2) ? "un" : "");
		write_sysfs(path, name);
		return;
	}
	if (one_in(200)) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", name);
		write_sysfs(path, "1");
		return;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", name);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return;
	where = (one_in(2) ? likely[below(sizeof(likely))] : below(300)) & ~(size - 1);
	/*
	 * The MSI registers are the kernel's: an MSI that was disabled behind its back, or enabled,
	 * makes it warn, on hardware too.
	 */
	if (one_in(2) || (where >= 0x50 && where < 0x60))
		(void)!pread(fd, &value, size, where);
	else
		(void)!pwrite(fd, one_in(4) ? &(uint32_t){ ~0U } : &value, size, where);
	close(fd);
}

static void driver_step(int fd, unsigned int card)
{
	struct bad_dma dma = { .slot = below(12), .direction = below(3) };
	struct bad_register reg = { .offset = below(0x10000) & ~3, .value = below(200) };
	struct bad_byte byte = { .slot = below(12), .offset = below(9000) };
	struct bad_interrupts interrupts;

	dma.size = one_in(20) ? 8 << 20 : 1 + below(20000);
	switch (below(16)) {
	case 0:
	case 1:
		ioctl(fd, BAD_DMA_ALLOC, &dma);
		break;
	case 2:
		ioctl(fd, BAD_DMA_MAP, &dma);
		break;
	case 3:
	case 4:
		ioctl(fd, BAD_DMA_FREE, &dma);
		break;
	case 5:
		ioctl(fd, BAD_DMA_POKE, &byte);
		break;
	case 6:
		ioctl(fd, BAD_DMA_PEEK, &byte);
		break;
	case 7:
		ioctl(fd, BAD_MASTER, one_in(3) ? 0L : 1L);
		break;
	case 8:
		if (one_in(10))
			ioctl(fd, BAD_POWER, one_in(3) ? 3L : 0L);
		break;
	case 9:
		ioctl(fd, BAD_REMAP);
		break;
	case 10:
		ioctl(fd, BAD_HAMMER, &reg);
		break;
	case 11:
		ioctl(fd, BAD_INTERRUPTS, &interrupts);
		break;
	case 12:
		if (one_in(10))
			ioctl(fd, BAD_FORGET, below(2) * BAD_FORGET_IOUNMAP);
		ioctl(fd, BAD_REMEMBER);
		break;
	case 13:
		config_step(0x10000 + card);
		break;
	default:
		ioctl(fd, one_in(2) ? BAD_WRITE : BAD_READ, &reg);
	}
}

static void app_step(int fd)
{
	static const uint64_t offsets[] = {
		BAD_MMAP_REGISTERS, BAD_MMAP_FRAMEBUFFER, BAD_MMAP_FAULT
	};
	size_t size = (1 + below(4)) << 12, i, left;
	volatile uint32_t *map;
	void *moved;
	pid_t child;

	map = mmap(NULL, size, PROT_READ | PROT_WRITE, one_in(10) ? MAP_PRIVATE : MAP_SHARED, fd,
		   offsets[below(3)]);
	if (map == MAP_FAILED)
		return;
	for (i = below(12); i; i--) {
		for (left = below(50); left; left--)
			touch(map + below(size / 4));
		switch (below(12)) {
		case 0:
			child = fork();
			if (!child) {
				for (left = below(50); left; left--)
					touch(map + below(size / 4));
				_exit(0);
			}
			if (child > 0 && one_in(2))
				waitpid(child, NULL, 0);
			break;
		case 1:
			mprotect((void *)map, 4096, PROT_READ);
			mprotect((void *)map, 4096, PROT_READ | PROT_WRITE);
			break;
		case 2:
			moved = mremap((void *)map, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
				       (char *)0x600000000000 + (below(64) << 21));
			if (moved != MAP_FAILED)
				map = moved;
			break;
		case 3:
			munmap((char *)map + (below(size) & ~0xfffUL), 4096);
			break;
		case 4:
			madvise((void *)map, size, one_in(2) ? MADV_DONTNEED : MADV_DONTFORK);
			break;
		case 5:
			mlock((void *)map, size);
			break;
		}
	}
	munmap((void *)map, size);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Tells drivers what to do, and maps what they give. */
static void run_app(uint64_t seed, int cards)
{
	char name[32];
	int fd, i;

	state = seed;
	while (!time_is_up()) {
		snprintf(name, sizeof(name), "/dev/baddrv%d", (int)below(cards));
		fd = open(name, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			config_step(0x10000 + below(cards));
			usleep(1000);
			continue;
		}
		for (i = below(100); i && !time_is_up(); i--) {
			if (one_in(3))
				app_step(fd);
			else
				driver_step(fd, below(cards));
		}
		close(fd);
	}
	_exit(0);
}

static pid_t start(void (*run)(uint64_t seed, int cards), int cards)
{
	uint64_t seed = any();
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child)
		run(seed, cards);
	return child;
}

static void daemon_entry(uint64_t seed, int cards)
{
	(void)cards;
	run_daemon(seed);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	pid_t daemons[16], apps[APPS], child;
	unsigned long killed = 0, ended = 0, failed = 0;
	int seconds = 60, cards = 2, i, status;

	state = 1;
	for (i = 1; i < argc; i++)
		if (sscanf(argv[i], "seed=%lu", &state) != 1 &&
		    sscanf(argv[i], "seconds=%d", &seconds) != 1 &&
		    sscanf(argv[i], "cards=%d", &cards) != 1)
			fail("usage: fuzz [seed=N] [seconds=N] [cards=N]");
	if (!state || cards < 1 || cards > 16)
		fail("seed is not 0, cards 1 to 16");
	printf("fuzz: seed=%lu seconds=%d cards=%d\n", state, seconds, cards);
	end = time(NULL) + seconds;
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	for (i = 0; i < cards; i++)
		daemons[i] = start(daemon_entry, cards);
	for (i = 0; i < APPS; i++)
		apps[i] = start(run_app, cards);
	while (!time_is_up()) {
		usleep(50000 + below(1000000));
		i = below(cards);
		if (one_in(2)) {
			kill(daemons[i], SIGKILL);
			killed++;
		}
		while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
			ended++;
			failed += WIFEXITED(status) && WEXITSTATUS(status);
			for (i = 0; i < cards; i++)
				if (daemons[i] == child)
					daemons[i] = start(daemon_entry, cards);
			for (i = 0; i < APPS; i++)
				if (apps[i] == child)
					apps[i] = start(run_app, cards);
		}
	}
	/* What hangs now hangs in the kernel. */
	sleep(3);
	for (i = 0; i < cards; i++)
		kill(daemons[i], SIGKILL);
	for (i = 0; i < APPS; i++)
		kill(apps[i], SIGKILL);
	while (wait(&status) > 0)
		;
	printf("fuzz: done; %lu daemons killed, %lu processes ended, %lu in error\n", killed, ended,
	       failed);
	return 0;
}
