/* A value from RDB's form, piece by piece as its bytes come.
 *
 * All encodings of versions 1 to 12 are read. What is packed is always checked to the bottom, since everything that works
 * on it believes it; duplicates in what is packed are looked for where `deep` says so.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/rdb_in.h"
#include "store/persist/rdb_rules.h"
#include "store/types/value.h"

struct rdb_reader;

struct rdb_reader *rdb_reader_new(const struct rdb_rules *rules); /* copies; gives: rdb_reader_free() */
void               rdb_reader_free(struct rdb_reader **reader);
/* What follows is a value of this type. What was read of another is dropped. False: the type is unknown or a module's. */
MUST_USE bool rdb_reader_begin(struct rdb_reader *reader, unsigned type);
/* RDB_OK: the value; its object is the caller's, its text is lent until the reader or the bytes change. RDB_EMPTY: it has
 * no elements, so there is no key. RDB_MORE: what was taken is remembered, call again with the bytes from in->at on and
 * more of them. RDB_BAD: in->wrong says why. */
enum rdb_result rdb_reader_step(struct rdb_reader *reader, struct rdb_in *in, struct value *value);
