#include "sim/state_copy.h"
#include "base/mem.h"
#include "base/table.h"

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

/* Whether the changes say anew what this record said. `parts`: by name of the primary, those that changed. */
static bool is_replaced(const struct state_record *record, const struct table *parts) {
    if (record->kind == STATE_SELF) return true;
    const struct state_record *change = table_find(parts, slice_text(record->name));
    if (!change) return false;
    if (record->kind == STATE_HISTORY) return change->parts & STATE_PART_HISTORY;
    return record->kind == STATE_PRIMARY || (is_known_part(record->kind) && (change->parts & STATE_PART_KNOWN));
}

static bool is_same(const struct state_record *a, const struct state_record *b) {
    return a->kind == b->kind && strcmp(a->name, b->name) == 0 && strcmp(a->id, b->id) == 0 &&
           strcmp(a->host, b->host) == 0 && a->port == b->port && strcmp(a->configured_host, b->configured_host) == 0 &&
           a->configured_port == b->configured_port && a->at_run_time == b->at_run_time && a->quorum == b->quorum &&
           a->fresh == b->fresh && a->guarded == b->guarded && a->epoch == b->epoch && a->config_epoch == b->config_epoch &&
           a->vote_epoch == b->vote_epoch && strcmp(a->option, b->option) == 0 && strcmp(a->value, b->value) == 0 &&
           strcmp(a->second, b->second) == 0 && strcmp(a->configured, b->configured) == 0;
}

/* `at` goes round: what is looked for comes mostly in the order in which it is kept. */
static bool has(const struct state_records *records, const struct state_record *record, size_t *at) {
    for (size_t i = 0; i < records->count; i++, ++*at) {
        if (*at >= records->count) *at = 0;
        if (is_same(&records->items[*at], record)) return true;
    }
    return false;
}

static bool is_all(const struct state_records *kept, const struct machine *machine) {
    struct state_records whole;
    size_t at = 0;
    state_records_init(&whole);
    machine_state(machine, &whole);
    bool same = whole.count == kept->count;
    for (size_t i = 0; i < whole.count && same; i++) same = has(kept, &whole.items[i], &at);
    state_records_fini(&whole);
    return same;
}

bool state_copy_take(struct state_copy *copy, struct machine *machine) {
    struct state_records changes, now;
    struct table *parts = table_new();
    state_records_init(&changes);
    state_records_init(&now);
    bool whole = machine_take_changes(machine, &changes);
    for (size_t i = 0; i < changes.count; i++) {
        struct state_record *change = &changes.items[i];
        if (change->kind == STATE_PRIMARY) table_set(parts, slice_text(change->name), change);
        (void)!state_records_add(&now, change);
    }
    for (size_t i = 0; i < copy->kept.count && !whole; i++)
        if (!is_replaced(&copy->kept.items[i], parts)) (void)!state_records_add(&now, &copy->kept.items[i]);
    table_free(&parts, NULL);
    state_records_fini(&changes);
    state_records_fini(&copy->kept);
    copy->kept = now;
    return is_all(&copy->kept, machine);
}
