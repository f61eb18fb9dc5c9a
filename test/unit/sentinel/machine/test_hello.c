#include "lib/unit.h"
#include "sentinel/machine/hello.h"
#include "solo.h"
#include "troupe.h"

UNIT_TEST(hello, reads_eight_fields_and_nothing_else) {
    struct hello hello;
    CU_ASSERT_TRUE_FATAL(hello_parse(SLICE("10.0.1.2,26379," ID_B ",7,mymaster,10.0.0.1,6379,5"), &hello));
    CU_ASSERT_TRUE(slice_is(hello.host, "10.0.1.2"));
    CU_ASSERT_EQUAL(hello.port, 26379);
    CU_ASSERT_EQUAL(hello.current_epoch, 7);
    CU_ASSERT_EQUAL(hello.config_epoch, 5);
    static const char *const bad[] = {
        "",
        ",,,,,,,",
        "10.0.1.2,26379," ID_B ",7,mymaster,10.0.0.1,6379",
        "10.0.1.2,26379," ID_B ",7,mymaster,10.0.0.1,6379,5,",
        "10.0.1.2,26379," ID_B ",7,mymaster,10.0.0.1,6379,5,6",
        "10.0.1.2,0," ID_B ",7,mymaster,10.0.0.1,6379,5",
        "10.0.1.2,65536," ID_B ",7,mymaster,10.0.0.1,6379,5",
        "10.0.1.2,-1," ID_B ",7,mymaster,10.0.0.1,6379,5",
        "10.0.1.2,26379,short,7,mymaster,10.0.0.1,6379,5",
        "10.0.1.2,26379," ID_B "b,7,mymaster,10.0.0.1,6379,5",
        "10.0.1.2,26379," ID_B ",-7,mymaster,10.0.0.1,6379,5",
        "10.0.1.2,26379," ID_B ",9223372036854775808,mymaster,10.0.0.1,6379,5",
        "10.0.1.2,26379," ID_B ",18446744073709551615,mymaster,10.0.0.1,6379,5",
        "10.0.1.2,26379," ID_B ",7,mymaster,10.0.0.1,6379,18446744073709551616",
        "10.0.1.2,26379," ID_B ",7,,10.0.0.1,6379,5",
        "10.0.1.2,26379," ID_B ",7,mymaster,,6379,5",
        "10.0.1.2,26379," ID_B ",7,mymaster,10.0.0.1,x,5",
        "10.0.1.2 ,26379," ID_B ",7,mymaster,10.0.0.1,6379,5",
        "10.0.1.2\r\n,26379," ID_B ",7,mymaster,10.0.0.1,6379,5",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) CU_ASSERT_FALSE(hello_parse(slice_text(bad[i]), &hello));
}

UNIT_TEST(hello, makes_sentinels_known) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    EXPECT_TEXT(solo_hello(&s, 10, "10.0.1.2,26379," ID_B ",3,mymaster,10.0.0.1,6379,0"),
                "+sentinel sentinel " ID_B " 10.0.1.2 26379 @ mymaster 10.0.0.1 6379 ; +new-epoch 3 ; save");
    EXPECT_TEXT(solo_hello(&s, 11, "10.0.1.2,26379," ID_B ",3,mymaster,10.0.0.1,6379,0"), "");
    EXPECT_TEXT(solo_hello(&s, 12, "10.0.1.3,26379," ID_C ",3,other,10.0.0.1,6379,0"),
                "-bad-input #a hello of a primary that is not watched here: \"other\"");
    EXPECT_TEXT(solo_hello(&s, 13, "gar\nbage"), "-bad-input #a hello has fewer than eight fields: \"gar\\nbage\"");
    CU_ASSERT_EQUAL(solo_world(&s)->hellos_bad, 1);
    CU_ASSERT_EQUAL(solo_primary(&s)->seat_count, 1);
    solo_fini(&s);
}

UNIT_TEST(hello, moves_a_sentinel_and_drops_who_was_there) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    (void)solo_hello(&s, 10, "10.0.1.2,26379," ID_B ",0,mymaster,10.0.0.1,6379,0");
    EXPECT_TEXT(solo_hello(&s, 11, "10.0.1.9,26379," ID_B ",0,mymaster,10.0.0.1,6379,0"),
                "+sentinel-address-switch master mymaster 10.0.0.1 6379 ip 10.0.1.9 port 26379 for " ID_B);
    EXPECT_TEXT(solo_hello(&s, 12, "10.0.1.9,26379," ID_C ",0,mymaster,10.0.0.1,6379,0"),
                "+sentinel-invalid-addr sentinel " ID_B " 10.0.1.9 26379 @ mymaster 10.0.0.1 6379 ; "
                "+sentinel sentinel " ID_C " 10.0.1.9 26379 @ mymaster 10.0.0.1 6379");
    CU_ASSERT_EQUAL(solo_primary(&s)->seat_count, 1);
    solo_fini(&s);
}

UNIT_TEST(hello, moves_the_primary_only_with_a_newer_epoch) {
    struct solo s;
    solo_init(&s);
    s.config.client_reconfig_script = "/bin/reconf";
    solo_start(&s, NULL, 0);
    (void)solo_hello(&s, 10, "10.0.1.2,26379," ID_B ",4,mymaster,10.0.0.1,6379,4");
    (void)solo_saved(&s, 10, true);
    EXPECT_TEXT(solo_hello(&s, 11, "10.0.1.2,26379," ID_B ",4,mymaster,10.0.0.2,6379,4"), "");
    EXPECT_TEXT(solo_hello(&s, 12, "10.0.1.2,26379," ID_B ",4,mymaster,10.0.0.2,6379,3"), "");
    EXPECT_TEXT(solo_hello(&s, 13, "10.0.1.2,26379," ID_B ",5,mymaster,10.0.0.2,6380,5"),
                "+new-epoch 5 ; +config-update-from sentinel " ID_B " 10.0.1.2 26379 @ mymaster 10.0.0.1 6379 ; "
                "+switch-master mymaster 10.0.0.1 6379 10.0.0.2 6380 ; "
                "script /bin/reconf mymaster observer start 10.0.0.1 6379 10.0.0.2 6380 ; "
                "+slave slave 10.0.0.1:6379 10.0.0.1 6379 @ mymaster 10.0.0.2 6380 ; save");
    /* A name cannot be watched while names are not resolved. */
    EXPECT_TEXT(solo_hello(&s, 14, "10.0.1.2,26379," ID_B ",5,mymaster,evil.example,6380,6"), "+new-epoch 6");
    CU_ASSERT_EQUAL(solo_primary(&s)->config_epoch, 5);
    solo_fini(&s);
}

UNIT_TEST(hello, of_our_own_id_is_never_believed) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    EXPECT_TEXT(solo_hello(&s, 10, "10.0.1.1,26379," ID_A ",9,mymaster,10.0.0.7,6379,9"), "");
    EXPECT_TEXT(solo_hello(&s, 11, "10.0.1.7,26380," ID_A ",9,mymaster,10.0.0.7,6379,9"),
                "-duplicate-id " ID_A " is also announced by 10.0.1.7:26380");
    EXPECT_TEXT(solo_hello(&s, 12, "10.0.1.7,26380," ID_A ",9,mymaster,10.0.0.7,6379,9"), "");
    CU_ASSERT_EQUAL(solo_primary(&s)->seat_count, 0);
    solo_fini(&s);
}

UNIT_TEST(hello, that_lies_about_epochs_breaks_nothing) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    (void)solo_hello(&s, 1, "10.0.1.2,26379," ID_B ",0,mymaster,10.0.0.2,6379,2305843009213693952");
    CU_ASSERT_EQUAL(solo_primary(&s)->config_epoch, 0);
    (void)solo_hello(&s, 2, "10.0.1.2,26379," ID_B ",0,mymaster,10.0.0.1,6379,4");
    CU_ASSERT_EQUAL(solo_primary(&s)->config_epoch, 4);
    CU_ASSERT_EQUAL(solo_world(&s)->current_epoch, 4); /* so that the next election is beyond it */
    solo_fini(&s);
}

UNIT_TEST(hello, cannot_use_the_epochs_up) {
    struct solo s;
    solo_init(&s);
    solo_start(&s, NULL, 0);
    (void)solo_hello(&s, 10, "10.0.1.2,26379," ID_B ",4,mymaster,10.0.0.1,6379,4");
    /* A configuration of an epoch that leaves none above it would make every later failover impossible. */
    EXPECT_TEXT(solo_hello(&s, 11, "10.0.1.2,26379," ID_B ",4,mymaster,10.0.0.2,6379,4611686018427387904"),
                "-bad-input sentinel " ID_B " 10.0.1.2 26379 #a hello of an epoch that is too far ahead: "
                "\"10.0.1.2,26379," ID_B ",4,mymaster,10.0.0.2,6379,4611686018427387904\"");
    EXPECT_TEXT(solo_hello(&s, 12, "10.0.1.2,26379," ID_B ",4611686018427387904,mymaster,10.0.0.2,6379,5"), "");
    CU_ASSERT_EQUAL(solo_primary(&s)->config_epoch, 4);
    CU_ASSERT_EQUAL(solo_world(&s)->current_epoch, 4);
    CU_ASSERT_EQUAL(solo_world(&s)->hellos_bad, 2);
    EXPECT_TEXT(solo_hello(&s, 13, "10.0.1.2,26379," ID_B ",5,mymaster,10.0.0.1,6379,5"), "+new-epoch 5");
    solo_fini(&s);
}

/* Hellos that left machine 0 so far: what its instances wait for or had answered is not told by the troupe, so they are
 * counted as heard by machine 1. */
static uint64_t heard(const struct troupe *t) {
    return machine_world(t->machine[1])->hellos_heard;
}

UNIT_TEST(hello, is_rare_among_kvd_and_quick_when_somebody_is_behind) {
    struct troupe t;
    troupe_init(&t, 3, 3);
    troupe_start(&t);
    troupe_run(&t, 30000);
    uint64_t before = heard(&t);
    troupe_run(&t, 100000);
    /* Every 2 s: 3 sentinels on 3 nodes each (what is said on the primary is heard thrice), and 2 directly: 850. */
    CU_ASSERT(heard(&t) - before < 320);
    CU_ASSERT_EQUAL(troupe_count(&t, "-pubsub-link"), 0);
    /* One that forgot everything is found again at once. */
    troupe_event(&t, 2, &(struct event){.kind = EVENT_REMOVE, .name = SLICE("mymaster")});
    struct primary *first = troupe_primary(&t, 0);
    troupe_event(&t, 2, &(struct event){.kind = EVENT_MONITOR,
                                        .monitor = {SLICE("mymaster"), slice_text(first->instance->host),
                                                    first->instance->port, 2}});
    CU_ASSERT_EQUAL(troupe_primary(&t, 2)->seat_count, 0);
    troupe_run(&t, 3000);
    CU_ASSERT_EQUAL(troupe_primary(&t, 2)->seat_count, 2);
    troupe_fini(&t);
}
