// SPDX-License-Identifier: GPL-2.0-only
/* Memory that may be taken away at any moment: an access then ends in a signal. */

#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "abuse.h"

static sigjmp_buf back;

static void fault(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

void touch_begin(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = fault;
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
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
