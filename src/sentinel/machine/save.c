#include "sentinel/machine/save.h"
#include "base/mem.h"
#include "sentinel/machine/outbox.h"
#include "sentinel/machine/vote.h"
#include "sentinel/machine/world_internal.h"

#include <stdio.h>

enum { SAVE_BATCH_MS = 200, SAVE_RETRY_MS = 1000 };

int64_t save_look(struct world *world) {
    if (world->save_sequence || world->state_sequence == world->saved_sequence) return INT64_MAX; /* S1 */
    bool urgent = world->save_urgent && !world->save_failing;
    if (!urgent && world->save_ms == NEVER) world->save_ms = world->now_ms + SAVE_BATCH_MS; /* S2 */
    if (!urgent && world->now_ms < world->save_ms) return world->save_ms;
    struct action *action = actions_add(world->actions, ACTION_SAVE);
    action->save.sequence = world->state_sequence;
    action->save.urgent = world->save_urgent;
    action->save.whole = world->save_whole;
    world->save_sequence = world->state_sequence;
    world->save_urgent = world->save_whole = false;
    world->save_ms = NEVER;
    return INT64_MAX;
}

static void answer_flushes(struct world *world, bool ok) {
    struct held_answer **at = &world->flushes;
    while (*at) {
        struct held_answer *flush = *at;
        if (ok && flush->sequence > world->saved_sequence) {
            at = &flush->next;
            continue;
        }
        if (ok)
            outbox_ok(world, flush->token);
        else
            outbox_error(world, flush->token, "ERR Failed to save the state file: %s", world->save_error);
        *at = flush->next;
        mem_free(flush);
    }
}

void save_on_saved(struct world *world, uint64_t sequence, bool ok, struct slice error) {
    if (world->save_sequence == 0 || sequence != world->save_sequence) return; /* not the one we wait for */
    world->save_sequence = 0;
    bool was_failing = world->save_failing;
    world->save_failing = !ok;
    if (ok) {
        CHECK(sequence > world->saved_sequence);
        world->saved_sequence = sequence;
        world->saves++;
        world->save_error[0] = 0;
        if (was_failing) outbox_event(world, NULL, SENTINEL_EVENT_STATE_SAVED, "the state is on disk again");
    } else {
        world->save_failures++;
        world->save_ms = world->now_ms + SAVE_RETRY_MS;
        snprintf(world->save_error, sizeof world->save_error, "%.*s",
                 (int)MIN(error.size, sizeof world->save_error - 1), error.data ? error.data : "");
        if (!was_failing)
            outbox_event(world, NULL, SENTINEL_EVENT_STATE_FAILED, "%s (no votes until it can be written)",
                         world->save_error[0] ? world->save_error : "unknown reason");
    }
    if (ok != !was_failing || !ok)
        LIST_EACH(&world->primaries, node) world_touch_primary(container_of(node, struct primary, node));
    vote_on_saved(world, ok);
    answer_flushes(world, ok);
}

void save_flush(struct world *world, uint64_t token) {
    world_changed(world, true);
    world->save_whole = true; /* the file may be damaged or gone */
    if (world->save_failing) world->save_ms = world->now_ms; /* the operator may have made room */
    struct held_answer *flush = mem_zalloc(sizeof *flush);
    flush->token = token;
    flush->sequence = world->state_sequence;
    flush->next = world->flushes;
    world->flushes = flush;
}

void save_fini(struct world *world) {
    while (world->flushes) {
        struct held_answer *flush = world->flushes;
        world->flushes = flush->next;
        mem_free(flush);
    }
}
