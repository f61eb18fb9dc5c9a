/* The commands on places: their rows, and those that name members. Searches are in geo_search_commands.c.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/geo.def"
#undef COMMAND

extern const struct command geo_commands[];
extern const size_t         geo_command_count;

struct geo_point;
/* "m", "km", "ft" or "mi" in argument `place`, in metres. False: replied. */
MUST_USE bool geo_commands_unit(struct client *client, int place, double *unit_m);
/* Longitude and latitude in arguments `place` and the next. */
MUST_USE bool geo_commands_point(struct client *client, int place, struct geo_point *point);
void geo_commands_reply_point(struct client *client, struct geo_point point);
void geo_commands_reply_distance(struct client *client, double distance); /* four decimals */
