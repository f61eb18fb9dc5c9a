#include "core/acl/acl_log.h"

#include "base/mem.h"

enum { GROUP_MS = 60000, GROUP_DEPTH = 10 };

struct acl_log {
    struct list entries;
    size_t      count;
    uint64_t    next_id;
};

struct acl_log *acl_log_new(void) {
    struct acl_log *log = mem_zalloc(sizeof *log);
    list_init(&log->entries);
    return log;
}

static void free_entry(struct acl_log *log, struct acl_log_entry *entry) {
    list_remove(&entry->node);
    log->count--;
    mem_free(entry->object);
    mem_free(entry->user);
    mem_free(entry->client);
    mem_free(entry);
}

void acl_log_clear(struct acl_log *log) {
    LIST_EACH(&log->entries, node) free_entry(log, container_of(node, struct acl_log_entry, node));
}

void acl_log_free(struct acl_log **log) {
    if (*log == NULL) return;
    acl_log_clear(*log);
    mem_free(*log);
    *log = NULL;
}

static void set_text(char **text, size_t *size, struct slice value) {
    mem_free(*text);
    *text = slice_to_text(value);
    *size = value.size;
}

static bool is_same(const struct acl_log_entry *entry, enum acl_log_reason reason, enum acl_log_context context,
                    struct slice object, struct slice user, int64_t wall_ms) {
    return entry->reason == reason && entry->context == context && wall_ms - entry->updated_wall_ms <= GROUP_MS &&
           slice_equal(slice_make(entry->object, entry->object_size), object) &&
           slice_equal(slice_make(entry->user, entry->user_size), user);
}

/* Only among the newest, so that a flood of different denials stays cheap. */
static struct acl_log_entry *find_same(struct acl_log *log, enum acl_log_reason reason, enum acl_log_context context,
                                       struct slice object, struct slice user, int64_t wall_ms) {
    int depth = 0;
    LIST_EACH(&log->entries, node) {
        struct acl_log_entry *entry = container_of(node, struct acl_log_entry, node);
        if (is_same(entry, reason, context, object, user, wall_ms)) return entry;
        if (++depth == GROUP_DEPTH) break;
    }
    return NULL;
}

void acl_log_add(struct acl_log *log, enum acl_log_reason reason, enum acl_log_context context, struct slice object,
                 struct slice user, struct slice client, int64_t wall_ms, size_t max) {
    struct acl_log_entry *entry = find_same(log, reason, context, object, user, wall_ms);
    if (entry != NULL) {
        list_remove(&entry->node);
    } else {
        entry = mem_zalloc(sizeof *entry);
        entry->id = log->next_id++;
        entry->reason = reason;
        entry->context = context;
        entry->created_wall_ms = wall_ms;
        set_text(&entry->object, &entry->object_size, object);
        set_text(&entry->user, &entry->user_size, user);
        log->count++;
    }
    entry->count++;
    entry->updated_wall_ms = wall_ms;
    set_text(&entry->client, &entry->client_size, client);
    list_add_first(&log->entries, &entry->node);
    while (log->count > max) free_entry(log, container_of(log->entries.head.prev, struct acl_log_entry, node));
}

size_t acl_log_count(const struct acl_log *log) {
    return log->count;
}

const struct list *acl_log_entries(const struct acl_log *log) {
    return &log->entries;
}

const char *acl_log_reason_name(enum acl_log_reason reason) {
    static const char *const names[] = {
        [ACL_LOG_COMMAND] = "command", [ACL_LOG_KEY] = "key", [ACL_LOG_CHANNEL] = "channel", [ACL_LOG_AUTH] = "auth"};
    return names[reason];
}

const char *acl_log_context_name(enum acl_log_context context) {
    static const char *const names[] = {
        [ACL_LOG_TOPLEVEL] = "toplevel", [ACL_LOG_MULTI] = "multi", [ACL_LOG_LUA] = "lua"};
    return names[context];
}
