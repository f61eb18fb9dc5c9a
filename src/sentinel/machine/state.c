#include "sentinel/machine/state.h"
#include "base/mem.h"
#include "sentinel/machine/arena.h"

static const char *const kind_names[STATE_KINDS] = {
    [STATE_SELF] = "self",       [STATE_GLOBAL] = "global",     [STATE_PRIMARY] = "primary", [STATE_OPTION] = "option",
    [STATE_REPLICA] = "replica", [STATE_SENTINEL] = "sentinel", [STATE_REMOVED] = "removed",
    [STATE_HISTORY] = "history",
};

void state_records_init(struct state_records *records) {
    *records = (struct state_records){0};
}

void state_records_fini(struct state_records *records) {
    arena_free(&records->blocks);
    mem_free(records->items);
    *records = (struct state_records){0};
}

void state_records_clear(struct state_records *records) {
    arena_clear(&records->blocks);
    records->count = 0;
}

static const char *copy(struct state_records *records, const char *text) {
    return text && text[0] ? arena_text(&records->blocks, slice_text(text)) : "";
}

struct state_record *state_records_add(struct state_records *records, const struct state_record *record) {
    if (records->count == records->capacity) {
        records->capacity = MAX(records->capacity * 2, 16);
        records->items = mem_realloc(records->items, records->capacity * sizeof records->items[0]);
    }
    struct state_record *added = &records->items[records->count++];
    *added = *record;
    added->name = copy(records, record->name);
    added->id = copy(records, record->id);
    added->host = copy(records, record->host);
    added->configured_host = copy(records, record->configured_host);
    added->option = copy(records, record->option);
    added->value = copy(records, record->value);
    added->second = copy(records, record->second);
    added->configured = copy(records, record->configured);
    return added;
}

const char *state_kind_name(enum state_kind kind) {
    CHECK(kind < STATE_KINDS);
    return kind_names[kind];
}

bool state_kind_find(struct slice name, enum state_kind *kind) {
    for (unsigned i = 0; i < STATE_KINDS; i++) {
        if (!slice_is(name, kind_names[i])) continue;
        *kind = (enum state_kind)i;
        return true;
    }
    return false;
}
