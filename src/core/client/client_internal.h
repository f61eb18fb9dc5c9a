/* A client's buffers and places in the server's lists, shared by the files that move its bytes.
 *
 * Included by the files of client, reply.c, blocked.c and dispatch.c only.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/client/client.h"
#include "net/buffer.h"
#include "net/resp_parse.h"

struct held_reply { /* client_hold.c's: the output's bytes [from, until), and so all behind them, wait */
    uint64_t from, until;
    int64_t  offsets[2]; /* that the disk, and peers, must confirm; -1: they need not, or have */
    unsigned peers_gate; /* which peers */
};

struct client_io {
    struct client      *self;
    struct input        input;
    struct output       output;
    struct resp_parser  parser;
    struct resp_request *request; /* being executed; NULL: none, or a fake client's */
    struct list_node    write_node;  /* in internal->writes: has output that was not tried to be sent */
    struct list_node    close_node;  /* in internal->closes */
    struct list_node    resume_node; /* in internal->resumes: has input to be executed, or in postponed */
    uint64_t            sent_total;  /* bytes of output ever sent: sent_total + output_size() is the place of the next one */
    uint64_t            reply_start; /* that place when the running command began */
    struct held_reply  *held;        /* [held_begin, held_end) in order; NULL: none ever */
    unsigned            held_begin, held_end, held_capacity;
    bool                is_executing;   /* a batch of its requests: its input must not move */
    bool                is_read_paused; /* bytes came meanwhile */
    bool                wants_writable; /* the socket was full */
    bool                is_listed;      /* counted and in server->clients */
};

/* Nothing is added to the output of such a client. */
#define CLIENT_MUTE (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP | CLIENT_CLOSE_ASAP)
/* Nothing more of its input is executed. */
#define CLIENT_STOPPED (CLIENT_BLOCKED | CLIENT_CLOSE_ASAP | CLIENT_CLOSE_AFTER_REPLY)

static inline uint64_t client_output_place(const struct client *client) {
    return client->io->sent_total + output_size(&client->io->output);
}

/* Sends what may be sent; false: the client was freed. */
bool client_write(struct client *client);
/* What the server's cron does for one client: idle timeout, memory that is not needed. False: it was freed. */
bool client_cron(struct client *client);
/* An input buffer that was used up goes back to the server. */
void client_return_input(struct client *client);
/* Queues it so that its waiting input is executed before the loop sleeps. */
void client_resume_later(struct client *client);
