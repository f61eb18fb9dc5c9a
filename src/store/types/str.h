/* A long string: one block with its size and room to grow, shared by reference while it is being sent.
 *
 * The holder in the keyspace is one reference, every reply that sends the bytes without a copy another. A string that
 * is shared is not edited in place but copied first. References may be given back on any thread.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct str;

enum {
    STR_HEADROOM = 24,             /* bytes before the text in its block */
    STR_LARGE_BYTES = 1024 * 1024, /* from here on a block is worth freeing elsewhere */
    STR_MAX_GROWTH = 1024 * 1024   /* an edit leaves as much room again as it needs, at most so much */
};

struct str *str_new(struct slice text);    /* gives: str_release() */
/* Makes a string of a block with STR_HEADROOM free bytes, then `size` bytes of text. takes */
struct str *str_adopt(char **block, size_t size, size_t block_bytes);
struct str *str_share(struct str *str);    /* one more reference; gives */
void        str_release(struct str *str);  /* the last one frees */

struct slice str_text(const struct str *str); /* lends, until it is edited or released */
size_t       str_memory(const struct str *str);
bool         str_is_shared(const struct str *str); /* somebody else reads it, perhaps on another thread */

/* Makes `size` bytes (those that are new are zero) and returns the writable text. `*str` may become another block, and
 * does when it is shared. */
char *str_resize(struct str **str, size_t size);
void  str_append(struct str **str, struct slice text);
