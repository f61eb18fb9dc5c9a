/* A server on a Unix socket, whose loop the test turns: for tests of what clients see.
 *
 * Included by the tests of core/client only.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/mem.h"
#include "core/config/core_settings.h"
#include "core_fixture.h"
#include "net/loop.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct live {
    struct fixture fixture;
    char           folder[64], path[96];
    char           text[1 << 16];
};

static void set_text(char **field, const char *text) {
    mem_free(*field);
    *field = mem_strdup(text);
}

static void live_init(struct live *live) {
    struct error err = {{0}};
    fixture_init(&live->fixture);
    strcpy(live->folder, "/tmp/kvd-unit-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(live->folder));
    snprintf(live->path, sizeof(live->path), "%s/s", live->folder);
    live->fixture.server->settings->port = 0;
    set_text(&live->fixture.server->settings->unixsocket, live->path);
    bool is_started = server_start(live->fixture.server, &err);
    EXPECT_TEXT(err.text, "");
    CU_ASSERT_FATAL(is_started);
}

static void live_fini(struct live *live) {
    fixture_fini(&live->fixture);
    CU_ASSERT_EQUAL(access(live->path, F_OK), -1);
    CU_ASSERT_EQUAL(rmdir(live->folder), 0);
}

static void turn(struct live *live) {
    for (int i = 0; i < 5; i++) loop_turn(live->fixture.server->loop, false);
}

static int dial(struct live *live) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    strcpy(to.sun_path, live->path);
    CU_ASSERT_FATAL(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    turn(live);
    return fd;
}

/* Sends, turns the loop, and returns what came back; "EOF" at the end when the server closed. */
static const char *talk(struct live *live, int fd, const char *text) {
    size_t size = strlen(text), got = 0;
    if (size) CU_ASSERT(send(fd, text, size, MSG_NOSIGNAL) == (ssize_t)size);
    turn(live);
    ssize_t n;
    while ((n = recv(fd, live->text + got, sizeof(live->text) - 4 - got, 0)) > 0) got += (size_t)n;
    live->text[got] = 0;
    if (n == 0) strcat(live->text, "EOF");
    return live->text;
}
