#include "store/replication/replication_info.h"
#include "core/observe/info.h"
#include "core/observe/memory_report.h"
#include "store/replication/following.h"
#include "store/replication/guard.h"
#include "store/replication/handover.h"
#include "store/replication/replicas.h"
#include "store/replication/replication.h"
#include "store/replication/sync_replies.h"

#define INFO_CONTEXT __attribute__((unused)) const struct replication *replication

static struct sync_replies_counts sync_counts(const struct replication *replication) {
    struct sync_replies_counts counts;
    sync_replies_get_counts(replication->sync, &counts);
    return counts;
}

#define INFO_FIELD INFO_FIELD_PRINTER
#include "store/replication/replication_info.def"
#undef INFO_FIELD
#define INFO_FIELD INFO_FIELD_ROW
static const struct info_field fields[] = {
#include "store/replication/replication_info.def"
};
#undef INFO_FIELD

enum { BEFORE_UPSTREAM = 1, BEFORE_REPLICAS = 2 }; /* rows of the .def that come before these lines */

static void print_replicas(void *context, struct bytes *out) {
    replicas_print(((const struct replication *)context)->replicas, out);
}

static void print_primary(void *context, struct bytes *out) {
    following_print(((const struct replication *)context)->following, out);
}

static size_t backlog_bytes(void *context) {
    const struct replication *replication = context;
    return replication->backlog ? backlog_memory(replication->backlog) : 0;
}

static const struct memory_source memory_source = {.backlog = backlog_bytes};

void replication_info_add(struct replication *replication) {
    struct info *info = replication->server->info;
    size_t       rest = BEFORE_UPSTREAM + BEFORE_REPLICAS;
    memory_report_add(replication->server, &memory_source, replication);
    info_add_fields(info, fields, BEFORE_UPSTREAM, replication);
    info_add_lines(info, "replication", print_primary, replication);
    info_add_fields(info, fields + BEFORE_UPSTREAM, BEFORE_REPLICAS, replication);
    info_add_lines(info, "replication", print_replicas, replication);
    info_add_fields(info, fields + rest, COUNT_OF(fields) - rest, replication);
}
