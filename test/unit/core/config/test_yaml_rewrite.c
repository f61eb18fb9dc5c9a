#include "lib/unit.h"
#include "core/config/config_file.h"
#include "core/config/core_settings.h"
#include "core/config/yaml_read.h"
#include "core/config/yaml_rewrite.h"
#include "base/mem.h"
#include "base/random.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* core's rows and two lists of other shapes, which can be changed */
struct list_settings {
    struct param_values saves, people;
};
static const struct param list_rows[] = {
    PARAM_ROW(struct list_settings, "saves", saves, list, .words = 2, .flags = PARAM_MUTABLE | PARAM_MULTI)
        PARAM_ROW(struct list_settings, "people", people, list, .words = 0, .flags = PARAM_MULTI)};

struct fixture {
    struct core_settings settings;
    struct list_settings lists;
    struct params *params;
    struct bytes out;
};

static void setup(struct fixture *f) {
    memset(f, 0, sizeof *f);
    f->params = params_new();
    core_settings_add(&f->settings, f->params);
    params_add(f->params, list_rows, COUNT_OF(list_rows), &f->lists);
}

static void teardown(struct fixture *f) {
    params_free(&f->params);
    bytes_fini(&f->out);
}

static bool load(struct fixture *f, const char *text) {
    struct bytes report = {0};
    struct yaml_read *read = yaml_read_new(f->params, &report);
    yaml_read_text(read, "f", slice_text(text), NULL);
    bool good = yaml_read_problems(read) == 0 && yaml_read_store(read);
    if (!good) fprintf(stderr, "%s\n---\n%s---\n", bytes_text(&report), text);
    yaml_read_free(&read);
    bytes_fini(&report);
    return good;
}

static void set(struct fixture *f, const char *name, const char *text) {
    struct param_change change = {params_find(f->params, slice_text(name)), slice_text(text)};
    struct error err;
    bool good = params_change(f->params, &change, 1, NULL, &err);
    if (!good) fprintf(stderr, "%s: %s\n", name, err.text);
    CU_ASSERT_TRUE(good);
}

/* Items of whole text, as ACL SETUSER would change them: separated by semicolons. */
static void set_people(struct fixture *f, const char *text) {
    struct param_values values = {0};
    struct slice rest = slice_text(text), part;
    while (slice_split(&rest, ';', &part))
        if (part.size) param_values_add(&values, (struct slice){0}, part);
    struct param_origin origin = {.source = PARAM_FROM_COMMAND};
    CU_ASSERT_TRUE(param_store(f->params, params_find(f->params, SLICE("people")), &values, origin, NULL));
}

static const char *rewrite(struct fixture *f, const char *text) {
    struct error err;
    bytes_clear(&f->out);
    if (yaml_rewrite(f->params, slice_text(text), "f", NULL, &f->out, &err)) return bytes_text(&f->out);
    bytes_add_printf(&f->out, "failed: %s", err.text);
    return bytes_text(&f->out);
}

/* Loads `before`, changes one parameter, and compares the file. */
static void expect(const char *before, const char *name, const char *value, const char *after) {
    struct fixture f;
    setup(&f);
    CU_ASSERT_TRUE_FATAL(load(&f, before));
    if (strcmp(name, "people") == 0)
        set_people(&f, value);
    else if (name[0])
        set(&f, name, value);
    EXPECT_TEXT(rewrite(&f, before), after);
    teardown(&f);
}

UNIT_TEST(yaml_rewrite, touches_nothing_when_nothing_changed) {
    const char *text = "# head\r\nport:   7000 # why\r\ntls: {port: 0,\r\n  auth-clients: 'no'}\r\nsaves: \"1 2\"\r\n";
    expect(text, "", "", text);
    expect("", "", "", "");
    /* the operator edited the file meanwhile: what was not changed at run time is his */
    struct fixture f;
    setup(&f);
    CU_ASSERT_TRUE(load(&f, "port: 7000\n"));
    set(&f, "hz", "20");
    EXPECT_TEXT(rewrite(&f, "port: 8000\nhz: 10\n"), "port: 8000\nhz: 20\n");
    teardown(&f);
}

UNIT_TEST(yaml_rewrite, replaces_scalars_in_their_place_and_style) {
    expect("# a\nhz: 20   # b\nport: 1\n", "hz", "30", "# a\nhz: 30   # b\nport: 1\n");
    expect("requirepass: 'x'\n", "requirepass", "it's", "requirepass: 'it''s'\n");
    expect("requirepass: \"x\"\n", "requirepass", "a\"b\\", "requirepass: \"a\\\"b\\\\\"\n");
    expect("requirepass: x # y\n", "requirepass", "a: #b", "requirepass: \"a: #b\" # y\n");
    expect("requirepass: x\n", "requirepass", "", "requirepass: \"\"\n");
    expect("requirepass: x\n", "requirepass", "\xC3\xA9t\xC3\xA9", "requirepass: \"\xC3\xA9t\xC3\xA9\"\n");
    expect("tls: {ciphers: a, port: 0}\n", "tls-ciphers", "a,b", "tls: {ciphers: \"a,b\", port: 0}\n");
    expect("tls:\n  # inner\n  ciphers:\n    a\n    b # c\n  port: 0\n", "tls-ciphers", "x",
           "tls:\n  # inner\n  ciphers:\n    x # c\n  port: 0\n");
    expect("requirepass: |\n  long\n  text\n\n# next\nport: 1\n", "requirepass", "short",
           "requirepass: short\n\n# next\nport: 1\n");
    expect("requirepass: >-\n  long\n  text", "requirepass", "short", "requirepass: short");
    expect("hz: 20\r\nport: 1\r\n", "hz", "30", "hz: 30\r\nport: 1\r\n");
    expect("\xEF\xBB\xBFhz: 20\n", "hz", "30", "\xEF\xBB\xBFhz: 30\n");
    expect("# \xE2\x82\xAC\nhz: 20 # \xF0\x9F\x98\x80\nport: 1\n", "hz", "30",
           "# \xE2\x82\xAC\nhz: 30 # \xF0\x9F\x98\x80\nport: 1\n");
}

UNIT_TEST(yaml_rewrite, appends_what_is_new) {
    expect("port: 1\n", "hz", "30", "port: 1\n\n# Added by CONFIG REWRITE\nhz: 30\n");
    expect("port: 1", "hz", "30", "port: 1\n\n# Added by CONFIG REWRITE\nhz: 30\n");
    expect("port: 1\r\n# end\r\n", "hz", "30", "port: 1\r\n# end\r\n\r\n# Added by CONFIG REWRITE\r\nhz: 30\r\n");
    expect("port: 1\n# Added by CONFIG REWRITE\ntimeout: 3\n", "hz", "30",
           "port: 1\n# Added by CONFIG REWRITE\ntimeout: 3\nhz: 30\n");
    expect("", "hz", "30", "# Added by CONFIG REWRITE\nhz: 30\n");
    expect("# only\n", "hz", "30", "# only\n\n# Added by CONFIG REWRITE\nhz: 30\n");
    expect("---\nport: 1\n...\n", "hz", "30", "---\nport: 1\n\n# Added by CONFIG REWRITE\nhz: 30\n...\n");
    expect("  port: 1\n  timeout: 2\n", "hz", "30",
           "  port: 1\n  timeout: 2\n\n  # Added by CONFIG REWRITE\n  hz: 30\n");
    expect("{port: 1, timeout: 2} # x\n", "hz", "30", "{port: 1, timeout: 2, hz: 30} # x\n");
    expect("{}\n", "hz", "30", "{hz: 30}\n");
    expect("{port: 1,}\n", "hz", "30", "{port: 1, hz: 30,}\n");
    expect("requirepass: |\n  a\n", "hz", "30", "requirepass: |\n  a\n# Added by CONFIG REWRITE\nhz: 30\n");
    expect("port: 1\n", "bind", "127.0.0.1 -::1",
           "port: 1\n\n# Added by CONFIG REWRITE\nbind: [127.0.0.1, \"-::1\"]\n");
    expect("port: 1\n", "client-output-buffer-limit", "pubsub 1 2 3",
           "port: 1\n\n# Added by CONFIG REWRITE\nclient-output-buffer-limit: {pubsub: 1 2 3}\n");
    expect("hz: 30\n", "hz", "10", "hz: 10\n"); /* back at the default: the line stays */
}

UNIT_TEST(yaml_rewrite, edits_lists_item_by_item) {
    const char *block = "people: # who\n  # first\n  - alice # a\n  # second\n  - 'bob' # b\n  - carol\n# end\n";
    expect(block, "people", "alice;bert;carol",
           "people: # who\n  # first\n  - alice # a\n  # second\n  - 'bert' # b\n  - carol\n# end\n");
    expect(block, "people", "alice;carol", "people: # who\n  # first\n  - alice # a\n  # second\n  - carol\n# end\n");
    expect(block, "people", "alice;bob;carol;dan: x",
           "people: # who\n  # first\n  - alice # a\n  # second\n  - 'bob' # b\n  - carol\n  - \"dan: x\"\n# end\n");
    expect(block, "people", "zoe;alice;bob;carol",
           "people: # who\n  # first\n  - zoe\n  - alice # a\n  # second\n  - 'bob' # b\n  - carol\n# end\n");
    expect("people:\n- alice\n- bob", "people", "alice;bob;carl", "people:\n- alice\n- bob\n- carl");
    expect("people:\n- alice\n- bob\n", "people", "", "people:\n []\n");
    expect("people: [alice, 'bob', carol] # x\n", "people", "alice;carol;dan", "people: [alice, 'carol', dan] # x\n");
    expect("people: [alice, 'bob', carol] # x\n", "people", "alice", "people: [alice] # x\n");
    expect("people: [alice, 'bob', carol] # x\n", "people", "carol", "people: [carol] # x\n");
    expect("people: [alice]\n", "people", "zoe;alice;ben", "people: [zoe, alice, ben]\n");
    expect("people: alice\n", "people", "alice;bob", "people: [alice, bob]\n");
    expect("people: []\n", "people", "bob", "people: bob\n");
    expect("saves: 3600 1\nport: 1\n", "saves", "3600 1 300 100", "saves: 3600 1 300 100\nport: 1\n");
    expect("saves:\n  - 3600 1\n  - \"300 100\"\n", "saves", "3600 1 300 50", "saves:\n  - 3600 1\n  - \"300 50\"\n");
    expect("saves:\n  - 3600 1 300 100\n", "saves", "1 1", "saves:\n  1 1\n");
    expect("saves: [3600 1]\n", "saves", "", "saves: \"\"\n");
}

UNIT_TEST(yaml_rewrite, edits_maps_key_by_key) {
    const char *block = "client-output-buffer-limit:\n  # the big one\n  replica: 1gb 512mb 60 # r\nport: 1\n";
    expect(block, "client-output-buffer-limit", "slave 1 2 3",
           "client-output-buffer-limit:\n  # the big one\n  replica: 1 2 3 # r\nport: 1\n");
    expect(block, "client-output-buffer-limit", "pubsub 1 2 3",
           "client-output-buffer-limit:\n  # the big one\n  replica: 1gb 512mb 60 # r\n  pubsub: 1 2 3\nport: 1\n");
    expect("client: {output-buffer-limit: {replica: 1 1 1}, query-buffer-limit: 1gb}\n", "client-output-buffer-limit",
           "replica 5 5 5 normal 1 0 0",
           "client: {output-buffer-limit: {replica: 5 5 5, normal: 1 0 0}, query-buffer-limit: 1gb}\n");
    expect("client-output-buffer-limit: replica 1 1 1\n", "client-output-buffer-limit", "replica 5 5 5",
           "client-output-buffer-limit: {normal: 0 0 0, slave: 5 5 5, pubsub: 33554432 8388608 60}\n");
}

UNIT_TEST(yaml_rewrite, says_what_it_cannot_do) {
    struct fixture f;
    setup(&f);
    set(&f, "requirepass", "\xFF\xFE");
    EXPECT_TEXT(rewrite(&f, "port: 1\n"),
                "failed: the value of requirepass cannot be written as YAML (is it UTF-8 text?)");
    EXPECT_TEXT(rewrite(&f, "prot: 1\n"),
                "failed: the file is not a valid configuration any more: f:1:1: prot: unknown "
                "parameter; did you mean port?");
    teardown(&f);
}

/* ---- random files and random changes ---------------------------------------------------------------------------- */

static const char *const texts[] = {
    "a",     "",     "two words", "it's",    "say \"hi\"",  "a: b", "#x",           "x #y",     "- z",
    "[q]",   "{q}",  "a,b",       "back\\s", "null",        "~",    "true",         "\xC3\xA9", "1e3",
    "*star", "&amp", "%pct",      "tab\t",   "line\nbreak", ":",    "a:",           "?",        "!tag",
    "@at",   "|",    ">",         "-",       "--- x",       "'",    "\xE2\x80\xA8", "\x7F"};

struct generator {
    struct random random;
    struct bytes text;
    const char *eol;
    unsigned comments;
};

static unsigned below(struct generator *g, unsigned bound) {
    return (unsigned)random_below(&g->random, bound);
}

static void end_line(struct generator *g) {
    if (below(g, 4) == 0) bytes_add_printf(&g->text, " # c%u;", g->comments++);
    bytes_add_text(&g->text, g->eol);
    while (below(g, 6) == 0) bytes_add_printf(&g->text, "%*s# c%u;%s", (int)below(g, 3), "", g->comments++, g->eol);
    if (below(g, 9) == 0) bytes_add_text(&g->text, g->eol);
}

static void add_quoted(struct generator *g, const char *plain) {
    static const char *const quotes[] = {"", "'", "\""};
    const char *quote = quotes[below(g, 3)];
    bytes_add_printf(&g->text, "%s%s%s", quote, plain, quote);
}

/* key: value at an indentation, or key: in brackets */
static void add_pair(struct generator *g, int indent, const char *key, const char *value) {
    bytes_add_printf(&g->text, "%*s%s:%*s", indent, "", key, 1 + (int)below(g, 3), "");
    if (below(g, 8) == 0) {
        bytes_add_printf(&g->text, "|%s%*s%s%s", g->eol, indent + 2, "", value, g->eol);
        return;
    }
    add_quoted(g, value);
    end_line(g);
}

static void add_people(struct generator *g) {
    unsigned count = below(g, 5);
    bytes_add_text(&g->text, "people:");
    if (below(g, 2) && count) {
        unsigned indent = below(g, 3);
        bytes_add_text(&g->text, g->eol);
        for (unsigned i = 0; i < count; i++) {
            bytes_add_printf(&g->text, "%*s- ", (int)indent, "");
            char name[16];
            snprintf(name, sizeof name, "p%u x", i);
            add_quoted(g, name);
            bytes_add_text(&g->text, g->eol);
        }
        return;
    }
    bytes_add_text(&g->text, " [");
    for (unsigned i = 0; i < count; i++) {
        if (i) bytes_add_text(&g->text, below(g, 2) ? ", " : " ,");
        char name[16];
        snprintf(name, sizeof name, "p%u", i);
        add_quoted(g, name);
    }
    bytes_add_text(&g->text, "]");
    end_line(g);
}

static void generate(struct generator *g) {
    static const char *const eols[] = {"\n", "\n", "\r\n"};
    g->eol = eols[below(g, 3)];
    bytes_clear(&g->text);
    g->comments = 0;
    bool is_explicit = below(g, 10) == 0;
    if (is_explicit) bytes_add_text(&g->text, "---"), end_line(g);
    if (below(g, 2)) add_pair(g, 0, "hz", "20");
    if (below(g, 2)) add_people(g);
    if (below(g, 2)) {
        bytes_add_text(&g->text, "tls:");
        end_line(g);
        add_pair(g, 2, "ciphers", "abc");
        if (below(g, 2)) add_pair(g, 2, "session-cache-size", "5");
    }
    if (below(g, 2)) add_pair(g, 0, "requirepass", "geheim");
    if (below(g, 2)) {
        bytes_add_text(&g->text, "client: {output-buffer-limit: {replica: 1 2 3 }, query-buffer-limit: 2mb}");
        end_line(g);
    }
    if (below(g, 3) == 0) add_pair(g, 0, "saves", "3600 1");
    if (below(g, 2)) add_pair(g, 0, "timeout", "7");
    if (is_explicit && below(g, 2)) bytes_add_text(&g->text, "..."), end_line(g);
}

static void change_something(struct generator *g, struct fixture *f) {
    char number[16];
    snprintf(number, sizeof number, "%u", 1 + below(g, 400));
    switch (below(g, 8)) {
    case 0: set(f, "hz", number); break;
    case 1: set(f, "requirepass", texts[below(g, COUNT_OF(texts))]); break;
    case 2: set(f, "tls-ciphers", texts[below(g, COUNT_OF(texts))]); break;
    case 3: set(f, "saves", below(g, 2) ? "60 1 30 2" : ""); break;
    case 4: set(f, "client-output-buffer-limit", below(g, 2) ? "pubsub 1 1 1" : "replica 7 7 7"); break;
    case 5: set(f, "bind", below(g, 2) ? "127.0.0.1 ::1" : ""); break;
    case 6: set(f, "timeout", number); break;
    case 7: {
        struct bytes people = {0};
        for (unsigned i = 0; i < 6; i++) {
            if (below(g, 2)) bytes_add_printf(&people, "p%u%s;", i, below(g, 2) ? " x" : "");
            if (below(g, 4) == 0) bytes_add_printf(&people, "%s;", texts[2 + below(g, 18)]);
        }
        set_people(f, bytes_text(&people));
        bytes_fini(&people);
        break;
    }
    }
}

static unsigned count_missing_comments(const struct generator *g, const char *text) {
    unsigned missing = 0;
    for (unsigned i = 0; i < g->comments; i++) {
        char comment[16];
        snprintf(comment, sizeof comment, "# c%u;", i);
        missing += strstr(text, comment) == NULL;
    }
    return missing;
}

static bool is_same_everywhere(const struct fixture *a, const struct fixture *b) {
    bool same = true;
    for (size_t i = 0; i < params_count(a->params); i++) {
        struct bytes x = {0}, y = {0};
        param_get_text(params_at(a->params, i), &x);
        param_get_text(params_at(b->params, i), &y);
        if (!slice_equal(bytes_slice(&x), bytes_slice(&y))) {
            same = false;
            fprintf(stderr, "%s: \"%s\" became \"%s\"\n", param_row(params_at(a->params, i))->name, bytes_text(&x),
                    bytes_text(&y));
        }
        bytes_fini(&x);
        bytes_fini(&y);
    }
    return same;
}

UNIT_TEST(yaml_rewrite, survives_random_files_and_changes) {
    struct generator g = {0};
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct fixture f, again;
        random_seed(&g.random, seed);
        setup(&f);
        setup(&again);
        generate(&g);
        char *before = mem_strdup(bytes_text(&g.text));
        bool good = load(&f, before);
        for (unsigned i = below(&g, 5); i-- > 0;) change_something(&g, &f);
        char *after = mem_strdup(rewrite(&f, before));
        good = good && load(&again, after) && is_same_everywhere(&f, &again) && !count_missing_comments(&g, after);
        /* a second rewrite has nothing to do */
        good = good && strcmp(rewrite(&f, after), after) == 0;
        if (!good) fprintf(stderr, "seed %llu\n<<<\n%s\n>>>\n%s\n", (unsigned long long)seed, before, after);
        mem_free(before);
        mem_free(after);
        teardown(&f);
        teardown(&again);
        CU_ASSERT_FATAL(good);
    }
    bytes_fini(&g.text);
}

/* ---- the file itself ----------------------------------------------------------------------------------------------
 */

UNIT_TEST(yaml_rewrite, replaces_the_file_or_leaves_it) {
    struct fixture f;
    char directory[] = "/tmp/kvd-test-XXXXXX", path[64], other[64];
    struct bytes report = {0}, text = {0};
    struct error err;
    struct stat before, after;
    setup(&f);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/link.yaml", directory);
    snprintf(other, sizeof other, "%s/real.yaml", directory);
    FILE *file = fopen(other, "w");
    fputs("port: 1\ninclude: nowhere.yaml\n", file);
    fclose(file);
    CU_ASSERT_EQUAL(symlink("real.yaml", path), 0);
    CU_ASSERT_EQUAL(chmod(other, 0640), 0);
    CU_ASSERT_FALSE(config_load(f.params, path, 0, NULL, &report));
    file = fopen(other, "w");
    fputs("port: 1\n", file);
    fclose(file);
    char *arguments[] = {(char *)"--timeout", (char *)"9"};
    CU_ASSERT_TRUE(config_load(f.params, path, 2, arguments, &report));
    set(&f, "hz", "44");

    struct rlimit old_limit, limit;
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    limit = old_limit;
    limit.rlim_cur = 10; /* a disk that is full after ten bytes */
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    bool good = config_rewrite(f.params, &err);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    signal(SIGXFSZ, SIG_DFL);
    CU_ASSERT_FALSE(good);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "cannot be written"));
    CU_ASSERT_TRUE(yaml_read_bytes(path, &text, &err));
    EXPECT_TEXT(bytes_text(&text), "port: 1\n");

    CU_ASSERT_EQUAL(stat(path, &before), 0);
    CU_ASSERT_TRUE(config_rewrite(f.params, &err));
    bytes_clear(&text);
    CU_ASSERT_TRUE(yaml_read_bytes(path, &text, &err));
    EXPECT_TEXT(bytes_text(&text), "port: 1\n\n# Added by CONFIG REWRITE\nhz: 44\ntimeout: 9\n");
    CU_ASSERT_EQUAL(lstat(path, &after), 0);
    CU_ASSERT_TRUE(S_ISLNK(after.st_mode));
    CU_ASSERT_EQUAL(stat(path, &after), 0);
    CU_ASSERT_EQUAL(after.st_mode & 07777, 0640);
    CU_ASSERT_NOT_EQUAL(after.st_ino, before.st_ino);

    char command[128];
    snprintf(command, sizeof command, "ls -A %s | wc -l | grep -qx 2 && rm -rf %s", directory, directory);
    CU_ASSERT_EQUAL(system(command), 0);
    bytes_fini(&report);
    bytes_fini(&text);
    teardown(&f);
}
