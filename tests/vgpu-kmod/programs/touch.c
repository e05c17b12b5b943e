// SPDX-License-Identifier: GPL-2.0-only
/* Memory that may be taken away at any moment: an access then ends in a signal. */

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "abuse.h"

static sigjmp_buf back;

static void fault(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

static void alarmed(int signal)
{
	(void)signal;
}

void touch_begin(void)
{
	const struct itimerval second = { { 1, 0 }, { 1, 0 } };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = fault;
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	/* A call that would wait without a limit is ended, now and then. */
	action.sa_handler = alarmed;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
}

int touch(volatile uint32_t *at, int write)
{
	if (sigsetjmp(back, 1))
		return -1;
	if (write)
		*at = *at + 1;
	else
		(void)*at;
	return 0;
}
