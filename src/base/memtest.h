/* A test of the machine's memory: patterns written, read back, and moved around (--test-memory).
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

/* Tests `megabytes` of memory in `passes` passes and prints its progress on standard output. False: an error was found, or
 * the memory could not be had (`err` says which). */
MUST_USE bool memtest_run(uint64_t megabytes, unsigned passes, struct error *err);
