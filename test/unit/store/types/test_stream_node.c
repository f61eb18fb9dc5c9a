#include "lib/unit.h"
#include "base/mem.h"
#include "store/types/stream_node.h"

static const struct entry_id master = {5, 1};

/* What redis-server 7.0.15 made of: XADD 5-1 a 1 b two; 5-2 a 500 b x; 6-0 c -1; XDEL 5-2. */
static const struct slice recorded = {
    "C\x00\x00\x00\x19\x00\x02\x01\x01\x01\x02\x01\x81"
    "a\x02\x81"
    "b\x02\x00\x01\x02\x01\x00\x01\x00\x01\x01\x01\x83two\x04\x05\x01\x03\x01\x00\x01\x01\x01\xc1\xf4\x02\x81x\x02\x05\x01\x00\x01\x01\x01\xdf\xff\x02"
    "\x01\x01\x81"
    "c\x02\xdf\xff\x02\x06\x01\xff",
    67};

static struct listpack *make(void) {
    struct listpack *node = stream_node_new(16, (const struct slice[]){SLICE("a"), SLICE("1"), SLICE("b"), SLICE("two")}, 2);
    stream_node_append(&node, master, (struct entry_id){5, 2}, (const struct slice[]){SLICE("a"), SLICE("500"), SLICE("b"), SLICE("x")}, 2);
    stream_node_append(&node, master, (struct entry_id){6, 0}, (const struct slice[]){SLICE("c"), SLICE("-1")}, 1);
    struct stream_entry entry;
    CU_ASSERT_TRUE_FATAL(stream_node_first(node, master, &entry) && stream_node_next(master, &entry));
    stream_node_mark_deleted(&node, master, &entry);
    stream_node_count_deleted(&node, 1);
    return node;
}

UNIT_TEST(stream_node, has_the_bytes_of_redis) {
    struct listpack *node = make();
    CU_ASSERT_TRUE(slice_equal(listpack_bytes(node), recorded));
    CU_ASSERT_TRUE(stream_node_is_valid(node, master));
    mem_free(node);
}

static void expect_field(struct stream_fields *fields, const char *name, const char *value) {
    char buffer[NUMBER_TEXT_SIZE];
    CU_ASSERT_TRUE_FATAL(stream_node_next_field(fields));
    CU_ASSERT_TRUE(slice_is(listpack_text(fields->name, buffer), name));
    CU_ASSERT_TRUE(slice_is(listpack_text(fields->value, buffer), value));
}

UNIT_TEST(stream_node, is_walked_both_ways) {
    struct listpack *node = make();
    struct stream_entry entry;
    CU_ASSERT_TRUE_FATAL(stream_node_last(node, master, &entry));
    CU_ASSERT_EQUAL(entry_id_compare(entry.id, (struct entry_id){6, 0}), 0);
    struct stream_fields fields = stream_node_fields(&entry);
    expect_field(&fields, "c", "-1");
    CU_ASSERT_FALSE(stream_node_next_field(&fields));
    CU_ASSERT_TRUE_FATAL(stream_node_previous(master, &entry));
    CU_ASSERT_TRUE(entry.is_deleted);
    CU_ASSERT_TRUE_FATAL(stream_node_previous(master, &entry));
    CU_ASSERT_FALSE(entry.is_deleted);
    fields = stream_node_fields(&entry);
    expect_field(&fields, "a", "1");
    expect_field(&fields, "b", "two");
    CU_ASSERT_FALSE(stream_node_next_field(&fields));
    CU_ASSERT_FALSE(stream_node_previous(master, &entry));
    mem_free(node);
}

UNIT_TEST(stream_node, entries_of_many_fields) {
    struct slice pairs[400];
    char text[400][8];
    for (int i = 0; i < 400; i++) pairs[i] = slice_make(text[i], (size_t)snprintf(text[i], sizeof text[i], "t%d", i));
    struct listpack *node = stream_node_new(16, pairs, 200);
    stream_node_append(&node, master, (struct entry_id){9, 0}, pairs, 200);
    stream_node_append(&node, master, (struct entry_id){9, 1}, pairs + 2, 199);
    CU_ASSERT_TRUE(stream_node_is_valid(node, master));
    struct stream_entry entry;
    CU_ASSERT_TRUE_FATAL(stream_node_last(node, master, &entry));
    CU_ASSERT_EQUAL(entry.field_count, 199);
    CU_ASSERT_TRUE_FATAL(stream_node_previous(master, &entry));
    struct stream_fields fields = stream_node_fields(&entry);
    for (int i = 0; i < 200; i++) expect_field(&fields, text[2 * i], text[2 * i + 1]);
    mem_free(node);
}

/* ---- from outside ---- */

static bool is_valid(const int64_t *numbers, size_t count) {
    struct listpack *node = listpack_new();
    for (size_t i = 0; i < count; i++) listpack_append_int(&node, numbers[i]);
    bool valid = listpack_is_valid(listpack_bytes(node)) && stream_node_is_valid(node, master);
    mem_free(node);
    return valid;
}

#define VALID(...) is_valid((const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define HEAD 1, 0, 1, 77, 0

UNIT_TEST(stream_node, damaged_ones_are_refused) {
    CU_ASSERT_TRUE(VALID(HEAD, 2, 0, 0, 8, 4));
    CU_ASSERT_TRUE(VALID(0, 1, 1, 77, 0, 3, 0, 0, 8, 4));              /* all are deleted */
    CU_ASSERT_TRUE(VALID(2, 0, 1, 77, 0, 2, 0, 0, 8, 4, 0, 1, -1, 1, 5, 6, 6)); /* ms greater, sequence less */
    CU_ASSERT_FALSE(VALID(0, 0, 1, 77, 0));                            /* no entry */
    CU_ASSERT_FALSE(VALID(1));
    CU_ASSERT_FALSE(VALID(1, 0, 1000000000000, 77, 0, 2, 0, 0, 8, 4)); /* more names than there are elements */
    CU_ASSERT_FALSE(VALID(1, 0, -1, 0, 2, 0, 0, 8, 4));
    CU_ASSERT_FALSE(VALID(1, 0, 1, 77, 1, 2, 0, 0, 8, 4));             /* the zero is none */
    CU_ASSERT_FALSE(VALID(2, 0, 1, 77, 0, 2, 0, 0, 8, 4));             /* counts of entries */
    CU_ASSERT_FALSE(VALID(1, 1, 1, 77, 0, 2, 0, 0, 8, 4));
    CU_ASSERT_FALSE(VALID(1, 0, 1, 77, 0, 3, 0, 0, 8, 4));
    CU_ASSERT_FALSE(VALID(-1, 2, 1, 77, 0, 3, 0, 0, 8, 4));
    CU_ASSERT_FALSE(VALID(HEAD, 2, 0, 0, 8, 5));                       /* how many elements */
    CU_ASSERT_FALSE(VALID(HEAD, 2, 0, 0, 8, 3));
    CU_ASSERT_FALSE(VALID(HEAD, 2, 0, 0, 8));
    CU_ASSERT_FALSE(VALID(HEAD, 4, 0, 0, 8, 4));                       /* an unknown flag */
    CU_ASSERT_FALSE(VALID(HEAD, 0, 0, 0, 1000000000000, 8, 4));        /* more fields than there are elements */
    CU_ASSERT_FALSE(VALID(HEAD, 0, 0, 0, -1, 8, 4));
    CU_ASSERT_FALSE(VALID(HEAD, 2, -1, 0, 8, 4));                      /* before the node's id */
    CU_ASSERT_FALSE(VALID(2, 0, 1, 77, 0, 2, 0, 3, 8, 4, 2, 0, 3, 8, 4)); /* the same id twice */
}

UNIT_TEST(stream_node, texts_in_place_of_numbers_are_refused) {
    for (int i = 0; i < 10; i++) {
        struct listpack *node = listpack_new();
        static const int64_t numbers[] = {HEAD, 2, 0, 0, 8, 4};
        for (int k = 0; k < 10; k++) {
            if (k == i) listpack_append(&node, SLICE("x"));
            else listpack_append_int(&node, numbers[k]);
        }
        CU_ASSERT_EQUAL(stream_node_is_valid(node, master), i == 3 || i == 8); /* the name, the value */
        mem_free(node);
    }
}
