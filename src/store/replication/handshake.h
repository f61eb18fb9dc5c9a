/* What a replica says to its primary, from the connection until the stream of commands begins: no I/O, no clock.
 *
 * Bytes and the time come in; bytes to be sent and what has happened go out. The peer is not trusted: no line and no length is
 * believed before it is bounded. Order: PING, (AUTH, REPLCONF listening-port, ip-address, capa) in one piece, PSYNC, and for
 * a full synchronization the payload, "$<size>" or "$EOF:<40 bytes>" with the same 40 bytes behind it. A primary that does
 * not know PSYNC is asked by SYNC.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/error.h"
#include "base/sm.h"

enum { HANDSHAKE_ID_SIZE = 40, HANDSHAKE_LINE_BYTES = 1024 };

enum handshake_state {
    HANDSHAKE_CONNECTING,
    HANDSHAKE_PINGING,
    HANDSHAKE_INTRODUCING, /* AUTH and REPLCONFs were sent, their replies come one after the other */
    HANDSHAKE_ASKING,      /* PSYNC was sent */
    HANDSHAKE_WAITING,     /* for the head of the payload */
    HANDSHAKE_RECEIVING,
    HANDSHAKE_STREAMING, /* what comes now are commands */
    HANDSHAKE_FAILED,
    HANDSHAKE_STATES
};
extern const struct sm_table handshake_table;

struct handshake_settings { /* texts are borrowed until the handshake has ended */
    const char *user, *password; /* NULL: default user; no AUTH */
    const char *announce_ip;     /* NULL: none */
    int         announce_port;
    const char *id;       /* the history that we have a part of; NULL: none, so everything is needed */
    int64_t     next;     /* first byte of the stream that we lack, counted from 1 */
    bool        is_failover; /* "PSYNC <id> <next> FAILOVER": the primary is to become our replica */
    int64_t     timeout_ms;  /* of silence, in every state */
};

enum handshake_event {
    HANDSHAKE_MORE,          /* nothing happened; more bytes are needed */
    HANDSHAKE_WILL_CONTINUE, /* resumed; `id` says whether the history has another name now. What follows is the stream */
    HANDSHAKE_WILL_SEND_ALL, /* a full synchronization: id and offset, or unknown ("" and -1) of an old primary */
    HANDSHAKE_SIZE_KNOWN,    /* the payload begins: size */
    HANDSHAKE_PAYLOAD,       /* piece: a part of it */
    HANDSHAKE_PAYLOAD_ENDED, /* what follows is the stream */
    HANDSHAKE_BROKE          /* why, and whether the peer did answer (then it is alive, and to be asked again later) */
};

struct handshake { /* shown for embedding; fields are read only */
    struct sm                 sm;
    struct handshake_settings settings;
    int64_t                   heard_ms; /* last sign of life */
    unsigned                  replies;  /* that are still to come in INTRODUCING ... */
    unsigned                  asked;    /* ... to which of the questions, first in the lowest bits */
    bool                      asked_sync;   /* by SYNC */
    bool                      was_refused_later; /* -NOMASTERLINK, -LOADING: it would be able to later */
    bool                      rejected_psync;    /* a FAILOVER's target said no */
    char                      id[HANDSHAKE_ID_SIZE + 1]; /* "" where it is unknown, or has not changed */
    int64_t                   offset;                    /* of WILL_SEND_ALL: the payload is as of this; -1 unknown */
    int64_t                   size;     /* of the payload; -1: until the mark */
    int64_t                   received; /* bytes of it */
    char                      mark[HANDSHAKE_ID_SIZE];
    struct slice              piece;
    struct bytes              held; /* the end of what came, which may be the beginning of the mark, or of a line */
    size_t                    held_given; /* of `held` that `piece` lends */
    struct error              why;
};

void handshake_init(struct handshake *handshake, const struct handshake_settings *settings, int64_t now_ms);
void handshake_fini(struct handshake *handshake);

/* The connection is established. Adds what is to be sent. */
void handshake_on_open(struct handshake *handshake, int64_t now_ms, struct bytes *out);
/* Takes bytes from the front of `in` up to the next thing that happened, and adds what is to be sent. Call it again until
 * HANDSHAKE_MORE, or until the stream begins (what is left of `in` belongs to it) or it broke. `piece` is lent until the next call. */
enum handshake_event handshake_step(struct handshake *handshake, int64_t now_ms, struct slice *in, struct bytes *out);
/* True: the peer was silent for too long; `why` is filled and the state is HANDSHAKE_FAILED. */
bool handshake_is_overdue(struct handshake *handshake, int64_t now_ms);
/* Something else proved that the link lives (a payload that is loaded straight from it and takes its time). */
void handshake_note_life(struct handshake *handshake, int64_t now_ms);
