/* One node of a stream: up to a hundred entries or so in one listpack, byte for byte as Redis 7.0 packs them.
 *
 *     [live][deleted][field count][name]...[0]                                        head: the names of the first entry
 *     [flags][ms][seq]{[field count]}{[name]}[value]...[how many from flags on]       entry: ms and seq relative to the node's id
 *
 * An entry whose names are the head's has flag 2 and neither field count nor names; a deleted one keeps its place, with
 * flag 1. The node's id is the first entry's and is not in the listpack: the stream's index has it.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/listpack.h"
#include "store/types/entry_id.h"

/* An entry where it lies. Good until its node is edited. */
struct stream_entry {
    struct entry_id              id;
    bool                         is_deleted;
    size_t                       field_count;
    const struct listpack       *node;
    const struct listpack_entry *start; /* the flags */
    const struct listpack_entry *names; /* the first name; NULL: each stands before its value */
    const struct listpack_entry *values; /* the first value, or the first name */
    const struct listpack_entry *end;   /* the entry's last element */
};

struct stream_node_head {
    int64_t                      live, deleted;
    size_t                       field_count;
    const struct listpack_entry *names; /* the first; the zero, where there is none */
    const struct listpack_entry *zero;
};

/* ---- making: `pairs` are 2 * `count` texts, names and values in turn ---- */

/* A node that holds one entry, whose id is the node's. With room for `capacity` bytes. gives: mem_free() */
struct listpack *stream_node_new(size_t capacity, const struct slice *pairs, size_t count);
/* `id` is greater than that of any entry there. */
void stream_node_append(struct listpack **node, struct entry_id master, struct entry_id id, const struct slice *pairs, size_t count);
/* Marks this entry, which is not deleted yet and stays good; the head's counts are the caller's to correct. */
void stream_node_mark_deleted(struct listpack **node, struct entry_id master, struct stream_entry *entry);
/* `more` live entries are deleted ones now. */
void stream_node_count_deleted(struct listpack **node, int64_t more);

/* ---- reading ---- */

struct stream_node_head stream_node_head(const struct listpack *node);
int64_t                 stream_node_live(const struct listpack *node); /* of the head, alone */

/* Walks from one end or the other, deleted entries included. False: there is none (more), `*entry` is no longer valid. */
bool stream_node_first(const struct listpack *node, struct entry_id master, struct stream_entry *entry);
bool stream_node_last(const struct listpack *node, struct entry_id master, struct stream_entry *entry);
bool stream_node_next(struct entry_id master, struct stream_entry *entry);
bool stream_node_previous(struct entry_id master, struct stream_entry *entry);

/* Walks the fields of one entry:
 *     struct stream_fields fields = stream_node_fields(&entry);
 *     while (stream_node_next_field(&fields)) use(fields.name, fields.value); */
struct stream_fields {
    const struct listpack       *node;
    const struct listpack_entry *name, *value; /* the current ones */
    const struct listpack_entry *next_name, *next_value;
    size_t                       left;
};
struct stream_fields stream_node_fields(const struct stream_entry *entry);
bool                 stream_node_next_field(struct stream_fields *fields);

/* Of a listpack from outside (listpack_is_valid() has said yes): whether it is such a node of one entry at least, live or
 * deleted; numbers are numbers, the counts agree with what is there, ids ascend from `master` on. Everything in this file
 * may then be called with it. O(its elements): no count in it is believed before the elements were there. */
bool stream_node_is_valid(const struct listpack *node, struct entry_id master);
