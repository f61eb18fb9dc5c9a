#include "lib/unit.h"
#include "base/mem.h"
#include "store/persist/aof_read.h"

/* What is read of the text, in pieces that grow by `step` bytes: "SET a 1; (TS:1) ; more 12". */
static void print(struct bytes *out, struct slice text, size_t step) {
    struct aof_reader reader = {0};
    size_t taken = 0, shown = MIN(step, text.size);
    bytes_clear(out);
    while (true) {
        enum aof_read_result result = aof_reader_step(&reader, slice_make(text.data + taken, shown - taken));
        if (result == AOF_READ_MORE) {
            CU_ASSERT_TRUE_FATAL(reader.wanted > shown - taken);
            if (shown == text.size) break;
            shown = MIN(text.size, shown + step);
            continue;
        }
        if (result == AOF_READ_BAD) {
            bytes_add_printf(out, "%zu: %s", taken + reader.wrong_at, reader.wrong);
            break;
        }
        if (result == AOF_READ_REMARK) bytes_add_printf(out, "(%.*s) ", (int)reader.remark.size, reader.remark.data);
        else
            for (int i = 0; i < reader.argc; i++) bytes_add_printf(out, "%.*s ", (int)reader.argv[i].size, reader.argv[i].data);
        bytes_add_text(out, "; ");
        taken += reader.taken;
    }
    aof_reader_fini(&reader);
}

static void expect(const char *text, const char *expected) {
    struct bytes out = {0};
    for (size_t step = 1; step <= strlen(text) + 1; step += 1 + step / 3) {
        print(&out, slice_text(text), step);
        EXPECT_TEXT(bytes_text(&out), expected);
    }
    bytes_fini(&out);
}

UNIT_TEST(aof_read, commands_and_remarks_in_pieces_of_any_size) {
    struct bytes out = {0};
    static const char text[] = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n#TS:1700000000\r\n*1\r\n$4\r\nEXEC\r\n";
    for (size_t step = 1; step < sizeof text; step++) {
        print(&out, slice_text(text), step);
        CU_ASSERT_TRUE(slice_starts_with(bytes_slice(&out), "SET a  ; (TS:1700000000) ; EXEC ; "));
    }
    bytes_fini(&out);
}

UNIT_TEST(aof_read, what_is_wrong_and_where) {
    expect("SET a 1\r\n", "0: the beginning of a command is expected (* and a number)");
    expect("*0\r\n", "0: a command with an impossible number of arguments");
    expect("*-1\r\n$1\r\na\r\n", "0: the beginning of a command is expected (* and a number)");
    expect("*99999999999\r\n", "0: a command with an impossible number of arguments");
    expect("*1\n$4\r\nPING\r\n", "0: the beginning of a command is expected (* and a number)");
}

UNIT_TEST(aof_read, a_length_is_wanted_and_not_believed) {
    struct aof_reader reader = {0};
    CU_ASSERT_EQUAL(aof_reader_step(&reader, SLICE("*67108864\r\n$1000000000000\r\nab")), AOF_READ_MORE);
    CU_ASSERT_EQUAL(reader.wanted, 27 + 1000000000000 + 2);
    CU_ASSERT_EQUAL(reader.capacity, 0);
    aof_reader_restart(&reader);
    CU_ASSERT_EQUAL(aof_reader_step(&reader, SLICE("*1\r\n$18446744073709551615\r\nab")), AOF_READ_BAD);
    CU_ASSERT_EQUAL(reader.wrong_at, 4);
    aof_reader_restart(&reader);
    CU_ASSERT_EQUAL(aof_reader_step(&reader, SLICE("*1\r\n$1\r\nabc\r\n")), AOF_READ_BAD);
    CU_ASSERT_EQUAL(reader.wrong_at, 9);
    aof_reader_fini(&reader);
}

UNIT_TEST(aof_read, times) {
    int64_t wall_s;
    CU_ASSERT_TRUE(aof_reader_timestamp(SLICE("TS:17"), &wall_s));
    CU_ASSERT_EQUAL(wall_s, 17);
    CU_ASSERT_FALSE(aof_reader_timestamp(SLICE("TS:x"), &wall_s));
    CU_ASSERT_FALSE(aof_reader_timestamp(SLICE("T"), &wall_s));
    CU_ASSERT_FALSE(aof_reader_timestamp(SLICE("TS:-1"), &wall_s));
}

UNIT_TEST(aof_read, places) {
    struct slice id;
    int64_t offset;
    int db;
    CU_ASSERT_TRUE(aof_reader_place(SLICE("PLACE:0123abc 77 3"), &id, &offset, &db));
    CU_ASSERT_TRUE(slice_is(id, "0123abc") && offset == 77 && db == 3);
    CU_ASSERT_FALSE(aof_reader_place(SLICE("TS:17"), &id, &offset, &db));
    CU_ASSERT_FALSE(aof_reader_place(SLICE("PLACE:"), &id, &offset, &db));
    CU_ASSERT_FALSE(aof_reader_place(SLICE("PLACE:0123abc 77"), &id, &offset, &db));
    CU_ASSERT_FALSE(aof_reader_place(SLICE("PLACE:0123abc -1 0"), &id, &offset, &db));
    CU_ASSERT_FALSE(aof_reader_place(SLICE("PLACE:0123abc 77 99999999999"), &id, &offset, &db));
    CU_ASSERT_FALSE(aof_reader_place(SLICE("PLACE:0123abc 77 3 4"), &id, &offset, &db));
}
