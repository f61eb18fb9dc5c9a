/* Anything said on __sentinel__:hello, asked as a vote or answered by a peer: the machine takes it, believes nothing
 * that leaves no room for later epochs, and tells nothing that forges a line.
 *
 * Input: messages, one a line; the first byte of each says how it comes.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "../unit/sentinel/machine/solo.c"

#include "base/number.h"
#include "sentinel/machine/hello.h"

static void look(struct solo *solo) {
    const struct world *world = solo_world(solo);
    CHECK(world->current_epoch < (uint64_t)1 << 48);
    CHECK(solo_primary(solo)->config_epoch <= world->current_epoch);
    CHECK(solo_primary(solo)->vote_epoch <= world->current_epoch);
    for (size_t i = 0; i < solo->actions.count; i++) {
        const struct action *action = &solo->actions.items[i];
        if (action->kind != ACTION_PUBLISH) continue;
        for (const char *c = action->publish.text; *c; c++) CHECK((unsigned char)*c >= ' ' && *c != 127);
    }
}

static void ask(struct solo *solo, struct slice message) {
    struct event event = {.kind = EVENT_VOTE_REQUEST, .token = 1, .vote = {.ip = SLICE("10.0.0.1"), .port = 6379}};
    struct slice epoch;
    if (!slice_split(&message, ',', &epoch) || !number_parse_int(epoch, &event.vote.epoch)) return;
    event.vote.run_id = message;
    (void)solo_at(solo, solo->now_ms + 1, &event);
}

static void answer(struct solo *solo, struct slice message) {
    struct slice part[3] = {0};
    struct reply_view items[3] = {0};
    for (int i = 0; i < 3; i++) {
        if (!slice_split(&message, ',', &part[i])) return;
        items[i] = (struct reply_view){.kind = REPLY_VIEW_BULK, .text = part[i]};
        if (i != 1 && number_parse_int(part[i], &items[i].integer)) items[i].kind = REPLY_VIEW_INTEGER;
    }
    (void)solo_run(solo, solo->now_ms + 1500); /* the primary is down: peers are asked */
    solo_connect_all(solo, solo->now_ms);
    (void)solo_run(solo, solo->now_ms + 50);
    struct primary *primary = solo_primary(solo);
    if (list_is_empty(&primary->seats)) return;
    const struct seat *seat = container_of(list_first(&primary->seats), struct seat, at_primary);
    (void)solo_reply(solo, solo->now_ms, seat->peer->number, REQUEST_ASK,
                     (struct reply_view){.kind = REPLY_VIEW_ARRAY, .children = items, .count = 3});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct solo solo;
    struct slice rest = slice_make(data, size), message;
    solo_init(&solo);
    solo_start(&solo, NULL, 0);
    for (unsigned count = 0; count < 50 && slice_split(&rest, '\n', &message); count++) {
        if (message.size == 0) continue;
        char how = *message.data;
        message = slice_make(message.data + 1, message.size - 1);
        switch (how) {
        case 'v': ask(&solo, message); break;
        case 'a': answer(&solo, message); break;
        case 's': (void)solo_saved(&solo, solo.now_ms, true); break;
        case 'f': (void)solo_saved(&solo, solo.now_ms, false); break;
        case 't': (void)solo_run(&solo, solo.now_ms + 700); break;
        default:
            (void)solo_at(&solo, solo.now_ms + 1,
                          &(struct event){.kind = EVENT_HELLO,
                                          .hello = {how == 'p' ? 0 : solo_primary(&solo)->instance->number, message}});
        }
        look(&solo);
    }
    solo_fini(&solo);
    return 0;
}
