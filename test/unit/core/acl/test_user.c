#include "core/acl/user.h"
#include "core/command/command.h"
#include "base/mem.h"
#include "lib/unit.h"

static void nothing(struct client *client) {
    (void)client;
}

#define KEY_SPEC(key_flags) KEYS({.flags = (key_flags), KEYS_AT(1), KEYS_RANGE(0, 1, 0)})

static const struct command rows[] = {
    {.name = "auth", .arity = -2, .flags = COMMAND_NO_AUTH | COMMAND_FAST, .body = nothing},
    {.name = "get", .arity = 2, .flags = COMMAND_READONLY | COMMAND_FAST, .body = nothing,
     .categories = COMMAND_CATEGORY_STRING, KEY_SPEC(KEY_RO | KEY_ACCESS)},
    {.name = "set", .arity = -3, .flags = COMMAND_WRITE, .body = nothing, .categories = COMMAND_CATEGORY_STRING,
     KEY_SPEC(KEY_OW | KEY_UPDATE)},
    {.name = "incr", .arity = 2, .flags = COMMAND_WRITE | COMMAND_FAST, .body = nothing,
     .categories = COMMAND_CATEGORY_STRING, KEY_SPEC(KEY_RW | KEY_ACCESS | KEY_UPDATE)},
    {.name = "mget", .arity = -2, .flags = COMMAND_READONLY | COMMAND_FAST, .body = nothing,
     .categories = COMMAND_CATEGORY_STRING, KEYS({.flags = KEY_RO | KEY_ACCESS, KEYS_AT(1), KEYS_RANGE(-1, 1, 0)})},
    {.name = "select", .arity = 2, .flags = COMMAND_FAST, .body = nothing},
    {.name = "config", .arity = -2},
    {.name = "config|get", .arity = -3, .flags = COMMAND_ADMIN, .body = nothing},
    {.name = "config|set", .arity = -4, .flags = COMMAND_ADMIN, .body = nothing},
    {.name = "publish", .arity = 3, .flags = COMMAND_PUBSUB, .body = nothing, .channel_first = 1, .channel_count = 1,
     .channel_flags = COMMAND_CHANNEL_PUBLISH},
    {.name = "psubscribe", .arity = -2, .flags = COMMAND_PUBSUB, .body = nothing, .channel_first = 1,
     .channel_count = -1, .channel_flags = COMMAND_CHANNEL_SUBSCRIBE | COMMAND_CHANNEL_PATTERN},
};

struct fixture {
    struct command_table *commands;
    struct users         *users;
    struct error          err;
};

static void fixture_init(struct fixture *f) {
    f->commands = command_table_new();
    command_table_add(f->commands, rows, COUNT_OF(rows));
    f->users = users_new(f->commands);
}

static void fixture_fini(struct fixture *f) {
    users_free(&f->users);
    command_table_free(&f->commands);
}

static size_t cut(const char *text, struct slice *parts, size_t max) {
    struct slice rest = slice_text(text), part;
    size_t       count = 0;
    while (count < max && slice_split(&rest, ' ', &part)) parts[count++] = part;
    return count;
}

static bool apply(struct fixture *f, const char *name, const char *rules) {
    struct slice parts[32];
    size_t       count = rules[0] != '\0' ? cut(rules, parts, 32) : 0;
    return users_apply(f->users, slice_text(name), parts, count, NULL, &f->err);
}

/* The rules give a new user this description, and the description gives the same user again. */
static void expect_description(const char *rules, const char *description) {
    struct fixture f;
    fixture_init(&f);
    CU_ASSERT(apply(&f, "u", rules));
    struct bytes text = {0};
    user_describe(users_find(f.users, SLICE("u")), &text);
    EXPECT_TEXT(bytes_text(&text), description);
    CU_ASSERT(apply(&f, "again", bytes_text(&text)));
    bytes_clear(&text);
    user_describe(users_find(f.users, SLICE("again")), &text);
    EXPECT_TEXT(bytes_text(&text), description);
    bytes_fini(&text);
    fixture_fini(&f);
}

static void expect_refusal(const char *rules, const char *why) {
    struct fixture f;
    fixture_init(&f);
    CU_ASSERT_FALSE(apply(&f, "u", rules));
    EXPECT_TEXT(f.err.text, why);
    CU_ASSERT_PTR_NULL(users_find(f.users, SLICE("u")));
    fixture_fini(&f);
}

/* "get a": '+' allowed, 'c' command, 'k' key, 'p' channel denied. */
static char verdict(struct fixture *f, const char *name, const char *request) {
    struct slice         argv[16];
    size_t               argc = cut(request, argv, 16);
    struct command_entry *entry = command_find_request(f->commands, argv, (int)argc);
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    return "+ckp"[user_check(users_find(f->users, slice_text(name)), entry, argv, (int)argc, NULL)];
}

UNIT_TEST(user, default_may_everything) {
    struct fixture f;
    fixture_init(&f);
    struct user *user = users_default(f.users);
    CU_ASSERT(user->unrestricted && user->enabled && user->nopass);
    CU_ASSERT_FALSE(users_must_authenticate(f.users));
    struct bytes text = {0};
    user_describe(user, &text);
    EXPECT_TEXT(bytes_text(&text), "on nopass ~* &* +@all");
    bytes_fini(&text);
    CU_ASSERT_EQUAL(verdict(&f, "default", "config set a b"), '+');
    fixture_fini(&f);
}

UNIT_TEST(user, is_described_as_redis_does) {
    expect_description("", "off resetchannels -@all");
    expect_description("on nopass", "on nopass resetchannels -@all");
    expect_description(">a", "off #ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb resetchannels -@all");
    expect_description(">a nopass", "off nopass resetchannels -@all");
    expect_description("+get", "off resetchannels -@all +get");
    expect_description("+get -get", "off resetchannels -@all");
    expect_description("+@read", "off resetchannels -@all +@read");
    expect_description("+@read -get", "off resetchannels -@all +@read -get");
    expect_description("+@read -set", "off resetchannels -@all +@read");
    expect_description("+get +@read", "off resetchannels -@all +@read");
    expect_description("+@all -get", "off resetchannels +@all -get");
    expect_description("+@all -get -@dangerous", "off resetchannels +@all -@dangerous -get");
    expect_description("+get +@all", "off resetchannels +@all");
    expect_description("+@all -@all +get", "off resetchannels -@all +get");
    expect_description("+config|get", "off resetchannels -@all +config|get");
    expect_description("+config|get +config", "off resetchannels -@all +config");
    expect_description("+config -config|get", "off resetchannels -@all +config -config|get");
    expect_description("-config +config|get", "off resetchannels -@all +config|get");
    expect_description("+@all -config +config|get", "off resetchannels +@all -config +config|get");
    expect_description("+select|0 +SELECT|1", "off resetchannels -@all +select|0 +select|1");
    expect_description("+select|0 +select", "off resetchannels -@all +select");
    expect_description("+@all +select|0", "off resetchannels +@all");
    expect_description("~a ~b ~a", "off ~a ~b resetchannels -@all");
    expect_description("%W~b %R~b %R~c", "off ~b %R~c resetchannels -@all");
    expect_description("~x ALLKEYS", "off ~* resetchannels -@all");
    expect_description("&a &b", "off resetchannels &a &b -@all");
    expect_description("resetchannels allchannels", "off &* -@all");
    expect_description("(+get ~a)", "off resetchannels -@all (~a resetchannels -@all +get)");
    expect_description("(+@all ~* &*) ()", "off resetchannels -@all (~* &* +@all) (resetchannels -@all)");
    expect_description("(+get) clearselectors", "off resetchannels -@all");
    expect_description("reset", "off sanitize-payload resetchannels -@all");
    expect_description("skip-sanitize-payload", "off skip-sanitize-payload resetchannels -@all");
}

UNIT_TEST(user, keeps_the_order_where_it_matters) {
    expect_description("-get +@read +set -@write", "off resetchannels -@all +@read -@write");
    expect_description("+@all -@string +get", "off resetchannels +@all -@string +get");
    expect_description("+@string -@write +set", "off resetchannels -@all +@string -@write +set");
}

UNIT_TEST(user, refuses_in_the_established_words) {
    expect_refusal("foo", "Error in ACL SETUSER modifier 'foo': Syntax error");
    expect_refusal("on %R", "Error in ACL SETUSER modifier '%R': Syntax error");
    expect_refusal("%X~x", "Error in ACL SETUSER modifier '%X~x': Syntax error");
    expect_refusal("+foo", "Error in ACL SETUSER modifier '+foo': Unknown command or category name in ACL");
    expect_refusal("+@foo", "Error in ACL SETUSER modifier '+@foo': Unknown command or category name in ACL");
    expect_refusal("-select|0", "Error in ACL SETUSER modifier '-select|0': Unknown command or category name in ACL");
    expect_refusal("+config|foo", "Error in ACL SETUSER modifier '+config|foo': Unknown command or category name in ACL");
    expect_refusal("+config|get|x",
                   "Error in ACL SETUSER modifier '+config|get|x': Allowing first-arg of a subcommand is not supported");
    expect_refusal("+config|", "Error in ACL SETUSER modifier '+config|': Syntax error");
    expect_refusal("<zz", "Error in ACL SETUSER modifier '<zz': The password you are trying to remove from the user does "
                          "not exist");
    expect_refusal("#abc", "Error in ACL SETUSER modifier '#abc': The password hash must be exactly 64 characters and "
                           "contain only lowercase hexadecimal characters");
    expect_refusal("~* ~a", "Error in ACL SETUSER modifier '~a': Adding a pattern after the * pattern (or the 'allkeys' "
                            "flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list "
                            "of patterns");
    expect_refusal("(+get", "Unmatched parenthesis in acl selector starting at '(+get'.");
    expect_refusal("(~a +foo)", "Error in ACL SETUSER modifier '(~a +foo)': Unknown command or category name in ACL");
    expect_refusal("(on)", "Error in ACL SETUSER modifier '(on)': Syntax error");
}

UNIT_TEST(user, changes_all_or_nothing) {
    struct fixture f;
    fixture_init(&f);
    CU_ASSERT(apply(&f, "u", "on >p +get ~a*"));
    CU_ASSERT_FALSE(apply(&f, "u", "off +set nonsense"));
    CU_ASSERT_EQUAL(verdict(&f, "u", "set a 1"), 'c');
    CU_ASSERT(users_find(f.users, SLICE("u"))->enabled);
    fixture_fini(&f);
}

UNIT_TEST(user, checks_commands_keys_and_channels) {
    struct fixture f;
    fixture_init(&f);
    CU_ASSERT(apply(&f, "u", "+get +mget +incr +select|1 +config|get +publish +psubscribe ~a* %R~r* %W~w* &n:* &x?"));
    CU_ASSERT_EQUAL(verdict(&f, "u", "get a1"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "get b"), 'k');
    CU_ASSERT_EQUAL(verdict(&f, "u", "set a1 x"), 'c');
    CU_ASSERT_EQUAL(verdict(&f, "u", "mget a1 r2 a3"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "mget a1 w2"), 'k');
    CU_ASSERT_EQUAL(verdict(&f, "u", "incr r1"), 'k');
    CU_ASSERT_EQUAL(verdict(&f, "u", "incr a1"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "select 1"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "select 2"), 'c');
    CU_ASSERT_EQUAL(verdict(&f, "u", "config get x"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "config set x y"), 'c');
    CU_ASSERT_EQUAL(verdict(&f, "u", "publish n:1 m"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "publish o m"), 'p');
    CU_ASSERT_EQUAL(verdict(&f, "u", "psubscribe n:* x?"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "psubscribe n:* n:1"), 'p'); /* letter by letter */
    CU_ASSERT_EQUAL(verdict(&f, "u", "auth x"), '+');
    fixture_fini(&f);
}

UNIT_TEST(user, needs_one_selector_that_allows_all) {
    struct fixture f;
    fixture_init(&f);
    CU_ASSERT(apply(&f, "u", "+get ~a (+set ~b) (+mget ~a) (+mget ~b)"));
    CU_ASSERT_EQUAL(verdict(&f, "u", "get a"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "set b 1"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "set a 1"), 'k');
    CU_ASSERT_EQUAL(verdict(&f, "u", "mget a a"), '+');
    CU_ASSERT_EQUAL(verdict(&f, "u", "mget a b"), 'k');
    CU_ASSERT_EQUAL(verdict(&f, "u", "incr a"), 'c');
    fixture_fini(&f);
}

UNIT_TEST(user, authenticates) {
    struct fixture f;
    fixture_init(&f);
    CU_ASSERT(apply(&f, "u", "on >one >two"));
    struct user *user = users_find(f.users, SLICE("u"));
    CU_ASSERT_PTR_EQUAL(users_authenticate(f.users, SLICE("u"), SLICE("one")), user);
    CU_ASSERT_PTR_EQUAL(users_authenticate(f.users, SLICE("u"), SLICE("two")), user);
    CU_ASSERT_PTR_NULL(users_authenticate(f.users, SLICE("u"), SLICE("three")));
    CU_ASSERT_PTR_NULL(users_authenticate(f.users, SLICE("v"), SLICE("one")));
    CU_ASSERT(apply(&f, "u", "<one off"));
    CU_ASSERT_PTR_NULL(users_authenticate(f.users, SLICE("u"), SLICE("two")));
    CU_ASSERT(apply(&f, "u", "on"));
    CU_ASSERT_PTR_NULL(users_authenticate(f.users, SLICE("u"), SLICE("one")));
    CU_ASSERT_PTR_EQUAL(users_authenticate(f.users, SLICE("u"), SLICE("two")), user);

    users_set_default_password(f.users, SLICE("secret"));
    CU_ASSERT(users_must_authenticate(f.users));
    CU_ASSERT_PTR_NULL(users_authenticate(f.users, SLICE("default"), SLICE("x")));
    CU_ASSERT_PTR_NOT_NULL(users_authenticate(f.users, SLICE("default"), SLICE("secret")));
    users_set_default_password(f.users, SLICE(""));
    CU_ASSERT_FALSE(users_must_authenticate(f.users));
    fixture_fini(&f);
}

static void count_change(void *context, struct user *user, enum user_change change) {
    (void)user;
    ((int *)context)[change]++;
}

UNIT_TEST(user, replaces_all_and_keeps_namesakes) {
    struct fixture f;
    int            changes[2] = {0};
    fixture_init(&f);
    CU_ASSERT(apply(&f, "stays", "on") && apply(&f, "goes", "on"));
    users_on_change(f.users, count_change, changes);
    struct user   *stays = users_find(f.users, SLICE("stays"));
    struct users  *other = users_new(f.commands);
    struct fixture g = {.commands = f.commands, .users = other};
    CU_ASSERT(apply(&g, "stays", "off +get") && apply(&g, "comes", "on"));
    users_replace(f.users, &other);
    CU_ASSERT_PTR_NULL(other);
    CU_ASSERT_PTR_EQUAL(users_find(f.users, SLICE("stays")), stays);
    CU_ASSERT_FALSE(stays->enabled);
    CU_ASSERT_PTR_NULL(users_find(f.users, SLICE("goes")));
    CU_ASSERT_PTR_NOT_NULL(users_find(f.users, SLICE("comes")));
    CU_ASSERT_EQUAL(users_count(f.users), 3);
    CU_ASSERT_EQUAL(changes[USER_GONE], 1);
    CU_ASSERT_FALSE(users_remove(f.users, SLICE("default")));
    CU_ASSERT(users_remove(f.users, SLICE("comes")));
    fixture_fini(&f);
}
