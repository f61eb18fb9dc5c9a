#include "sentinel/machine/complaint.h"
#include "sentinel/machine/outbox.h"

#include <inttypes.h>

enum { SAID_MAX = 100 };

void complain(struct world *world, enum complaint complaint, const struct instance *instance, struct slice said,
              const char *format, ...) {
    struct complaint_record *record = &world->complaints[complaint];
    world->complaint_count++;
    if (record->at_ms != NEVER && world->now_ms - record->at_ms < COMPLAINT_PERIOD_MS) {
        record->untold++;
        return;
    }
    struct bytes text = {0};
    va_list args;
    va_start(args, format);
    bytes_add_vprintf(&text, format, args);
    va_end(args);
    if (said.size) {
        bytes_add_text(&text, ": ");
        bytes_add_quoted(&text, slice_make(said.data, MIN(said.size, (size_t)SAID_MAX)));
        if (said.size > SAID_MAX) bytes_add_printf(&text, "... (%zu bytes)", said.size);
    }
    if (record->untold) bytes_add_printf(&text, " (and %" PRIu64 " more of this kind before)", record->untold);
    record->at_ms = world->now_ms;
    record->untold = 0;
    if (instance)
        outbox_instance(world, instance, NULL, SENTINEL_EVENT_BAD_INPUT, "#%s", bytes_text(&text));
    else
        outbox_event(world, NULL, SENTINEL_EVENT_BAD_INPUT, "#%s", bytes_text(&text));
    bytes_fini(&text);
}

struct slice complaint_of_reply(const struct reply_view *reply) {
    switch (reply->kind) {
    case REPLY_VIEW_STATUS:
    case REPLY_VIEW_ERROR:
    case REPLY_VIEW_BULK: return reply->text;
    case REPLY_VIEW_INTEGER:
    case REPLY_VIEW_NULL:
    case REPLY_VIEW_ARRAY:
    case REPLY_VIEW_OTHER: break;
    }
    return (struct slice){0};
}

const char *reply_view_kind_name(enum reply_view_kind kind) {
    switch (kind) {
    case REPLY_VIEW_STATUS: return "a status";
    case REPLY_VIEW_ERROR: return "an error";
    case REPLY_VIEW_INTEGER: return "an integer";
    case REPLY_VIEW_BULK: return "a text";
    case REPLY_VIEW_NULL: return "null";
    case REPLY_VIEW_ARRAY: return "an array";
    case REPLY_VIEW_OTHER: break;
    }
    return "another type";
}
