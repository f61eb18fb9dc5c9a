/* Streams in RDB's form: their nodes as they are, counts, groups with what is pending.
 *
 *     nodes ([16 bytes: id BE][listpack])...  length last{ first max-deleted added}  groups group...
 *     group:    name last{ entries-read} pending ([16 bytes][time: 8 bytes LE][deliveries])... consumers consumer...
 *     consumer: name seen: 8 bytes LE{ active: 8 bytes LE} pending [16 bytes]...
 *
 * An id not of 16 bytes is two lengths. What is in braces depends on the type. We write RDB_STREAM_LISTPACKS_2.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/rdb_in.h"
#include "store/persist/rdb_out.h"
#include "store/types/stream_group.h"

void rdb_stream_write(struct rdb_out *out, const struct stream *stream);

struct rdb_stream_in { /* shown for embedding */
    struct stream          *stream;
    unsigned                type;
    int                     stage;
    uint64_t                left; /* of what the stage reads several of */
    uint64_t                groups, consumers; /* still to come */
    struct stream_counts    counts;
    struct stream_group    *group;
    struct stream_consumer *consumer;
};
/* What follows is a stream of this type; it is read into `stream`, which is empty (kept until the end). */
void rdb_stream_begin(struct rdb_stream_in *reader, struct stream *stream, unsigned type);
/* Takes one thing. `*is_done`: it was the last. `text` is for its use. */
enum rdb_result rdb_stream_step(struct rdb_stream_in *reader, struct rdb_in *in, struct rdb_text *text, bool *is_done);
