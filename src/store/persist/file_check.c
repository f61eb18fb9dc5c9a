#include "store/persist/file_check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/persist/rdb_file.h"
#include "store/persist/rdb_rules.h"

#include <stdio.h>

struct check {
    struct rdb_file *file;
    int64_t          wall_ms;
    uint64_t         keys, expiring, expired, empty, libraries;
    uint64_t         of_type[VALUE_TYPE_COUNT];
};

static unsigned long long offset(const struct check *check) {
    return (unsigned long long)rdb_file_offset(check->file);
}

static bool on_database(void *context, uint64_t number, struct error *err) {
    const struct check *check = context;
    printf("[offset %llu] database %llu\n", offset(check), (unsigned long long)number);
    return true;
}

static bool on_key(void *context, struct rdb_key *key, struct error *err) {
    struct check *check = context;
    check->keys++;
    check->expiring += key->expires_ms >= 0;
    check->expired += key->expires_ms >= 0 && key->expires_ms < check->wall_ms;
    if (key->is_empty) {
        check->empty++;
        return true;
    }
    check->of_type[key->value.type]++;
    if (key->value.form == VALUE_OBJECT) value_free_object(key->value.type, key->value.encoding, key->value.object);
    return true;
}

static void on_field(void *context, struct slice name, struct slice value) {
    char name_text[128], value_text[256];
    slice_print_plain(name, name_text, sizeof name_text);
    slice_print_plain(value, value_text, sizeof value_text);
    printf("[offset %llu] field %s = '%s'\n", offset(context), name_text, value_text);
}

static void on_library(void *context, struct slice code) {
    ((struct check *)context)->libraries++;
}

static void print_counts(const struct check *check) {
    printf("[info] %llu keys read\n[info] %llu expires\n[info] %llu already expired\n", (unsigned long long)check->keys,
           (unsigned long long)check->expiring, (unsigned long long)check->expired);
    for (unsigned type = 0; type < VALUE_TYPE_COUNT; type++)
        if (check->of_type[type])
            printf("[info] %llu of type %s\n", (unsigned long long)check->of_type[type], value_type_name(type));
    if (check->empty) printf("[info] %llu keys have values without elements: a server leaves them out\n", (unsigned long long)check->empty);
    if (check->libraries) printf("[info] %llu libraries of functions\n", (unsigned long long)check->libraries);
}

/* Values are built as a server of the default configuration would, and searched for duplicates. */
static struct rdb_rules rules_of(const struct hash_key *key, int64_t wall_ms) {
    return (struct rdb_rules){
        .hash = {.max_entries = 512, .max_text_bytes = 64, .hash_key = key, .now_ms = wall_ms},
        .list = {.max_listpack_size = -2},
        .set = {.hash_key = key, .max_intset_entries = 512, .max_listpack_entries = 128, .max_listpack_bytes = 64},
        .zset = {.max_entries = 128, .max_member_bytes = 64, .hash_key = key},
        .deep = true,
    };
}

static bool pass_database(void *context, uint64_t number, struct error *err) {
    return true;
}

bool file_check_preamble(const char *path, uint64_t *end, uint64_t *keys, struct error *err) {
    struct check check = {.wall_ms = clock_wall_ms()};
    struct rdb_sink sink = {.context = &check, .database = pass_database, .key = on_key};
    struct hash_key key;
    random_os_bytes(&key, sizeof key);
    struct rdb_rules rules = rules_of(&key, check.wall_ms);
    struct rdb_loader *loader = rdb_loader_new(&rules, &sink, true);
    enum rdb_file_opened opened = rdb_file_open(&check.file, path, &loader, err);
    if (opened != RDB_FILE_OPEN) {
        rdb_loader_free(&loader);
        return opened == RDB_FILE_ABSENT ? error_set(err, "there is no such file") : false;
    }
    enum rdb_result result;
    do result = rdb_file_step(check.file, err);
    while (result == RDB_MORE);
    *end = rdb_file_offset(check.file);
    *keys = check.keys;
    rdb_file_close(&check.file);
    return result == RDB_OK;
}

bool file_check_rdb(const char *path) {
    if (!path) {
        printf("usage: kvd-check-rdb FILE\n");
        return false;
    }
    struct check check = {.wall_ms = clock_wall_ms()};
    struct rdb_sink sink = {.context = &check, .database = on_database, .key = on_key, .field = on_field, .library = on_library};
    struct hash_key key;
    struct error err = {""};
    random_os_bytes(&key, sizeof key);
    struct rdb_rules rules = rules_of(&key, check.wall_ms);
    struct rdb_loader *loader = rdb_loader_new(&rules, &sink, true);
    enum rdb_file_opened opened = rdb_file_open(&check.file, path, &loader, &err);
    if (opened != RDB_FILE_OPEN) {
        rdb_loader_free(&loader);
        printf("%s\n", opened == RDB_FILE_ABSENT ? "There is no such file." : err.text);
        return false;
    }
    printf("[offset 0] Checking RDB file %s (%llu bytes)\n", path, (unsigned long long)rdb_file_size(check.file));
    enum rdb_result result;
    do result = rdb_file_step(check.file, &err);
    while (result == RDB_MORE);
    if (result == RDB_OK) {
        printf("[offset %llu] \\o/ RDB looks OK! \\o/ (version %d)\n", offset(&check),
               rdb_loader_version(rdb_file_loader(check.file)));
    } else {
        printf("--- RDB ERROR DETECTED ---\n%s\nWhat comes before this offset is whole, but a server loads none of it: restore the "
               "file from a backup or from a replica.\n", err.text);
    }
    print_counts(&check);
    rdb_file_close(&check.file);
    return result == RDB_OK;
}
