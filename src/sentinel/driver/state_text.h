/* The text of the state file: records to entries and back. Pure: no I/O.
 *
 * state_file.h shows the format and the rules F1-F3.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"

enum { STATE_FORMAT = 1 };

/* The file's first lines. */
void state_text_add_head(struct bytes *out);
/* Begins a record; returns where, for state_text_end(). */
size_t state_text_begin(struct bytes *out, uint64_t serial);
void   state_text_add(struct bytes *out, const char *key, const char *value); /* value NULL: the key is removed */
void   state_text_end(struct bytes *out, size_t start);

enum state_text_result {
    STATE_TEXT_OK,
    STATE_TEXT_TORN,    /* F1: good up to `good_bytes` */
    STATE_TEXT_NONE,    /* it is empty */
    STATE_TEXT_REFUSED, /* F2, F3 */
};

struct state_text_info {
    uint64_t last_serial, count;
    size_t   good_bytes; /* up to the end of the last complete record */
};

/* Calls `on_entry` for every entry of every complete record, in order (value NULL: removed); nothing when the result is
 * REFUSED. `err` says why, unless the result is OK. */
enum state_text_result state_text_read(struct slice text,
                                             void (*on_entry)(void *context, const char *key, const char *value),
                                             void *context, struct state_text_info *out, struct error *err);
