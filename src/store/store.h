/* Server mode: owns the data and what keeps it, and hands its tables and hooks to a server.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once

struct server;
struct store;

/* Adds commands, parameters, INFO sections and hooks. Before the configuration is read. gives: store_free(), after the
 * server's clients are gone */
struct store *store_install(struct server *server);
void          store_free(struct store **store);
