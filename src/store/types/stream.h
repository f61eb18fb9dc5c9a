/* A stream: entries with ascending ids, in nodes that are found by their first id, and the groups that read it.
 *
 * Entries are added at the end and removed anywhere; a removed one leaves a mark in its node until the node goes as a
 * whole, as in Redis, so that a dump is a copy of the nodes. The ids of the first and last entry, of the greatest one that was
 * removed and how many were ever added are kept for the sake of groups' lag and of replication.
 * Invariants: S1 no node is without entries, though all of them may be marked as deleted. S2 ids ascend over all nodes and
 * the last is not beyond last_id. S3 length is the sum of the nodes' live entries; first_id is that of the first, or zero.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/types/stream_index.h"
#include "store/types/stream_node.h"

struct stream_group;

struct stream { /* shown to be read; changed by stream*.c, and by XSETID those that have ids */
    struct stream_index   nodes; /* of struct listpack */
    uint64_t              length;
    uint64_t              entries_added; /* ever; an estimate after loading old files */
    struct entry_id       last_id, first_id, max_deleted_id;
    struct stream_group **groups; /* by name; stream_group.h */
    uint32_t              group_count;
};

struct stream_limits { /* of a node: stream-node-max-bytes and -entries; 0: none */
    uint64_t node_max_bytes, node_max_entries;
};
enum { STREAM_ENTRY_MAX_BYTES = 1 << 30 }; /* of all names and values of an entry, with its overhead */
static inline uint64_t stream_entry_overhead(size_t texts) { /* at most, with a new node's head */
    return 128 + 11 * (uint64_t)texts;
}

struct stream *stream_new(void); /* gives: stream_free() */
void           stream_free(void *stream); /* as value.c wants these four */
size_t         stream_effort(const void *stream);
size_t         stream_memory(const void *stream); /* estimated from some of the nodes */
void          *stream_copy(const void *stream);
void          *stream_defrag(void *stream, uint64_t *cursor, size_t *moved, size_t *left); /* as value_defrag_object() */

/* ---- changing ---- */

/* `id` is greater than last_id; `pairs` are 2 * `count` texts, not larger together than STREAM_ENTRY_MAX_BYTES allows. */
void stream_add(struct stream *stream, struct entry_id id, const struct slice *pairs, size_t count, const struct stream_limits *limits);
/* False: there is no such entry. */
bool stream_remove(struct stream *stream, struct entry_id id);

struct stream_trim {
    enum { STREAM_KEEP, STREAM_MAX_LENGTH, STREAM_MIN_ID } by;
    bool            is_approximate; /* only whole nodes go */
    uint64_t        max_length;
    struct entry_id min_id;
    uint64_t        limit; /* at most so many entries; 0: all that must */
};
uint64_t stream_trim(struct stream *stream, const struct stream_trim *trim); /* returns how many entries went */

/* ---- walking ---- */

struct stream_walk {
    struct stream_entry  entry; /* the current one */
    const struct stream *stream;
    struct index_place   place;
    struct entry_id      master, start, end;
    bool                 backwards, with_deleted;
    enum { WALK_BEGIN, WALK_INSIDE, WALK_OVER } state;
};
/* From `start` to `end`, both included; backwards from end to start. Good until the stream changes. */
void stream_walk_start(struct stream_walk *walk, const struct stream *stream, struct entry_id start, struct entry_id end, bool backwards);
bool stream_walk_next(struct stream_walk *walk);
bool stream_find(const struct stream *stream, struct entry_id id, struct stream_entry *entry);
bool stream_has(const struct stream *stream, struct entry_id id);
/* The id of the first entry, deleted ones included; false: there is no node. */
bool            stream_first_kept(const struct stream *stream, struct entry_id *id);
struct entry_id stream_last_valid(const struct stream *stream); /* of the last entry that is there, or last_id of an empty stream */

/* ---- how far a reader is: for lag and entries-read ---- */

enum { STREAM_UNKNOWN = -1 };
/* How many entries were ever added up to `id`; STREAM_UNKNOWN where removed entries leave doubt. */
int64_t stream_distance(const struct stream *stream, struct entry_id id);
/* Whether one in [start, ...) was removed from between entries that are there. */
bool stream_has_gap(const struct stream *stream, struct entry_id start);

/* ---- as files have it: RDB's nodes are our nodes ---- */

/* Writing: walk stream->nodes (stream_index_first, _at, _next): item->id is the node's id, 16 bytes big-endian in a file,
 * and listpack_bytes(item->value) its bytes. Groups: stream_group.h.
 *
 * Reading: an empty stream_new(), stream_load_node() for each node in the order of the file, stream_load_counts(), groups.
 * Bytes are believed only after they were checked (listpack_is_valid, stream_node_is_valid, ids ascending over all nodes); a
 * stream for which one call said false can be freed, nothing else. */
MUST_USE bool stream_load_node(struct stream *stream, struct entry_id master, struct slice bytes);
struct stream_counts {
    struct entry_id last_id;
    bool            is_complete; /* the rest is there (since RDB type STREAM_LISTPACKS_2), else it is estimated */
    struct entry_id max_deleted_id;
    uint64_t        entries_added;
};
/* A file's length and first id are counted anew from the nodes. False: the numbers contradict the nodes. */
MUST_USE bool stream_load_counts(struct stream *stream, const struct stream_counts *counts);
