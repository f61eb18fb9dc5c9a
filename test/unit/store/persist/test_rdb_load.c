/* A dump with every type, whole, cut at every place and with every byte changed: an error that says where, or keys. */
#include "lib/unit.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "net/resp_write.h"
#include "store/persist/rdb_load.h"
#include "store/persist/rdb_rules.h"
#include "store/persist/rdb_save.h"
#include "store/store_internal.h"
#include "store/store.h"

struct fixture {
    struct server *server;
    struct store  *store;
    struct bytes   dump; /* without a checksum: whatever follows it must find the damage itself */
    uint64_t       keys, databases;
};

static void keep(void *context, struct slice bytes) {
    bytes_add_slice(context, bytes);
}

static void init(struct fixture *f, bool compress) {
    static const char *const commands[] = {
        "SET s text", "SET n -17", "SET p xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "SET t x PXAT 99999999999999",
        "RPUSH l a 1 -5", "SADD i 1 2 3", "SADD w a b 1", "HSET h f v 1 2", "HSET e f v g w", "HPEXPIREAT e 99999999999 FIELDS 1 f",
        "ZADD z -inf a 0.1 b 3 c inf d", "XADD x 1-1 f v g w", "XADD x 2-1 f v", "XGROUP CREATE x one 0",
        "XREADGROUP GROUP one c1 COUNT 1 STREAMS x >", "SELECT 3", "SET other database"};
    *f = (struct fixture){.server = server_new()};
    f->store = store_install(f->server);
    struct client *client = client_new_fake(f->server);
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct bytes request = {0};
        struct slice rest = slice_text(commands[i]), word, argv[16];
        size_t argc = 0;
        while (slice_split(&rest, ' ', &word)) argv[argc++] = word;
        resp_print_request(&request, argv, argc);
        client_feed(client, bytes_slice(&request));
        (void)client_execute_input(client);
        bytes_fini(&request);
    }
    struct rdb_out out;
    struct rdb_save save = {.usage = RDB_SAVE_IDLE, .server_version = "7.0.15"};
    rdb_out_init(&out, 64, compress);
    out.drain = keep;
    out.context = &f->dump;
    CU_ASSERT_TRUE(rdb_save_all(&out, f->store->databases, &save));
    rdb_out_u64(&out, 0);
    rdb_out_flush(&out);
    rdb_out_fini(&out);
}

static void fini(struct fixture *f) {
    server_free(&f->server);
    store_free(&f->store);
    bytes_fini(&f->dump);
}

static bool on_database(void *context, uint64_t number, struct error *err) {
    ((struct fixture *)context)->databases++;
    return number < 16 || error_set(err, "no such database");
}

static bool on_key(void *context, struct rdb_key *key, struct error *err) {
    ((struct fixture *)context)->keys++;
    if (!key->is_empty && key->value.form == VALUE_OBJECT)
        value_free_object(key->value.type, key->value.encoding, key->value.object);
    return true;
}

static enum rdb_result load(struct fixture *f, struct slice bytes, struct error *err) {
    struct rdb_rules rules = rdb_rules_of(f->store->databases);
    struct rdb_sink sink = {.context = f, .database = on_database, .key = on_key};
    rules.deep = true;
    struct rdb_loader *loader = rdb_loader_new(&rules, &sink, true);
    /* A copy of exactly these bytes, so that a sanitizer sees who reads beyond. */
    char *copy = mem_strndup(bytes.data, bytes.size);
    struct rdb_in in = {.at = copy, .end = copy + bytes.size};
    f->keys = f->databases = 0;
    err->text[0] = 0;
    enum rdb_result result = rdb_loader_feed(loader, &in, err);
    mem_free(copy);
    rdb_loader_free(&loader);
    return result;
}

UNIT_TEST(rdb_load, all_of_it) {
    for (int compress = 0; compress < 2; compress++) {
        struct fixture f;
        struct error err;
        init(&f, compress);
        CU_ASSERT_EQUAL(load(&f, bytes_slice(&f.dump), &err), RDB_OK);
        CU_ASSERT_EQUAL(f.keys, 12);
        CU_ASSERT_EQUAL(f.databases, 2);
        fini(&f);
    }
}

UNIT_TEST(rdb_load, cut_anywhere_more_is_wanted) {
    struct fixture f;
    struct error err;
    init(&f, true);
    for (size_t size = 0; size < f.dump.size; size++) CU_ASSERT_EQUAL(load(&f, slice_make(f.dump.data, size), &err), RDB_MORE);
    fini(&f);
}

UNIT_TEST(rdb_load, whatever_is_changed_it_ends_and_says_where) {
    for (int compress = 0; compress < 2; compress++) {
        struct fixture f;
        struct error err;
        init(&f, compress);
        for (size_t at = 0; at < f.dump.size; at++)
            for (unsigned change = 1; change < 256; change = change < 128 ? change * 2 : change + 127) {
                char kept = f.dump.data[at];
                f.dump.data[at] = (char)(kept ^ (char)change);
                if (load(&f, bytes_slice(&f.dump), &err) == RDB_BAD) CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "at offset "));
                f.dump.data[at] = kept;
            }
        fini(&f);
    }
}

UNIT_TEST(rdb_load, a_wrong_checksum_is_found) {
    struct fixture f;
    struct error err;
    init(&f, true);
    f.dump.data[f.dump.size - 1] ^= 1;
    CU_ASSERT_EQUAL(load(&f, bytes_slice(&f.dump), &err), RDB_BAD);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "checksum"));
    fini(&f);
}
