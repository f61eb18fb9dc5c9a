/* Clients that wait until replicas have what they wrote: WAIT.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/client/client.h"

struct replication;
struct waits;

struct waits *waits_new(struct replication *replication); /* keeps. gives: waits_free() */
void          waits_free(struct waits **waits);           /* clients are gone */

/* WAIT: replies when `wanted` replicas have the client's last write, or the time is up (0: for ever), with how many have. */
void waits_start(struct waits *waits, struct client *client, size_t wanted, int64_t timeout_ms);
void waits_serve(struct waits *waits); /* somebody acknowledged something */
void waits_want(struct waits *waits);  /* replicas are to be asked ... */
void waits_ask(struct waits *waits);   /* ... before the loop sleeps, once for all who want it */
