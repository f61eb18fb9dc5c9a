/* What keeps a server's data on disk: its parameters and its state.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/config/param.h"

struct server;

enum persist_sanitize { PERSIST_SANITIZE_NO, PERSIST_SANITIZE_YES, PERSIST_SANITIZE_CLIENTS };

struct persist_settings {
#define PARAM(name, field, type, ...) PARAM_FIELD_##type(field)
#include "store/persist/persist_param.def"
#undef PARAM
};

struct persistence { /* owned by the store */
    struct server          *server;
    struct persist_settings settings;
    uint64_t                sanitized; /* payloads of RESTORE that were searched for duplicates */
};

/* Registers the parameters. Keeps the server. gives: persistence_free() */
struct persistence *persistence_new(struct server *server);
void                persistence_free(struct persistence **persistence);
