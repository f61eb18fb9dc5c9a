/* How the machine's own files make instances and their lines.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "sentinel/machine/world.h"

struct instance *instance_new(struct world *world, enum instance_kind kind, struct primary *primary, const char *name,
                              const char *host, uint16_t port);
/* Unlinks and frees it, and has the driver forget it. */
void instance_drop(struct world *world, struct instance *instance);
/* Takes over down_after and the ping period from its primary's options (for sentinels: the strictest of theirs). */
void instance_derive(struct instance *instance);
/* Fills in `ip` when it is known, else asks for it. */
void instance_find_ip(struct world *world, struct instance *instance);

/* Forgets all requests of a line: it is down. */
void instance_forget_requests(struct instance *instance, enum line_kind line);
/* It is one of those whose return is looked for. */
void instance_set_sought(struct instance *instance, bool is_sought);
/* Closes a line that is open or opening; it is idle afterwards and may be opened again at once. */
void instance_hang_up(struct world *world, struct instance *instance, enum line_kind line);
/* Takes the request off its line: index is of its last command. NULL: not one of ours (any more). */
struct request *instance_take_request(struct instance *instance, uint64_t number, uint32_t index, bool *complete);
