/* What travels on a virtual connection: one command, one reply, one pushed payload, or a step of replication.
 *
 * Parsed already: RESP itself is tested elsewhere. Owned by the connection's queue once it is sent.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/event.h"

enum message_kind {
    MESSAGE_OPEN,    /* the connection stands */
    MESSAGE_CLOSE,   /* `reason` */
    MESSAGE_COMMAND, /* args */
    MESSAGE_REPLY,   /* reply */
    MESSAGE_PUSH,    /* text: a payload of __sentinel__:hello */
    MESSAGE_PSYNC,   /* id, number: a replica wants the stream from there; flag: it hands its role over to us */
    MESSAGE_SYNCED,  /* id, number, flag: a full one */
    MESSAGE_STREAM,  /* number: the offset after it; text: a payload that was published in it, or empty */
    MESSAGE_ACK,     /* number */
};

enum { MESSAGE_ARGS = 24 };

struct message {
    struct message *next;
    enum message_kind kind;
    int64_t arrive_us;
    enum line_reason reason;
    int64_t number;
    bool flag;
    char id[41];
    size_t count;
    struct slice args[MESSAGE_ARGS];
    struct reply_view reply, children[MESSAGE_ARGS];
    struct slice text;
    _Alignas(struct reply_view) char data[]; /* what the slices point to */
};

/* All give: message_free(). */
struct message *message_new(enum message_kind kind);
struct message *message_command(const struct slice *args, size_t count);
struct message *message_command_text(const char *line); /* arguments separated by single blanks */
struct message *message_push(struct slice payload);
struct message *message_stream(int64_t offset, struct slice payload);
struct message *message_status(const char *text);
struct message *message_error(const char *text);
struct message *message_bulk(struct slice text);
struct message *message_integer(int64_t value);
/* An array whose elements are texts ("+OK", "-ERR ...", ":1", "*" for null), as EXEC answers. */
struct message *message_array(const char *const *elements, size_t count);
/* The answer of SENTINEL is-master-down-by-addr. `least`: a fourth element, unless it is 0. */
struct message *message_vote(bool down, const char *leader, int64_t epoch, unsigned least);
/* The answer of SENTINEL REPLICAS: maps of ip, port, guard-named and guard-history. */
struct message_named {
    const char *ip;
    unsigned port;
    bool named;
};
struct message *message_replicas(const struct message_named *replicas, size_t count, const char *history);
void message_free(struct message *message);

bool message_is(const struct message *message, size_t argument, const char *text); /* ASCII case ignored */
void message_describe(const struct message *message, struct bytes *out);
