#include "sentinel/machine/history.h"
#include "base/mem.h"
#include "sentinel/machine/choose.h"
#include "sentinel/machine/explain.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>

/* ---- Notes ---- */

static void add_vote(struct bytes *out, const char *voter, const char *candidate) {
    if (candidate[0]) bytes_add_printf(out, "vote\t%s\t%s\n", voter, candidate);
}

void history_note_votes(struct primary *primary) {
    struct bytes *out = &primary->failover.noted_votes;
    uint64_t epoch = primary->failover.record.epoch;
    bytes_clear(out);
    if (primary->vote_epoch == epoch) add_vote(out, primary->world->id, primary->vote_leader);
    LIST_EACH(&primary->seats, node) {
        const struct seat *seat = container_of(node, struct seat, at_primary);
        if (seat->leader_epoch == epoch) add_vote(out, seat->peer->id, seat->leader);
    }
}

static void add_replica(struct bytes *out, const struct instance *replica, const struct instance *target) {
    struct bytes why = {0};
    bool good = explain_replica(replica, replica->world->now_ms, &why);
    for (size_t i = 0; i < why.size; i++)
        if ((unsigned char)why.data[i] < ' ') why.data[i] = '?';
    bytes_add_printf(out, "replica\t%s:%u\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%s\t%s\n",
                     instance_shown_host(replica, replica->world), replica->port, choose_offset(replica),
                     replica->facts.priority, choose_lag(replica),
                     replica == target ? "chosen" : good ? "could-be-chosen" : "cannot-be-chosen", bytes_text(&why));
    bytes_fini(&why);
}

void history_note_replicas(struct primary *primary, const struct instance *target) {
    struct bytes *out = &primary->failover.noted_replicas;
    bytes_clear(out);
    LIST_EACH(&primary->replicas, node) {
        if (out->size > HISTORY_TEXT_MAX / 2) break; /* T1 */
        add_replica(out, container_of(node, struct instance, node), target);
    }
    primary->failover.record.lost_bytes = target && !primary->failover.coordinated ? choose_lag(target) : target ? 0 : -1;
}

void history_forget_notes(struct primary *primary) {
    bytes_clear(&primary->failover.noted_votes);
    bytes_clear(&primary->failover.noted_replicas);
}

/* ---- Records ---- */

static void drop(struct primary *primary, struct history_record *record) {
    list_remove(&record->node);
    primary->history_count--;
    primary->world->history_count--;
    mem_free(record->text);
    mem_free(record);
}

void history_free(struct primary *primary) {
    LIST_EACH(&primary->history, node) drop(primary, container_of(node, struct history_record, node));
    bytes_fini(&primary->failover.noted_votes);
    bytes_fini(&primary->failover.noted_replicas);
}

static struct history_record *last_of(const struct primary *primary) {
    const struct list_node *last = primary->history.head.prev;
    return last == &primary->history.head ? NULL : container_of(last, struct history_record, node);
}

/* T1 */
static void make_room(struct primary *primary) {
    while (primary->history_count &&
           (primary->history_count >= HISTORY_MAX || primary->world->history_count >= HISTORY_TOTAL_MAX))
        drop(primary, container_of(list_first(&primary->history), struct history_record, node));
}

static struct history_record *insert(struct primary *primary, uint64_t serial) {
    make_room(primary);
    struct history_record *record = mem_zalloc(sizeof *record);
    record->serial = serial;
    record->cause_ms = NEVER;
    list_add(&primary->history, &record->node);
    primary->history_count++;
    primary->world->history_count++;
    return record;
}

void history_recall(struct primary *primary, uint64_t serial, const char *text) {
    if (primary->history_count >= HISTORY_MAX || strlen(text) > 2 * HISTORY_TEXT_MAX) return;
    struct history_record *record = insert(primary, serial);
    record->text = mem_strdup(text);
    /* The state is in the order of its keys' letters. */
    struct list_node *at = record->node.prev;
    while (at != &primary->history.head && container_of(at, struct history_record, node)->serial > serial) at = at->prev;
    struct list_node *next = at->next;
    if (next == &record->node) return;
    list_remove(&record->node);
    list_insert_before(next, &record->node);
}

/* What it is the answer to: the trouble, or the operator's word. Rounds of the same are one record (T2). */
static int64_t cause_ms(const struct failover_record *record) {
    return record->down_ms != NEVER ? record->down_ms : record->asked_ms;
}

static void add_phase(struct bytes *out, const struct failover_record *record, const char *name, int64_t at_ms) {
    int64_t begin_ms = cause_ms(record) != NEVER ? cause_ms(record) : record->started_ms;
    if (at_ms != NEVER && begin_ms != NEVER) bytes_add_printf(out, "%s-ms\t%" PRId64 "\n", name, MAX(0, at_ms - begin_ms));
}

static void add_text(struct bytes *out, const char *name, const char *text) {
    if (!text[0]) return;
    bytes_add_printf(out, "%s\t", name);
    for (; *text; text++) bytes_add_char(out, (unsigned char)*text < ' ' ? '?' : *text);
    bytes_add_char(out, '\n');
}

static void print(const struct primary *primary, const char *how, struct bytes *out) {
    const struct failover *failover = &primary->failover;
    const struct failover_record *record = &failover->record;
    int64_t begin_ms = cause_ms(record) != NEVER ? cause_ms(record) : record->started_ms;
    int64_t before_ms = begin_ms != NEVER && record->started_ms != NEVER ? record->started_ms - begin_ms : 0;
    bytes_add_printf(out, "epoch\t%" PRIu64 "\n", record->epoch);
    add_text(out, "role", record->as_observer ? "observer" : "leader");
    add_text(out, "leader", record->leader);
    add_text(out, "kind", record->coordinated ? "coordinated" : record->forced ? "forced" : "automatic");
    add_text(out, "reason", record->reason);
    add_text(out, "outcome", failover_result_name(record->result));
    add_text(out, "outcome-reason", how);
    add_text(out, "from", record->from);
    add_text(out, "to", record->to);
    if (record->started_wall_ms) bytes_add_printf(out, "began-unix-ms\t%" PRId64 "\n", record->started_wall_ms - before_ms);
    add_phase(out, record, "sdown", record->down_ms);
    add_phase(out, record, "odown", record->odown_ms);
    if (!record->as_observer) add_phase(out, record, "try", record->started_ms);
    add_phase(out, record, "elected", record->elected_ms);
    add_phase(out, record, "selected", record->selected_ms);
    add_phase(out, record, "script", record->script_ms);
    add_phase(out, record, "ordered", record->ordered_ms);
    if (!record->as_observer) add_phase(out, record, "promoted", record->promoted_ms);
    add_phase(out, record, "switched", record->promoted_ms); /* and announced: both in the same step */
    add_phase(out, record, "ended", record->ended_ms);
    add_text(out, "script", record->script);
    if (!record->as_observer)
        bytes_add_printf(out, "rounds\t%u\nvotes-for-leader\t%u\n", record->rounds, record->votes);
    bytes_add_printf(out, "voters\t%zu\n", primary_voters(primary));
    if (record->unagreed) add_text(out, "agreed", "no");
    if (record->lost_bytes >= 0) bytes_add_printf(out, "lost-bytes\t%" PRId64 "\n", record->lost_bytes);
    bytes_add_slice(out, bytes_slice(&failover->noted_votes));
    bytes_add_slice(out, bytes_slice(&failover->noted_replicas));
}

void history_add(struct primary *primary, const char *how) {
    const struct failover_record *record = &primary->failover.record;
    struct history_record *last = last_of(primary);
    uint64_t serial = last ? last->serial + 1 : 1;
    bool veto = record->result == FAILOVER_VETOED && record->down_ms != NEVER;
    if (last && (last->is_attempt || (veto && last->is_veto)) && last->cause_ms == cause_ms(record)) { /* T2 */
        serial = last->serial;
        drop(primary, last);
    }
    struct bytes text = {0};
    print(primary, how, &text);
    struct history_record *added = insert(primary, serial);
    added->text = mem_strndup(text.data, MIN(text.size, (size_t)HISTORY_TEXT_MAX));
    added->cause_ms = cause_ms(record);
    added->is_veto = veto;
    added->is_attempt = record->promoted_ms == NEVER && cause_ms(record) != NEVER &&
                        (record->result == FAILOVER_NOT_ELECTED || record->result == FAILOVER_SUPERSEDED);
    bytes_fini(&text);
    history_forget_notes(primary);
    primary_changed(primary, STATE_PART_HISTORY, false);
}
