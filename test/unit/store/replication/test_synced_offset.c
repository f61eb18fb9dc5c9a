/* Offsets of the stream beside those of the append-only file. */
#include "store/replication/synced_offset.h"
#include "lib/unit.h"

UNIT_TEST(synced_offset, follows_the_file) {
    struct synced_offset synced = {0};
    synced_offset_reset(&synced);
    CU_ASSERT_EQUAL(synced_offset_advance(&synced, 1000), -1); /* nothing was said of the stream */
    synced_offset_note(&synced, 10, 100);
    synced_offset_note(&synced, 20, 200);
    CU_ASSERT_EQUAL(synced_offset_advance(&synced, 99), -1);
    CU_ASSERT_EQUAL(synced_offset_advance(&synced, 199), 10);
    synced_offset_note(&synced, 34, 200); /* a PING: nothing for the file */
    CU_ASSERT_EQUAL(synced_offset_advance(&synced, 199), 10);
    CU_ASSERT_EQUAL(synced_offset_advance(&synced, 200), 34);
    synced_offset_note(&synced, 48, 200);
    CU_ASSERT_EQUAL(synced_offset_advance(&synced, 200), 48);
    synced_offset_reset(&synced);
    CU_ASSERT_EQUAL(synced_offset_advance(&synced, 500), -1);
    synced_offset_fini(&synced);
}

UNIT_TEST(synced_offset, keeps_what_is_not_synced) {
    struct synced_offset synced = {0};
    synced_offset_reset(&synced);
    for (int i = 1; i <= 10000; i++) {
        synced_offset_note(&synced, i, (uint64_t)i * 10);
        if (i <= 50) continue;
        CU_ASSERT_EQUAL(synced_offset_advance(&synced, (uint64_t)(i - 50) * 10 + 9), i - 50);
    }
    CU_ASSERT(synced.capacity <= 256);
    CU_ASSERT_EQUAL(synced_offset_advance(&synced, UINT64_MAX), 10000);
    synced_offset_fini(&synced);
}
