#include "store/notify/keyspace_events.h"
#include "base/mem.h"
#include "core/pubsub/channel.h"

enum { ON_KEYSPACE = 1 << 16, ON_KEYEVENT = 1 << 17, MISSES = 1 << 18, MODULES = 1 << 19 };

/* In the order in which the established server prints them. */
static const struct {
    char     letter;
    unsigned bit;
    bool     is_in_all; /* A stands for it */
} letters[] = {
    {'g', KEYSPACE_GENERIC, true}, {'$', KEYSPACE_STRING, true},  {'l', KEYSPACE_LIST, true},
    {'s', KEYSPACE_SET, true},     {'h', KEYSPACE_HASH, true},    {'z', KEYSPACE_ZSET, true},
    {'x', KEYSPACE_EXPIRED, true}, {'e', KEYSPACE_EVICTED, true}, {'t', KEYSPACE_STREAM, true},
    {'d', MODULES, true},          {'n', KEYSPACE_NEW, false},    {'K', ON_KEYSPACE, false},
    {'E', ON_KEYEVENT, false},     {'m', MISSES, false},
};

struct keyspace_events {
    struct channels *channels;
    unsigned         wanted;
    struct bytes     channel; /* built anew for every event */
};

struct keyspace_events *keyspace_events_new(struct channels *channels) {
    struct keyspace_events *events = mem_zalloc(sizeof *events);
    events->channels = channels;
    return events;
}

void keyspace_events_free(struct keyspace_events **place) {
    if (!*place) return;
    bytes_fini(&(*place)->channel);
    mem_free(*place);
    *place = NULL;
}

/* ---- the parameter ---- */

static unsigned all_classes(void) {
    unsigned all = 0;
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        if (letters[i].is_in_all) all |= letters[i].bit;
    return all;
}

static bool parse(const char *text, unsigned *wanted) {
    *wanted = 0;
    for (; *text; text++) {
        unsigned bit = *text == 'A' ? all_classes() : 0;
        for (size_t i = 0; i < COUNT_OF(letters) && !bit; i++)
            if (letters[i].letter == *text) bit = letters[i].bit;
        if (!bit) return false;
        *wanted |= bit;
    }
    return true;
}

bool keyspace_events_check(const struct param *row, struct param_values *values, struct error *err) {
    unsigned wanted, all = all_classes();
    if (!parse(values->items[0].text, &wanted))
        return error_set(err, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    struct bytes text = {0};
    bool has_all = (wanted & all) == all;
    if (has_all) bytes_add_char(&text, 'A');
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        if (wanted & letters[i].bit && !(has_all && letters[i].is_in_all)) bytes_add_char(&text, letters[i].letter);
    mem_free(values->items[0].text);
    values->items[0].text = mem_strdup(bytes_text(&text));
    bytes_fini(&text);
    return true;
}

/* ---- publishing ---- */

static void publish(struct keyspace_events *events, const struct keyspace *keyspace, const char *kind, struct slice name,
                    struct slice message) {
    bytes_clear(&events->channel);
    bytes_add_printf(&events->channel, "__%s@%d__:", kind, keyspace->id);
    bytes_add_slice(&events->channel, name);
    channel_publish(events->channels, bytes_slice(&events->channel), message);
}

static void tell(struct keyspace_events *events, const struct keyspace *keyspace, struct slice key, const char *event) {
    if (events->wanted & ON_KEYSPACE) publish(events, keyspace, "keyspace", key, slice_text(event));
    if (events->wanted & ON_KEYEVENT) publish(events, keyspace, "keyevent", slice_text(event), key);
}

void keyspace_events_tell(struct keyspace_events *events, const struct keyspace *keyspace, struct slice key,
                          enum keyspace_class class, const char *event) {
    if (events->wanted & (unsigned)class) tell(events, keyspace, key, event);
}

void keyspace_events_tell_miss(struct keyspace_events *events, const struct keyspace *keyspace, struct slice key) {
    if (events->wanted & MISSES) tell(events, keyspace, key, "keymiss");
}

void keyspace_events_set(struct keyspace_events *events, const char *classes) {
    CHECK(parse(classes, &events->wanted));
    if (!(events->wanted & (ON_KEYSPACE | ON_KEYEVENT))) events->wanted = 0;
}

bool keyspace_events_wants_any(const struct keyspace_events *events) {
    return (events->wanted & ~(unsigned)(ON_KEYSPACE | ON_KEYEVENT | MISSES | MODULES)) != 0;
}

bool keyspace_events_wants_misses(const struct keyspace_events *events) {
    return (events->wanted & MISSES) != 0;
}
