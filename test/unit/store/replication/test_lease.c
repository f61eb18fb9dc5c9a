/* Grants of sentinels, and what follows from them. */
#include "store/replication/lease.h"
#include "lib/unit.h"

#include <stdio.h>

enum { START = 5000 };

static const struct slice both[] = {{"10.0.0.1:1", 10}, {"10.0.0.2:2", 10}};

static bool take(struct lease *lease, int64_t now_ms, const char *sentinel, int sentinels, int64_t ms, int64_t stamp) {
    struct lease_offer offer = {slice_text(sentinel), sentinels, ms, stamp, both, 2};
    return lease_take(lease, now_ms, &offer);
}

UNIT_TEST(lease, needs_more_than_half) {
    struct lease *lease = lease_new(START, 0x1234567890abcdef);
    CU_ASSERT(!lease_is_held(lease, START) && !lease_was_granted(lease));
    int64_t stamp = lease_stamp(lease, START + 100);
    CU_ASSERT(take(lease, START + 200, "a", 3, 1600, 0)); /* says how many there are, and promises nothing */
    CU_ASSERT(!lease_was_granted(lease) && lease_count(lease, START + 200) == 0);
    CU_ASSERT(take(lease, START + 200, "a", 3, 1600, stamp));
    CU_ASSERT(lease_was_granted(lease) && !lease_is_held(lease, START + 200) && lease_left_ms(lease, START + 200) == 0);
    CU_ASSERT(take(lease, START + 200, "b", 3, 800, stamp));
    CU_ASSERT(lease_is_held(lease, START + 200) && lease_count(lease, START + 200) == 2);
    CU_ASSERT_EQUAL(lease_left_ms(lease, START + 200), 100 + 750 - 200); /* of the second one's, less a sixteenth */
    CU_ASSERT(lease_is_held(lease, START + 849));
    CU_ASSERT(!lease_is_held(lease, START + 850) && lease_count(lease, START + 850) == 1);
    CU_ASSERT(take(lease, START + 900, "c", 3, 1600, stamp));
    CU_ASSERT(lease_is_held(lease, START + 1599) && !lease_is_held(lease, START + 1600));
    CU_ASSERT(lease_count(lease, START + 1600) == 0 && lease_was_granted(lease));
    lease_free(&lease);
}

UNIT_TEST(lease, counts_as_many_as_anybody_knows) {
    struct lease *lease = lease_new(START, 7);
    int64_t stamp = lease_stamp(lease, START);
    CU_ASSERT(take(lease, START, "a", 1, 1600, stamp));
    CU_ASSERT(lease_is_held(lease, START)); /* alone */
    CU_ASSERT(take(lease, START, "b", 4, 800, stamp));
    CU_ASSERT(!lease_is_held(lease, START)); /* two of four */
    CU_ASSERT(take(lease, START, "c", 3, 1600, stamp));
    CU_ASSERT(lease_is_held(lease, START));
    CU_ASSERT(lease_is_held(lease, START + 1000)); /* who knew of four is silent: two of three */
    CU_ASSERT(take(lease, START + 1000, "c", 5, 1600, stamp));
    CU_ASSERT(!lease_is_held(lease, START + 1000));
    lease_free(&lease);
}

UNIT_TEST(lease, is_never_shorter_than_promised) {
    struct lease *lease = lease_new(START, 7);
    CU_ASSERT(take(lease, START + 50, "a", 1, 1600, lease_stamp(lease, START + 50)));
    CU_ASSERT(take(lease, START + 60, "a", 1, 100, lease_stamp(lease, START + 60)));
    CU_ASSERT(take(lease, START + 60, "a", 1, 1600, lease_stamp(lease, START))); /* an older answer came later */
    CU_ASSERT(take(lease, START + 60, "a", 1, 1600, 0));
    CU_ASSERT_EQUAL(lease_left_ms(lease, START + 60), 1490);
    lease_drop(lease);
    CU_ASSERT(!lease_is_held(lease, START + 60) && lease_was_granted(lease));
    lease_free(&lease);
}

UNIT_TEST(lease, believes_only_its_own_stamps) {
    struct lease *lease = lease_new(START, 1ull << 40), *other = lease_new(START, 1ull << 50);
    int64_t now = START + LEASE_LONGEST_MS + 1000;
    int64_t lies[] = {INT64_MIN, -1, 0, 1, START, now, lease_stamp(lease, START) - 1, lease_stamp(lease, now) + 1,
                      lease_stamp(lease, now - LEASE_LONGEST_MS - 1), lease_stamp(other, now), INT64_MAX};
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        CU_ASSERT(take(lease, now, "a", 1, INT64_MAX, lies[i]));
        CU_ASSERT(!lease_is_held(lease, now));
    }
    CU_ASSERT(take(lease, now, "a", 1, INT64_MAX, lease_stamp(lease, now)));
    CU_ASSERT_EQUAL(lease_left_ms(lease, now), LEASE_LONGEST_MS - LEASE_LONGEST_MS / 16);
    lease_free(&lease);
    lease_free(&other);
}

UNIT_TEST(lease, names_whom_everybody_names) {
    struct lease *lease = lease_new(START, 7);
    struct slice here = SLICE("10.0.0.2:2"), host = SLICE("Replica.Example:6379"), absent = SLICE("10.0.0.1:11");
    int64_t  stamp = lease_stamp(lease, START);
    uint64_t version = lease_version(lease, START);
    CU_ASSERT(!lease_names(lease, START, here));
    CU_ASSERT(take(lease, START, "a", 2, 800, stamp));
    CU_ASSERT(lease_names(lease, START, here) && !lease_names(lease, START, absent) && lease_version(lease, START) > version);
    version = lease_version(lease, START);
    CU_ASSERT(take(lease, START + 1, "a", 2, 1600, lease_stamp(lease, START + 1)));
    CU_ASSERT_EQUAL(lease_version(lease, START + 1), version); /* nothing new */
    struct slice       names[] = {SLICE("replica.example:6379"), SLICE("")};
    struct lease_offer offer = {SLICE("b"), 2, 800, stamp, names, 2};
    CU_ASSERT(lease_take(lease, START + 1, &offer));
    CU_ASSERT(lease_version(lease, START + 1) > version);
    CU_ASSERT(!lease_names(lease, START + 1, here) && !lease_names(lease, START + 1, host) && !lease_names(lease, START + 1, SLICE("")));
    version = lease_version(lease, START + 1);
    CU_ASSERT(lease_version(lease, START + 750) > version); /* that one has expired */
    CU_ASSERT(lease_names(lease, START + 750, here) && !lease_names(lease, START + 750, host));
    offer = (struct lease_offer){SLICE("a"), 2, 800, 0, names, 1};
    CU_ASSERT(lease_take(lease, START + 750, &offer)); /* it knows others now, whatever it promises */
    CU_ASSERT(!lease_names(lease, START + 750, here) && lease_names(lease, START + 750, host));
    lease_free(&lease);
}

UNIT_TEST(lease, has_room_for_so_many) {
    struct lease *lease = lease_new(START, 7);
    char name[32];
    for (int round = 0; round < 2; round++) {
        int64_t now = START + round * 1000, stamp = lease_stamp(lease, now);
        for (int i = 0; i < LEASE_SENTINELS_MAX; i++) {
            snprintf(name, sizeof name, "%d-%d", round, i);
            CU_ASSERT(take(lease, now, name, LEASE_SENTINELS_MAX, 800, stamp));
            CU_ASSERT_EQUAL(lease_is_held(lease, now), i >= LEASE_SENTINELS_MAX / 2);
        }
        CU_ASSERT(!take(lease, now, "another", 1, 800, stamp));
        CU_ASSERT_EQUAL(lease_count(lease, now), LEASE_SENTINELS_MAX);
        CU_ASSERT(take(lease, now, name, LEASE_SENTINELS_MAX, 800, stamp));
    }
    lease_free(&lease);
}
