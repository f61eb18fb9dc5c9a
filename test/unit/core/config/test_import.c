#include "lib/unit.h"
#include "core/config/core_settings.h"
#include "core/config/import.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct primary_settings {
    char *host, *auth_pass;
    uint64_t port, quorum, down_after_ms;
    struct param_values rename_command;
};
static const struct param primary_rows[] = {
    PARAM_ROW(struct primary_settings, "host", host, text, .flags = PARAM_REQUIRED)
        PARAM_ROW(struct primary_settings, "port", port, uint, .def = "6379",
                  .max = 65535) PARAM_ROW(struct primary_settings, "quorum", quorum, uint, .def = "1", .min = 1)
            PARAM_ROW(struct primary_settings, "down-after-milliseconds", down_after_ms, uint, .def = "30000", .min = 1)
                PARAM_ROW(struct primary_settings, "auth-pass", auth_pass, text, .flags = PARAM_SENSITIVE)
                    PARAM_ROW(struct primary_settings, "rename-command", rename_command, map, .words = 2)};
static const struct param_group primaries = {.name = "sentinel-masters",
                                             .rows = primary_rows,
                                             .count = COUNT_OF(primary_rows),
                                             .settings_size = sizeof(struct primary_settings)};
struct global_settings {
    bool resolve;
    char *user;
};
static const struct param global_rows[] = {
    PARAM_ROW(struct global_settings, "sentinel-resolve-hostnames", resolve, bool, .def = "no")
        PARAM_ROW(struct global_settings, "sentinel-sentinel-user", user, text, )};

static void expect(bool is_sentinel, const char *conf, const char *expected) {
    struct core_settings settings = {0};
    struct global_settings globals = {0};
    struct params *params = params_new();
    struct bytes yaml = {0}, report = {0};
    core_settings_add(&settings, params);
    if (is_sentinel) {
        params_add(params, global_rows, COUNT_OF(global_rows), &globals);
        params_add_group(params, &primaries, NULL);
    }
    bool good = import_text(params, "r", slice_text(conf), &yaml, &report);
    CU_ASSERT_EQUAL(good, report.size == 0);
    EXPECT_TEXT(good ? bytes_text(&yaml) : bytes_text(&report), expected);
    CU_ASSERT(good || yaml.size == 0);
    params_free(&params);
    bytes_fini(&yaml);
    bytes_fini(&report);
}

UNIT_TEST(import, splits_words_by_the_rules_of_the_format) {
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"a  b\tc", "a|b|c|"},
        {"a \"b c\" d", "a|b c|d|"},
        {"a \"\"", "a||"},
        {"\"\\x41\\n\\t\\\"\\\\\\q\"", "A\n\t\"\\q|"},
        {"'it\\'s \\n'", "it's \\n|"},
        {"pre\"x\" y", "prex|y|"},
        {"\"a\"b", NULL},
        {"\"a", NULL},
        {"'a", NULL},
        {"'a\\'", NULL},
        {"a \"\\x00\"", NULL},
        {"\\x41", "\\x41|"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct param_values words = {0};
        struct bytes shown = {0};
        bool good = import_split(slice_text(cases[i].line), &words);
        CU_ASSERT_EQUAL(good, cases[i].expected != NULL);
        for (size_t j = 0; j < words.count; j++) bytes_add_printf(&shown, "%s|", words.items[j].text);
        if (cases[i].expected) EXPECT_TEXT(bytes_text(&shown), cases[i].expected);
        param_values_fini(&words);
        bytes_fini(&shown);
    }
}

UNIT_TEST(import, writes_a_server_configuration) {
    expect(false,
           "# comment\n"
           "port 7000\n"
           "BIND 127.0.0.1 -::1\n"
           "port 7001\r\n"
           "save \"\"\n"
           "appendonly no\n"
           "requirepass \"a b\\x22\"\n"
           "client-output-buffer-limit normal 0 0 0\n"
           "client-output-buffer-limit replica 256mb 64mb 60\n"
           "client-query-buffer-limit 1gb\n"
           "rename-command FLUSHALL \"\"\n"
           "rename-command CONFIG cfg\n"
           "user alice on nopass ~* +@all\n"
           "user bob off\n"
           "logfile \"\"\n"
           "shutdown-on-sigterm save now\n",
           "port: 7001\n"
           "bind: [127.0.0.1, \"-::1\"]\n"
           "save: \"\"\n"
           "appendonly: no\n"
           "requirepass: a b\"\n"
           "client-output-buffer-limit:\n"
           "  normal: 0 0 0\n"
           "  slave: 268435456 67108864 60\n"
           "client-query-buffer-limit: 1073741824\n"
           "rename-command:\n"
           "  FLUSHALL: \"\"\n"
           "  CONFIG: cfg\n"
           "user:\n"
           "  - alice on nopass ~* +@all\n"
           "  - bob off\n"
           "logfile: \"\"\n"
           "shutdown-on-sigterm: [save, now]\n");
}

UNIT_TEST(import, writes_a_sentinel_configuration_in_any_order) {
    expect(true,
           "port 26379\n"
           "sentinel down-after-milliseconds mymaster 5000\n"
           "sentinel auth-pass mymaster \"x y\"\n"
           "sentinel resolve-hostnames yes\n"
           "sentinel monitor mymaster 10.0.0.1 6380 2\n"
           "sentinel rename-command mymaster CONFIG cfg\n"
           "sentinel sentinel-user joe\n"
           "sentinel myid abc\n"
           "sentinel known-replica mymaster 10.0.0.2 6380\n"
           "sentinel monitor other host.example 6379 1\n",
           "port: 26379\n"
           "sentinel:\n"
           "  resolve-hostnames: yes\n"
           "  sentinel-user: joe\n"
           "  masters:\n"
           "    mymaster:\n"
           "      host: 10.0.0.1\n"
           "      port: 6380\n"
           "      quorum: 2\n"
           "      down-after-milliseconds: 5000\n"
           "      auth-pass: x y\n"
           "      rename-command:\n"
           "        CONFIG: cfg\n"
           "    other:\n"
           "      host: host.example\n"
           "      port: 6379\n"
           "      quorum: 1\n"
           "# What a sentinel learns at run time is not configuration and was left out:\n"
           "#   sentinel myid abc\n"
           "#   sentinel known-replica mymaster 10.0.0.2 6380\n");
    CU_ASSERT_TRUE(import_is_sentinel(SLICE("port 1\n  Sentinel monitor x\n")));
    CU_ASSERT_FALSE(import_is_sentinel(SLICE("port 1\n# sentinel monitor x\n")));
}

UNIT_TEST(import, reports_every_problem_with_its_line) {
    expect(false,
           "prot 7000\n"
           "save 3600 1\n"
           "appendfsync always\n"
           "port\n"
           "port 1 2\n"
           "port x\n"
           "requirepass \"abc\n"
           "include other.conf\n"
           "sentinel monitor a b 1 1\n"
           "utterly-else 1\n"
           "user alice on \"~a b\"\n"
           "client-output-buffer-limit normal 1\n",
           "r:1: prot: unknown directive; did you mean port?\n"
           "r:2: save: not supported by this version (a sentinel keeps no data); only \"\" is accepted\n"
           "r:3: appendfsync: not supported by this version (a sentinel keeps no data)\n"
           "r:4: port: has no value\n"
           "r:5: port: takes one value\n"
           "r:6: port: argument couldn't be parsed into an integer\n"
           "r:7: line: unbalanced quotes\n"
           "r:8: include: is not possible here\n"
           "r:9: sentinel: belongs to a sentinel's configuration: import it with --sentinel\n"
           "r:10: utterly-else: unknown directive\n"
           "r:11: user: a word that is empty or has a blank in it cannot be expressed\n"
           "r:12: client-output-buffer-limit: Wrong number of arguments in buffer limit configuration.\n");
    expect(true,
           "sentinel monitor a b 1\n"
           "sentinel monitor\n"
           "sentinel down-after-milliseconds x 5\n"
           "sentinel auth-pass x\n"
           "sentinel quorum x 0\n"
           "sentinel whatever x 1\n",
           "r:1: sentinel monitor: expected: sentinel monitor NAME HOST PORT QUORUM\n"
           "r:2: sentinel: has no value\n"
           "r:4: sentinel-auth-pass: unknown directive\n"
           "r:5: quorum: argument must be between 1 and 9223372036854775807 inclusive\n"
           "r:6: sentinel-whatever: unknown directive\n"
           "r:3: sentinel: there is no `sentinel monitor x` for it\n");
    expect(false, "requirepass \"\\xff\"\n", "r:1: requirepass: a value that is not UTF-8 text cannot be expressed\n");
}
