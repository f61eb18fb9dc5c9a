#include "base/sm.h"
#include "base/bytes.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sm_init(struct sm *sm, const struct sm_table *table, unsigned state, int64_t now_ms) {
    CHECK(table->count <= 32);
    CHECK(state < table->count);
    *sm = (struct sm){.table = table, .state = state, .since_ms = now_ms};
}

void sm_move(struct sm *sm, unsigned to, int64_t now_ms, const char *reason, ...) {
    unsigned from = sm->state;
    CHECK(to < sm->table->count);
    if (!(sm->table->states[from].to & SM_TO(to))) {
        log_write(LOG_WARNING, "%s: no way from %s to %s (%s)", sm->table->machine, sm->table->states[from].name,
                  sm->table->states[to].name, reason);
        abort();
    }
    va_list args;
    va_start(args, reason);
    vsnprintf(sm->reason, sizeof sm->reason, reason, args);
    va_end(args);
    sm->state = to;
    sm->since_ms = now_ms;
    if (sm->on_move) sm->on_move(sm->context, sm, from, now_ms);
}

const char *sm_name(const struct sm *sm) {
    return sm->table->states[sm->state].name;
}

void sm_print_table(const struct sm_table *table, struct bytes *out) {
    bytes_add_printf(out, "%s\n", table->machine);
    for (unsigned i = 0; i < table->count; i++) {
        bytes_add_printf(out, "    %s ->", table->states[i].name);
        for (unsigned j = 0, count = 0; j < table->count; j++)
            if (table->states[i].to & SM_TO(j))
                bytes_add_printf(out, "%s %s", count++ ? "," : "", table->states[j].name);
        bytes_add_char(out, '\n');
    }
}
