/* MONITOR: shows clients what all clients send.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct client;
struct command_entry;

/* After a request was executed: shows client->argv to all monitors. Costs one test when there are none. Commands for
 * administrators and those that show themselves (EVAL, by calling monitor_show()) are left out. */
void monitor_note(struct client *client, const struct command_entry *entry);
void monitor_show(struct client *client, const struct command_entry *entry);
/* It is gone, or RESET. Harmless when it is no monitor. */
void monitor_remove(struct client *client);
