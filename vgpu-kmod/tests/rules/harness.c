// SPDX-License-Identifier: GPL-2.0-only
/* Cards for tests, what to wait for, and processes that do as they are told. */
#include "rules.h"

int failed, checks;

void check(int holds, const char *format, ...)
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
void expect(int is, int wanted, const char *what)
{
	check(is == wanted, "%s: %s, wanted %s", what, is ? strerror(is) : "success",
	      wanted ? strerror(wanted) : "success");
}

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
struct test begin_device(uint16_t device)
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

struct test begin(void)
{
	return begin_device(a_card().device);
}

/* What debugfs still has of a card: nothing, if all of it was given back. */
int card_exists(unsigned int card)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/kernel/debug/vgpu/card%u", card);
	return !stat(path, &st);
}

int gone_after_a_while(unsigned int card)
{
	int i;

	for (i = 0; i < 500 && card_exists(card); i++)
		usleep(10000);
	return !card_exists(card);
}

void drop(struct test *t)
{
	char path[96];
	struct stat st;

	munmap((void *)t->registers, t->card.register_bytes);
	close(t->fd);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", t->pci);
	check(stat(path, &st) < 0, "the PCI device is there after close");
}

void end(struct test *t)
{
	drop(t);
	close(t->drv);
	check(gone_after_a_while(t->card.card), "the card was not freed");
}

struct vgpu_arm arm(int fd)
{
	struct vgpu_arm arm = { .wake = VGPU_EVENTS & ~VGPU_EVENT_DMA };
	int ret = call(fd, VGPU_ARM, &arm);

	check(!ret, "VGPU_ARM: %s", strerror(ret));
	return arm;
}

struct vgpu_wait wait_for(int fd, int milliseconds)
{
	struct vgpu_wait wait = { .timeout_ns = milliseconds * 1000000LL };
	int ret = call(fd, VGPU_WAIT, &wait);

	check(!ret, "VGPU_WAIT: %s", strerror(ret));
	return wait;
}

/* Arms until nothing is left over from before. */
void settle(int fd)
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

int touch(volatile uint32_t *address, int write)
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

struct app app_start(void (*run)(int from, int to, void *arg), void *arg)
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
int app_do(struct app *app, char order)
{
	char answer = -1;

	if (write(app->to, &order, 1) != 1 || read(app->from, &answer, 1) != 1)
		return -1;
	return answer;
}

int app_end(struct app *app)
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
