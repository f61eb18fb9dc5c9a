/* What the files of the Redis Sentinel model share.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/list.h"
#include "sim/dice.h"
#include "sim/redis_sentinel.h"

enum { PENDING_MAX = 100, TEXT_SIZE = 64 };

enum node_kind { NODE_PRIMARY, NODE_REPLICA, NODE_SENTINEL };
enum sent_kind { SENT_PING, SENT_INFO, SENT_HELLO, SENT_ASK, SENT_ORDER };
enum repointing { REPOINT_NONE, REPOINT_SENT, REPOINT_INPROG, REPOINT_DONE };

enum rs_state { RS_NONE, RS_WAIT_START, RS_SELECT, RS_SEND, RS_WAIT_PROMOTION, RS_RECONF, RS_UPDATE };

/* One watched instance. Owned by its primary's lists (or it is the primary itself). Times in ms, 0 never. */
struct rs_node {
    struct redis_sentinel *self;
    struct rs_primary *primary;
    struct list_node node;
    enum node_kind kind;
    char address[NETWORK_ADDRESS_SIZE];
    uint16_t port;
    char id[SENTINEL_ID_SIZE];
    struct link_end *command, *pubsub;
    bool command_up, pubsub_up;
    unsigned char sent[PENDING_MAX]; /* enum sent_kind of what waits for a reply, a ring */
    unsigned sent_first, sent_count;

    int64_t connected_ms, tried_ms, available_ms, unanswered_ms, pinged_ms, answered_ms, hello_ms, info_sent_ms,
        info_ms;
    bool s_down;
    int64_t s_down_ms;
    bool says_primary; /* what INFO said last */
    int64_t says_since_ms;

    /* A replica */
    char follows[NETWORK_ADDRESS_SIZE];
    uint16_t follows_port;
    int64_t follows_since_ms, link_down_ms, priority, offset;
    bool link_up;
    enum repointing repointing;
    int64_t repointed_ms;

    /* A sentinel */
    bool says_down;
    int64_t said_ms, asked_ms;
    char leader[SENTINEL_ID_SIZE];
    uint64_t leader_epoch;
};

struct rs_primary {
    struct redis_sentinel *self;
    const struct primary_config *config;
    struct rs_node *node;
    struct list replicas, sentinels;
    uint64_t config_epoch, leader_epoch;
    char leader[SENTINEL_ID_SIZE];
    bool o_down;
    enum rs_state state;
    uint64_t failover_epoch;
    int64_t start_ms, change_ms;
    struct rs_node *promoted;
};

struct redis_sentinel {
    struct network *network;
    struct schedule *schedule;
    struct random *random;
    struct redis_sentinel_traits traits;
    unsigned number;
    bool running;
    int64_t paused_until_us;
    uint64_t current_epoch;
    struct rs_primary *primaries; /* traits.primary_count of them */
    struct list callers;          /* of struct rs_caller */
    struct happening tick;
};

static inline int64_t rs_now_ms(const struct redis_sentinel *sentinel) {
    return sentinel->schedule->now_us / 1000 + 1; /* 0 is never */
}

/* redis_sentinel.c: nodes and their lines */
struct rs_node *rs_node_new(struct rs_primary *primary, enum node_kind kind, const char *address, uint16_t port);
void rs_node_free(struct rs_node *node);
struct rs_node *rs_find(struct list *list, const char *address, uint16_t port);
bool rs_send(struct rs_node *node, enum sent_kind kind, struct message *message); /* takes; false: no line */
void rs_say(struct redis_sentinel *sentinel, const char *event, const struct rs_primary *primary);
void rs_switch(struct rs_primary *primary, const char *address, uint16_t port); /* all but the sentinels starts anew */
/* Where clients are sent: the promoted replica as soon as it is one. */
struct rs_node *rs_current(struct rs_primary *primary);

/* redis_sentinel_hear.c */
extern const struct listener_ops rs_listener_ops;
void rs_hear_reply(struct rs_node *node, enum sent_kind kind, const struct reply_view *reply);
void rs_hear_hello(struct redis_sentinel *sentinel, struct slice payload);
void rs_vote(struct rs_primary *primary, uint64_t epoch, const char *candidate);
void rs_end_callers(struct redis_sentinel *sentinel);

/* redis_sentinel_failover.c */
void rs_look(struct rs_primary *primary);                          /* every tick: down states, questions, failover */
void rs_order(struct rs_node *node, const struct rs_node *follow); /* NULL: be a primary */
