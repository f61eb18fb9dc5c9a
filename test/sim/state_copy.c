#include "sim/state_copy.h"
#include "base/mem.h"

struct state_copy {
    struct state_records kept;
};

struct state_copy *state_copy_new(void) {
    struct state_copy *copy = mem_zalloc(sizeof *copy);
    state_records_init(&copy->kept);
    return copy;
}

void state_copy_free(struct state_copy **copy) {
    if (!*copy) return;
    state_records_fini(&(*copy)->kept);
    mem_free(*copy);
    *copy = NULL;
}

static bool is_known_part(enum state_kind kind) {
    return kind == STATE_OPTION || kind == STATE_REPLICA || kind == STATE_SENTINEL;
}

/* Whether the changes say anew what this record said. */
static bool is_replaced(const struct state_record *record, const struct state_records *changes) {
    if (record->kind == STATE_SELF) return true;
    for (size_t i = 0; i < changes->count; i++) {
        const struct state_record *change = &changes->items[i];
        if (change->kind != STATE_PRIMARY || strcmp(change->name, record->name) != 0) continue;
        if (record->kind == STATE_HISTORY) return change->parts & STATE_PART_HISTORY;
        return record->kind == STATE_PRIMARY || (is_known_part(record->kind) && (change->parts & STATE_PART_KNOWN));
    }
    return false;
}

static bool is_same(const struct state_record *a, const struct state_record *b) {
    return a->kind == b->kind && strcmp(a->name, b->name) == 0 && strcmp(a->id, b->id) == 0 &&
           strcmp(a->host, b->host) == 0 && a->port == b->port && strcmp(a->configured_host, b->configured_host) == 0 &&
           a->configured_port == b->configured_port && a->at_run_time == b->at_run_time && a->quorum == b->quorum &&
           a->fresh == b->fresh && a->epoch == b->epoch && a->config_epoch == b->config_epoch &&
           a->vote_epoch == b->vote_epoch && strcmp(a->option, b->option) == 0 && strcmp(a->value, b->value) == 0 &&
           strcmp(a->second, b->second) == 0 && strcmp(a->configured, b->configured) == 0;
}

static bool has(const struct state_records *records, const struct state_record *record) {
    for (size_t i = 0; i < records->count; i++)
        if (is_same(&records->items[i], record)) return true;
    return false;
}

static bool is_all(const struct state_records *kept, const struct machine *machine) {
    struct state_records whole;
    state_records_init(&whole);
    machine_state(machine, &whole);
    bool same = whole.count == kept->count;
    for (size_t i = 0; i < whole.count && same; i++) same = has(kept, &whole.items[i]);
    state_records_fini(&whole);
    return same;
}

bool state_copy_take(struct state_copy *copy, struct machine *machine) {
    struct state_records now;
    state_records_init(&now);
    bool whole = machine_take_changes(machine, &now);
    size_t changed = now.count;
    struct state_records changes = now; /* is_replaced() looks at these alone; items may move while we add */
    for (size_t i = 0; i < copy->kept.count && !whole; i++) {
        changes.items = now.items;
        changes.count = changed;
        if (!is_replaced(&copy->kept.items[i], &changes)) (void)!state_records_add(&now, &copy->kept.items[i]);
    }
    state_records_fini(&copy->kept);
    copy->kept = now;
    return is_all(&copy->kept, machine);
}
