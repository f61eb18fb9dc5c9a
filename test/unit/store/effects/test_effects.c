/* What the append-only file and replicas are told, in which order, and what belongs together. */
#include "lib/unit.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "net/resp_write.h"
#include "store/effects/effects.h"
#include "store/store_internal.h"
#include "store/store.h"

struct fixture {
    struct server      *server;
    struct store       *store;
    struct client      *client;
    struct effects_sink sink;
    struct bytes        told;
};

/* Every effect as "[database] words"; "!" marks those for replicas only. */
static void take(void *context, const struct effects_batch *batch) {
    struct fixture *f = context;
    if (batch->is_for_replicas) bytes_add_text(&f->told, "(replicas) ");
    for (size_t i = 0; i < batch->count; i++) {
        struct slice rest = batch->effects[i].bytes, line;
        if (batch->effects[i].db != EFFECT_ANY_DATABASE) bytes_add_printf(&f->told, "[%d] ", batch->effects[i].db);
        if (batch->effects[i].is_for_replicas) bytes_add_char(&f->told, '!');
        while (slice_split(&rest, '\n', &line)) /* every second line is a length */
            if (line.size > 1 && *line.data != '*' && *line.data != '$')
                bytes_add_printf(&f->told, "%.*s ", (int)line.size - 1, line.data);
        bytes_add_text(&f->told, "; ");
    }
}

static void init(struct fixture *f) {
    *f = (struct fixture){.sink = {.context = f, .take = take}};
    list_node_init(&f->sink.node);
    f->server = server_new();
    f->store = store_install(f->server);
    f->client = client_new_fake(f->server);
}

static void fini(struct fixture *f) {
    server_free(&f->server);
    store_free(&f->store);
    bytes_fini(&f->told);
}

static const char *told(struct fixture *f, const char *words) {
    struct bytes request = {0}, reply = {0};
    struct slice rest = slice_text(words), word, argv[8];
    size_t argc = 0;
    while (slice_split(&rest, ' ', &word)) argv[argc++] = word;
    resp_print_request(&request, argv, argc);
    bytes_clear(&f->told);
    client_feed(f->client, bytes_slice(&request));
    (void)client_execute_input(f->client);
    reply_take(f->client, &reply);
    bytes_fini(&reply);
    bytes_fini(&request);
    return bytes_text(&f->told);
}

#define EXPECT_TOLD(words, expected) EXPECT_TEXT(told(&f, (words)), (expected))

UNIT_TEST(effects, commands_are_told_while_somebody_listens) {
    struct fixture f;
    init(&f);
    EXPECT_TOLD("SET a 1", "");
    CU_ASSERT_FALSE(f.server->is_followed);
    effects_add_sink(f.store->effects, &f.sink);
    CU_ASSERT_TRUE(f.server->is_followed);
    EXPECT_TOLD("SET a 1", "[0] SET a 1 ; ");
    EXPECT_TOLD("GET a", "");
    EXPECT_TOLD("DEL nothing", "");
    EXPECT_TOLD("SELECT 5", "");
    EXPECT_TOLD("SET b 2", "[5] SET b 2 ; ");
    EXPECT_TOLD("PUBLISH ch text", "(replicas) [5] !PUBLISH ch text ; ");
    effects_remove_sink(f.store->effects, &f.sink);
    EXPECT_TOLD("SET a 1", "");
    CU_ASSERT_FALSE(f.server->is_followed);
    fini(&f);
}

UNIT_TEST(effects, what_belongs_together_is_a_transaction) {
    struct fixture f;
    init(&f);
    effects_add_sink(f.store->effects, &f.sink);
    (void)told(&f, "MULTI");
    (void)told(&f, "SET a 1");
    (void)told(&f, "GET a");
    (void)told(&f, "SELECT 1");
    (void)told(&f, "PUBLISH ch text");
    (void)told(&f, "SET b 2");
    EXPECT_TOLD("EXEC", "MULTI ; [0] SET a 1 ; [1] !PUBLISH ch text ; [1] SET b 2 ; EXEC ; ");
    (void)told(&f, "MULTI");
    (void)told(&f, "SET a 1");
    EXPECT_TOLD("EXEC", "[1] SET a 1 ; "); /* alone: as the established server */
    effects_remove_sink(f.store->effects, &f.sink);
    fini(&f);
}

UNIT_TEST(effects, what_ended_is_told_before_the_command_that_found_it) {
    struct fixture f;
    init(&f);
    effects_add_sink(f.store->effects, &f.sink);
    server_update_time(f.server);
    (void)told(&f, "SET a 1 PX 10");
    (void)told(&f, "SET b 1 PX 10");
    (void)told(&f, "SET c 1 PX 10");
    f.server->wall_ms += 60000;
    EXPECT_TOLD("GET a", "[0] DEL a ; ");
    EXPECT_TOLD("APPEND b 2", "MULTI ; [0] DEL b ; [0] APPEND b 2 ; EXEC ; ");
    struct keyspace *keyspace = databases_find(f.store->databases, 0);
    bytes_clear(&f.told);
    CU_ASSERT_PTR_NULL(keyspace_look(keyspace, SLICE("c"))); /* by nobody's command */
    EXPECT_TEXT(bytes_text(&f.told), "[0] DEL c ; ");
    effects_remove_sink(f.store->effects, &f.sink);
    fini(&f);
}
