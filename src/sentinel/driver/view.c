#include "sentinel/driver/view.h"
#include "base/mem.h"

static void set_array(struct reply_view *view, const struct resp_reply *reply) {
    view->kind = REPLY_VIEW_ARRAY;
    view->count = reply->count;
    if (reply->count == 0) return;
    struct reply_view *children = mem_zalloc(reply->count * sizeof(*children));
    for (uint32_t i = 0; i < reply->count; i++) view_init(&children[i], &reply->children[i]);
    view->children = children;
}

static void set_text(struct reply_view *view, enum reply_view_kind kind, const struct resp_reply *reply) {
    view->kind = kind;
    view->text = reply->text;
}

void view_init(struct reply_view *view, const struct resp_reply *reply) {
    *view = (struct reply_view){.kind = REPLY_VIEW_OTHER};
    switch (reply->type) {
    case RESP_STATUS: set_text(view, REPLY_VIEW_STATUS, reply); break;
    case RESP_FAILURE: set_text(view, REPLY_VIEW_ERROR, reply); break;
    case RESP_BULK:
    case RESP_VERBATIM:
    case RESP_BIG_NUMBER: set_text(view, REPLY_VIEW_BULK, reply); break;
    case RESP_INTEGER:
    case RESP_BOOL:
        view->kind = REPLY_VIEW_INTEGER;
        view->integer = reply->integer;
        break;
    case RESP_NULL: view->kind = REPLY_VIEW_NULL; break;
    case RESP_ARRAY:
    case RESP_MAP:
    case RESP_SET:
    case RESP_PUSH: set_array(view, reply); break;
    case RESP_DOUBLE: break;
    }
}

void view_fini(struct reply_view *view) {
    /* Array nodes are ours: the constness is for the machine. */
    struct reply_view *children = (struct reply_view *)(uintptr_t)view->children;
    for (size_t i = 0; children && i < view->count; i++) view_fini(&children[i]);
    mem_free(children);
    *view = (struct reply_view){0};
}
