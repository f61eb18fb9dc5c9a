/* The order of a promotion and its proof.
 *
 * A coordinated failover stops the primary's writes, waits until the replica has them all, and promotes it: three round
 * trips. FAILOVER, which does the same on the primary's side, waits for an acknowledgement that replicas send once a
 * second; it is for primaries that refuse CLIENT PAUSE. F1 to F4 are failover.h's.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

/* Sends what comes next to whom it concerns; failover.ordered says afterwards whether a line was there for it. */
void order_send(struct primary *primary);
/* It was certainly not executed: another replica may be chosen. */
void order_take_back(struct primary *primary, const char *reason);
/* A planned failover (F5) whose primary cannot hand over; `why` lends its words. */
bool order_needs_force(const struct primary *primary, const char **why);
/* It goes on as a forced one: chooses again, and asks the pre-failover script. */
void order_force(struct primary *primary, const char *why);
/* How long the proof is waited for, from the order on. */
int64_t order_patience_ms(const struct primary *primary);

/* One command of a REQUEST_PROMOTE or REQUEST_HANDOVER was answered; `complete`: it was the last. */
void order_on_reply(struct instance *instance, const struct request *request, uint32_t index,
                    const struct reply_view *reply, bool complete);
/* The command line of an instance went down: what was ordered on it may or may not have been executed. */
void order_on_line_down(struct instance *instance);
/* Its INFO was read. */
void order_on_info(struct instance *instance);
