/* Append-only files of every shape, as they lie on the disk, into a server. */
#include "lib/unit.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/server.h"
#include "net/resp_write.h"
#include "store/keyspace/databases.h"
#include "store/persist/aof_load.h"
#include "store/persist/persistence.h"
#include "store/store_internal.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct server    *server;
    struct store     *store;
    struct aof_loaded loaded;
    struct error      err;
    bool              may_be_short;
    char              folder[64];
};

static void init(struct fixture *f) {
    *f = (struct fixture){.may_be_short = true, .folder = "/tmp/kvd-unit-aof-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f->folder));
    log_set_level(LOG_NOTHING); /* thousands of files that are damaged */
    f->server = server_new();
    f->store = store_install(f->server);
}

static void fini(struct fixture *f) {
    log_set_level(LOG_NOTICE);
    aof_manifest_free(&f->loaded.manifest);
    server_free(&f->server);
    store_free(&f->store);
    char *command = mem_printf("rm -rf %s", f->folder);
    CU_ASSERT_EQUAL(system(command), 0);
    mem_free(command);
}

static void write_file(const struct fixture *f, const char *name, struct slice text) {
    char *path = mem_printf("%s/%s", f->folder, name);
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(text.data, 1, text.size, file), text.size);
    fclose(file);
    mem_free(path);
}

static long size_of(const struct fixture *f, const char *name) {
    char *path = mem_printf("%s/%s", f->folder, name);
    struct stat status;
    long size = stat(path, &status) == 0 ? (long)status.st_size : -1;
    mem_free(path);
    return size;
}

/* "SET a 1; GET a" as requests. */
static void requests(struct bytes *out, const char *commands) {
    struct slice rest = slice_text(commands), command, word, argv[16];
    while (slice_split(&rest, ';', &command)) {
        size_t argc = 0;
        command = slice_trim(command);
        while (slice_split(&command, ' ', &word)) argv[argc++] = word;
        resp_print_request(out, argv, argc);
    }
}

static void write_commands(const struct fixture *f, const char *name, const char *commands) {
    struct bytes out = {0};
    requests(&out, commands);
    write_file(f, name, bytes_slice(&out));
    bytes_fini(&out);
}

static enum loading_result load(struct fixture *f) {
    struct aof_load_options options = {.folder = f->folder, .stem = "a.aof", .may_be_short = f->may_be_short};
    aof_manifest_free(&f->loaded.manifest);
    f->err.text[0] = 0;
    return aof_load_run(f->store->persistence->loading, &options, &f->loaded, &f->err);
}

static void expect_reply(struct fixture *f, const char *command, const char *expected) {
    struct client *client = client_new_fake(f->server);
    struct bytes request = {0}, reply = {0};
    requests(&request, command);
    client_feed(client, bytes_slice(&request));
    (void)client_execute_input(client);
    reply_take(client, &reply);
    EXPECT_TEXT(bytes_text(&reply), expected);
    bytes_fini(&request);
    bytes_fini(&reply);
    client_free(&client);
}

static const char manifest[] = "file a.aof.1.base.aof seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n";

static void expect_failure(struct fixture *f, const char *part) {
    CU_ASSERT_EQUAL(load(f), LOADING_FAILED);
    CU_ASSERT_PTR_NULL(f->loaded.manifest);
    if (!strstr(f->err.text, part)) printf("\n'%s' is not in '%s'\n", part, f->err.text);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->err.text, part));
}

UNIT_TEST(aof_load, nothing_is_there) {
    struct fixture f;
    init(&f);
    CU_ASSERT_EQUAL(load(&f), LOADING_ABSENT);
    CU_ASSERT_TRUE(aof_manifest_is_empty(f.loaded.manifest));
    rmdir(f.folder);
    CU_ASSERT_EQUAL(load(&f), LOADING_ABSENT);
    CU_ASSERT_EQUAL(mkdir(f.folder, 0700), 0);
    fini(&f);
}

UNIT_TEST(aof_load, base_and_what_came_after) {
    struct fixture f;
    init(&f);
    write_file(&f, "a.aof.manifest", SLICE("file a.aof.1.base.aof seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n"
                                           "file a.aof.2.incr.aof seq 2 type i\n"));
    write_commands(&f, "a.aof.1.base.aof", "SELECT 0;SET a 1;SELECT 3;SET b 2");
    write_commands(&f, "a.aof.1.incr.aof", "SELECT 0;INCR a;MULTI;INCR a;RPUSH l x y;EXEC");
    write_commands(&f, "a.aof.2.incr.aof", "SELECT 0;INCR a");
    f.server->dirty = 7;
    CU_ASSERT_EQUAL(load(&f), LOADING_DONE);
    CU_ASSERT_EQUAL(f.server->dirty, 7);
    CU_ASSERT_EQUAL(f.loaded.commands, 12);
    CU_ASSERT_EQUAL(f.loaded.base_bytes, (uint64_t)size_of(&f, "a.aof.1.base.aof"));
    CU_ASSERT_EQUAL(f.loaded.all_bytes, f.loaded.base_bytes + (uint64_t)size_of(&f, "a.aof.1.incr.aof") +
                                            (uint64_t)size_of(&f, "a.aof.2.incr.aof"));
    CU_ASSERT_EQUAL(aof_manifest_last_incr(f.loaded.manifest)->number, 2);
    expect_reply(&f, "GET a", "$1\r\n4\r\n");
    expect_reply(&f, "LLEN l", ":2\r\n");
    expect_reply(&f, "SELECT 3;GET b", "+OK\r\n$1\r\n2\r\n");
    CU_ASSERT_FALSE(f.server->is_loading);
    fini(&f);
}

UNIT_TEST(aof_load, what_has_expired_since_was_there_then) {
    struct fixture f;
    init(&f);
    write_file(&f, "a.aof.manifest", SLICE("file a.aof.1.incr.aof seq 1 type i\n"));
    write_commands(&f, "a.aof.1.incr.aof",
                   "SELECT 0;SET a 1;PEXPIREAT a 1000;INCR a;SET b 1 PXAT 1000;APPEND b x;PERSIST b;SET c 1;PEXPIREAT c 1000;DEL c;SET c 2");
    CU_ASSERT_EQUAL(load(&f), LOADING_DONE);
    expect_reply(&f, "GET a", "$-1\r\n");
    expect_reply(&f, "GET b", "$2\r\n1x\r\n");
    expect_reply(&f, "GET c", "$1\r\n2\r\n");
    fini(&f);
}

UNIT_TEST(aof_load, a_torn_end_is_cut_where_that_is_allowed) {
    struct fixture f;
    for (int turn = 0; turn < 2; turn++) {
        static const char *const torn[] = {"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n", "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n2\r\n"};
        init(&f);
        write_file(&f, "a.aof.manifest", slice_text(manifest));
        write_commands(&f, "a.aof.1.base.aof", "SELECT 0;SET a 1");
        struct bytes out = {0};
        requests(&out, "SELECT 0;SET b 1");
        size_t good = out.size;
        bytes_add_text(&out, torn[turn]);
        write_file(&f, "a.aof.1.incr.aof", bytes_slice(&out));
        f.may_be_short = false;
        expect_failure(&f, "aof-load-truncated");
        CU_ASSERT_EQUAL(size_of(&f, "a.aof.1.incr.aof"), (long)out.size);
        f.may_be_short = true;
        CU_ASSERT_EQUAL(load(&f), LOADING_DONE);
        CU_ASSERT_EQUAL(size_of(&f, "a.aof.1.incr.aof"), (long)good);
        CU_ASSERT_EQUAL(f.loaded.all_bytes, f.loaded.base_bytes + good);
        expect_reply(&f, "GET a", "$1\r\n1\r\n");
        expect_reply(&f, "GET b", "$1\r\n1\r\n");
        CU_ASSERT_EQUAL(load(&f), LOADING_DONE);
        /* The same in a file that others follow is never cut. */
        write_file(&f, "a.aof.1.base.aof", bytes_slice(&out));
        expect_failure(&f, "more files follow");
        CU_ASSERT_EQUAL(size_of(&f, "a.aof.1.base.aof"), (long)out.size);
        bytes_fini(&out);
        fini(&f);
    }
}

UNIT_TEST(aof_load, damage_is_told_with_file_and_offset) {
    struct fixture f;
    init(&f);
    write_file(&f, "a.aof.manifest", slice_text(manifest));
    expect_failure(&f, "a.aof.1.base.aof: No such file");
    write_commands(&f, "a.aof.1.base.aof", "SELECT 0;SET a 1");
    write_file(&f, "a.aof.1.incr.aof", SLICE("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGETx\r\n$1\r\na\r\n"));
    expect_failure(&f, "a.aof.1.incr.aof: Bad file format");
    CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, "at offset 25, in the command that begins at offset 14"));
    write_file(&f, "a.aof.1.incr.aof", SLICE("*1\r\n$4\r\nPING\r\nSET a 1\r\n"));
    expect_failure(&f, "at offset 14");
    write_commands(&f, "a.aof.1.incr.aof", "SET a 1;NOSUCH a");
    expect_failure(&f, "at offset 27: unknown command 'NOSUCH'");
    write_commands(&f, "a.aof.1.incr.aof", "SET a");
    expect_failure(&f, "at offset 0: wrong number of arguments for 'SET'");
    write_commands(&f, "a.aof.1.incr.aof", "SHUTDOWN");
    expect_failure(&f, "at offset 0: the command 'SHUTDOWN' does not belong into it");
    write_file(&f, "a.aof.manifest", SLICE("file a.aof.1.base.aof seq 1 type x\n"));
    expect_failure(&f, "a.aof.manifest is damaged: line 1");
    fini(&f);
}

static void empty(struct fixture *f) {
    for (int i = 0; i < databases_count(f->store->databases); i++) keyspace_clear(databases_find(f->store->databases, i), false);
}

static const char sample[] = "SELECT 0;SET a 1;MULTI;INCR a;RPUSH l x y z;EXEC;HSET h f v g w;SELECT 3;ZADD z 1.5 m 2 n;SADD s 1 2 3;"
                             "XADD x 1-1 f v;PEXPIREAT a 9999999999999;DEL s";

/* Cut anywhere it is loaded up to the last whole command or transaction, and is whole afterwards. */
UNIT_TEST(aof_load, a_file_that_is_cut_anywhere_is_loaded_up_to_there) {
    struct fixture f;
    struct bytes out = {0};
    init(&f);
    requests(&out, sample);
    write_file(&f, "a.aof.manifest", SLICE("file a.aof.1.incr.aof seq 1 type i\n"));
    long kept_before = 0;
    for (size_t size = 0; size <= out.size; size++) {
        write_file(&f, "a.aof.1.incr.aof", slice_make(out.data, size));
        CU_ASSERT_EQUAL(load(&f), LOADING_DONE);
        long kept = size_of(&f, "a.aof.1.incr.aof");
        CU_ASSERT(kept <= (long)size && kept >= kept_before);
        kept_before = kept;
        empty(&f);
    }
    CU_ASSERT_EQUAL(kept_before, (long)out.size);
    bytes_fini(&out);
    fini(&f);
}

/* Changed anywhere it is loaded (a value was changed, or what follows looks as if it were cut) or refused with a place. */
UNIT_TEST(aof_load, a_file_with_any_byte_changed_is_loaded_or_refused) {
    static const unsigned char changes[] = {0x01, 0x02, 0x08, 0x10, 0x20, 0x80, 0xff};
    struct fixture f;
    struct bytes out = {0};
    size_t refused = 0;
    init(&f);
    requests(&out, sample);
    write_file(&f, "a.aof.manifest", SLICE("file a.aof.1.incr.aof seq 1 type i\n"));
    for (size_t at = 0; at < out.size; at++)
        for (size_t i = 0; i < COUNT_OF(changes); i++) {
            out.data[at] = (char)(out.data[at] ^ changes[i]);
            write_file(&f, "a.aof.1.incr.aof", bytes_slice(&out));
            enum loading_result result = load(&f);
            CU_ASSERT(result == LOADING_DONE || strstr(f.err.text, "at offset "));
            refused += result == LOADING_FAILED;
            CU_ASSERT(size_of(&f, "a.aof.1.incr.aof") == (long)out.size || result == LOADING_DONE);
            out.data[at] = (char)(out.data[at] ^ changes[i]);
            empty(&f);
        }
    CU_ASSERT(refused > out.size); /* of seven changes to each byte more than one */
    bytes_fini(&out);
    fini(&f);
}

UNIT_TEST(aof_load, times_and_commands_that_fail_are_passed_over) {
    struct fixture f;
    init(&f);
    write_file(&f, "a.aof.manifest", SLICE("file a.aof.1.incr.aof seq 1 type i\n"));
    struct bytes out = {0};
    bytes_add_text(&out, "#TS:1700000000\r\n");
    requests(&out, "SELECT 0;SET a x;LPUSH a 1;SET b 1");
    bytes_add_text(&out, "#TS:1700000001\r\n");
    write_file(&f, "a.aof.1.incr.aof", bytes_slice(&out));
    CU_ASSERT_EQUAL(load(&f), LOADING_DONE);
    expect_reply(&f, "GET b", "$1\r\n1\r\n");
    bytes_fini(&out);
    fini(&f);
}

UNIT_TEST(aof_load, the_single_file_of_older_servers_moves_into_the_folder) {
    struct fixture f;
    init(&f);
    struct aof_load_options options = {.folder = "new", .stem = "a.aof"};
    char before[4096];
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(before, sizeof before));
    CU_ASSERT_EQUAL_FATAL(chdir(f.folder), 0);
    write_commands(&f, "a.aof", "SELECT 0;SET a 1");
    CU_ASSERT_EQUAL(aof_load_run(f.store->persistence->loading, &options, &f.loaded, &f.err), LOADING_DONE);
    CU_ASSERT_EQUAL(size_of(&f, "a.aof"), -1);
    CU_ASSERT_EQUAL(size_of(&f, "new/a.aof"), (long)f.loaded.base_bytes);
    CU_ASSERT_STRING_EQUAL(aof_manifest_base(f.loaded.manifest)->name, "a.aof");
    expect_reply(&f, "GET a", "$1\r\n1\r\n");
    /* Again, as if the server had ended between the two steps. */
    aof_manifest_free(&f.loaded.manifest);
    CU_ASSERT_EQUAL(rename("new/a.aof", "a.aof"), 0);
    CU_ASSERT_EQUAL(aof_load_run(f.store->persistence->loading, &options, &f.loaded, &f.err), LOADING_DONE);
    CU_ASSERT_EQUAL(size_of(&f, "a.aof"), -1);
    CU_ASSERT_EQUAL(chdir(before), 0);
    fini(&f);
}
