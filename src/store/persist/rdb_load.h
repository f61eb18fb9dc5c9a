/* An RDB file or stream from its first byte to its last, piece by piece as the bytes come.
 *
 * Knows neither files nor databases: what it reads it hands to a sink, in order. Versions 1 to 12.
 *
 *     HEAD -> ITEM -> KEY -> VALUE -+      ITEM: an opcode with all that belongs to it, or the type of a value
 *              ^  ^-----------------+
 *              +---- (opcode)  ITEM -> CHECKSUM -> DONE
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"
#include "store/persist/rdb_in.h"
#include "store/types/value.h"

struct rdb_rules;

struct rdb_key {
    struct slice key;
    struct value value;      /* the sink takes its object; a text is lent */
    int64_t      expires_ms; /* wall clock; -1: never */
    int64_t      idle_s;     /* -1: not said */
    int          frequency;  /* -1: not said */
    bool         is_empty;   /* a value without elements, which no key can have: `value` says nothing */
    unsigned     type;       /* enum rdb_type */
};

/* What a loader tells. A function that returns false has filled `err` (what is wrong with the data) and ends the loading. */
struct rdb_sink {
    void *context;
    bool (*database)(void *context, uint64_t number, struct error *err);
    bool (*key)(void *context, struct rdb_key *key, struct error *err);
    /* May be NULL. How many keys this database has, and how many of them with a deadline: it says so. */
    void (*sizes)(void *context, uint64_t keys, uint64_t expiring);
    /* Both may be NULL. A library of functions, as FUNCTION LOAD takes it (lent). */
    void (*field)(void *context, struct slice name, struct slice value);
    void (*library)(void *context, struct slice code);
};

struct rdb_loader;

/* Keeps the sink, copies the rules. gives: rdb_loader_free() */
struct rdb_loader *rdb_loader_new(const struct rdb_rules *rules, const struct rdb_sink *sink, bool verify_checksum);
void               rdb_loader_free(struct rdb_loader **loader);

/* Takes what it can of the bytes: those from in->at on are to be shown again, with more behind them (RDB_MORE), at least
 * in->wanted. RDB_OK: the end was reached. RDB_BAD: `err` says what is wrong and at which offset. */
enum rdb_result rdb_loader_feed(struct rdb_loader *loader, struct rdb_in *in, struct error *err);
uint64_t        rdb_loader_offset(const struct rdb_loader *loader); /* bytes taken so far */
int             rdb_loader_version(const struct rdb_loader *loader); /* 0: not known yet */
/* What is being read, for people: "the value of key \"a\"". Adds. */
void rdb_loader_describe(const struct rdb_loader *loader, struct bytes *out);
