/* What the stream_*_commands.c share: finding streams and groups, reading ids, replying with entries, telling others.
 *
 * Included by them only. A function that returns false has replied, unless it says otherwise.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/keyspace/keyspace.h"
#include "store/types/stream_group.h"

struct client;

/* ---- finding; `*stream` is NULL for an absent key ---- */
MUST_USE bool stream_commands_read(struct client *client, struct slice key, struct stream **stream); /* false: WRONGTYPE */
MUST_USE bool stream_commands_open(struct client *client, struct slice key, struct spot *spot, struct stream **stream);
struct stream *stream_commands_make(struct client *client, struct slice key, struct spot *spot); /* the key is absent */
/* The stream argv[place] and its group argv[place + 1]; false: one of them is not there. Notes the use of the key. */
MUST_USE bool stream_commands_read_group(struct client *client, int place, struct stream **stream, struct stream_group **group);
/* The consumer, who is seen now and made where it is not there. */
struct stream_consumer *stream_commands_consumer(struct client *client, struct slice key, struct stream_group *group,
                                                 struct slice name, bool *is_new);

/* ---- reading ids ---- */
MUST_USE bool stream_commands_id(struct client *client, int place, uint64_t missing_seq, struct entry_id *id);
/* "-" and "+" too. */
MUST_USE bool stream_commands_id_or_edge(struct client *client, int place, uint64_t missing_seq, struct entry_id *id);
/* ... and "(5-0": the next one, or the one before. */
MUST_USE bool stream_commands_start(struct client *client, int place, struct entry_id *id);
MUST_USE bool stream_commands_end(struct client *client, int place, struct entry_id *id);
void          stream_commands_reply_bad_id(struct client *client);
/* Arguments from `first` on as strict ids; gives an array for stream_commands_free_ids(). NULL: replied. */
enum { STREAM_FEW_IDS = 8 };
struct stream_ids {
    struct entry_id *ids;
    struct entry_id  few[STREAM_FEW_IDS];
};
MUST_USE bool stream_commands_ids(struct client *client, int first, struct stream_ids *ids);
void          stream_commands_free_ids(struct stream_ids *ids);

/* ---- replying ---- */
void stream_commands_reply_id(struct client *client, struct entry_id id);
void stream_commands_reply_entry(struct client *client, const struct stream_entry *entry); /* [id, [name, value, ...]] */
/* As an array, at most `count` (0: all). */
void stream_commands_reply_range(struct client *client, const struct stream *stream, struct entry_id start, struct entry_id end,
                                 bool backwards, uint64_t count);

/* ---- telling ---- */
void stream_commands_changed(struct client *client, struct slice key, const char *event, uint64_t changes);
/* What replicas and files are told of a delivery: XCLAIM key group consumer 0 id TIME .. RETRYCOUNT .. FORCE JUSTID LASTID .. */
void stream_commands_propagate_claim(struct client *client, struct slice key, const struct stream_group *group,
                                     struct entry_id id, const struct stream_nack *nack);
void stream_commands_propagate_last_id(struct client *client, struct slice key, const struct stream_group *group); /* XGROUP SETID */
void stream_commands_propagate_consumer(struct client *client, struct slice key, const struct stream_group *group,
                                        const struct stream_consumer *consumer); /* XGROUP CREATECONSUMER */

/* The rows of stream.def, whose bodies are in four files. */
#define COMMAND COMMAND_PROTOTYPE
#include "core/command/command.h"
#include "store/commands/stream.def"
#undef COMMAND
