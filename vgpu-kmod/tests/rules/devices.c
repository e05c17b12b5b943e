// SPDX-License-Identifier: GPL-2.0-only
/* DMA, interrupts, and how cards go: by rule, by force, several at once. */
#include "rules.h"

void test_dma(void)
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

void test_msi(void)
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

	expect(call_plug(t.fd, VGPU_UNPLUG), 0, "unplug");
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

void test_intx(void)
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

void test_unplug(void)
{
	struct test t = begin();
	struct mapper regs = { .fd = t.drv, .offset = BAD_MMAP_REGISTERS, .size = 0x4000 };
	struct mapper fb = { .fd = t.drv, .offset = BAD_MMAP_FRAMEBUFFER, .size = 0x400000 };
	struct app one = app_start(run_mapper, &regs), two = app_start(run_mapper, &fb), late;
	struct bad_dma buffer = { .slot = 1, .size = 8192 };
	volatile uint8_t *map;

	check(!app_do(&one, 'M') && !app_do(&two, 'M'), "mmap");
	settle(t.fd);
	check(!app_do(&one, 'w') && !app_do(&two, 'w'), "writes before");
	call(t.drv, BAD_DMA_ALLOC, &buffer);
	map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, t.fd, VGPU_MMAP_DMA + buffer.address);
	check(map != MAP_FAILED && !touch((void *)map, 0), "mmap of a buffer");
	expect(call_plug(t.fd, VGPU_UNPLUG), 0, "unplug");
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
	expect(call_plug(t.fd, VGPU_PLUG), EALREADY, "plugging what is plugged");
	munmap((void *)map, 8192);
	drop(&t);
	check(card_exists(t.card.card), "the card is freed while areas exist");
	app_end(&one);
	app_end(&two);
	app_end(&late);
	close(t.drv);
	check(gone_after_a_while(t.card.card), "the card was not freed");
}

void test_forgetful(void)
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
	expect(call_plug(t.fd, VGPU_UNPLUG), 0, "unplug");
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

void test_kill(void)
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

void test_cards(void)
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
void test_idle(void)
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
void test_polling(void)
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
