#include "lib/unit.h"
#include "base/mem.h"
#include "sentinel/driver/state_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place { /* a directory of its own with a state file in it */
    char directory[64], path[128];
};

static void place_init(struct place *place) {
    snprintf(place->directory, sizeof(place->directory), "/tmp/kvd-state-XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(place->directory) != NULL);
    snprintf(place->path, sizeof(place->path), "%s/state.yaml", place->directory);
}

static void place_fini(struct place *place) {
    char temporary[160];
    snprintf(temporary, sizeof(temporary), "%s.tmp", place->path);
    unlink(temporary);
    unlink(place->path);
    CU_ASSERT_EQUAL(rmdir(place->directory), 0);
}

static void on_wake(void *context) {
    (void)context; /* the tests wait */
}

static struct state_file *open_at(const struct place *place, enum state_file_load expected) {
    struct error err = {""};
    struct state_file *file = state_file_new(place->path, on_wake, NULL);
    enum state_file_load result = state_file_load(file, &err);
    CU_ASSERT_EQUAL(result, expected);
    return file;
}

/* False: an alarm is up and the ticket is not durable. */
static bool wait_for(struct state_file *file, uint64_t ticket) {
    state_file_wait(file);
    CU_ASSERT(state_file_collect(file));
    CU_ASSERT(state_file_durable(file) >= ticket || state_file_alarm(file) != NULL);
    return state_file_durable(file) >= ticket;
}

UNIT_TEST(state_file, remembers) {
    struct place place;
    place_init(&place);
    struct state_file *file = open_at(&place, STATE_FILE_ABSENT);
    state_file_set(file, "epoch", "7");
    state_file_set(file, "gone", "x");
    CU_ASSERT(wait_for(file, state_file_commit(file)));
    state_file_remove(file, "gone");
    state_file_set(file, "epoch", "8");
    CU_ASSERT(wait_for(file, state_file_commit(file)));
    struct state_file_stats stats;
    state_file_read_stats(file, &stats);
    CU_ASSERT(stats.rewrites == 1 && stats.appends == 1 && stats.failures == 0);
    state_file_free(&file);

    file = open_at(&place, STATE_FILE_OK);
    EXPECT_TEXT(state_file_find(file, "epoch"), "8");
    CU_ASSERT_PTR_NULL(state_file_find(file, "gone"));
    state_file_free(&file);
    place_fini(&place);
}

UNIT_TEST(state_file, shares_a_write_among_the_changes_that_came_meanwhile) {
    struct place place;
    place_init(&place);
    struct state_file *file = open_at(&place, STATE_FILE_ABSENT);
    uint64_t ticket = 0;
    for (int i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        state_file_set(file, "epoch", text);
        ticket = state_file_commit(file);
    }
    CU_ASSERT(wait_for(file, ticket));
    struct state_file_stats stats;
    state_file_read_stats(file, &stats);
    CU_ASSERT_EQUAL(stats.rewrites + stats.appends, 2);
    state_file_free(&file);
    file = open_at(&place, STATE_FILE_OK);
    EXPECT_TEXT(state_file_find(file, "epoch"), "999");
    state_file_free(&file);
    place_fini(&place);
}

UNIT_TEST(state_file, is_compacted_now_and_then) {
    struct place place;
    place_init(&place);
    struct state_file *file = open_at(&place, STATE_FILE_ABSENT);
    char text[1024];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 200; i++) {
        text[0] = (char)('a' + i % 26);
        state_file_set(file, "long", text);
        CU_ASSERT(wait_for(file, state_file_commit(file)));
    }
    struct state_file_stats stats;
    state_file_read_stats(file, &stats);
    CU_ASSERT(stats.rewrites >= 3 && stats.rewrites < 10 && stats.bytes < 80000);
    state_file_free(&file);
    file = open_at(&place, STATE_FILE_OK);
    EXPECT_TEXT(state_file_find(file, "long"), text);
    state_file_free(&file);
    place_fini(&place);
}

UNIT_TEST(state_file, cut_anywhere_it_comes_back_and_goes_on) {
    struct place place;
    place_init(&place);
    struct state_file *file = open_at(&place, STATE_FILE_ABSENT);
    state_file_set(file, "epoch", "1");
    CU_ASSERT(wait_for(file, state_file_commit(file)));
    struct stat before, after;
    CU_ASSERT_EQUAL(stat(place.path, &before), 0);
    state_file_set(file, "epoch", "2");
    CU_ASSERT(wait_for(file, state_file_commit(file)));
    CU_ASSERT_EQUAL(stat(place.path, &after), 0);
    state_file_free(&file);
    for (off_t size = after.st_size - 1; size > before.st_size; size--) {
        CU_ASSERT_EQUAL(truncate(place.path, size), 0);
        file = open_at(&place, STATE_FILE_TAIL_LOST);
        EXPECT_TEXT(state_file_find(file, "epoch"), "1");
        state_file_free(&file);
    }
    file = open_at(&place, STATE_FILE_TAIL_LOST);
    state_file_set(file, "epoch", "3");
    CU_ASSERT(wait_for(file, state_file_commit(file)));
    state_file_free(&file);
    file = open_at(&place, STATE_FILE_OK);
    EXPECT_TEXT(state_file_find(file, "epoch"), "3");
    state_file_free(&file);
    place_fini(&place);
}

UNIT_TEST(state_file, leaves_a_strangers_file_alone) {
    struct place place;
    place_init(&place);
    FILE *stranger = fopen(place.path, "w");
    fputs("port: 26379\n", stranger);
    fclose(stranger);
    struct error err;
    struct state_file *file = state_file_new(place.path, on_wake, NULL);
    CU_ASSERT_EQUAL(state_file_load(file, &err), STATE_FILE_REFUSED);
    CU_ASSERT(strstr(err.text, "not a state file") != NULL);
    state_file_free(&file);
    struct stat now;
    CU_ASSERT(stat(place.path, &now) == 0 && now.st_size == 12);
    place_fini(&place);
}

UNIT_TEST(state_file, belongs_to_one_process) {
    struct place place;
    place_init(&place);
    struct state_file *file = open_at(&place, STATE_FILE_ABSENT);
    state_file_set(file, "epoch", "1");
    CU_ASSERT(wait_for(file, state_file_commit(file)));
    struct state_file *second = open_at(&place, STATE_FILE_REFUSED);
    state_file_free(&second);
    state_file_free(&file);
    place_fini(&place);
}

static void limit_file_size(rlim_t size) {
    struct rlimit limit;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

UNIT_TEST(state_file, a_full_disk_is_an_alarm_until_it_is_not) {
    struct place place;
    place_init(&place);
    signal(SIGXFSZ, SIG_IGN);
    struct state_file *file = open_at(&place, STATE_FILE_ABSENT);
    state_file_set(file, "epoch", "1");
    CU_ASSERT(wait_for(file, state_file_commit(file)));
    struct state_file_stats stats;
    state_file_read_stats(file, &stats);
    limit_file_size(stats.bytes + 30); /* part of the next record fits */
    state_file_set(file, "epoch", "2");
    uint64_t ticket = state_file_commit(file);
    CU_ASSERT_FALSE(wait_for(file, ticket));
    CU_ASSERT(strstr(state_file_alarm(file), "cannot append to") != NULL);
    state_file_set(file, "epoch", "3");
    CU_ASSERT(state_file_commit(file) > ticket && state_file_durable(file) < ticket);
    limit_file_size(20);
    state_file_retry(file);
    state_file_wait(file);
    CU_ASSERT(state_file_collect(file));
    CU_ASSERT(strstr(state_file_alarm(file), "cannot write") != NULL);
    limit_file_size(RLIM_INFINITY);
    /* What a crash would leave now is the last good state. */
    state_file_retry(file);
    state_file_wait(file);
    CU_ASSERT(state_file_collect(file));
    CU_ASSERT_PTR_NULL(state_file_alarm(file));
    CU_ASSERT(state_file_durable(file) > ticket);
    state_file_read_stats(file, &stats);
    CU_ASSERT(stats.failures == 2 && stats.failed_since_ms == 0);
    state_file_free(&file);
    file = open_at(&place, STATE_FILE_OK);
    EXPECT_TEXT(state_file_find(file, "epoch"), "3");
    state_file_free(&file);
    place_fini(&place);
}

UNIT_TEST(state_file, a_missing_directory_is_an_alarm) {
    struct place place;
    place_init(&place);
    struct place inner = place;
    snprintf(inner.path, sizeof(inner.path), "%s/none/state.yaml", place.directory);
    struct state_file *file = open_at(&inner, STATE_FILE_ABSENT);
    state_file_set(file, "epoch", "1");
    CU_ASSERT_FALSE(wait_for(file, state_file_commit(file)));
    struct error err;
    CU_ASSERT_FALSE(state_file_flush(file, &err));
    CU_ASSERT(strstr(err.text, "No such file or directory") != NULL);
    state_file_free(&file);
    place_fini(&place);
}
