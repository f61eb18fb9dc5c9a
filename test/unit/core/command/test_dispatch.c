#include "core/command/dispatch.h"

#include "core/acl/user.h"
#include "core/client/blocked.h"
#include "core_fixture.h"

UNIT_TEST(dispatch, unknown_commands_in_established_words) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_REPLY(&f, "nosuch", "-ERR unknown command 'nosuch', with args beginning with: |");
    EXPECT_REPLY(&f, "nosuch a b", "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' |");
    EXPECT_REPLY(&f, "client nosuch", "-ERR unknown subcommand 'nosuch'. Try CLIENT HELP.|");
    EXPECT_REPLY(&f, "client", "-ERR wrong number of arguments for 'client' command|");
    EXPECT_REPLY(&f, "client id 7", "-ERR wrong number of arguments for 'client|id' command|");
    fixture_fini(&f);
}

UNIT_TEST(dispatch, counts_calls_failures_and_rejections) {
    struct fixture f;
    fixture_init(&f);
    struct command_entry *hello = command_find(f.server->commands, SLICE("hello"));
    (void)fixture_run(&f, f.client, "hello 2");
    (void)fixture_run(&f, f.client, "hello 9");
    struct command_entry *get = command_find(f.server->commands, SLICE("tget"));
    (void)fixture_run(&f, f.client, "tget a b");
    CU_ASSERT_EQUAL(hello->calls, 2);
    CU_ASSERT_EQUAL(hello->failed, 1);
    CU_ASSERT_EQUAL(hello->rejected, 0);
    CU_ASSERT_EQUAL(get->calls, 0);
    CU_ASSERT_EQUAL(get->rejected, 1);
    fixture_fini(&f);
}

UNIT_TEST(dispatch, asks_for_authentication) {
    struct fixture f;
    fixture_init(&f);
    users_set_default_password(f.server->users, SLICE("secret"));
    struct client *late = fixture_client(&f);
    late->is_authenticated = false; /* as a connection that was accepted now */
    EXPECT_TEXT(fixture_run(&f, late, "ping"), "-NOAUTH Authentication required.|");
    EXPECT_TEXT(fixture_run(&f, late, "auth wrong"), "-WRONGPASS invalid username-password pair or user is disabled.|");
    EXPECT_TEXT(fixture_run(&f, late, "auth secret"), "+OK|");
    EXPECT_TEXT(fixture_run(&f, late, "ping"), "+PONG|");
    CU_ASSERT_EQUAL(f.server->stats.acl_denied_auth, 1);
    fixture_fini(&f);
}

UNIT_TEST(dispatch, obeys_the_acl) {
    struct fixture f;
    fixture_init(&f);
    struct slice rules[] = {SLICE("on"), SLICE("nopass"), SLICE("+tget"), SLICE("~a*")};
    bool         made;
    struct error err;
    CU_ASSERT(users_apply(f.server->users, SLICE("bob"), rules, COUNT_OF(rules), &made, &err));
    f.client->user = users_find(f.server->users, SLICE("bob"));
    EXPECT_REPLY(&f, "tget abc", "$3|abc|");
    EXPECT_REPLY(&f, "tget xyz", "-NOPERM this user has no permissions to access one of the keys used as arguments|");
    EXPECT_REPLY(&f, "tset abc 1", "-NOPERM this user has no permissions to run the 'tset' command|");
    fixture_fini(&f);
}

UNIT_TEST(dispatch, a_pipelined_batch_is_executed_in_order) {
    struct fixture f;
    fixture_init(&f);
    struct bytes many = {0}, expected = {0};
    for (int i = 0; i < 200; i++) { /* more than one batch holds */
        bytes_add_printf(&many, "*2\r\n$4\r\ntget\r\n$3\r\n%03d\r\n", i);
        bytes_add_printf(&expected, "$3|%03d|", i);
    }
    EXPECT_TEXT(fixture_feed(&f, f.client, bytes_text(&many)), bytes_text(&expected));
    bytes_fini(&many);
    bytes_fini(&expected);
    fixture_fini(&f);
}

UNIT_TEST(dispatch, any_cut_of_the_stream_gives_the_same) {
    static const char stream[] = "*2\r\n$4\r\ntget\r\n$1\r\na\r\nPING x\r\n*1\r\n$4\r\nPING\r\n";
    for (size_t cut = 1; cut < sizeof(stream) - 1; cut++) {
        struct fixture f;
        struct bytes   all = {0};
        char           head[sizeof(stream)];
        fixture_init(&f);
        memcpy(head, stream, cut);
        head[cut] = 0;
        bytes_add_text(&all, fixture_feed(&f, f.client, head));
        bytes_add_text(&all, fixture_feed(&f, f.client, stream + cut));
        EXPECT_TEXT(bytes_text(&all), "$1|a|$1|x|+PONG|");
        bytes_fini(&all);
        fixture_fini(&f);
    }
}

UNIT_TEST(dispatch, broken_protocol_ends_the_client) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_TEXT(fixture_feed(&f, f.client, "*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n"),
                "+PONG|-ERR Protocol error: invalid multibulk length|");
    CU_ASSERT(f.client->flags & CLIENT_CLOSE_AFTER_REPLY);
    EXPECT_TEXT(fixture_feed(&f, f.client, "PING\r\n"), "");
    fixture_fini(&f);
}

UNIT_TEST(dispatch, http_is_no_protocol) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_TEXT(fixture_feed(&f, f.client, "POST / HTTP/1.1\r\nPING\r\n"), "");
    CU_ASSERT(f.client->flags & CLIENT_CLOSE_ASAP);
    fixture_fini(&f);
}

UNIT_TEST(dispatch, quit_stops_what_follows) {
    struct fixture f;
    fixture_init(&f);
    EXPECT_TEXT(fixture_feed(&f, f.client, "QUIT\r\nPING\r\n"), "+OK|");
    fixture_fini(&f);
}

/* ---- hooks ---- */

struct spy {
    struct bytes        text;
    enum server_verdict refuse, take;
};

static enum server_verdict spy_refuse(void *context, struct client *client, const struct command_entry *entry) {
    struct spy *spy = context;
    if (spy->refuse == SERVER_TAKEN) reply_error_uncounted(client, "READONLY no");
    return spy->refuse;
}

static enum server_verdict spy_take(void *context, struct client *client, const struct command_entry *entry) {
    struct spy *spy = context;
    if (spy->take == SERVER_TAKEN) reply_status(client, "QUEUED");
    return spy->take;
}

static void spy_rejected(void *context, struct client *client) {
    bytes_add_text(&((struct spy *)context)->text, "rejected ");
}

static void spy_written(void *context, const struct server_write *writes, size_t count) {
    struct spy *spy = context;
    for (size_t i = 0; i < count; i++) {
        for (int j = 0; j < writes[i].argc; j++)
            bytes_add_printf(&spy->text, "%.*s%s", (int)writes[i].argv[j].size, writes[i].argv[j].data,
                             j + 1 < writes[i].argc ? " " : "");
        bytes_add_printf(&spy->text, "%s; ", writes[i].bytes.size ? "(own bytes)" : "");
    }
}

static void spy_parsed(void *context, struct client *client, const struct server_request *requests, size_t count) {
    bytes_add_printf(&((struct spy *)context)->text, "ahead %zu ", count);
}

static void spy_after_call(void *context, struct client *client, const struct command_entry *entry, int64_t dirty,
                           int64_t usec) {
    bytes_add_printf(&((struct spy *)context)->text, "after %s %lld ", entry->name, (long long)dirty);
}

static void spy_denied(void *context, struct client *client, enum server_denial denial, struct slice object) {
    bytes_add_printf(&((struct spy *)context)->text, "denied %d %.*s ", (int)denial, (int)object.size, object.data);
}

UNIT_TEST(dispatch, hooks_refuse_and_take) {
    struct fixture      f;
    struct spy          spy = {0};
    struct server_hooks hooks = {.context = &spy, .refuse = spy_refuse, .take = spy_take, .rejected = spy_rejected,
                                 .after_call = spy_after_call};
    fixture_init(&f);
    server_add_hooks(f.server, &hooks);
    EXPECT_REPLY(&f, "tset a 1", "+OK|");
    spy.take = SERVER_TAKEN;
    EXPECT_REPLY(&f, "tset a 1", "+QUEUED|");
    spy.refuse = SERVER_TAKEN;
    EXPECT_REPLY(&f, "tset a 1", "-READONLY no|");
    EXPECT_REPLY(&f, "nosuch", "-ERR unknown command 'nosuch', with args beginning with: |");
    EXPECT_TEXT(bytes_text(&spy.text), "after tset 1 rejected rejected ");
    bytes_fini(&spy.text);
    fixture_fini(&f);
}

UNIT_TEST(dispatch, denials_are_told) {
    struct fixture      f;
    struct spy          spy = {0};
    struct server_hooks hooks = {.context = &spy, .denied = spy_denied};
    fixture_init(&f);
    server_add_hooks(f.server, &hooks);
    (void)fixture_run(&f, f.client, "auth nobody x");
    EXPECT_TEXT(bytes_text(&spy.text), "denied 3 nobody ");
    bytes_fini(&spy.text);
    fixture_fini(&f);
}

/* ---- propagation ---- */

static void rewriting_command(struct client *client) {
    struct slice own[] = {SLICE("set"), client->argv[1], SLICE("rewritten")};
    struct slice more[] = {SLICE("del"), SLICE("other")};
    client->server->dirty++;
    dispatch_also_propagate(client, 0, 2, more);
    dispatch_rewrite(client, 3, own);
    reply_ok(client);
}

static void adding_command(struct client *client) {
    struct slice more[] = {SLICE("del"), SLICE("expired")};
    dispatch_also_propagate(client, 0, 2, more);
    reply_ok(client);
}

/* Finds one that is past its deadline, and changes another. */
static void finding_command(struct client *client) {
    struct slice gone[] = {SLICE("del"), SLICE("old")};
    dispatch_propagate_before(client->server, 0, 2, gone);
    client->server->dirty += client->argc > 1;
    reply_ok(client);
}

static void silent_command(struct client *client) {
    client->server->dirty++;
    dispatch_prevent_propagation(client);
    reply_ok(client);
}

/* Like EXEC: calls two others. */
static void nesting_command(struct client *client) {
    struct command_entry *set = command_find(client->server->commands, SLICE("tset"));
    struct slice          one[] = {SLICE("tset"), SLICE("a"), SLICE("1")}, two[] = {SLICE("tset"), SLICE("b"), SLICE("2")};
    client_set_request(client, 3, one, (struct slice){NULL, 0});
    dispatch_call(client, set, 0);
    client_set_request(client, 3, two, (struct slice){NULL, 0});
    dispatch_call(client, set, 0);
}

static const struct command propagating[] = {
    {.name = "trewrite", .arity = 2, .flags = COMMAND_WRITE, .body = rewriting_command},
    {.name = "tadd", .arity = 1, .flags = COMMAND_READONLY, .body = adding_command},
    {.name = "tfind", .arity = -1, .flags = COMMAND_WRITE, .body = finding_command},
    {.name = "tsilent", .arity = 1, .flags = COMMAND_WRITE, .body = silent_command},
    {.name = "tnest", .arity = 1, .body = nesting_command},
};

UNIT_TEST(propagate, what_was_written_is_handed_over) {
    struct fixture      f;
    struct spy          spy = {0};
    struct server_hooks hooks = {.context = &spy, .written = spy_written};
    fixture_init(&f);
    f.server->is_followed = true;
    server_add_commands(f.server, propagating, COUNT_OF(propagating));
    server_add_hooks(f.server, &hooks);
    static const struct {
        const char *request, *writes;
    } cases[] = {
        {"tset a 1", "tset a 1(own bytes); "},
        {"tget a", ""},
        {"trewrite k", "set k rewritten; del other; "},
        {"tadd", "del expired; "},
        {"tsilent", ""},
        {"tnest", "tset a 1; tset b 2; "},
        {"tfind", "del old; "},
        {"tfind k", "del old; tfind k; "},
        {"publish ch hello", "publish ch hello(own bytes); "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bytes_clear(&spy.text);
        (void)fixture_run(&f, f.client, cases[i].request);
        EXPECT_TEXT(bytes_text(&spy.text), cases[i].writes);
    }
    bytes_clear(&spy.text);
    EXPECT_TEXT(fixture_feed(&f, f.client, "tset a 1\r\n"), "+OK|"); /* inline: there are no bytes in RESP */
    EXPECT_TEXT(bytes_text(&spy.text), "tset a 1; ");
    bytes_clear(&spy.text);
    dispatch_propagate_before(f.server, 0, 2, (struct slice[]){SLICE("del"), SLICE("idle")});
    EXPECT_TEXT(bytes_text(&spy.text), "del idle; ");
    bytes_clear(&spy.text);
    f.server->is_loading = true;
    (void)fixture_run(&f, f.client, "trewrite k");
    f.server->is_loading = f.server->is_followed = false;
    (void)fixture_run(&f, f.client, "trewrite k");
    EXPECT_TEXT(bytes_text(&spy.text), "");
    bytes_fini(&spy.text);
    fixture_fini(&f);
}

UNIT_TEST(dispatch, batches_are_announced_before_they_run) {
    struct fixture      f;
    struct spy          spy = {0};
    struct server_hooks hooks = {.context = &spy, .parsed = spy_parsed, .after_call = spy_after_call};
    fixture_init(&f);
    server_add_hooks(f.server, &hooks);
    (void)fixture_feed(&f, f.client, "ping\r\nping\r\nping\r\n");
    EXPECT_TEXT(bytes_text(&spy.text), "ahead 3 after ping 0 after ping 0 after ping 0 ");
    bytes_fini(&spy.text);
    fixture_fini(&f);
}

/* ---- pauses ---- */

UNIT_TEST(dispatch, a_pause_holds_requests_back_and_loses_none) {
    struct fixture f;
    fixture_init(&f);
    struct client *client = f.client;
    client->flags &= ~CLIENT_IS_FAKE; /* fake clients are never paused */
    server_pause(f.server, SERVER_PAUSE_BY_CLIENT, SERVER_PAUSE_WRITE, f.server->now_ms + 100000);
    EXPECT_REPLY(&f, "tget a", "$1|a|");
    EXPECT_REPLY(&f, "tset a 1", "");
    CU_ASSERT_EQUAL(server_blocked_count(f.server), 1);
    int64_t left;
    EXPECT_TEXT(server_pause_reason(f.server, &left), "client_pause");
    server_unpause(f.server, SERVER_PAUSE_BY_CLIENT);
    CU_ASSERT_EQUAL(server_blocked_count(f.server), 0);
    (void)client_execute_input(client);
    EXPECT_TEXT(fixture_output(&f, client), "+OK|");
    client->flags |= CLIENT_IS_FAKE;
    fixture_fini(&f);
}

/* ---- blocking ---- */

static void time_up(struct client *client, void *context) {
    reply_null_array(client);
}

static const struct blocked_ops waiting = {.by = BLOCKED_BY_KEY, .on_timeout = time_up, .can_unblock = true};

static void waiting_command(struct client *client) {
    blocked_start(client, &waiting, NULL, 0);
}

static const struct command blocking[] = {{.name = "twait", .arity = 1, .flags = COMMAND_BLOCKING, .body = waiting_command}};

UNIT_TEST(blocked, what_follows_waits_for_the_reply) {
    struct fixture f;
    fixture_init(&f);
    server_add_commands(f.server, blocking, 1);
    EXPECT_TEXT(fixture_feed(&f, f.client, "twait\r\nping\r\n"), "");
    CU_ASSERT_EQUAL(server_blocked_count(f.server), 1);
    CU_ASSERT(blocked_unblock(f.client, NULL));
    (void)client_execute_input(f.client);
    EXPECT_TEXT(fixture_output(&f, f.client), "*-1|+PONG|");
    (void)fixture_feed(&f, f.client, "twait\r\n");
    CU_ASSERT(blocked_unblock(f.client, "UNBLOCKED x"));
    EXPECT_TEXT(fixture_output(&f, f.client), "-UNBLOCKED x|");
    CU_ASSERT(!blocked_unblock(f.client, NULL));
    CU_ASSERT_EQUAL(server_blocked_count(f.server), 0);
    (void)fixture_feed(&f, f.client, "twait\r\n"); /* freed while it waits */
    fixture_fini(&f);
}
