/* When a process is known to be gone, without waiting for its silence: the fast path of primaries with `fast-failover`.
 *
 * K1  A process is gone when a line to it that was open was reset or closed, and then every attempt to reach it was
 *     refused, at least two, the last of them begun no sooner than the grace after the loss.
 * K2  Silence is no evidence: an attempt that times out, or ends in any other way than a refusal, clears it.
 * K3  It is gone until it gives a good answer to a ping.
 *
 * A host that lost its power, a cut network and a process that hangs refuse nothing. A firewall that rejects with a
 * reset looks like a process that is gone: that is why it is for the operator to choose, and the quorum to agree.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/instance.h"

void gone_reset(struct instance *instance);
/* A line failed that was in this phase since since_ms. */
void gone_on_line_down(struct instance *instance, enum line_phase phase, int64_t since_ms, enum line_reason reason);
void gone_on_line_up(struct instance *instance);
/* Evidence is being collected: when the next attempt is wanted. INT64_MAX: the usual time will do. `hung_up`: how often
 * in a row a line opened and was closed again too soon to be of use, so that a proxy without a server is not dialled
 * in a tight loop. */
int64_t gone_retry_ms(const struct instance *instance, uint32_t hung_up);
