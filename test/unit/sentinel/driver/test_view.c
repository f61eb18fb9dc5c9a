#include "lib/unit.h"
#include "sentinel/driver/view.h"

static const struct resp_reply *parse(struct resp_reply_parser *parser, const char *text) {
    const struct resp_reply *reply;
    size_t used;
    CU_ASSERT_EQUAL_FATAL(resp_parse_reply(parser, slice_text(text), &reply, &used), RESP_OK);
    return reply;
}

UNIT_TEST(view, keeps_kinds_and_nesting) {
    struct resp_reply_limits limits = {.max_bytes = 1 << 20, .max_depth = 8, .max_nodes = 1000};
    struct resp_reply_parser *parser = resp_reply_parser_new(&limits);
    struct reply_view view;
    view_init(&view, parse(parser, "*5\r\n+OK\r\n-ERR no\r\n:7\r\n*2\r\n$1\r\na\r\n$-1\r\n*0\r\n"));
    CU_ASSERT(view.kind == REPLY_VIEW_ARRAY && view.count == 5);
    CU_ASSERT(view.children[0].kind == REPLY_VIEW_STATUS && slice_is(view.children[0].text, "OK"));
    CU_ASSERT(view.children[1].kind == REPLY_VIEW_ERROR && slice_is(view.children[1].text, "ERR no"));
    CU_ASSERT(view.children[2].kind == REPLY_VIEW_INTEGER && view.children[2].integer == 7);
    CU_ASSERT(view.children[3].kind == REPLY_VIEW_ARRAY && view.children[3].count == 2);
    CU_ASSERT(slice_is(view.children[3].children[0].text, "a"));
    CU_ASSERT(view.children[3].children[1].kind == REPLY_VIEW_NULL);
    CU_ASSERT(view.children[4].kind == REPLY_VIEW_ARRAY && view.children[4].count == 0);
    view_fini(&view);
    resp_reply_parser_free(&parser);
}
