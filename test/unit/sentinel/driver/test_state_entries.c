#include "lib/unit.h"
#include "base/mem.h"
#include "sentinel/driver/state_entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct state_record samples[] = {
    {.kind = STATE_SELF, .id = "0123456789012345678901234567890123456789", .epoch = UINT64_MAX},
    {.kind = STATE_GLOBAL, .option = "announce-ip", .value = "10.0.0.1", .configured = ""},
    {.kind = STATE_PRIMARY, .name = "a primary", .host = "10.0.0.2", .port = 65535, .configured_host = "db \"one\"",
     .configured_port = 6379, .quorum = 2, .config_epoch = 3, .vote_epoch = 4, .id = ""},
    {.kind = STATE_PRIMARY, .name = "b", .host = "::1", .port = 1, .configured_host = "", .at_run_time = true,
     .quorum = 7, .vote_epoch = 9, .id = "ffff"},
    {.kind = STATE_OPTION, .name = "b", .option = "auth-pass", .value = "se cret\n", .configured = "old"},
    {.kind = STATE_OPTION, .name = "b", .option = "rename-command", .value = "CONFIG", .second = "x", .configured = ""},
    {.kind = STATE_OPTION, .name = "b", .option = "rename-command", .value = "INFO", .second = "", .configured = ""},
    {.kind = STATE_REPLICA, .name = "b", .host = "10.0.0.3", .port = 6379},
    {.kind = STATE_REPLICA, .name = "b", .host = "10.0.0.3", .port = 6380},
    {.kind = STATE_SENTINEL, .name = "b", .host = "fe80::1%eth0", .port = 26379, .id = "abcd"},
    {.kind = STATE_REMOVED, .name = "gone", .configured_host = "10.0.0.9", .configured_port = 6379},
};

static void on_wake(void *context) {
    (void)context;
}

static void expect_same(const char *a, const char *b) {
    EXPECT_TEXT(a ? a : "", b ? b : "");
}

static void expect_record(const struct state_record *a, const struct state_record *b) {
    CU_ASSERT_EQUAL(a->kind, b->kind);
    expect_same(a->name, b->name);
    expect_same(a->id, b->id);
    expect_same(a->host, b->host);
    expect_same(a->configured_host, b->configured_host);
    expect_same(a->option, b->option);
    expect_same(a->value, b->value);
    expect_same(a->second, b->second);
    expect_same(a->configured, b->configured);
    CU_ASSERT(a->port == b->port && a->configured_port == b->configured_port && a->at_run_time == b->at_run_time);
    CU_ASSERT(a->quorum == b->quorum && a->epoch == b->epoch && a->config_epoch == b->config_epoch);
    CU_ASSERT_EQUAL(a->vote_epoch, b->vote_epoch);
}

UNIT_TEST(state_entries, come_back_as_they_were) {
    struct state_file *file = state_file_new("/nonexistent/state.yaml", on_wake, NULL);
    struct state_records records, read;
    struct error err;
    state_records_init(&records);
    state_records_init(&read);
    for (size_t i = 0; i < COUNT_OF(samples); i++) state_records_add(&records, &samples[i]);
    state_entries_store(file, &records);
    CU_ASSERT_EQUAL(state_file_count(file), COUNT_OF(samples));
    EXPECT_TEXT(state_file_find(file, "primary b"),
                "host ::1 port 1 configured-host \"\" configured-port 0 at-run-time 1 quorum 7 fresh 0 guarded 0 config-epoch 0 vote-epoch 9 "
                "vote ffff");
    CU_ASSERT(state_entries_read(file, &read, &err));
    CU_ASSERT_EQUAL_FATAL(read.count, COUNT_OF(samples));
    for (size_t i = 0; i < COUNT_OF(samples); i++) expect_record(&read.items[i], &samples[i]);

    /* What is no longer there is removed. */
    records.count = 3;
    state_entries_store(file, &records);
    CU_ASSERT_EQUAL(state_file_count(file), 3);
    state_records_fini(&records);
    state_records_fini(&read);
    state_file_free(&file);
}

UNIT_TEST(state_entries, of_changes_alone_leave_the_rest_and_take_what_is_gone) {
    struct state_file *file = state_file_new("/nonexistent/state.yaml", on_wake, NULL);
    struct state_index *index = state_index_new();
    struct state_records records;
    state_records_init(&records);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct state_record record = samples[i];
        record.parts = STATE_PART_ALL;
        state_records_add(&records, &record);
    }
    state_entries_store_changes(file, index, &records, true);
    CU_ASSERT_EQUAL(state_file_count(file), COUNT_OF(samples));

    state_records_clear(&records); /* a vote */
    state_records_add(&records, &(struct state_record){.kind = STATE_SELF, .id = "ab", .epoch = 12});
    state_records_add(&records, &(struct state_record){.kind = STATE_PRIMARY, .name = "b", .host = "::1", .port = 1,
                                                       .parts = STATE_PART_PRIMARY, .vote_epoch = 12});
    state_entries_store_changes(file, index, &records, false);
    CU_ASSERT_EQUAL(state_file_count(file), COUNT_OF(samples));
    CU_ASSERT_PTR_NOT_NULL(strstr(state_file_find(file, "primary b"), "vote-epoch 12"));
    EXPECT_TEXT(state_file_find(file, "self"), "id ab current-epoch 12");

    state_records_clear(&records); /* a replica came, all else that was known of "b" went */
    state_records_add(&records, &(struct state_record){.kind = STATE_SELF, .id = "ab", .epoch = 12});
    state_records_add(&records, &(struct state_record){.kind = STATE_PRIMARY, .name = "b", .host = "::1", .port = 1,
                                                       .parts = STATE_PART_ALL, .vote_epoch = 12});
    state_records_add(&records, &(struct state_record){.kind = STATE_REPLICA, .name = "b", .host = "h", .port = 2});
    state_entries_store_changes(file, index, &records, false);
    CU_ASSERT_EQUAL(state_file_count(file), COUNT_OF(samples) - 5);
    CU_ASSERT_PTR_NOT_NULL(state_file_find(file, "replica b h 2"));
    CU_ASSERT_PTR_NULL(state_file_find(file, "replica b 10.0.0.3 6379"));
    CU_ASSERT_PTR_NOT_NULL(state_file_find(file, "primary \"a primary\""));
    state_records_fini(&records);
    state_index_free(&index);
    state_file_free(&file);
}

UNIT_TEST(state_entries, that_make_no_sense_are_refused) {
    static const char *const bad[][2] = {
        {"nonsense", "a b"},
        {"primary", "host a port 1"},
        {"primary a", "host a port 65536"},
        {"primary a", "host a port"},
        {"self", "current-epoch x"},
        {"replica a b", ""},
        {"primary \"a", ""},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct state_file *file = state_file_new("/nonexistent/state.yaml", on_wake, NULL);
        struct state_records read;
        struct error err = {""};
        state_records_init(&read);
        state_file_set(file, bad[i][0], bad[i][1]);
        CU_ASSERT_FALSE(state_entries_read(file, &read, &err));
        CU_ASSERT(strstr(err.text, "makes no sense") != NULL);
        state_records_fini(&read);
        state_file_free(&file);
    }
}

UNIT_TEST(state_entries, unknown_fields_are_passed_over) {
    struct state_file *file = state_file_new("/nonexistent/state.yaml", on_wake, NULL);
    struct state_records read;
    struct error err;
    state_records_init(&read);
    state_file_set(file, "self", "id abcd later 5 current-epoch 6");
    CU_ASSERT(state_entries_read(file, &read, &err));
    CU_ASSERT(read.count == 1 && read.items[0].epoch == 6);
    state_records_fini(&read);
    state_file_free(&file);
}
