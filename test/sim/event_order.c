#include "sim/event_order.h"
#include "base/mem.h"
#include "base/table.h"

#include <stdio.h>

enum { WHY_SIZE = 200 };

/* How far the failover of one primary is, as its events tell. */
enum stage {
    STAGE_IDLE,
    STAGE_TRYING,
    STAGE_ELECTED,
    STAGE_SELECTING,
    STAGE_SELECTED,
    STAGE_SENDING,
    STAGE_WAITING,
    STAGE_PROMOTED,
    STAGE_RECONF
};

struct primary_order {
    enum stage stage;
    bool o_down, told; /* told: +config-update-from came, +switch-master is due */
    bool switched;     /* a leader's switch was announced since its promotion */
    bool ended;        /* failover-end came: the switch may follow it */
    uintptr_t life;    /* grows when all instances are reset: they may then be found down anew, or up again */
};

struct event_order {
    struct table *primaries; /* name -> struct primary_order */
    struct table *down;      /* who -> the life of its primary, plus 1, in which +sdown came last */
    bool tilt;
};

struct event_order *event_order_new(void) {
    struct event_order *order = mem_zalloc(sizeof *order);
    order->primaries = table_new();
    order->down = table_new();
    return order;
}

void event_order_free(struct event_order **order) {
    if (!*order) return;
    table_free(&(*order)->primaries, mem_free);
    table_free(&(*order)->down, NULL);
    mem_free(*order);
    *order = NULL;
}

static struct primary_order *get_primary(struct event_order *order, const char *name) {
    struct primary_order *primary = table_find(order->primaries, slice_text(name));
    if (primary) return primary;
    primary = mem_zalloc(sizeof *primary);
    table_set(order->primaries, slice_text(name), primary);
    return primary;
}

static bool refuse(char *why, enum sentinel_event event, const char *text, const char *missing) {
    snprintf(why, WHY_SIZE, "%s %s: %s", sentinel_event_name(event), text, missing);
    return false;
}

/* "slave 10.7.0.2:6379 m1": without addresses, which change under a name. */
static void who(const char *text, const char *primary, struct bytes *out) {
    struct slice rest = slice_text(text), part;
    for (int i = 0; i < 2 && slice_split(&rest, ' ', &part); i++) {
        bytes_add_slice(out, part);
        bytes_add_char(out, ' ');
    }
    bytes_add_text(out, primary ? primary : "");
}

static bool take_down(struct event_order *order, const struct primary_order *primary, enum sentinel_event event,
                      const char *name, const char *text, char *why) {
    struct bytes key = {0};
    who(text, name, &key);
    uintptr_t life = (uintptr_t)table_find(order->down, bytes_slice(&key));
    bool ok = true;
    if (event == SENTINEL_EVENT_SDOWN) {
        if (life == primary->life + 1) ok = refuse(why, event, text, "it was down already");
        table_set(order->down, bytes_slice(&key), (void *)(primary->life + 1));
    } else {
        if (!life) ok = refuse(why, event, text, "it was not down");
        table_remove(order->down, bytes_slice(&key));
    }
    bytes_fini(&key);
    return ok;
}

static bool advance(struct primary_order *primary, enum stage from, enum stage to, enum sentinel_event event,
                    const char *text, char *why) {
    if (primary->stage != from) return refuse(why, event, text, "the step before it is missing");
    primary->stage = to;
    return true;
}

static bool abort_from(struct primary_order *primary, enum stage from, enum stage to, enum sentinel_event event,
                       const char *text, char *why) {
    if (primary->stage < from || primary->stage > to) return refuse(why, event, text, "there is nothing to abort");
    primary->stage = STAGE_IDLE;
    return true;
}

static bool take_switch(struct event_order *order, struct primary_order *primary, enum sentinel_event event,
                        const char *name, const char *text, char *why) {
    bool led = (primary->stage >= STAGE_PROMOTED && !primary->switched) || primary->ended;
    if (!led && !primary->told)
        return refuse(why, event, text, "neither a promotion nor +config-update-from before it");
    if (primary->told) primary->stage = STAGE_IDLE; /* superseded */
    primary->told = primary->ended = false;
    struct bytes key = {0};
    bytes_add_printf(&key, "master %s %s", name, name); /* who is that now has not been down */
    table_remove(order->down, bytes_slice(&key));
    bytes_fini(&key);
    primary->switched = true;
    primary->o_down = false;
    primary->life++;
    return true;
}

static bool take_end(struct primary_order *primary, enum sentinel_event event, const char *text, char *why) {
    if (primary->stage != STAGE_RECONF) return refuse(why, event, text, "no promotion before it");
    primary->stage = STAGE_IDLE;
    primary->ended = !primary->switched;
    return true;
}

static bool take_o_down(struct event_order *order, struct primary_order *primary, enum sentinel_event event,
                        const char *name, const char *text, char *why) {
    struct bytes key = {0};
    who(text, name, &key);
    bool s_down = table_has(order->down, bytes_slice(&key));
    bytes_fini(&key);
    bool begins = event == SENTINEL_EVENT_ODOWN;
    if (begins == primary->o_down) return refuse(why, event, text, begins ? "it was o_down" : "it was not o_down");
    if (begins && !s_down) return refuse(why, event, text, "it is not s_down");
    primary->o_down = begins;
    return true;
}

bool event_order_take(struct event_order *order, enum sentinel_event event, const char *name, const char *text,
                      char *why) {
    struct primary_order *primary = get_primary(order, name ? name : "");
    switch ((int)event) {
    case SENTINEL_EVENT_SDOWN:
    case SENTINEL_EVENT_SDOWN_END: return take_down(order, primary, event, name, text, why);
    case SENTINEL_EVENT_ODOWN:
    case SENTINEL_EVENT_ODOWN_END: return take_o_down(order, primary, event, name, text, why);
    case SENTINEL_EVENT_SENTINEL: { /* met anew: what was known of it is forgotten */
        struct bytes key = {0};
        who(text, name, &key);
        table_remove(order->down, bytes_slice(&key));
        bytes_fini(&key);
        return true;
    }
    case SENTINEL_EVENT_TRY_FAILOVER:
        primary->switched = primary->ended = false;
        /* A lost round is followed by the next one. */
        if (primary->stage == STAGE_TRYING) return true;
        return advance(primary, STAGE_IDLE, STAGE_TRYING, event, text, why);
    case SENTINEL_EVENT_ELECTED: return advance(primary, STAGE_TRYING, STAGE_ELECTED, event, text, why);
    case SENTINEL_EVENT_SELECT: return advance(primary, STAGE_ELECTED, STAGE_SELECTING, event, text, why);
    case SENTINEL_EVENT_SELECTED:
        /* A replica that refused the order is followed by the next one. */
        if (primary->stage >= STAGE_SELECTED && primary->stage <= STAGE_WAITING) primary->stage = STAGE_SELECTING;
        return advance(primary, STAGE_SELECTING, STAGE_SELECTED, event, text, why);
    case SENTINEL_EVENT_SEND_NOONE: return advance(primary, STAGE_SELECTED, STAGE_SENDING, event, text, why);
    case SENTINEL_EVENT_WAIT_PROMOTION: return advance(primary, STAGE_SENDING, STAGE_WAITING, event, text, why);
    case SENTINEL_EVENT_PROMOTED: return advance(primary, STAGE_WAITING, STAGE_PROMOTED, event, text, why);
    case SENTINEL_EVENT_RECONF: return advance(primary, STAGE_PROMOTED, STAGE_RECONF, event, text, why);
    case SENTINEL_EVENT_FAILOVER_END:
    case SENTINEL_EVENT_FAILOVER_END_TIMEOUT:
        /* Both come, the first with the timeout, when it ran out. */
        if (event == SENTINEL_EVENT_FAILOVER_END && primary->stage == STAGE_IDLE &&
            (primary->ended || primary->switched))
            return true;
        return take_end(primary, event, text, why);
    case SENTINEL_EVENT_ABORT_NOT_ELECTED: return abort_from(primary, STAGE_TRYING, STAGE_TRYING, event, text, why);
    case SENTINEL_EVENT_ABORT_NO_REPLICA: return abort_from(primary, STAGE_ELECTED, STAGE_WAITING, event, text, why);
    case SENTINEL_EVENT_ABORT_TOO_FEW: return abort_from(primary, STAGE_ELECTED, STAGE_WAITING, event, text, why);
    case SENTINEL_EVENT_ABORT_REPLICA_TIMEOUT:
        return abort_from(primary, STAGE_SELECTED, STAGE_WAITING, event, text, why);
    case SENTINEL_EVENT_ABORT_VETOED:
    case SENTINEL_EVENT_ABORT_PRIMARY_TIMEOUT:
        return abort_from(primary, STAGE_ELECTED, STAGE_WAITING, event, text, why);
    case SENTINEL_EVENT_ABORT_BACK: return abort_from(primary, STAGE_TRYING, STAGE_WAITING, event, text, why);
    case SENTINEL_EVENT_CONFIG_UPDATE: /* ends what we led; a switch follows unless it is of the same address */
        primary->told = true;
        primary->stage = STAGE_IDLE;
        return true;
    case SENTINEL_EVENT_SWITCH: return take_switch(order, primary, event, name, text, why);
    case SENTINEL_EVENT_RESET:
    case SENTINEL_EVENT_UNMONITOR: *primary = (struct primary_order){.life = primary->life + 1}; return true;
    case SENTINEL_EVENT_TILT:
    case SENTINEL_EVENT_TILT_END:
        if (order->tilt == (event == SENTINEL_EVENT_TILT)) return refuse(why, event, text, "it was so already");
        order->tilt = event == SENTINEL_EVENT_TILT;
        return true;
    default: return true;
    }
}
