/* An outbound connection that speaks RESP: dial, TLS, AUTH, pipelined requests with deadlines, subscriptions.
 *
 * Life:   idle --link_dial()--> dialling (resolve, connect, TLS) --> up --> idle (down)
 *
 * When it is connected, AUTH and CLIENT SETNAME are sent first and on_up is called at once, without waiting for their
 * answers: requests that the owner makes then travel right behind them. When the peer refuses the password the link
 * goes down as LINK_AUTH_FAILED. Requests are written together before the loop sleeps, and answered in order.
 * A link that went down stays down until its owner dials again, or dials by itself where `retry_min_ms` is set.
 * Every callback may call anything on the link, link_free() included.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "net/address.h"
#include "net/resp_parse.h"

struct loop;
struct tls;
struct conn;
struct resolver;
struct link;

/* Why a link is down, as a class to decide on; link_reason_text() has the sentence. */
enum link_reason {
    LINK_NONE,        /* it is not down, or was never dialled */
    LINK_REFUSED,     /* nobody listens there: the host is alive */
    LINK_RESET,       /* the peer or its host broke the connection */
    LINK_CLOSED,      /* the peer closed it in an orderly way */
    LINK_TIMED_OUT,   /* no connection within connect_timeout_ms or answer_timeout_ms, or the kernel gave up */
    LINK_UNREACHABLE, /* no route; also any other local trouble: no descriptors, no ports */
    LINK_UNRESOLVED,  /* the name has no address */
    LINK_TLS_FAILED,
    LINK_AUTH_FAILED, /* WRONGPASS, NOAUTH or NOPERM in answer to AUTH */
    LINK_PROTOCOL,    /* not RESP */
    LINK_TOO_LARGE,   /* a reply beyond the limits, or the peer does not read what we send */
    LINK_HUNG_UP,     /* link_hang_up() */
    LINK_REASONS
};
const char *link_reason_name(enum link_reason reason); /* "refused" */

enum link_state { LINK_IDLE, LINK_RESOLVING, LINK_CONNECTING, LINK_UP };

struct link_settings { /* texts are copied; zeroes are the defaults */
    struct tls      *tls;         /* NULL: none. Keeps */
    const char      *server_name; /* SNI; NULL: the host name that is dialled, where it is one */
    struct resolver *resolver;    /* keeps; needed only for names */
    struct address   source;      /* where to connect from; none: the kernel's choice */
    const char      *user;        /* NULL: AUTH with the password only */
    const char      *password;    /* NULL: no AUTH */
    const char      *client_name; /* CLIENT SETNAME; NULL: none. A refusal is ignored */
    int64_t          connect_timeout_ms; /* resolve, connect and TLS together; 0: none of ours */
    int64_t          answer_timeout_ms;  /* of that, until the peer's host answers at all: shorter than the second after which
                                            the kernel asks again, and who dials again asks at once. 0: no other */
    int64_t          unacked_timeout_ms; /* once it is up, see conn_set_unacked_timeout(); 0: the kernel's */
    const char      *auth_command, *client_command; /* what AUTH and CLIENT are called there; NULL: just that */
    int64_t          retry_min_ms, retry_max_ms; /* dial again after min, doubling to max, less up to a half of it by
                                                    chance; 0: the owner decides */
    int              keepalive_s;                /* 0: none */
    size_t           max_reply_bytes;            /* 0: 64 MiB */
    size_t           max_output_bytes;           /* waiting to be sent; 0: 64 MiB */
    unsigned         max_depth;                  /* of a reply; 0: 16 */
};

struct link_handlers { /* each may be NULL */
    void (*on_up)(struct link *link, void *context);
    /* Once per dial that failed and per link that was up. Requests were told before. */
    void (*on_down)(struct link *link, void *context, enum link_reason reason, const char *text);
    /* A message of a subscription or a RESP3 push: ["message", channel, payload], ["pmessage", ...]. */
    void (*on_message)(struct link *link, void *context, const struct resp_reply *message);
};

struct link *link_new(struct loop *loop, const struct link_settings *settings, const struct link_handlers *handlers,
                      void *context);   /* gives: link_free(). Keeps handlers */
void         link_free(struct link **link); /* takes; open requests are told LINK_LOST, on_down is not called */

/* New password, name, TLS...: used from the next dial on. */
void link_configure(struct link *link, const struct link_settings *settings);

/* Starts over towards there; a link that was up or dialling is hung up first (without on_down). on_up or on_down
 * follows, never before this returns. `host` may be an IP literal or, with a resolver, a name. */
void link_dial(struct link *link, const char *host, uint16_t port);
void link_dial_address(struct link *link, const struct address *address);
/* Drops the connection and every request (LINK_LOST); on_down is not called. A retry that was planned is off. */
void link_hang_up(struct link *link);

enum link_state       link_state(const struct link *link);
enum link_reason      link_reason(const struct link *link);      /* of the last time it went down */
const char           *link_reason_text(const struct link *link); /* lends until it goes down again */
const struct address *link_peer(const struct link *link);        /* where it is connected or connects to; else none */
struct conn          *link_conn(const struct link *link);        /* lends; NULL: not up or connecting */
int64_t link_last_input_ms(const struct link *link);  /* when anything was last read; 0: never since it is up */
size_t  link_waiting(const struct link *link);        /* requests without an answer */
size_t  link_memory(const struct link *link);

enum link_result {
    LINK_REPLY,   /* `reply` is there (it may be an error reply) */
    LINK_TIMEOUT, /* the deadline passed. The link goes on, and a late answer is swallowed */
    LINK_LOST     /* the link went down or was not up; it may or may not have been executed */
};
/* Called exactly once per request; never before link_call() returns. `reply` is NULL unless LINK_REPLY, and borrowed. */
typedef void link_on_reply(struct link *link, void *context, enum link_result result, const struct resp_reply *reply);

/* Sends a request. `deadline_ms` is on the clock of loop_now_ms(); 0: none. `on_reply` may be NULL: nobody cares.
 * Not up: it is answered LINK_LOST, from the loop. */
void link_call(struct link *link, const struct slice *argv, size_t argc, int64_t deadline_ms, link_on_reply *on_reply,
               void *context);
/* The same from texts: link_call_texts(link, deadline, on_reply, context, "PING", NULL). */
void link_call_texts(struct link *link, int64_t deadline_ms, link_on_reply *on_reply, void *context, ...)
    __attribute__((sentinel));
/* SUBSCRIBE to `count` channels. on_reply gets the confirmation of the last of them. From then on other requests than
 * (P|S)SUBSCRIBE, (P|S)UNSUBSCRIBE and PING are refused by a RESP2 peer. */
void link_subscribe(struct link *link, const struct slice *channels, size_t count, int64_t deadline_ms,
                    link_on_reply *on_reply, void *context);
/* Forgets the callbacks of every open request with this context (its owner goes away). */
void link_forget(struct link *link, const void *context);

/* Writes now what waits, instead of before the next sleep. */
void link_flush(struct link *link);

/* Gives the connection and what was read from it beyond the last reply, for a peer that stops speaking RESP (a
 * replication stream). Only inside the on_reply of the last open request; the link is idle afterwards. */
struct conn *link_detach(struct link *link, struct bytes *unread);
