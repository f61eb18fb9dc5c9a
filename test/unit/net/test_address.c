#include "lib/unit.h"
#include "net/address.h"

static const char *print(const char *ip, uint16_t port) {
    static char text[ADDRESS_TEXT_SIZE];
    struct address a;
    if (!address_parse_ip(&a, ip, port)) return "no";
    return address_print(&a, text);
}

UNIT_TEST(address, parses_and_prints) {
    EXPECT_TEXT(print("127.0.0.1", 6379), "127.0.0.1:6379");
    EXPECT_TEXT(print("::1", 1), "[::1]:1");
    EXPECT_TEXT(print("2001:DB8::0:1", 65535), "[2001:db8::1]:65535");
    EXPECT_TEXT(print("127.0.0.1.2", 1), "no");
    EXPECT_TEXT(print("localhost", 1), "no");
    EXPECT_TEXT(print("", 1), "no");
    EXPECT_TEXT(print("::1%nosuchinterface", 1), "no");
    EXPECT_TEXT(print("1234567890123456789012345678901234567890123456789012345678901234567890", 1), "no");
}

UNIT_TEST(address, compares) {
    struct address a, b, none = {0};
    CU_ASSERT(address_parse_ip(&a, "10.0.0.1", 1) && address_parse_ip(&b, "10.0.0.1", 2));
    CU_ASSERT(address_equal_ip(&a, &b));
    CU_ASSERT_FALSE(address_equal(&a, &b));
    address_set_port(&b, 1);
    CU_ASSERT(address_equal(&a, &b));
    CU_ASSERT_FALSE(address_equal(&a, &none));
    CU_ASSERT(address_is_none(&none));
    CU_ASSERT(address_parse_ip(&b, "::ffff:127.0.0.1", 1) && address_is_loopback(&b));
    CU_ASSERT(address_parse_ip(&b, "::1", 1) && address_is_loopback(&b));
    CU_ASSERT_FALSE(address_is_loopback(&a));
    CU_ASSERT(address_set_unix(&a, "/tmp/x.sock") && address_set_unix(&b, "/tmp/x.sock") && address_equal(&a, &b));
    char text[ADDRESS_TEXT_SIZE];
    EXPECT_TEXT(address_print(&a, text), "/tmp/x.sock:0");
    EXPECT_TEXT(address_print_host("fe80::1", 5, text, sizeof text), "[fe80::1]:5");
}
