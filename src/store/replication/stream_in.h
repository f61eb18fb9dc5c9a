/* The stream of commands from our primary: executed by a client of ours, counted to the byte, passed on as it came.
 *
 * What has been executed, up to the beginning of a transaction that has not ended, is told in order to whoever keeps the
 * history; a link that breaks is resumed exactly there.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct client;
struct conn;
struct server;
struct stream_in;

struct stream_in_hooks {
    void *context;
    bool (*select)(void *context, struct client *client, int64_t number); /* makes it the client's database; false: there is none */
    /* These bytes of the stream were executed. Not from within a command. */
    void (*applied)(void *context, struct slice bytes);
    /* The link is gone. `is_broken`: it spoke no RESP, so that nothing is known of where it is. `db`: that it had chosen. */
    void (*lost)(void *context, bool is_broken, int db);
};

struct stream_in *stream_in_new(struct server *server, const struct stream_in_hooks *hooks); /* keeps the server. gives */
void              stream_in_free(struct stream_in **stream);

/* From here on `conn` is the stream; `unread` came already. `offset`: of the stream, as of which the data is. Takes. */
void stream_in_begin(struct stream_in *stream, struct conn **conn, int64_t offset, int db, struct slice unread);
/* Hangs up. hooks->lost is not called. Returns the database that was chosen. */
int  stream_in_end(struct stream_in *stream);
bool stream_in_is_up(const struct stream_in *stream);
struct client *stream_in_client(const struct stream_in *stream); /* NULL: it is not up */
/* Tells the primary how much has been executed: now, or after the commands that run. */
void stream_in_acknowledge(struct stream_in *stream);
/* Up to there it is on our disk (-1: unknown): part of each acknowledgement. Told at once where the last one said less than it
 * said was executed. */
void stream_in_set_synced(struct stream_in *stream, int64_t offset);

int64_t  stream_in_heard_ms(const struct stream_in *stream);       /* monotonic: last bytes */
int64_t  stream_in_read_offset(const struct stream_in *stream);    /* of what was read */
int64_t  stream_in_applied_offset(const struct stream_in *stream); /* of what was executed */
uint64_t stream_in_bytes(const struct stream_in *stream);          /* read since the start of the server */

/* What the server's hooks tell. */
void stream_in_said(struct stream_in *stream, struct client *client, struct slice bytes);
void stream_in_obeyed(struct stream_in *stream, struct client *client);
void stream_in_gone(struct stream_in *stream, struct client *client);
