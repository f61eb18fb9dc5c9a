#include "store/notify/notify.h"
#include "base/mem.h"
#include "core/server.h"
#include "store/tx/waiting.h"
#include "store/tx/watch.h"

static const struct param rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct notify_settings, name, field, type, __VA_ARGS__)
#include "store/notify/notify_param.def"
#undef PARAM
};

static void touched(void *context, struct keyspace *keyspace, struct slice key) {
    struct notify *notify = context;
    watch_touch(keyspace, key);
    waiting_touch(notify->waiting, keyspace, key);
    if (notify->hooks->is_tracking) tracking_key_changed(notify->tracking, key);
}

static void happened(void *context, struct keyspace *keyspace, struct slice key, enum keyspace_class class,
                     const char *event) {
    keyspace_events_tell(((struct notify *)context)->events, keyspace, key, class, event);
}

static void missed(void *context, struct keyspace *keyspace, struct slice key) {
    keyspace_events_tell_miss(((struct notify *)context)->events, keyspace, key);
}

static bool apply_classes(void *context, struct error *err) {
    notify_start(context);
    return true;
}

struct notify *notify_new(struct server *server, struct keyspace_hooks *hooks, struct waiting *waiting) {
    struct notify *notify = mem_zalloc(sizeof *notify);
    params_add(server->params, rows, COUNT_OF(rows), &notify->settings);
    params_bind(server->params, "notify-keyspace-events", (struct param_binding){.apply = apply_classes}, notify);
    notify->events = keyspace_events_new(server->channels);
    notify->tracking = tracking_new(server, &notify->settings.max_keys, &hooks->is_tracking);
    notify->waiting = waiting;
    notify->hooks = hooks;
    hooks->context = notify;
    hooks->touched = touched;
    return notify;
}

void notify_free(struct notify **place) {
    struct notify *notify = *place;
    if (!notify) return;
    *place = NULL;
    keyspace_events_free(&notify->events);
    tracking_free(&notify->tracking);
    mem_free(notify);
}

void notify_start(struct notify *notify) {
    keyspace_events_set(notify->events, notify->settings.classes);
    notify->hooks->event = keyspace_events_wants_any(notify->events) ? happened : NULL;
    notify->hooks->missed = keyspace_events_wants_misses(notify->events) ? missed : NULL;
}
