/* One machine alone on the stage: events in, and what it does as one line of text, for conversations.
 *
 * It watches "mymaster" at 10.0.0.1:6379, quorum 2, down-after 1000 ms; its id is forty times `a`. Only what can be
 * seen from outside is told: events, saves, answers, scripts, exits, lookups; solo_sent() has the requests.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/machine.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccc"
#define ID_D "dddddddddddddddddddddddddddddddddddddddd"

struct solo {
    struct machine *machine;
    struct primary_config config;
    struct machine_config base;
    struct actions actions; /* of the last step */
    struct bytes text;
    int64_t now_ms;
    bool is_fresh; /* else it remembers that it never voted: what most tests want */
};

void solo_init(struct solo *solo);
void solo_start(struct solo *solo, const struct state_record *state, size_t count); /* at time 0; saves are answered */
void solo_fini(struct solo *solo);

/* Lends the line until the next call: "+sdown master ... ; save ; answer 3: up, vote * 0". */
const char *solo_at(struct solo *solo, int64_t now_ms, const struct event *event);
const char *solo_vote(struct solo *solo, int64_t now_ms, const char *id, int64_t epoch); /* token 1 */
const char *solo_saved(struct solo *solo, int64_t now_ms, bool ok);
const char *solo_hello(struct solo *solo, int64_t now_ms, const char *payload);
/* Lets time pass with all wake-ups that the machine wants; tells all that happened. */
const char *solo_run(struct solo *solo, int64_t until_ms);
/* Opens every line that is being opened. */
void solo_connect_all(struct solo *solo, int64_t now_ms);
/* Answers the oldest open request of this kind of the instance. False: there is none. */
bool solo_reply(struct solo *solo, int64_t now_ms, uint32_t instance, enum request_kind kind, struct reply_view reply);
bool solo_reply_at(struct solo *solo, int64_t now_ms, uint32_t instance, enum request_kind kind, uint32_t index,
                   struct reply_view reply);

struct world *solo_world(struct solo *solo);
struct primary *solo_primary(struct solo *solo);

#define STATUS(words) ((struct reply_view){.kind = REPLY_VIEW_STATUS, .text = SLICE(words)})
#define BULK(words) ((struct reply_view){.kind = REPLY_VIEW_BULK, .text = SLICE(words)})
#define FAILURE(words) ((struct reply_view){.kind = REPLY_VIEW_ERROR, .text = SLICE(words)})
#define INTEGER(value) ((struct reply_view){.kind = REPLY_VIEW_INTEGER, .integer = (value)})
