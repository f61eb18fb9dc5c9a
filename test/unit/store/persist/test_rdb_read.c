#include "lib/unit.h"
#include "base/listpack.h"
#include "base/mem.h"
#include "store/persist/dump_payload.h"
#include "store/persist/rdb_format.h"
#include "store/persist/rdb_read.h"
#include "store/types/list_value.h"

static const struct hash_key hash_key = {3, 4};

static struct rdb_rules rules_of(bool deep) {
    return (struct rdb_rules){.hash = {.max_entries = 4, .max_text_bytes = 16, .hash_key = &hash_key},
                              .list = {.max_listpack_size = -2},
                              .set = {.hash_key = &hash_key, .max_intset_entries = 4, .max_listpack_entries = 4, .max_listpack_bytes = 16},
                              .zset = {.max_entries = 4, .max_member_bytes = 16, .hash_key = &hash_key},
                              .deep = deep};
}

static void drop(struct value *value) {
    if (value->form == VALUE_OBJECT) value_free_object(value->type, value->encoding, value->object);
}

static bool reads(struct slice body, bool deep, enum value_type type, enum value_encoding encoding) {
    struct rdb_rules rules = rules_of(deep);
    struct value value;
    char *memory;
    if (!dump_payload_read(body, &rules, &value, &memory)) return false;
    CU_ASSERT_EQUAL(value.type, type);
    CU_ASSERT_EQUAL(value.encoding, encoding);
    drop(&value);
    mem_free(memory);
    return true;
}

UNIT_TEST(rdb_read, strings_are_kept_as_commands_would) {
    CU_ASSERT_TRUE(reads(SLICE("\0\xc0\x05"), false, VALUE_STRING, VALUE_INT));
    CU_ASSERT_TRUE(reads(SLICE("\0\x03" "123"), false, VALUE_STRING, VALUE_INT));
    CU_ASSERT_TRUE(reads(SLICE("\0\x02" "01"), false, VALUE_STRING, VALUE_EMBSTR));
    CU_ASSERT_FALSE(reads(SLICE("\0\x02" "012"), false, VALUE_STRING, VALUE_EMBSTR));
    CU_ASSERT_FALSE(reads(SLICE("\0\x02" "0"), false, VALUE_STRING, VALUE_EMBSTR));
    CU_ASSERT_FALSE(reads(SLICE(""), false, VALUE_STRING, VALUE_EMBSTR));
}

UNIT_TEST(rdb_read, small_collections_stay_small) {
    CU_ASSERT_TRUE(reads(SLICE("\x02\x02\x01" "1\x01" "2"), false, VALUE_SET, VALUE_INTSET));
    CU_ASSERT_TRUE(reads(SLICE("\x02\x02\x01" "1\x01" "a"), false, VALUE_SET, VALUE_LISTPACK));
    CU_ASSERT_TRUE(reads(SLICE("\x02\x05\x01" "1\x01" "2\x01" "3\x01" "4\x01" "5"), false, VALUE_SET, VALUE_HASHTABLE));
    CU_ASSERT_TRUE(reads(SLICE("\x04\x01\x01" "f\x01" "v"), false, VALUE_HASH, VALUE_SHORT));
    CU_ASSERT_TRUE(reads(SLICE("\x04\x01\x01" "f\x11" "12345678901234567"), false, VALUE_HASH, VALUE_HASHTABLE));
    CU_ASSERT_TRUE(reads(SLICE("\x01\x02\x01" "f\x01" "v"), false, VALUE_LIST, VALUE_LISTPACK));
    CU_ASSERT_TRUE(reads(SLICE("\x12\x01\x01\x01" "v"), false, VALUE_LIST, VALUE_LISTPACK)); /* a plain node */
}

UNIT_TEST(rdb_read, what_has_no_elements_or_some_twice_is_refused) {
    CU_ASSERT_FALSE(reads(SLICE("\x01\0"), false, VALUE_LIST, VALUE_LISTPACK));
    CU_ASSERT_FALSE(reads(SLICE("\x02\0"), false, VALUE_SET, VALUE_INTSET));
    CU_ASSERT_FALSE(reads(SLICE("\x04\0"), false, VALUE_HASH, VALUE_SHORT));
    CU_ASSERT_FALSE(reads(SLICE("\x02\x02\x01" "1\x01" "1"), false, VALUE_SET, VALUE_INTSET));
    CU_ASSERT_FALSE(reads(SLICE("\x04\x02\x01" "f\x01" "v\x01" "f\x01" "v"), false, VALUE_HASH, VALUE_SHORT));
    CU_ASSERT_FALSE(reads(SLICE("\x06\x01"), false, VALUE_HASH, VALUE_SHORT)); /* a module's */
}

static struct slice packed_hash(struct bytes *bytes, const char *texts) {
    struct listpack *listpack = listpack_new();
    for (; *texts; texts++) listpack_append(&listpack, slice_make(texts, 1));
    bytes_add_char(bytes, RDB_HASH_LISTPACK);
    bytes_add_char(bytes, (char)listpack_size(listpack));
    bytes_add_slice(bytes, listpack_bytes(listpack));
    mem_free(listpack);
    return bytes_slice(bytes);
}

static bool reads_hash(const char *texts, bool deep, enum value_encoding encoding) {
    struct bytes bytes = {0};
    bool good = reads(packed_hash(&bytes, texts), deep, VALUE_HASH, encoding);
    bytes_fini(&bytes);
    return good;
}

UNIT_TEST(rdb_read, packed_hashes_are_checked_as_deeply_as_is_wanted) {
    CU_ASSERT_TRUE(reads_hash("avbv", true, VALUE_SHORT));
    CU_ASSERT_FALSE(reads_hash("avb", false, VALUE_LISTPACK));
    CU_ASSERT_FALSE(reads_hash("", false, VALUE_LISTPACK));
    CU_ASSERT_TRUE(reads_hash("avav", false, VALUE_SHORT));
    CU_ASSERT_FALSE(reads_hash("avav", true, VALUE_LISTPACK));
    CU_ASSERT_TRUE(reads_hash("avbvcvdvev", false, VALUE_HASHTABLE)); /* more than this server packs */
    CU_ASSERT_FALSE(reads_hash("avbvcvdvav", false, VALUE_HASHTABLE));
}

UNIT_TEST(rdb_read, a_list_is_cut_into_chunks_of_our_size) {
    struct rdb_rules rules = rules_of(false);
    struct value value = list_value_new(), again;
    char text[600];
    memset(text, 'z', sizeof text);
    for (int i = 0; i < 100; i++) {
        text[0] = (char)('0' + i % 10);
        struct slice element = slice_make(text, sizeof text);
        list_value_push(&value, &rules.list, false, &element, 1);
    }
    struct rdb_out out;
    struct slice body;
    char *memory;
    rdb_out_init(&out, 16, false);
    dump_payload_write(&out, &value);
    CU_ASSERT_TRUE_FATAL(dump_payload_open(slice_make(out.data, out.size), &body));
    CU_ASSERT_TRUE_FATAL(dump_payload_read(body, &rules, &again, &memory));
    CU_ASSERT_EQUAL(list_value_count(&again), 100);
    CU_ASSERT_EQUAL(list_value_node_count(&again), list_value_node_count(&value));
    out.data[out.size / 2] ^= 1;
    CU_ASSERT_FALSE(dump_payload_open(slice_make(out.data, out.size), &body));
    CU_ASSERT_FALSE(dump_payload_open(SLICE("\0\xc0\x05"), &body));
    drop(&again);
    drop(&value);
    rdb_out_fini(&out);
}
