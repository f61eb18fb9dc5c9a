#include "core/client/client_filter.h"

#include "core_fixture.h"

/* The client after reading `words` as filters: 'y' or 'n' (matches), or the error. */
static const char *verdict(struct fixture *f, struct client *candidate, const char *words) {
    static char          text[1024];
    struct slice         argv[16], rest = slice_text(words);
    int                  argc = 0;
    struct client_filter filter;
    struct error         err;
    while (slice_split(&rest, ' ', &argv[argc])) argc++;
    f->client->argv = argv;
    f->client->argc = argc;
    bool is_good = client_filter_read(&filter, f->client, 0, &err);
    snprintf(text, sizeof(text), "%s", is_good ? (client_filter_matches(&filter, candidate, f->client) ? "y" : "n") : err.text);
    client_filter_fini(&filter);
    f->client->argc = 0;
    f->client->argv = NULL;
    return text;
}

UNIT_TEST(client_filter, each_filter) {
    struct fixture f;
    fixture_init(&f); /* the asking client is id 1 */
    struct client *other = fixture_client(&f);
    CU_ASSERT_EQUAL(other->id, 2);
    CU_ASSERT(client_set_name(other, SLICE("bob")));
    other->created_ms -= 10000;
    static const struct {
        const char *words, *verdict;
    } cases[] = {
        {"id 2", "y"},
        {"id 1", "n"},
        {"id 1 2 3", "y"},
        {"ID 1 2 TYPE normal", "y"},
        {"type pubsub", "n"},
        {"type NORMAL skipme yes", "y"},
        {"type slave", "n"},
        {"type primary", "n"},
        {"addr ?:0", "y"},
        {"addr 1.1.1.1:1", "n"},
        {"laddr ?:0", "y"},
        {"name bob", "y"},
        {"name tim", "n"},
        {"user default", "y"},
        {"maxage 5", "y"},
        {"maxage 100", "n"},
        {"maxage 0", "ERR maxage should be greater than 0"},
        {"maxage x", "ERR maxage is not an integer or out of range"},
        {"user nosuch", "ERR No such user 'nosuch'"},
        {"type x", "ERR Unknown client type 'x'"},
        {"id 0", "ERR client-id should be greater than 0"},
        {"id x", "ERR client-id should be greater than 0"},
        {"skipme x", "ERR syntax error"},
        {"nosuch x", "ERR syntax error"},
        {"addr", "ERR syntax error"},
        {"id", "ERR syntax error"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) EXPECT_TEXT(verdict(&f, other, cases[i].words), cases[i].verdict);
    EXPECT_TEXT(verdict(&f, f.client, "skipme yes"), "n");
    EXPECT_TEXT(verdict(&f, f.client, "skipme no"), "y");
    fixture_fini(&f);
}
