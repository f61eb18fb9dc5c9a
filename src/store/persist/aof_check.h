/* kvd-check-aof: reads an append-only file, all of its parts, says where it is damaged, and cuts it there if that is wanted.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

/* Words of the command line: [--fix | --truncate-to-timestamp SECONDS] FILE. Prints to standard output, asks on standard input
 * before --fix cuts. True: everything is whole (now). */
MUST_USE bool aof_check_run(int count, char **words);
