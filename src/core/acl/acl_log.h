/* What was denied lately, and to whom: ACL LOG.
 *
 * Denials that differ in nothing but their time are one entry with a count, for as long as they follow each other
 * within a minute. Knows neither clients nor replies.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "base/list.h"

enum acl_log_reason { ACL_LOG_COMMAND, ACL_LOG_KEY, ACL_LOG_CHANNEL, ACL_LOG_AUTH };
enum acl_log_context { ACL_LOG_TOPLEVEL, ACL_LOG_MULTI, ACL_LOG_LUA };

/* Owned by its log. For reading. */
struct acl_log_entry {
    struct list_node     node;
    uint64_t             id, count;
    enum acl_log_reason  reason;
    enum acl_log_context context;
    char                *object, *user, *client; /* sizes in *_size: objects may hold zero bytes */
    size_t               object_size, user_size, client_size;
    int64_t              created_wall_ms, updated_wall_ms;
};

struct acl_log;

struct acl_log *acl_log_new(void); /* gives: acl_log_free() */
void            acl_log_free(struct acl_log **log);

/* `client` is its CLIENT LIST line. Keeps at most `max` entries, the newest; 0 keeps none. */
void acl_log_add(struct acl_log *log, enum acl_log_reason reason, enum acl_log_context context, struct slice object,
                 struct slice user, struct slice client, int64_t wall_ms, size_t max);
void acl_log_clear(struct acl_log *log);

size_t             acl_log_count(const struct acl_log *log);
const struct list *acl_log_entries(const struct acl_log *log); /* newest first; lends */

const char *acl_log_reason_name(enum acl_log_reason reason);    /* "command" */
const char *acl_log_context_name(enum acl_log_context context); /* "toplevel" */
