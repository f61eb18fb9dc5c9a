/* SENTINEL and its subcommands, PUBLISH (hello only) and ROLE; and the choice of core's commands that a sentinel offers.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once

struct server;

void sentinel_commands_install(struct server *server);
