#include "lib/unit.h"
#include "core/config/core_settings.h"
#include "core/config/yaml_read.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct primary_settings {
    char *host;
    uint64_t port, quorum;
    char *auth_pass;
    struct param_values rename_command;
};
static const struct param primary_rows[] = {
    PARAM_ROW(struct primary_settings, "host", host, text, .flags = PARAM_REQUIRED)
        PARAM_ROW(struct primary_settings, "port", port, uint, .def = "6379", .max = 65535)
            PARAM_ROW(struct primary_settings, "quorum", quorum, uint, .def = "1", .flags = PARAM_REQUIRED)
                PARAM_ROW(struct primary_settings, "auth-pass", auth_pass, text, .flags = PARAM_SENSITIVE)
                    PARAM_ROW(struct primary_settings, "rename-command", rename_command, map, .words = 2)};

struct fixture {
    struct core_settings settings;
    struct params *params;
    struct bytes report, members;
};

static bool add_primary(void *context, const struct param_member *member, struct error *err) {
    struct fixture *f = context;
    const struct primary_settings *s = member->settings;
    if (strcmp(s->host, "nowhere") == 0) return error_set(err, "nowhere is no place");
    bytes_add_printf(&f->members, "%.*s=%s:%llu/%llu%s", (int)member->name.size, member->name.data, s->host,
                     (unsigned long long)s->port, (unsigned long long)s->quorum, member->given[1] ? "" : "*");
    for (size_t i = 0; i < s->rename_command.count; i++)
        bytes_add_printf(&f->members, " %s->%s", s->rename_command.items[i].key, s->rename_command.items[i].text);
    bytes_add_char(&f->members, '\n');
    return true;
}

static const struct param_group primaries = {
    "sentinel-masters", "sentinel-primaries", primary_rows, COUNT_OF(primary_rows), sizeof(struct primary_settings),
    add_primary};

static void setup(struct fixture *f) {
    memset(f, 0, sizeof *f);
    f->params = params_new();
    core_settings_add(&f->settings, f->params);
    params_add_group(f->params, &primaries, f);
}

static void teardown(struct fixture *f) {
    params_free(&f->params);
    bytes_fini(&f->report);
    bytes_fini(&f->members);
}

/* The report; "" when the text was read and stored. */
static const char *load(struct fixture *f, const char *text) {
    struct yaml_read *read = yaml_read_new(f->params, &f->report);
    bytes_clear(&f->report);
    yaml_read_text(read, "f", slice_text(text), NULL);
    if (yaml_read_problems(read) == 0) CU_ASSERT_EQUAL(yaml_read_store(read), f->report.size == 0);
    yaml_read_free(&read);
    return bytes_text(&f->report);
}

static const char *value_of(const struct fixture *f, const char *name) {
    static struct bytes text;
    bytes_clear(&text);
    param_get_text(params_find(f->params, slice_text(name)), &text);
    return bytes_text(&text);
}

UNIT_TEST(yaml_read, joins_nested_keys_and_reads_lists_and_maps) {
    struct fixture f;
    setup(&f);
    EXPECT_TEXT(load(&f, "# a comment\n"
                         "port: 7000\n"
                         "bind: [127.0.0.1, -::1]\n"
                         "tls: {port: 6380, cert: {file: c.pem}, auth-clients: optional}\n"
                         "latency:\n"
                         "  tracking: no\n"
                         "  monitor-threshold: 100\n"
                         "client-output-buffer-limit:\n"
                         "  replica: 256mb 64mb 60\n"
                         "client:\n"
                         "  query-buffer-limit: 2mb\n"
                         "user:\n"
                         "  - alice on nopass\n"
                         "  - \"bob off\"\n"
                         "rename-command: {FLUSHALL: \"\", CONFIG: cfg}\n"
                         "logfile: \"\"\n"),
                "");
    EXPECT_TEXT(value_of(&f, "bind"), "127.0.0.1 -::1");
    EXPECT_TEXT(value_of(&f, "tls-cert-file"), "c.pem");
    EXPECT_TEXT(value_of(&f, "tls-auth-clients"), "optional");
    EXPECT_TEXT(value_of(&f, "latency-monitor-threshold"), "100");
    EXPECT_TEXT(value_of(&f, "latency-tracking"), "no");
    EXPECT_TEXT(value_of(&f, "client-output-buffer-limit"),
                "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60");
    EXPECT_TEXT(value_of(&f, "client-query-buffer-limit"), "2097152");
    CU_ASSERT_EQUAL(f.settings.user.count, 2);
    EXPECT_TEXT(param_values_find(&f.settings.rename_command, "FLUSHALL"), "");
    struct param_origin origin = param_origin(params_find(f.params, SLICE("tls-cert-file")));
    CU_ASSERT(origin.source == PARAM_FROM_FILE && origin.line == 4 && origin.column == 32);
    EXPECT_TEXT(origin.file, "f");
    teardown(&f);
}

UNIT_TEST(yaml_read, takes_an_empty_file) {
    struct fixture f;
    setup(&f);
    EXPECT_TEXT(load(&f, ""), "");
    EXPECT_TEXT(load(&f, "# nothing\n"), "");
    EXPECT_TEXT(load(&f, "---\n...\n"), "");
    EXPECT_TEXT(load(&f, "{}"), "");
    EXPECT_TEXT(load(&f, "\xEF\xBB\xBFport: 1\r\ntimeout: 2\r\n"), "");
    EXPECT_TEXT(value_of(&f, "timeout"), "2");
    teardown(&f);
}

UNIT_TEST(yaml_read, reports_every_problem_with_its_place) {
    struct fixture f;
    setup(&f);
    EXPECT_TEXT(
        load(&f, "port: 70000\n"
                 "tiemout: 5\n"
                 "tls:\n"
                 "  prot: 6380\n"
                 "  protocols: SSLv3\n"
                 "loglevel: loud\n"
                 "maxclients: [1, 2]\n"
                 "hz:\n"
                 "port: 5\n"
                 "appendonly: yes\n"
                 "appendfsync: always\n"
                 "daemonize: true\n"
                 "requirepass: [geheim]\n"
                 "unixsocketperm: 999\n"
                 "client-query-buffer-limit: 1tb\n"
                 "client-output-buffer-limit: {normal: 1 2, slave: 0 0 0}\n"
                 "bind: {a: b}\n"
                 "sentinel: 5\n"
                 "whatever-it-is: 1\n"
                 "dir: {}\n"),
        "f:1:7: port: expected a whole number from 0 to 65535, found \"70000\"\n"
        "f:2:1: tiemout: unknown parameter; did you mean timeout?\n"
        "f:4:3: tls-prot: unknown parameter; did you mean tls-port?\n"
        "f:5:14: tls-protocols: argument must be a list of TLSv1.2 and TLSv1.3, or empty, found \"SSLv3\"\n"
        "f:6:11: loglevel: expected one of debug, verbose, notice, warning, nothing, found \"loud\"\n"
        "f:7:13: maxclients: expected a whole number from 1 to 4294967295, found a list\n"
        "f:8:4: hz: has no value; an empty one is written \"\"\n"
        "f:9:1: port: is given twice, first in line 1\n"
        "f:10:1: appendonly: not supported by this version (a sentinel keeps no data); only \"no\" is accepted\n"
        "f:11:1: appendfsync: not supported by this version (a sentinel keeps no data)\n"
        "f:12:12: daemonize: expected yes or no, found \"true\"\n"
        "f:13:14: requirepass: expected text, found a list\n"
        "f:14:17: unixsocketperm: expected octal digits up to 777, found \"999\"\n"
        "f:15:28: client-query-buffer-limit: expected a size in bytes or with a unit (512kb, 100mb, 2gb) from "
        "1048576, found \"1tb\"\n"
        "f:16:38: client-output-buffer-limit: Wrong number of arguments in buffer limit configuration., found \"1 2\"\n"
        "f:17:8: bind-a: unknown parameter; did you mean bind?\n"
        "f:18:11: sentinel: is not a parameter; it is the beginning of several and takes a map\n"
        "f:19:1: whatever-it-is: unknown parameter\n"
        "f:20:6: dir: expected text, found a map\n");
    EXPECT_TEXT(value_of(&f, "port"), "6379"); /* nothing was stored */
    teardown(&f);
}

UNIT_TEST(yaml_read, refuses_what_yaml_has_and_we_do_not) {
    struct fixture f;
    setup(&f);
    EXPECT_TEXT(load(&f, "port: &p 1\ntls-port: *p\n"),
                "f:1:7: anchors (&name) are not supported; write the value again\n"
                "f:2:11: aliases (*name) are not supported; a text that begins with * needs quotes\n");
    EXPECT_TEXT(load(&f, "port: !!int 5\n"), "f:1:7: tags (!name) are not supported; every value is text here\n");
    EXPECT_TEXT(load(&f, "port: 1\n---\nport: 2\n"), "f:2:1: a second document: a configuration is one document\n");
    EXPECT_TEXT(load(&f, "? [a, b]\n: 5\n"), "f:1:3: a key must be plain text\n");
    EXPECT_TEXT(load(&f, "- port\n"), "f:1:1: expected a map of parameters (\"port: 6379\")\n");
    EXPECT_TEXT(load(&f, "bind: *\n"), "f:1:8: not YAML: did not find expected alphabetic or numeric character while "
                                       "scanning an alias; a text that begins with * needs quotes\n");
    EXPECT_TEXT(load(&f, "port: \xFF\n"),
                "f:1:7: the file is not UTF-8 text (invalid leading UTF-8 octet at byte 6)\n");
    EXPECT_TEXT(load(&f, "port: \"a\n"), "f:1:7: not YAML: found unexpected end of stream while scanning a quoted "
                                         "scalar\n");
    EXPECT_TEXT(load(&f, "include: x.yaml\n"), "f:1:10: include: is not possible here\n");
    teardown(&f);
}

UNIT_TEST(yaml_read, never_shows_a_secret) {
    struct fixture f;
    setup(&f);
    load(&f, "requirepass: \"geheim\\0\"\nuser: {geheim: geheim}\ntls-key-file-pass: {a: geheim}\nuser: geheim\n"
             "sentinel: {masters: {m: {host: a, quorum: 1, auth-pass: [geheim]}}}\n");
    CU_ASSERT(f.report.size > 0);
    CU_ASSERT_PTR_NULL(strstr(bytes_text(&f.report), "geheim"));
    teardown(&f);
}

UNIT_TEST(yaml_read, reads_members_of_groups) {
    struct fixture f;
    setup(&f);
    EXPECT_TEXT(load(&f, "port: 26379\n"
                         "sentinel:\n"
                         "  masters:\n"
                         "    mymaster: {host: 10.0.0.1, port: 6390, quorum: 2}\n"
                         "    my-other:\n"
                         "      host: ten\n"
                         "      quorum: 3\n"
                         "      rename-command: {CONFIG: cfg}\n"),
                "");
    EXPECT_TEXT(bytes_text(&f.members), "mymaster=10.0.0.1:6390/2\nmy-other=ten:6379/3* CONFIG->cfg\n");
    EXPECT_TEXT(load(&f, "sentinel:\n"
                         "  primaries:\n"
                         "    a: {prot: 1, host: x}\n"
                         "    b: 5\n"
                         "    b: {host: y, quorum: q}\n"
                         "    c: {host: y, quorum: 1, host: z}\n"),
                "f:3:9: sentinel-masters-a-prot: unknown parameter; did you mean sentinel-masters-a-port?\n"
                "f:3:5: sentinel-masters-a-quorum: is missing\n"
                "f:4:8: sentinel-masters-b: expected a map\n"
                "f:5:5: sentinel-masters: b is given twice, first in line 4\n"
                "f:6:29: sentinel-masters-c-host: is given twice, first in line 6\n");
    EXPECT_TEXT(load(&f, "sentinel: {masters: {a: {host: nowhere, quorum: 1}}}"),
                "f:1:22: sentinel-masters-a: nowhere is no place\n");
    teardown(&f);
}

static void put(const char *directory, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static const char *load_file(struct fixture *f, const char *directory, const char *name) {
    static struct bytes shown;
    char path[512];
    struct yaml_read *read = yaml_read_new(f->params, &f->report);
    bytes_clear(&f->report);
    bytes_clear(&shown);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    yaml_read_file(read, path);
    if (yaml_read_problems(read) == 0) CU_ASSERT_TRUE(yaml_read_store(read));
    yaml_read_free(&read);
    for (const char *at = bytes_text(&f->report), *hit; *at; at = hit + strlen(directory)) {
        hit = strstr(at, directory);
        bytes_add(&shown, at, hit ? (size_t)(hit - at) : strlen(at));
        if (!hit) break;
        bytes_add_char(&shown, '@');
    }
    return bytes_text(&shown);
}

UNIT_TEST(yaml_read, includes_files_and_wins_over_them) {
    struct fixture f;
    char directory[] = "/tmp/kvd-test-XXXXXX", sub[64], command[128];
    setup(&f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(sub, sizeof sub, "%s/sub", directory);
    CU_ASSERT_EQUAL(mkdir(sub, 0700), 0);
    put(directory, "main.yaml", "port: 1\ninclude: [sub/a.yaml, sub/b.yaml]\n");
    put(sub, "a.yaml", "port: 2\ntimeout: 3\nclient-output-buffer-limit: {normal: 1 1 1}\n");
    put(sub, "b.yaml", "timeout: 4\ninclude: c.yaml\n");
    put(sub, "c.yaml", "timeout: 5\nhz: 50\n");
    EXPECT_TEXT(load_file(&f, directory, "main.yaml"), "");
    EXPECT_TEXT(value_of(&f, "port"), "1");
    EXPECT_TEXT(value_of(&f, "timeout"), "4");
    EXPECT_TEXT(value_of(&f, "hz"), "50");
    put(sub, "c.yaml", "include: ../main.yaml\n");
    EXPECT_TEXT(load_file(&f, directory, "main.yaml"),
                "@/sub/c.yaml:1:10: include: @/sub/../main.yaml includes itself\n");
    put(directory, "bad.yaml", "include: [nothere.yaml, [x], sub]\nprot: 1\n");
    EXPECT_TEXT(load_file(&f, directory, "bad.yaml"),
                "@/bad.yaml:1:11: include: @/nothere.yaml cannot be opened: No such file or directory\n"
                "@/bad.yaml:1:25: include: expected the path of a file\n"
                "@/bad.yaml:1:30: include: @/sub cannot be read: Is a directory\n"
                "@/bad.yaml:2:1: prot: unknown parameter; did you mean port?\n");
    EXPECT_TEXT(load_file(&f, directory, "no.yaml"), "@/no.yaml: cannot be opened: No such file or directory\n");
    snprintf(command, sizeof command, "rm -rf %s", directory);
    CU_ASSERT_EQUAL(system(command), 0);
    teardown(&f);
}
