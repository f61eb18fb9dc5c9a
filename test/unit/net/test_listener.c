#include "lib/unit.h"
#include "net/address.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop *loop;
static int          accepted;
static struct conn *last;

static void on_accept(void *context, struct conn **conn) {
    accepted++;
    conn_close(&last);
    last = *conn;
    *conn = NULL;
}

static bool can_connect(const char *ip, uint16_t port) {
    struct address at;
    CU_ASSERT_FATAL(address_parse_ip(&at, ip, port));
    int fd = socket(at.any.sa_family, SOCK_STREAM, 0);
    bool done = connect(fd, &at.any, at.size) == 0;
    int before = accepted;
    if (done)
        while (accepted == before) loop_turn(loop, true);
    close(fd);
    return done;
}

static void finish(struct listener **listener) {
    conn_close(&last);
    listener_free(listener);
    loop_free(&loop);
}

static struct listener_settings at(const char *const *addresses, size_t count, uint16_t port) {
    return (struct listener_settings){.addresses = addresses, .count = count, .port = port, .backlog = 16};
}

UNIT_TEST(listener, listens_on_several_addresses) {
    loop = loop_new();
    struct error err;
    const char *addresses[] = {"127.0.0.1", "-::1", "-10.255.255.1", "127.0.0.2", "127.0.0.1"};
    struct listener_settings settings = at(addresses, 5, 0);
    struct listener *listener = listener_new(loop, &settings, on_accept, NULL, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    CU_ASSERT(listener_socket_count(listener) >= 2);
    CU_ASSERT(can_connect("127.0.0.1", listener_port(listener)));
    CU_ASSERT(can_connect("127.0.0.2", listener_port(listener)));
    CU_ASSERT(address_is_loopback(conn_peer(last)));
    CU_ASSERT_FALSE(can_connect("127.0.0.3", listener_port(listener)));
    CU_ASSERT_EQUAL(accepted, 2);
    finish(&listener);
}

UNIT_TEST(listener, says_why_it_cannot_listen) {
    loop = loop_new();
    struct error err;
    char expected[200];
    const char *one[] = {"127.0.0.1"}, *missing[] = {"127.0.0.1", "10.255.255.1"};
    struct listener_settings settings = at(one, 1, 0);
    struct listener *listener = listener_new(loop, &settings, on_accept, NULL, &err);
    settings.port = listener_port(listener);
    CU_ASSERT_PTR_NULL(listener_new(loop, &settings, on_accept, NULL, &err));
    snprintf(expected, sizeof expected,
             "Could not create server TCP listening socket 127.0.0.1:%d: bind: Address already in use", settings.port);
    EXPECT_TEXT(err.text, expected);
    settings = at(missing, 2, 0);
    CU_ASSERT_PTR_NULL(listener_new(loop, &settings, on_accept, NULL, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "10.255.255.1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ": bind: Cannot assign requested address"));
    const char *optional[] = {"-10.255.255.1"};
    settings = at(optional, 1, 0);
    CU_ASSERT_PTR_NULL(listener_new(loop, &settings, on_accept, NULL, &err));
    finish(&listener);
}

UNIT_TEST(listener, rebinds_all_or_nothing) {
    loop = loop_new();
    struct error err;
    const char *local[] = {"127.0.0.1"}, *all[] = {"*"}, *bad[] = {"127.0.0.2", "10.255.255.1"}, *two[] = {"127.0.0.2", "127.0.0.1"};
    struct listener_settings settings = at(local, 1, 0);
    struct listener *listener = listener_new(loop, &settings, on_accept, NULL, &err);
    uint16_t port = listener_port(listener);
    settings = at(bad, 2, port);
    CU_ASSERT_FALSE(listener_rebind(listener, &settings, &err));
    CU_ASSERT(can_connect("127.0.0.1", port));
    CU_ASSERT_FALSE(can_connect("127.0.0.2", port));
    int fd = listener_fd(listener, 0);
    settings = at(two, 2, port);
    CU_ASSERT(listener_rebind(listener, &settings, &err));
    CU_ASSERT_EQUAL(listener_fd(listener, 0), fd); /* the one that was there stayed open */
    CU_ASSERT(can_connect("127.0.0.2", port));
    settings = at(all, 1, port); /* a wildcard that the old sockets stand in the way of */
    CU_ASSERT(listener_rebind(listener, &settings, &err));
    CU_ASSERT(can_connect("127.0.0.7", port));
    const char *hopeless[] = {"127.0.0.1", "10.255.255.1"};
    settings = at(hopeless, 2, port);
    CU_ASSERT_FALSE(listener_rebind(listener, &settings, &err));
    CU_ASSERT(can_connect("127.0.0.7", port));
    settings = at(local, 1, 0);
    CU_ASSERT(listener_rebind(listener, &settings, &err));
    CU_ASSERT(listener_port(listener) != port);
    CU_ASSERT(can_connect("127.0.0.1", listener_port(listener)));
    CU_ASSERT_FALSE(can_connect("127.0.0.1", port));
    finish(&listener);
}

UNIT_TEST(listener, unix_socket) {
    loop = loop_new();
    struct error err;
    char dir[] = "/tmp/kvd-listener-XXXXXX", path[100], text[ADDRESS_TEXT_SIZE];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/socket", dir);
    struct listener_settings settings = {.unix_path = path, .unix_mode = 0700, .backlog = 5};
    struct listener *listener = listener_new(loop, &settings, on_accept, NULL, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    struct stat status;
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0700);
    struct address address;
    CU_ASSERT_FATAL(address_set_unix(&address, path));
    int before = accepted, fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, &address.any, address.size), 0);
    while (accepted == before) loop_turn(loop, true);
    char expected[110];
    snprintf(expected, sizeof expected, "%s:0", path);
    EXPECT_TEXT(conn_peer_text(last, text), expected);
    close(fd);
    finish(&listener);
    CU_ASSERT_EQUAL(stat(path, &status), -1);
    FILE *file = fopen(path, "w"); /* somebody's file is not removed */
    fclose(file);
    loop = loop_new();
    CU_ASSERT_PTR_NULL(listener_new(loop, &settings, on_accept, NULL, &err));
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    loop_free(&loop);
    unlink(path);
    rmdir(dir);
}
