/* Anything as the answer to INFO, PING, ROLE-changing orders and PUBLISH of a primary and of replicas: the machine reads
 * what makes sense, promotes nobody for it, and tells nothing that forges a line.
 *
 * Input: a byte of options, then texts separated by bytes 0x1e; each answers the next request.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "../unit/sentinel/machine/solo.c"

#include "sentinel/machine/explain.h"
#include "sentinel/machine/facts.h"

static void read_alone(struct slice text) {
    struct facts facts = {.at_ms = NEVER, .priority = 100}, before = facts;
    static struct facts_replicas replicas;
    if (!facts_read_info(&facts, text, 5, &replicas)) {
        CHECK(memcmp(&facts, &before, sizeof facts) == 0);
        return;
    }
    CHECK(facts.role == ROLE_PRIMARY || facts.role == ROLE_REPLICA);
    CHECK(facts.priority >= 0 && facts.replica_offset >= 0 && facts.primary_offset >= 0);
    CHECK(strlen(facts.run_id) == 0 || strlen(facts.run_id) == 40);
    for (size_t i = 0; i < replicas.count; i++)
        CHECK(replicas.items[i].port > 0 && replicas.items[i].host.size > 0 && replicas.items[i].host.size < 256);
    (void)facts_is_kvd(text);
}

static void look(struct solo *solo) {
    struct bytes text = {0};
    struct primary *primary = solo_primary(solo);
    for (size_t i = 0; i < solo->actions.count; i++) {
        const struct action *action = &solo->actions.items[i];
        if (action->kind != ACTION_PUBLISH) continue;
        for (const char *c = action->publish.text; *c; c++) CHECK((unsigned char)*c >= ' ' && *c != 127);
        CHECK(strcmp(action->publish.name, "+switch-master") != 0); /* there is no majority */
    }
    explain_down(primary->instance, solo->now_ms, &text);
    LIST_EACH(&primary->replicas, node)
        (void)explain_replica(container_of(node, struct instance, node), solo->now_ms, &text);
    for (size_t i = 0; i < text.size; i++) CHECK((unsigned char)text.data[i] >= ' ');
    bytes_fini(&text);
}

static void answer_all(struct solo *solo, enum request_kind kind, struct reply_view reply) {
    struct primary *primary = solo_primary(solo);
    (void)solo_reply(solo, solo->now_ms, primary->instance->number, kind, reply);
    uint32_t numbers[4], count = 0;
    LIST_EACH(&primary->replicas, node)
        if (count < COUNT_OF(numbers)) numbers[count++] = container_of(node, struct instance, node)->number;
    for (uint32_t i = 0; i < count; i++) (void)solo_reply(solo, solo->now_ms, numbers[i], kind, reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum request_kind kinds[] = {REQUEST_INFO, REQUEST_INFO_REPLICATION, REQUEST_PING, REQUEST_HELLO,
                                              REQUEST_REPOINT};
    if (size < 1) return 0;
    struct solo solo;
    struct slice rest = slice_make(data + 1, size - 1), text;
    solo_init(&solo);
    solo_start(&solo, NULL, 0);
    for (unsigned turn = 0; turn < 12 && slice_split(&rest, 0x1e, &text); turn++) {
        struct reply_view reply = {.kind = data[0] & 1 && turn % 3 == 2 ? REPLY_VIEW_ERROR : REPLY_VIEW_BULK, .text = text};
        read_alone(text);
        solo_connect_all(&solo, solo.now_ms);
        (void)solo_run(&solo, solo.now_ms + (data[0] & 2 ? 12000 : 300));
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
            answer_all(&solo, kinds[i], reply);
            look(&solo);
        }
    }
    solo_fini(&solo);
    return 0;
}
