/* The backlog beside a model of it: the whole stream in one piece. */
#include "store/replication/backlog.h"
#include "base/random.h"
#include "lib/unit.h"

static void append_text(struct backlog *backlog, const char *text) {
    backlog_append(backlog, slice_text(text));
}

static void read_all(struct backlog_cursor *cursor, struct bytes *to) {
    struct slice piece;
    while ((piece = backlog_peek(cursor, 1000)).size) {
        bytes_add_slice(to, piece);
        backlog_skip(cursor, piece.size);
    }
}

UNIT_TEST(backlog, an_empty_one_has_an_end) {
    struct backlog *backlog = backlog_new(50, 1024);
    struct backlog_cursor cursor = {0};
    CU_ASSERT_EQUAL(backlog_start(backlog), 50);
    CU_ASSERT_EQUAL(backlog_end(backlog), 50);
    CU_ASSERT_FALSE(backlog_seek(backlog, &cursor, 49));
    CU_ASSERT_FALSE(backlog_seek(backlog, &cursor, 51));
    CU_ASSERT_TRUE(backlog_seek(backlog, &cursor, 50));
    CU_ASSERT_EQUAL(backlog_peek(&cursor, 100).size, 0);
    append_text(backlog, "abc");
    CU_ASSERT_TRUE(slice_is(backlog_peek(&cursor, 100), "abc"));
    CU_ASSERT_TRUE(slice_is(backlog_peek(&cursor, 2), "ab"));
    backlog_skip(&cursor, 2);
    CU_ASSERT_TRUE(slice_is(backlog_peek(&cursor, 100), "c"));
    backlog_leave(&cursor);
    backlog_leave(&cursor);
    backlog_free(&backlog);
    CU_ASSERT_PTR_NULL(backlog);
}

UNIT_TEST(backlog, keeps_its_limit_and_what_a_cursor_needs) {
    struct backlog *backlog = backlog_new(0, 16 * 1024);
    struct backlog_cursor slow = {0};
    struct bytes line = {0};
    for (int i = 0; i < 1000; i++) bytes_add_char(&line, (char)('a' + i % 26));
    for (int i = 0; i < 100; i++) backlog_append(backlog, bytes_slice(&line));
    int64_t kept = backlog_end(backlog) - backlog_start(backlog);
    CU_ASSERT_EQUAL(backlog_end(backlog), 100000);
    CU_ASSERT_TRUE(kept >= 16 * 1024 && kept < 24 * 1024);
    CU_ASSERT_TRUE(backlog_memory(backlog) < 32 * 1024);

    int64_t from = backlog_end(backlog) - 500;
    CU_ASSERT_TRUE(backlog_seek(backlog, &slow, from));
    for (int i = 0; i < 1000; i++) backlog_append(backlog, bytes_slice(&line));
    CU_ASSERT_TRUE(backlog_start(backlog) <= from);
    struct bytes seen = {0};
    read_all(&slow, &seen);
    CU_ASSERT_EQUAL(seen.size, 1000500);
    CU_ASSERT_EQUAL(slow.offset, backlog_end(backlog));
    for (size_t i = 0; i < seen.size; i++)
        if (seen.data[i] != line.data[(500 + i) % 1000]) {
            CU_FAIL("other bytes than were appended");
            break;
        }
    for (int i = 0; i < 20; i++) backlog_append(backlog, bytes_slice(&line)); /* it frees a part of it each time */
    CU_ASSERT_TRUE(backlog_memory(backlog) < 100 * 1024);
    backlog_leave(&slow);
    bytes_fini(&seen);
    bytes_fini(&line);
    backlog_free(&backlog);
}

UNIT_TEST(backlog, lent_pieces_outlive_it) {
    struct backlog *backlog = backlog_new(0, 4096);
    struct backlog_cursor cursor = {0};
    CU_ASSERT_TRUE(backlog_seek(backlog, &cursor, 0));
    append_text(backlog, "hello");
    struct slice piece = backlog_peek(&cursor, 100);
    void *kept = backlog_keep(&cursor);
    backlog_skip(&cursor, piece.size);
    backlog_leave(&cursor);
    backlog_free(&backlog);
    CU_ASSERT_TRUE(slice_is(piece, "hello"));
    backlog_release(kept);
}

UNIT_TEST(backlog, a_smaller_limit_takes_effect) {
    struct backlog *backlog = backlog_new(0, 1024 * 1024);
    struct bytes line = {0};
    for (int i = 0; i < 3000; i++) bytes_add_char(&line, 'x');
    for (int i = 0; i < 300; i++) backlog_append(backlog, bytes_slice(&line));
    CU_ASSERT_EQUAL(backlog_start(backlog), 0);
    backlog_set_limit(backlog, 100 * 1000);
    int64_t kept = backlog_end(backlog) - backlog_start(backlog);
    CU_ASSERT_TRUE(kept >= 100 * 1000 && kept < 200 * 1000);
    bytes_fini(&line);
    backlog_free(&backlog);
}

/* Four readers of different speed, random pieces. */
UNIT_TEST(backlog, readers_see_the_stream) {
    struct random random;
    random_seed(&random, 7);
    struct backlog *backlog = backlog_new(0, 10000);
    struct bytes model = {0};
    struct backlog_cursor readers[4] = {{0}};
    bool good = true;
    for (int i = 0; i < 4; i++) good &= backlog_seek(backlog, &readers[i], 0);
    for (int round = 0; round < 20000 && good; round++) {
        char piece[700];
        size_t size = random_below(&random, round % 50 ? 40 : sizeof piece);
        for (size_t i = 0; i < size; i++) piece[i] = (char)random_next(&random);
        backlog_append(backlog, slice_make(piece, size));
        bytes_add(&model, piece, size);
        struct backlog_cursor *reader = &readers[random_below(&random, 4)];
        struct slice got = backlog_peek(reader, random_below(&random, 300));
        good &= got.size == 0 || memcmp(got.data, model.data + reader->offset, got.size) == 0;
        backlog_skip(reader, got.size);
        if (random_below(&random, 100) == 0) {
            int64_t to = backlog_start(backlog) + (int64_t)random_below(&random, (uint64_t)(backlog_end(backlog) - backlog_start(backlog)) + 1);
            good &= backlog_seek(backlog, reader, to) && reader->offset == to;
        }
        good &= backlog_end(backlog) == (int64_t)model.size;
    }
    CU_ASSERT_TRUE(good);
    for (int i = 0; i < 4; i++) backlog_leave(&readers[i]);
    backlog_free(&backlog);
    bytes_fini(&model);
}
