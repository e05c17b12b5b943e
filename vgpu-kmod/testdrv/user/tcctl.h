/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of tcctl share. */
#ifndef TCCTL_H
#define TCCTL_H

#include <stddef.h>
#include <stdint.h>

#include "../testcard_ioctl.h"
#include "../testcard_regs.h"

/* Ends the program with a line that says why. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

uint32_t number(const char *text);

/* card.c: the open device. */
int card_open(const char *path);
void card_ask(int fd, unsigned long request, void *argument, const char *what);
volatile uint32_t *card_registers(int fd);
volatile uint32_t *card_framebuffer(int fd, size_t bytes);

static inline uint32_t reg_read(volatile uint32_t *registers, unsigned int reg)
{
	return registers[reg / 4];
}

static inline void reg_write(volatile uint32_t *registers, unsigned int reg, uint32_t value)
{
	registers[reg / 4] = value;
}

/* Spins until a register has a value; 0, or -1 after the time. */
int reg_await(volatile uint32_t *registers, unsigned int reg, uint32_t want, uint32_t timeout_ms);

/* The commands. */
int command_mirror(int fd, int argc, char **argv);
int command_measure_mapped(int fd, int argc, char **argv);
int command_hold(int fd, int argc, char **argv);
int command_hammer(int fd, int argc, char **argv);

#endif
