/* kvd-check-rdb: reads a dump file from end to end and says what is in it, or where it is damaged.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

/* Prints to standard output. True: the file is whole. NULL: prints how it is called. */
MUST_USE bool file_check_rdb(const char *path);

/* The dump that a file begins with, without printing: where it ends, and how many keys it has. False: `err`. */
MUST_USE bool file_check_preamble(const char *path, uint64_t *end, uint64_t *keys, struct error *err);
