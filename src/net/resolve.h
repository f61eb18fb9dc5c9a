/* Host names to addresses without blocking the loop.
 *
 * getaddrinfo() runs on a few worker threads (started when needed, at most RESOLVE_THREADS), so one dead name server
 * delays look-ups but never the loop. At most RESOLVE_QUEUE look-ups wait; more fail at once.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"
#include "net/address.h"

struct loop;
struct resolver;
struct resolve;

enum { RESOLVE_THREADS = 4, RESOLVE_QUEUE = 1024, RESOLVE_ADDRESSES = 16 };

struct resolver *resolver_new(struct loop *loop);           /* gives: resolver_free() */
void             resolver_free(struct resolver **resolver); /* takes; open look-ups are cancelled, threads not waited for */

enum resolve_family { RESOLVE_ANY, RESOLVE_IPV4, RESOLVE_IPV6 };

/* The answer: `count` addresses (at most RESOLVE_ADDRESSES) in the order of preference, or none and a reason. Borrowed
 * for the call. */
typedef void resolve_done(void *context, const struct address *addresses, size_t count, const char *error);

/* Looks `host` up. An IP literal, and a look-up that cannot even be queued, are answered before this returns, and then
 * NULL is returned. Otherwise on_done follows from the loop, and the look-up lives until then or resolve_cancel(). */
struct resolve *resolve_start(struct resolver *resolver, const char *host, uint16_t port, enum resolve_family family,
                              resolve_done *on_done, void *context);
void            resolve_cancel(struct resolve **resolve); /* on_done will not come; NULL inside is harmless */
size_t          resolver_waiting(const struct resolver *resolver); /* look-ups not answered yet */
/* For tests: look up with this instead of getaddrinfo() (same arguments and results; freed with freeaddrinfo()). */
struct addrinfo;
void resolver_set_lookup(struct resolver *resolver, int (*lookup)(const char *host, const char *service,
                                                                  const struct addrinfo *hints, struct addrinfo **out));
