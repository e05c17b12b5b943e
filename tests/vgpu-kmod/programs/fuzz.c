// SPDX-License-Identifier: GPL-2.0-only
/* Plays cards badly: any call with any argument, mappings of anything, at any moment. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/vgpu.h>

#include "abuse.h"

#define CARDS 3
#define MAPS 6

/* A card, or what could not be made into one. */
struct card {
	int fd;
	char address[32];
	uint32_t register_bytes;
	uint32_t framebuffer_bytes;
};

/* A mapping of some card's, which may be gone. */
struct map {
	volatile uint32_t *at;
	size_t bytes;
};

static struct card cards[CARDS];
static struct map maps[MAPS];
static unsigned long calls, faults, created;

static const uint16_t devices[] = { 0x7e57, 0x7e57, 0x5123 };

static void card_new(struct card *card)
{
	struct vgpu_create create = {
		.vendor = 0x1234,
		.device = devices[random_below(3)],
		.class_code = 0x038000,
		.flags = random_below(2),
		.msi_vectors = 1u << random_below(3),
		.register_bytes = 0x1000u << random_below(5),
		.framebuffer_bytes = random_once_in(4) ? 0 : 0x1000u << random_below(11),
	};

	/* Now and then something that cannot be. */
	if (random_once_in(8))
		((unsigned char *)&create)[random_below(sizeof(create))] = random_word();
	if (ioctl(card->fd, VGPU_CREATE, &create))
		return;
	created++;
	card->register_bytes = create.register_bytes;
	card->framebuffer_bytes = create.framebuffer_bytes;
	snprintf(card->address, sizeof(card->address), "%04x:%02x:%02x.%x", create.pci_domain,
		 create.pci_bus, create.pci_devfn >> 3, create.pci_devfn & 7);
}

static void card_open(struct card *card)
{
	memset(card, 0, sizeof(*card));
	card->fd = open("/dev/vgpu", O_RDWR | O_CLOEXEC);
}

static void map_drop(struct map *map)
{
	if (map->at)
		munmap((void *)map->at, map->bytes);
	map->at = NULL;
}

static void map_new(struct card *card, struct map *map)
{
	static const uint64_t bases[] = {
		VGPU_MMAP_REGISTERS, VGPU_MMAP_FRAMEBUFFER, VGPU_MMAP_DMA, 0x7ffff000,
	};
	int protection = random_below(4), flags = random_once_in(8) ? MAP_PRIVATE : MAP_SHARED;
	uint64_t offset = bases[random_below(4)];
	void *at;

	if (random_once_in(3))
		offset += random_number() & ~0xfffull & ((1ull << 40) - 1);
	map_drop(map);
	map->bytes = (1 + random_below(8)) * 4096;
	at = mmap(NULL, map->bytes, protection, flags, card->fd, offset);
	map->at = at == MAP_FAILED ? NULL : at;
}

/* What a program can do to its own mappings. */
static void map_abuse(struct map *map)
{
	void *at = (void *)map->at;
	pid_t child;

	if (!at)
		return;
	switch (random_below(7)) {
	case 0:
		at = mremap(at, map->bytes, map->bytes + 4096, MREMAP_MAYMOVE);
		if (at != MAP_FAILED) {
			map->at = at;
			map->bytes += 4096;
		}
		break;
	case 1:
		mprotect(at, 4096, random_below(4));
		break;
	case 2:
		madvise(at, map->bytes, (int[]){ MADV_DONTNEED, MADV_DONTFORK, MADV_DOFORK,
			MADV_WILLNEED }[random_below(4)]);
		break;
	case 3:
		child = fork();
		if (!child) {
			touch(map->at, 1);
			_exit(0);
		}
		if (child > 0)
			waitpid(child, NULL, 0);
		break;
	case 4:
		/* Leaves a hole. */
		if (map->bytes > 8192)
			munmap((char *)at + 4096, 4096);
		break;
	default:
		map_drop(map);
	}
}

static void touch_maps(void)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		struct map *map = &maps[random_below(MAPS)];

		if (map->at && touch(map->at + random_below(map->bytes / 4), random_once_in(2)))
			faults++;
	}
}

/* A call with an argument that makes some sense, of which a byte may not. */
static void call_well(struct card *card)
{
	struct vgpu_dma_mapping found[8];
	char bytes[4096];
	union {
		struct vgpu_arm arm;
		struct vgpu_wait wait;
		struct vgpu_status status;
		struct vgpu_dma_list list;
		struct vgpu_dma_query query;
		struct vgpu_dma_copy copy;
		struct vgpu_interrupt interrupt;
		struct vgpu_intx intx;
		unsigned char bytes[256];
	} argument;
	static const unsigned long requests[] = {
		VGPU_ARM, VGPU_WAIT, VGPU_GET_STATUS, VGPU_DMA_LIST, VGPU_DMA_QUERY,
		VGPU_DMA_COPY, VGPU_INTERRUPT, VGPU_INTX,
	};
	unsigned long request = requests[random_below(8)];

	memset(&argument, 0, sizeof(argument));
	memset(found, 0, sizeof(found));
	switch (request) {
	case VGPU_ARM:
		argument.arm.wake = random_below(VGPU_EVENTS + 1);
		break;
	case VGPU_WAIT:
		argument.wait.timeout_ns = random_below(2000000);
		break;
	case VGPU_DMA_LIST:
		argument.list.entries = (uintptr_t)found;
		argument.list.capacity = random_below(9);
		break;
	case VGPU_DMA_QUERY:
		argument.query.address = random_number();
		break;
	case VGPU_DMA_COPY: {
		struct vgpu_dma_list list = { .entries = (uintptr_t)found, .capacity = 8 };

		argument.copy.buffer = (uintptr_t)bytes;
		argument.copy.direction = 1 + random_below(2);
		argument.copy.length = random_below(sizeof(bytes) + 1);
		argument.copy.address = random_number();
		if (!ioctl(card->fd, VGPU_DMA_LIST, &list) && list.count)
			argument.copy.address = found[random_below(list.count > 8 ? 8 : list.count)]
				.address + random_below(64);
		break;
	}
	case VGPU_INTERRUPT:
		argument.interrupt.vector = random_below(3);
		break;
	case VGPU_INTX:
		argument.intx.level = random_below(2);
		break;
	}
	/* Not of a wait: without a limit it would be the last call. */
	if (request != VGPU_WAIT && random_once_in(6))
		argument.bytes[random_below(_IOC_SIZE(request))] = random_word();
	ioctl(card->fd, request, &argument);
}

/* Any number with any pointer; it cannot wait long, as zeros mean no time. */
static void call_badly(struct card *card)
{
	unsigned int direction = random_below(4), size = random_below(200);
	unsigned char zeros[16384] = { 0 };
	void *pointers[] = { NULL, (void *)1, (void *)~0xfffull, zeros, (void *)maps[0].at };
	unsigned long number = random_below(16);

	ioctl(card->fd, _IOC(direction, random_once_in(8) ? 'x' : VGPU_IOCTL, number, size),
	      pointers[random_below(5)]);
}

static void step(void)
{
	struct card *card = &cards[random_below(CARDS)];
	struct pollfd poll_one = { .fd = card->fd, .events = POLLIN | POLLOUT | POLLPRI };

	calls++;
	if (card->fd <= 0) {
		card_open(card);
		return;
	}
	switch (random_below(24)) {
	case 0:
		card_new(card);
		break;
	case 1:
		ioctl(card->fd, random_once_in(3) ? VGPU_UNPLUG : VGPU_PLUG);
		break;
	case 2:
		if (random_once_in(4)) {
			close(card->fd);
			card_open(card);
		}
		break;
	case 3:
	case 4:
		map_new(card, &maps[random_below(MAPS)]);
		break;
	case 5:
		map_abuse(&maps[random_below(MAPS)]);
		break;
	case 6:
		poke_config(card->address);
		break;
	case 7:
		map_resource(card->address);
		break;
	case 8:
		if (random_once_in(8))
			rebind(card->address);
		break;
	case 9:
		poll(&poll_one, 1, random_below(3));
		break;
	case 10:
	case 11:
	case 12:
		call_badly(card);
		break;
	case 13:
	case 14:
	case 15:
		touch_maps();
		break;
	default:
		call_well(card);
	}
}

int fuzz(uint64_t seed, unsigned int seconds)
{
	time_t end = time(NULL) + seconds;
	unsigned int i;

	random_seed(seed);
	touch_begin();
	while (time(NULL) < end)
		for (i = 0; i < 100; i++)
			step();
	printf("fuzz %llu: %lu steps, %lu cards, %lu faults\n", (unsigned long long)seed, calls,
	       created, faults);
	return 0;
}
