#include "lib/unit.h"
#include "net/loop.h"
#include "net/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>

static struct loop *loop;
static int          answered;
static char         answer[200];

static void on_done(void *context, const struct address *addresses, size_t count, const char *error) {
    char text[ADDRESS_TEXT_SIZE];
    answered++;
    strcpy(answer, count ? address_print(&addresses[0], text) : error);
}

/* A name server whose answers the test releases. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int fake_lookup(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    if (strcmp(host, "known") != 0) return EAI_NONAME;
    return getaddrinfo("127.0.0.9", service, hints, out);
}

UNIT_TEST(resolve, literals_are_answered_at_once) {
    loop = loop_new();
    struct resolver *resolver = resolver_new(loop);
    answered = 0;
    CU_ASSERT_PTR_NULL(resolve_start(resolver, "::1", 5, RESOLVE_ANY, on_done, NULL));
    EXPECT_TEXT(answer, "[::1]:5");
    CU_ASSERT_PTR_NULL(resolve_start(resolver, "::1", 5, RESOLVE_IPV4, on_done, NULL));
    EXPECT_TEXT(answer, "an address of the other family");
    CU_ASSERT_EQUAL(answered, 2);
    resolver_free(&resolver);
    loop_free(&loop);
}

UNIT_TEST(resolve, names_from_the_loop) {
    loop = loop_new();
    struct resolver *resolver = resolver_new(loop);
    resolver_set_lookup(resolver, fake_lookup);
    answered = 0;
    CU_ASSERT_PTR_NOT_NULL(resolve_start(resolver, "known", 7, RESOLVE_ANY, on_done, NULL));
    CU_ASSERT_EQUAL(answered, 0);
    while (!answered) loop_turn(loop, true);
    EXPECT_TEXT(answer, "127.0.0.9:7");
    CU_ASSERT_PTR_NOT_NULL(resolve_start(resolver, "unknown", 7, RESOLVE_ANY, on_done, NULL));
    while (answered < 2) loop_turn(loop, true);
    EXPECT_TEXT(answer, gai_strerror(EAI_NONAME));
    CU_ASSERT_EQUAL(resolver_waiting(resolver), 0);
    resolver_free(&resolver);
    loop_free(&loop);
}

UNIT_TEST(resolve, a_black_hole_is_bounded_and_cancelled) {
    loop = loop_new();
    struct resolver *resolver = resolver_new(loop);
    struct resolve *all[RESOLVE_QUEUE];
    resolver_set_lookup(resolver, fake_lookup);
    answered = 0;
    pthread_mutex_lock(&gate);
    for (int i = 0; i < RESOLVE_QUEUE; i++) {
        all[i] = resolve_start(resolver, "known", 7, RESOLVE_ANY, on_done, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(all[i]);
    }
    CU_ASSERT_PTR_NULL(resolve_start(resolver, "known", 7, RESOLVE_ANY, on_done, NULL));
    EXPECT_TEXT(answer, "too many names are being looked up");
    loop_turn(loop, false);
    CU_ASSERT_EQUAL(answered, 1);
    for (int i = 0; i < RESOLVE_QUEUE - 1; i++) resolve_cancel(&all[i]);
    CU_ASSERT_PTR_NULL(all[0]);
    resolve_cancel(&all[0]);
    pthread_mutex_unlock(&gate);
    while (answered < 2) loop_turn(loop, true);
    EXPECT_TEXT(answer, "127.0.0.9:7");
    resolver_free(&resolver);
    loop_free(&loop);
}

UNIT_TEST(resolve, resolver_goes_while_a_thread_waits) {
    loop = loop_new();
    struct resolver *resolver = resolver_new(loop);
    resolver_set_lookup(resolver, fake_lookup);
    answered = 0;
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 10; i++) (void)resolve_start(resolver, "known", 7, RESOLVE_ANY, on_done, NULL);
    resolver_free(&resolver);
    pthread_mutex_unlock(&gate);
    loop_turn(loop, false);
    CU_ASSERT_EQUAL(answered, 0);
    loop_free(&loop);
}
