/* The lines to one watched instance: commands with their replies, and the subscription to the hello channel.
 *
 * Each line is a link that is dialled only when it is told to and never by itself. The handlers are called from the loop,
 * never from within a watch_...() call, and may free the watch. A line that went down tells so once; its open requests
 * are silent. Owned by the driver.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/action.h"

struct loop;
struct resp_reply;
struct tls;
struct watch;

struct watch_handlers {
    /* `local_ip`: our side of the connection, as text. */
    void (*on_up)(void *context, uint32_t instance, enum line_kind line, const char *local_ip);
    void (*on_down)(void *context, uint32_t instance, enum line_kind line, enum line_reason reason, const char *detail);
    void (*on_reply)(void *context, uint32_t instance, uint64_t request, uint32_t index,
                     const struct resp_reply *reply);
    void (*on_hello)(void *context, uint32_t instance, struct slice payload);
};

struct watch_target { /* borrowed */
    const char *ip, *host; /* numeric; the name that TLS asks for (SNI), may equal ip. It is not compared with the
                            * certificate's names: see docs/tls.md */
    uint16_t    port;
    const char *user, *password, *client_name; /* may be NULL */
    int64_t     timeout_ms; /* to connect */
    int64_t     answer_timeout_ms, unacked_timeout_ms; /* see net/link.h */
    struct tls *tls;        /* NULL: none. Keeps */
    const char *source_ip;  /* where to connect from; NULL or "": the system's choice */
};

/* Keeps loop, handlers and context. gives: watch_free() */
struct watch *watch_new(struct loop *loop, uint32_t instance, const struct watch_handlers *handlers, void *context);
void          watch_free(struct watch **watch); /* takes; nothing is told any more */

void watch_connect(struct watch *watch, enum line_kind line, const struct watch_target *target);
void watch_disconnect(struct watch *watch, enum line_kind line); /* without on_down */
bool watch_is_up(const struct watch *watch, enum line_kind line);
/* Sends commands on the command line, in order; each is told by on_reply with its index. Nothing when it is not up. */
void watch_send(struct watch *watch, uint64_t request, const struct command_view *commands, size_t count);
/* Writes now what was sent, instead of before the next sleep: while it is still in the processor's caches. */
void   watch_flush(struct watch *watch);
size_t watch_memory(const struct watch *watch); /* bytes */
