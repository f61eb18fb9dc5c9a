/* A failure in words: what was tried, on what, why not, what to do.
 *
 * A function that can fail takes `struct error *err` (may be NULL) as its last argument and returns false after it
 * filled it in.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct error {
    char text[1024];
};

/* Fills in the sentence (cut at the buffer's end) and returns false, so that `return error_set(err, ...)` reads well.
 * `err` may be one of the arguments. */
bool error_set(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts `format` and ": " before what is already there. Returns false. */
bool error_prefix(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
