/* Memory that is given back all at once: what a list of actions or records points to.
 *
 * `void *blocks` is the owner's field: NULL is an empty one.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

void *arena_alloc(void **blocks, size_t size);      /* aligned for anything; lives until arena_clear() */
char *arena_text(void **blocks, struct slice text); /* a copy with its zero */
void arena_clear(void **blocks);                    /* keeps one block for the next use */
void arena_free(void **blocks);                     /* keeps nothing */
