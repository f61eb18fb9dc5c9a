#include "store/replication/replication_info.h"
#include "core/observe/info.h"
#include "store/replication/following.h"
#include "store/replication/handover.h"
#include "store/replication/replicas.h"
#include "store/replication/replication.h"

#define INFO_CONTEXT __attribute__((unused)) const struct replication *replication

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

void replication_info_add(struct replication *replication) {
    struct info *info = replication->server->info;
    size_t       rest = BEFORE_UPSTREAM + BEFORE_REPLICAS;
    info_add_fields(info, fields, BEFORE_UPSTREAM, replication);
    info_add_lines(info, "replication", print_primary, replication);
    info_add_fields(info, fields + BEFORE_UPSTREAM, BEFORE_REPLICAS, replication);
    info_add_lines(info, "replication", print_replicas, replication);
    info_add_fields(info, fields + rest, COUNT_OF(fields) - rest, replication);
}
