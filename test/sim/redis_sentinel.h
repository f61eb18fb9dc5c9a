/* A model of one plain Redis Sentinel (7.x), for quorums that mix it with the real machine.
 *
 * Faithful in what other sentinels see: polls on ticks of 50 to 100 ms (PING 1 s, INFO 10 s or 1 s, hello 2 s, questions
 * 1 s), one global epoch, votes by IS-MASTER-DOWN-BY-ADDR that are saved before they are answered, a majority counted
 * over votes of the current epoch, promotion believed from INFO only, and the eight-field hello. Not modelled: TILT,
 * scripts, names, operators.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sim/invariants.h"

struct redis_sentinel;

struct redis_sentinel_traits {
    const char *name, *id;                  /* borrowed for its life */
    const struct primary_config *primaries; /* borrowed likewise */
    size_t primary_count;
    uint16_t port;
    struct trace *trace;
    struct invariants *invariants;
};

/* Gives: redis_sentinel_free(). It does not run yet. */
struct redis_sentinel *redis_sentinel_new(struct network *network, struct schedule *schedule, struct random *random,
                                          const struct redis_sentinel_traits *traits);
void redis_sentinel_free(struct redis_sentinel **sentinel); /* takes */

void redis_sentinel_start(struct redis_sentinel *sentinel);
void redis_sentinel_crash(struct redis_sentinel *sentinel, bool power_lost); /* what it saved stays */
void redis_sentinel_pause(struct redis_sentinel *sentinel, int64_t until_us);

unsigned redis_sentinel_number(const struct redis_sentinel *sentinel); /* in the network */
bool redis_sentinel_is_running(const struct redis_sentinel *sentinel);
/* False: it believes something else, or has not finished; `why` (200 bytes) says what. */
bool redis_sentinel_agrees(const struct redis_sentinel *sentinel, const char *primary, const char *address,
                           uint64_t config_epoch, size_t replicas, size_t sentinels, char *why);
