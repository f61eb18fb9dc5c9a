/* Core's own fields of INFO: those of info.def, and the statistics of commands and errors.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once

struct info_core;
struct server;

/* Adds them to server->info. gives: info_core_remove() */
struct info_core *info_core_add(struct server *server);
void              info_core_remove(struct info_core **core);
