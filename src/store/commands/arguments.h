/* Reading the arguments of commands: numbers, expiries and options, with the established errors.
 *
 * A function that returns false has replied.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "store/types/value.h"

struct client;
struct record;

MUST_USE bool argument_int(struct client *client, int place, int64_t *out);
/* Within [INT_MIN, INT_MAX]: numbers of databases. `error` (with its code) replaces the established text; may be NULL. */
MUST_USE bool argument_int32(struct client *client, int place, int *out, const char *error);

/* Within [min, max]. `error` (with its code) replaces the established texts, also that of what is no number; may be NULL. */
MUST_USE bool argument_int_within(struct client *client, int place, int64_t min, int64_t max, int64_t *out,
                                  const char *error);
/* A score or a length: no NaN. `error` may be NULL. */
MUST_USE bool argument_double(struct client *client, int place, double *out, const char *error);

/* "ERR invalid expire time in 'set' command" of the running command. */
void reply_invalid_expire(struct client *client);

/* True: the record is a string, or NULL. Else the reply is WRONGTYPE. */
MUST_USE bool argument_is_string(struct client *client, const struct record *record);
/* False (with the reply): a string of that length is longer than proto-max-bulk-len allows. */
MUST_USE bool argument_length_allowed(struct client *client, uint64_t size);

/* The options of SET and GETEX. */
enum set_flags {
    SET_NX = 1 << 0,
    SET_XX = 1 << 1,
    SET_GET = 1 << 2,
    SET_KEEPTTL = 1 << 3,
    SET_PERSIST = 1 << 4,
    SET_IFEQ = 1 << 5,
    SET_EX = 1 << 6,
    SET_PX = 1 << 7,
    SET_EXAT = 1 << 8,
    SET_PXAT = 1 << 9,
    SET_EXPIRY = SET_EX | SET_PX | SET_EXAT | SET_PXAT
};
struct set_options {
    unsigned flags;
    int      expiry_place; /* argument with the expiry's number */
    int      ifeq_place;   /* argument to compare with */
};
/* Reads argv[first..]: those that `allowed` has; no effect but a reply. */
MUST_USE bool argument_set_options(struct client *client, int first, unsigned allowed, struct set_options *options);
/* The deadline (wall clock) that argument `place` means with one of SET_EX, SET_PX, SET_EXAT, SET_PXAT in `flags`. */
MUST_USE bool argument_deadline(struct client *client, int place, unsigned flags, int64_t *deadline_ms);

/* ---- SCAN, HSCAN, SSCAN, ZSCAN ---- */
/* The cursor in argument `place`. */
MUST_USE bool argument_cursor(struct client *client, int place, uint64_t *cursor);
struct scan_options {
    struct slice pattern; /* data NULL: all */
    int64_t      count;   /* >= 1 */
    struct slice type;    /* data NULL: all; only where it is allowed */
};
/* Reads argv[first..]: MATCH, COUNT and, if allowed, TYPE. */
MUST_USE bool argument_scan_options(struct client *client, int first, bool type_allowed, struct scan_options *options);

/* True: the record is of this type, or NULL. Else the reply is WRONGTYPE. */
MUST_USE bool argument_is_type(struct client *client, const struct record *record, enum value_type type);
