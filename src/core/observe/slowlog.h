/* The slow log: the newest commands that took long.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct client;
struct command_entry;
struct slowlog;

struct slowlog *slowlog_new(void); /* gives: slowlog_free() */
void            slowlog_free(struct slowlog **slowlog);

/* After the body of client->argv ran for `usec`: remembers it when the settings call it slow. Cheap when not. */
void   slowlog_note(struct client *client, const struct command_entry *entry, int64_t usec);
size_t slowlog_count(const struct slowlog *slowlog);
