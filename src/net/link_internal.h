/* What the two halves of a link share: link.c makes and ends connections, link_requests.c talks on them.
 *
 * Callbacks may call anything, so every entry from the loop holds the link (hold/release), and whatever ends a
 * connection (dial, hang up, going down, detaching, freeing) begins a new `era`: code that called somebody goes on only
 * when the era is still its own.
 *
 * Requests wait in `requests` for their answers, in order. When the connection ends they move to `lost`, from where
 * they are told one by one; link_free() inside one of these calls tells the rest before it returns.
 *
 *     IDLE --dial: a name--> RESOLVING --on_resolved--> CONNECTING --on_open--> UP
 *       ^  --dial: an address-------------------------------^                   |
 *       +--------------- go_down(), link_hang_up(), link_detach() --------------+
 *
 * Included by these two only.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/random.h"
#include "net/buffer.h"
#include "net/link.h"
#include "net/loop.h"

struct request {
    struct list_node  node;
    struct link      *link;
    struct loop_timer deadline;
    link_on_reply    *on_reply; /* NULL: nobody cares, or its deadline has passed */
    void             *context;
    size_t            confirmations; /* of a subscription: so many are still to come; 0: an ordinary request */
};

struct options { /* the settings, owned */
    struct link_settings s;
    char                *texts[6];
};

struct link { /* in the order of use: what a request and its answer touch comes first */
    struct loop                *loop;
    const struct link_handlers *handlers;
    void                       *context;
    struct conn                *conn;
    struct resp_reply_parser   *parser;
    struct list                 requests, lost;
    size_t                      waiting, max_output_bytes;
    struct loop_task            flush;
    uint64_t                    era;
    int64_t                     backoff_ms;
    int64_t                     last_input_ms;
    enum link_state             state;
    unsigned                    holds;
    int                         write_failure; /* errno's number */
    bool                        is_subscribed, is_overfull, is_freed;
    bool                        awaits_answer; /* `timeout` is that of the host's first answer */
    struct output               output;
    struct input                input;
    enum link_reason            reason;
    enum link_reason            failed; /* what `later` is to report; LINK_NONE: it dials again */
    struct loop_timer           timeout; /* of dialling */
    struct loop_timer           later;   /* a failure that was known at once, or the next dial */
    struct loop_timer           tell; /* requests that were made while it was not up */
    struct options              options;
    char                       *host; /* NULL: dialled by address */
    struct resolve             *resolve;
    struct tls_session         *session; /* to resume with the same peer */
    uint16_t                    port;
    struct address              target; /* where it connects to */
    struct random               random;
    char                        reason_text[256];
};

/* link.c */
void link_hold(struct link *link); /* until the same number of releases the memory stays, freed or not */
void link_release(struct link *link);
/* The connection is over, and everybody is told. The caller holds the link. */
void link_go_down(struct link *link, enum link_reason reason, const char *text);
void link_fail_later(struct link *link, enum link_reason reason, const char *text); /* the same, from a timer */
enum link_reason link_reason_of(int failure); /* errno's number */

/* link_requests.c */
void link_tell_lost(struct link *link); /* those in `lost` */
void link_on_flush(struct loop_task *task);
void link_on_readable(struct conn *conn, void *context); /* the connection's handlers; `context` is the link */
void link_on_writable(struct conn *conn, void *context);
