/* SPDX-License-Identifier: GPL-2.0-only */
/* What machine.c and plays.c have of each other: who is where, and what comes next. */
#ifndef TEST_PLAYS_H
#define TEST_PLAYS_H

#define check(holds) \
	((holds) ? (void)0 : (printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #holds), exit(1)))

int printf(const char *format, ...);
void *calloc(size_t count, size_t size);
void free(void *pointer);
void exit(int code) __attribute__((noreturn));
int strcmp(const char *a, const char *b);

/* A guest's thread, and its file. */
struct guest {
	struct task_struct task;
	struct pid pid;
	struct file file;
	u32 id;
	int stays, kicks;
};

extern struct guest a, b;
extern struct guest *on;		/* whose thread is current */
extern int here;			/* the current processor */
extern int irqs_are_off, is_signalled, has_sse2;
extern struct miscdevice *lguest, *lgbench;
extern int steps, fails_at;		/* which of those that can fail does */
extern int allocated, is_up, was_shown;

/* What happens once, when it comes to that. */
extern void (*at_off)(void), (*in_guest)(void);
extern int (*at_wait)(void);

void once(void (**what)(void));

#endif
