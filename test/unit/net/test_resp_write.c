#include "lib/unit.h"
#include "net/resp_write.h"

#include <math.h>

static const char *written(struct output *output) {
    static struct bytes text;
    bytes_clear(&text);
    output_copy(output, &text);
    output_fini(output);
    for (size_t i = 0; i < text.size; i++) /* readable: CR LF as one bar */
        if (text.data[i] == '\r') text.data[i] = '|', memmove(text.data + i + 1, text.data + i + 2, --text.size - i);
    return bytes_text(&text);
}

#define WRITTEN(expected, ...)                                                                                         \
    do {                                                                                                               \
        struct output o = {0};                                                                                         \
        __VA_ARGS__;                                                                                                   \
        EXPECT_TEXT(written(&o), expected);                                                                            \
    } while (0)

UNIT_TEST(resp_write, forms_of_both_versions) {
    WRITTEN("+OK|", resp_write_status(&o, SLICE("OK")));
    WRITTEN("-ERR a  b|", resp_write_error(&o, SLICE("ERR a\r\nb")));
    WRITTEN("-ERR no 'x' 5|", resp_write_error_printf(&o, "ERR no '%s' %d", "x", 5));
    WRITTEN(":0|:-1|:99|:100|:9223372036854775807|:-9223372036854775808|", {
        resp_write_int(&o, 0);
        resp_write_int(&o, -1);
        resp_write_int(&o, 99);
        resp_write_int(&o, 100);
        resp_write_int(&o, INT64_MAX);
        resp_write_int(&o, INT64_MIN);
    });
    WRITTEN("$0||$3|abc|$2|42|", {
        resp_write_bulk(&o, (struct slice){NULL, 0});
        resp_write_bulk_text(&o, "abc");
        resp_write_bulk_int(&o, 42);
    });
    WRITTEN("$-1|*-1|_|_|", {
        resp_write_null(&o, 2);
        resp_write_null_array(&o, 2);
        resp_write_null(&o, 3);
        resp_write_null_array(&o, 3);
    });
    WRITTEN(":1|#f|$3|0.5|,0.5|,inf|,nan|", {
        resp_write_bool(&o, 2, true);
        resp_write_bool(&o, 3, false);
        resp_write_double(&o, 2, 0.5);
        resp_write_double(&o, 3, 0.5);
        resp_write_double(&o, 3, INFINITY);
        resp_write_double(&o, 3, NAN);
    });
    WRITTEN("$2|12|(12|$2|hi|=6|txt:hi|", {
        resp_write_big_number(&o, 2, SLICE("12"));
        resp_write_big_number(&o, 3, SLICE("12"));
        resp_write_verbatim(&o, 2, "txt", SLICE("hi"));
        resp_write_verbatim(&o, 3, "txt", SLICE("hi"));
    });
    WRITTEN("*3|*4|%2|*2|~2|*2|>2||1|", {
        resp_write_array(&o, 3);
        resp_write_map(&o, 2, 2);
        resp_write_map(&o, 3, 2);
        resp_write_set(&o, 2, 2);
        resp_write_set(&o, 3, 2);
        resp_write_push(&o, 2, 2);
        resp_write_push(&o, 3, 2);
        resp_write_attribute(&o, 1);
    });
    WRITTEN("*4|:1|:2|:3|:4|", {
        struct output_hole head = resp_write_head_later(&o);
        for (int i = 1; i <= 4; i++) resp_write_int(&o, i);
        resp_write_head_now(&o, head, 2, '%', 2);
    });
}

UNIT_TEST(resp_write, long_bulks_come_whole) {
    static char data[200000];
    memset(data, 'd', sizeof data);
    for (size_t size = 1000; size < sizeof data; size += 9973) {
        struct output o = {0};
        struct bytes a = {0}, b = {0};
        resp_write_bulk(&o, (struct slice){data, size});
        resp_write_bulk_reference(&o, (struct slice){data, size}, NULL, NULL);
        output_copy(&o, &a);
        resp_print_bulk(&b, (struct slice){data, size});
        resp_print_bulk(&b, (struct slice){data, size});
        CU_ASSERT(slice_equal(bytes_slice(&a), bytes_slice(&b)));
        bytes_fini(&a);
        bytes_fini(&b);
        output_fini(&o);
    }
}

UNIT_TEST(resp_write, requests) {
    struct bytes text = {0};
    resp_print_request(&text, (struct slice[]){SLICE("GET"), SLICE("k\r\n")}, 2);
    EXPECT_TEXT(bytes_text(&text), "*2\r\n$3\r\nGET\r\n$3\r\nk\r\n\r\n");
    bytes_fini(&text);
}
