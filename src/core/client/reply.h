/* Adds a reply to what a client is sent, in RESP2 or RESP3 as the client asked for.
 *
 * Every body replies through these. A client whose replies are off (CLIENT REPLY, a fake client without output) swallows
 * them. Where RESP2 lacks a type its established substitute is sent: a map is a flat array, a set and a push are arrays,
 * a double a bulk string, a boolean 1 or 0, null the null bulk, a verbatim string and a big number bulk strings.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "net/buffer.h"

struct client;

/* ---- simple strings and errors ---- */
void reply_ok(struct client *client);
void reply_status(struct client *client, const char *text); /* "QUEUED": no CR or LF */
void reply_status_slice(struct client *client, struct slice text);
/* The text starts with its code: reply_error(client, "WRONGTYPE Operation against ..."). CR and LF in it become blanks.
 * Counts in INFO errorstats, and the running command as failed. */
void reply_error(struct client *client, const char *format, ...) PRINTF_LIKE(2, 3);
void reply_error_slice(struct client *client, struct slice text);
/* An error that is not counted as a failure of the command (it was rejected, and dispatch counts that itself). */
void reply_error_uncounted(struct client *client, const char *format, ...) PRINTF_LIKE(2, 3);
void reply_syntax_error(struct client *client);  /* "ERR syntax error" */
void reply_wrong_type(struct client *client);    /* "WRONGTYPE Operation against a key holding the wrong kind of value" */
void reply_not_integer(struct client *client);   /* "ERR value is not an integer or out of range" */
void reply_not_float(struct client *client);     /* "ERR value is not a valid float" */
void reply_no_such_key(struct client *client);   /* "ERR no such key" */
void reply_wrong_arguments(struct client *client); /* "ERR wrong number of arguments for 'name' command" */

/* ---- numbers, strings, null ---- */
void reply_int(struct client *client, int64_t value);
void reply_uint(struct client *client, uint64_t value);
void reply_bulk(struct client *client, struct slice value); /* copied */
void reply_bulk_text(struct client *client, const char *text);
void reply_bulk_int(struct client *client, int64_t value);  /* the number's text as a bulk string */
void reply_bulk_printf(struct client *client, const char *format, ...) PRINTF_LIKE(2, 3);
/* A bulk string that is not copied when it is large: `release(owner)` is called when the bytes were sent or the client is
 * gone. Small ones are copied and released at once. */
void reply_bulk_shared(struct client *client, struct slice value, void (*release)(void *owner), void *owner);
void reply_null(struct client *client);       /* $-1 or _ */
void reply_null_array(struct client *client); /* *-1 or _ */
void reply_bool(struct client *client, bool value);
void reply_double(struct client *client, double value);      /* shortest text that reads back the same */
void reply_bignum(struct client *client, struct slice digits);
void reply_verbatim(struct client *client, struct slice text, const char *format3); /* "txt", "mkd" */
void reply_empty_bulk(struct client *client);

/* ---- aggregates: the head now, then the elements by further calls ---- */
void reply_array(struct client *client, size_t count);
void reply_map(struct client *client, size_t pairs);
void reply_set(struct client *client, size_t count);
void reply_push(struct client *client, size_t count); /* RESP3; in RESP2 an array. Pub/sub, MONITOR and tracking only */
void reply_attribute(struct client *client, size_t pairs); /* RESP3 only: a RESP2 client must not get the pairs either */
void reply_empty_array(struct client *client);
void reply_help(struct client *client, const char *const *lines); /* "<COMMAND> <subcommand> [...]. Subcommands are:" ... */

/* An aggregate whose size is known only after its elements:
 *     struct output_hole hole = reply_later(client);
 *     ... elements ...
 *     reply_array_here(client, hole, count);
 * Holes may be nested; each must be filled before the body returns. */
struct output_hole reply_later(struct client *client);
void   reply_array_here(struct client *client, struct output_hole hole, size_t count);
void   reply_map_here(struct client *client, struct output_hole hole, size_t pairs);
void   reply_set_here(struct client *client, struct output_hole hole, size_t count);

/* Bytes that are already RESP of the client's version (a cached reply, another client's output). */
void reply_raw(struct client *client, struct slice resp);
/* The same without a copy: release(owner) is called when they were sent or are not needed any more. */
void reply_raw_shared(struct client *client, struct slice resp, void (*release)(void *owner), void *owner);

/* ---- asking ---- */
bool reply_is_resp3(const struct client *client);
/* Bytes that wait to be sent, in the output buffer and in shared values. */
size_t reply_pending_bytes(const struct client *client);
/* Takes the whole output away (fake clients: a script's call, a test); gives: mem_free() through bytes_fini. */
void reply_take(struct client *client, struct bytes *out);
