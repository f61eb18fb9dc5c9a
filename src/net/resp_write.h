/* Replies and requests to bytes: the writing half of RESP2 and RESP3.
 *
 * resp_write_*() appends to an output chain (the hot path), resp_print_*() to a struct bytes. `version` is 2 or 3: what
 * RESP2 lacks is written the way the field's servers do it (a map as a flat array, a double as a bulk string...).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "net/buffer.h"

void resp_write_status(struct output *out, struct slice text); /* "+OK": without CR and LF inside */
/* "-ERR no such key": `text` begins with its code; CR and LF inside become blanks. */
void resp_write_error(struct output *out, struct slice text);
void resp_write_error_printf(struct output *out, const char *format, ...) PRINTF_LIKE(2, 3);
void resp_write_int(struct output *out, int64_t value);
void resp_write_bulk(struct output *out, struct slice text);
void resp_write_bulk_text(struct output *out, const char *text);
void resp_write_bulk_int(struct output *out, int64_t value); /* the digits as a bulk string */
/* A large bulk whose bytes are not copied; see output_add_reference(). */
void resp_write_bulk_reference(struct output *out, struct slice text, void (*release)(void *context), void *context);
void resp_write_null(struct output *out, int version);       /* $-1 or _ */
void resp_write_null_array(struct output *out, int version); /* *-1 or _ */
void resp_write_bool(struct output *out, int version, bool value);
void resp_write_double(struct output *out, int version, double value);
void resp_write_big_number(struct output *out, int version, struct slice digits);
void resp_write_verbatim(struct output *out, int version, const char *format3, struct slice text); /* "txt", "mkd" */

/* Heads: `count` elements must follow (a map and an attribute: `count` pairs). */
void resp_write_array(struct output *out, size_t count);
void resp_write_map(struct output *out, int version, size_t count);
void resp_write_set(struct output *out, int version, size_t count);
void resp_write_push(struct output *out, int version, size_t count);
void resp_write_attribute(struct output *out, size_t count); /* RESP3 only */
/* A head whose count is known only at the end. `kind` is '*', '%', '~' or '>' (chosen for RESP3; RESP2 gets '*'). */
struct output_hole resp_write_head_later(struct output *out);
void resp_write_head_now(struct output *out, struct output_hole hole, int version, char kind, size_t count);

void resp_write_request(struct output *out, const struct slice *argv, size_t argc); /* *argc $len arg ... */

/* The same into a struct bytes. */
void resp_print_bulk(struct bytes *out, struct slice text);
void resp_print_array(struct bytes *out, size_t count);
void resp_print_push(struct bytes *out, int version, size_t count);
void resp_print_request(struct bytes *out, const struct slice *argv, size_t argc);
