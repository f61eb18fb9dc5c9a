/* The groups of a stream: how far each has read, what its consumers were given and have not acknowledged.
 *
 * A pending entry (nack) is in its group's index and in that of the consumer who has it.
 * Invariants: G1 both indexes of every nack agree, and its consumer belongs to the same group. G2 groups and consumers are
 * sorted by name, bytes compared.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/types/stream.h"

struct stream_consumer {
    struct stream_index pending; /* of struct stream_nack */
    int64_t             seen_ms;   /* wall clock: last tried to read or claim */
    int64_t             active_ms; /* ... and got something; -1: never */
    struct slice        name;      /* in the same block */
    char                text[];
};

struct stream_nack {
    int64_t                 delivered_ms; /* wall clock */
    uint64_t                deliveries;
    struct stream_consumer *consumer;
};

struct stream_group { /* shown to be read, and so that XGROUP SETID can set the first two */
    struct entry_id          last_id; /* the last one that was given to somebody */
    int64_t                  entries_read; /* entries ever added up to last_id; STREAM_UNKNOWN */
    struct stream_index      pending; /* of struct stream_nack */
    struct stream_consumer **consumers;
    uint32_t                 consumer_count;
    struct slice             name; /* in the same block */
    char                     text[];
};

/* ---- groups ---- */
struct stream_group *stream_group_find(const struct stream *stream, struct slice name); /* NULL: none */
/* NULL: there is one of that name. Owned by the stream. */
struct stream_group *stream_group_add(struct stream *stream, struct slice name, struct entry_id last_id, int64_t entries_read);
void                 stream_group_remove(struct stream *stream, struct stream_group *group);
void                 stream_group_free_all(struct stream *stream);
void                 stream_group_copy_all(struct stream *to, const struct stream *from);
size_t               stream_group_effort(const struct stream *stream); /* pending entries and consumers of all groups */
size_t               stream_group_memory(const struct stream *stream);
/* Entries after the group's last; false: not known. */
bool stream_group_lag(const struct stream *stream, const struct stream_group *group, int64_t *lag);
/* `id`, of an entry that is there, was given: it is the group's last if it is greater. False: it is not. */
bool stream_group_advance(const struct stream *stream, struct stream_group *group, struct entry_id id);

/* ---- consumers ---- */
struct stream_consumer *stream_group_find_consumer(const struct stream_group *group, struct slice name);
struct stream_consumer *stream_group_add_consumer(struct stream_group *group, struct slice name, int64_t wall_ms); /* NULL: exists */
/* With all that is pending for it. */
void stream_group_remove_consumer(struct stream_group *group, struct stream_consumer *consumer);

/* ---- pending entries ---- */
struct stream_nack *stream_group_find_nack(const struct stream_group *group, struct entry_id id);
/* The consumer has been given the entry, whoever had it before: delivered now, for the first time. */
struct stream_nack *stream_group_deliver(struct stream_group *group, struct stream_consumer *consumer, struct entry_id id, int64_t wall_ms);
void stream_group_claim(struct stream_nack *nack, struct entry_id id, struct stream_consumer *consumer);
bool stream_group_acknowledge(struct stream_group *group, struct entry_id id); /* false: it was not pending */

/* ---- as files have it ----
 * Writing: groups in order; of each name, last_id, entries_read, `pending` with times and counts, then its consumers: name,
 * seen_ms, active_ms, the ids of their `pending`.
 * Reading: stream_group_add(), stream_group_load_nack() for each pending entry of the group, then for each consumer
 * stream_group_add_consumer() (whose times are then set) and stream_group_load_owner() for each id; at last stream_group_load_end().
 * Before that, nothing but these calls and freeing. False: the file contradicts itself. */
MUST_USE bool stream_group_load_nack(struct stream_group *group, struct entry_id id, int64_t delivered_ms, uint64_t deliveries);
MUST_USE bool stream_group_load_owner(struct stream_group *group, struct stream_consumer *consumer, struct entry_id id);
MUST_USE bool stream_group_load_end(const struct stream_group *group);
