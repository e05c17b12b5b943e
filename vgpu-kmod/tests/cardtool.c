// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes a card by hand, for looking at it with the system's own tools:
 *
 *   cardtool [msi=N] [intx=0|1] [registers=BYTES] [framebuffer=BYTES] [id=VENDOR:DEVICE]
 *            [cards=N] COMMAND...
 *
 * plugs the card (or several), runs the command with CARD set to its PCI address (CARD1, CARD2 and
 * so on for more), answers nothing, and removes the card. While the command runs, SIGUSR1 sends
 * an interrupt: MSI vector 0 if the driver has enabled MSI, or one pulse of the pin that ends when
 * the driver has masked it, or after 100 ms.
 */
#include <signal.h>
#include <sys/wait.h>

#include "card.h"

static int fds[64];
static volatile sig_atomic_t interrupt;

static void on_usr1(int number)
{
	(void)number;
	interrupt = 1;
}

static void send_interrupt(int fd)
{
	struct vgpu_interrupt msi = { 0 };
	struct vgpu_intx pin = { .level = 1 };
	int i;

	if (status_of(fd).msi_vectors) {
		printf("cardtool: MSI: %s\n", strerror(call(fd, VGPU_INTERRUPT, &msi)));
		return;
	}
	printf("cardtool: pin: %s\n", strerror(call(fd, VGPU_INTX, &pin)));
	for (i = 0; i < 10 && !(status_of(fd).flags & VGPU_STATUS_INTX_OFF); i++)
		usleep(10000);
	printf("cardtool: the driver has %smasked the pin\n",
	       status_of(fd).flags & VGPU_STATUS_INTX_OFF ? "" : "not ");
	pin.level = 0;
	call(fd, VGPU_INTX, &pin);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_usr1 };
	struct vgpu_create create = a_card(), made;
	unsigned int vendor, device;
	int cards = 1, i, status;
	char name[32], variable[16];
	pid_t child;

	for (argv++; *argv && strchr(*argv, '='); argv++) {
		char *value = strchr(*argv, '=') + 1;

		if (!strncmp(*argv, "msi=", 4))
			create.msi_vectors = strtoul(value, NULL, 0);
		else if (!strncmp(*argv, "intx=", 5))
			create.flags = strtoul(value, NULL, 0) ? VGPU_CREATE_INTX : 0;
		else if (!strncmp(*argv, "registers=", 10))
			create.register_bytes = strtoul(value, NULL, 0);
		else if (!strncmp(*argv, "framebuffer=", 12))
			create.framebuffer_bytes = strtoul(value, NULL, 0);
		else if (!strncmp(*argv, "cards=", 6))
			cards = strtoul(value, NULL, 0);
		else if (sscanf(*argv, "id=%x:%x", &vendor, &device) == 2)
			create.vendor = vendor, create.device = device;
		else
			fail("cardtool: what is %s?", *argv);
	}
	if (!*argv || cards < 1 || cards > 64)
		fail("usage: cardtool [NAME=VALUE...] COMMAND...");
	(void)argc;
	for (i = 0; i < cards; i++) {
		made = create;
		fds[i] = new_card(&made);
		plug(fds[i]);
		pci_name(&made, name, sizeof(name));
		snprintf(variable, sizeof(variable), i ? "CARD%d" : "CARD", i);
		setenv(variable, name, 1);
	}
	sigaction(SIGUSR1, &action, NULL);
	fflush(stdout);
	child = fork();
	if (!child) {
		execvp(*argv, argv);
		fail("cannot run %s: %s", *argv, strerror(errno));
	}
	while (waitpid(child, &status, 0) < 0) {
		if (!interrupt)
			continue;
		interrupt = 0;
		send_interrupt(fds[0]);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
