/* A server without listeners and clients without sockets, for the tests of core.
 *
 * Requests are fed as bytes and go the whole way: parser, lookup, dispatch, body, reply.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "lib/unit.h"

struct fixture {
    struct server *server;
    struct client *client;
    struct bytes   text; /* what the last fixture_run() returned */
};

void           fixture_init(struct fixture *fixture); /* with one client, SET-like and GET-like test commands */
void           fixture_fini(struct fixture *fixture);
struct client *fixture_client(struct fixture *fixture); /* one more; freed with the server */

/* Feeds words separated by blanks as one request; returns everything that waits in the output then, lent until the next
 * call. "\r\n" is printed as '|'. */
const char *fixture_run(struct fixture *fixture, struct client *client, const char *words);
/* The same for bytes as they are. */
const char *fixture_feed(struct fixture *fixture, struct client *client, const char *bytes);
const char *fixture_output(struct fixture *fixture, struct client *client);

#define EXPECT_REPLY(fixture, words, expected) EXPECT_TEXT(fixture_run((fixture), (fixture)->client, (words)), (expected))
