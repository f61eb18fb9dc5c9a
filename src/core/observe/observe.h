/* Observation at work in a server: its commands, its fields of INFO, and what is noted after each command.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once

struct server;

/* Sets server->info, slowlog, latency and memory, and adds INFO, SLOWLOG, LATENCY, MEMORY, MONITOR and LOLWUT. Once,
 * before a mode is installed. */
void observe_install(struct server *server);
/* After the clients and before the commands go. */
void observe_uninstall(struct server *server);
