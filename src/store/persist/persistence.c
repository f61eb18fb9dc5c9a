#include "store/persist/persistence.h"
#include "base/mem.h"
#include "core/server.h"

static const struct param_choice persist_sanitize_choices[] = {
    {"no", PERSIST_SANITIZE_NO}, {"yes", PERSIST_SANITIZE_YES}, {"clients", PERSIST_SANITIZE_CLIENTS}, {NULL, 0}};

static const struct param rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct persist_settings, name, field, type, __VA_ARGS__)
#include "store/persist/persist_param.def"
#undef PARAM
};

struct persistence *persistence_new(struct server *server) {
    struct persistence *persistence = mem_zalloc(sizeof *persistence);
    persistence->server = server;
    params_add(server->params, rows, COUNT_OF(rows), &persistence->settings);
    return persistence;
}

void persistence_free(struct persistence **place) {
    mem_free(*place);
    *place = NULL;
}
