/* One pretended data node: what a sentinel can ask of a Redis server, answered without data.
 *
 * Answers PING, INFO, ROLE, REPLICAOF, PUBLISH and the like as a primary or a replica of 7.0 would, in the sizes that a
 * real one has, for a hundredth of the processor time. Knows nothing of sockets: who delivers what it publishes and cuts
 * its connections is in fleet.c.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/list.h"
#include "net/buffer.h"
#include "net/resp_parse.h"

enum { RUN_ID_SIZE = 41 };

struct node {
    uint32_t     number;
    char         ip[16];
    uint16_t     port;
    char         run_id[RUN_ID_SIZE], replication_id[RUN_ID_SIZE];
    bool         is_primary, is_alive;
    struct node *follows; /* a replica's primary; NULL: none in this fleet */
    char         follows_host[64];
    uint16_t     follows_port;
    int64_t      offset_base, offset_since_ms; /* a primary's stream: 100 bytes a second */
    int64_t      offset;                       /* a replica's, as far as it got */
    int64_t      ended_ms;                     /* when it was last killed */
    uint64_t     keys;
    struct list  clients; /* fleet.c's */
    void        *listener;
};

struct nodes { /* owned by the fleet */
    struct node *items;
    size_t       count, replicas; /* of each primary; a primary comes first and its replicas behind it */
};

enum outcome {
    OUTCOME_ANSWERED,
    OUTCOME_PUBLISH,    /* argv[1], argv[2]; the answer is the deliverer's */
    OUTCOME_SUBSCRIBE,  /* argv[1] ... */
    OUTCOME_KILL,       /* CLIENT KILL TYPE argv[3]; the answer is the killer's */
    OUTCOME_REPLICAOF,  /* answered; its role or primary is another one now */
    OUTCOME_TRANSACTION /* MULTI, EXEC, DISCARD: the connection's matter */
};

void         node_init(struct nodes *nodes, size_t index, const char *ip, uint16_t port, int64_t now_ms);
struct node *node_at(const struct nodes *nodes, struct slice host, uint16_t port); /* NULL: not of this fleet */
bool         node_link_is_up(const struct node *node);
/* A primary ends: its replicas keep what they have. */
void node_ends(struct nodes *nodes, struct node *node, int64_t now_ms);
void node_begins(struct node *node, int64_t now_ms);

enum outcome node_execute(struct nodes *nodes, struct node *node, const struct slice *argv, uint32_t argc, int64_t now_ms,
                          struct output *out);
