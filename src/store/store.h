/* Server mode: owns the data and what keeps it, and hands its tables and hooks to a server.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/error.h"

struct server;
struct store;

/* Adds commands, parameters, INFO sections and hooks. Before the configuration is read. gives: store_free(), after the
 * server's clients are gone */
struct store *store_install(struct server *server);
/* The configuration was read and the listeners are open: gets ready for clients. */
MUST_USE bool store_start(struct store *store, struct error *err);
void          store_free(struct store **store);
