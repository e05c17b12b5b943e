// SPDX-License-Identifier: GPL-2.0-only
/*
 * abuse - does to cards and their driver what nobody should
 *
 *   abuse stranger              standard input is a card of another process: tries every call
 *   abuse user SEED SECONDS     uses whatever card there is badly
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abuse.h"

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "stranger"))
		return stranger();
	if (argc == 4 && !strcmp(argv[1], "user"))
		return user(strtoull(argv[2], NULL, 0), atoi(argv[3]));
	fprintf(stderr, "usage: abuse stranger | user SEED SECONDS\n");
	return 2;
}
