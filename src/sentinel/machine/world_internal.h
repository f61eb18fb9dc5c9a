/* How the machine's own files change the world: making and dropping its parts, addresses, the work list.
 *
 * Included by the files of this folder only.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/mem.h"
#include "sentinel/machine/world.h"

enum {
    REPLICAS_MAX = 1000,  /* of one primary: an INFO that lies must not fill our memory */
    SENTINELS_MAX = 1000, /* the same for hellos */
};
/* No honest epoch comes near. Higher ones are garbage, so that adding one never overflows anywhere. */
#define EPOCH_MAX ((uint64_t)1 << 62)
/* Nor is any honest sentinel so far ahead of another; one that claims to be lies or is broken. */
#define EPOCH_JUMP_MAX ((uint64_t)1 << 32)

void world_init(struct world *world, int64_t now_ms);
void world_fini(struct world *world);

/* Work list: whatever is touched is tended before the step ends, and else when its deadline comes. */
void world_touch_instance(struct world *world, struct instance *instance);
void world_touch_primary(struct primary *primary);
void world_touch_group(struct primary *primary); /* the primary and all its data nodes */

/* The state to be saved has changed: anything of it, only our epoch (or an order to save), only these parts of a
 * primary. Urgent: somebody waits for it. */
void world_changed(struct world *world, bool urgent);
void world_changed_self(struct world *world, bool urgent);
void primary_changed(struct primary *primary, unsigned parts, bool urgent);

/* Forty hexadecimal digits: the id of a sentinel. */
bool id_is_valid(struct slice id);

/* Addresses. A name is looked up only when names may be resolved. */
bool host_is_ip(const char *host);
const char *world_lookup(struct world *world, const char *host);       /* NULL: not known (yet) */
void world_resolve(struct world *world, const char *host, bool again); /* asks for it unless it is being asked */
void world_on_resolved(struct world *world, struct slice name, struct slice ip);
bool world_may_watch(const struct world *world, const char *host); /* an address, or a name that may be resolved */
/* Whether host:port (as somebody named it) is where this instance is. */
bool instance_is_at(const struct instance *instance, const char *host, int64_t port);

struct primary *primary_new(struct world *world, const char *name, const char *host, uint16_t port);
void primary_drop(struct primary *primary); /* with all that is only its */
struct instance *replica_add(struct primary *primary, const char *host, uint16_t port);
struct instance *replica_find_at(const struct primary *primary, const char *host, int64_t port);
void replica_drop(struct instance *replica);
/* The sentinel of that id becomes known for this primary, at that address. */
struct seat *seat_add(struct primary *primary, const char *id, const char *host, uint16_t port);
void seat_drop(struct seat *seat); /* and its peer, when no other primary shares it */
void peer_move(struct world *world, struct instance *peer, const char *host, uint16_t port);

/* Makes the node at this address the primary, and what was the primary a replica. Says so (+switch-master), tells the
 * script, and has it saved. `by` is the id of the failover's leader. */
void primary_switch(struct primary *primary, const char *host, uint16_t port, const char *by);
void primary_switch_to(struct primary *primary, struct instance *replica, const char *by); /* the same, to one we know */

enum {
    FORGOTTEN_MS = 120000,     /* how long INFO may go on naming a replica that is gone (repl-timeout is 60 s) */
    FORGOTTEN_ALIVE_MS = 3000, /* after this one that still acknowledges is not gone at all */
};
/* A replica; or a sentinel: `host` is its id, `ip` empty, `port` 0. */
void forgotten_add(struct primary *primary, const char *host, const char *ip, uint16_t port);
void forgotten_drop(struct forgotten *forgotten);
/* Whether a replica that the primary's INFO names was forgotten and has shown no life since; `lag_s` as INFO says. */
bool forgotten_keeps_out(struct primary *primary, const char *host, uint16_t port, int64_t lag_s);

/* A primary of the configuration that SENTINEL REMOVE took away. Owned by world->removed. */
struct removed {
    struct list_node node;
    char *name, *configured_host;
    uint16_t configured_port;
};
void removed_add(struct world *world, const char *name, const char *host, uint16_t port);
struct removed *removed_find(const struct world *world, const char *name); /* NULL: none */
void removed_drop(struct removed *removed);
