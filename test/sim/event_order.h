/* Whether the events that one sentinel publishes come in an order that a client of the real Sentinel may see (S7).
 *
 * One of these lives as long as one life of a sentinel process. Stricter than a client would be: every step of a
 * failover needs the step before it.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/action.h"

struct event_order;

struct event_order *event_order_new(void);         /* gives: event_order_free() */
void event_order_free(struct event_order **order); /* takes; NULL inside is allowed */
/* `event` with its established payload for the primary of that name (NULL: none). False: it may not come now; `why`
 * (200 bytes) says what is missing. */
bool event_order_take(struct event_order *order, enum sentinel_event event, const char *primary, const char *text,
                      char *why);
