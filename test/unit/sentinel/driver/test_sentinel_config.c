#include "lib/unit.h"
#include "core/config/core_settings.h"
#include "core/config/yaml_read.h"
#include "sentinel/driver/sentinel_config.h"

struct fixture {
    struct core_settings    settings;
    struct params          *params;
    struct sentinel_config *config;
    struct bytes            report;
};

static void setup(struct fixture *f) {
    memset(f, 0, sizeof(*f));
    f->params = params_new();
    core_settings_add(&f->settings, f->params);
    f->config = sentinel_config_new(f->params);
}

static void teardown(struct fixture *f) {
    params_free(&f->params);
    sentinel_config_free(&f->config);
    bytes_fini(&f->report);
}

static const char *load(struct fixture *f, const char *text) { /* "": it was read */
    struct yaml_read *read = yaml_read_new(f->params, &f->report);
    bytes_clear(&f->report);
    yaml_read_text(read, "f", slice_text(text), NULL);
    if (yaml_read_problems(read) == 0) CU_ASSERT_EQUAL(yaml_read_store(read), f->report.size == 0);
    yaml_read_free(&read);
    return bytes_text(&f->report);
}

UNIT_TEST(sentinel_config, reads_every_directive) {
    struct fixture f;
    struct machine_config filled = {0};
    struct error err;
    setup(&f);
    EXPECT_TEXT(load(&f, "port: 26380\n"
                         "tls-replication: yes\n"
                         "sentinel:\n"
                         "  announce-ip: 10.1.1.1\n"
                         "  announce-port: 9\n"
                         "  resolve-hostnames: yes\n"
                         "  announce-hostnames: yes\n"
                         "  deny-scripts-reconfig: no\n"
                         "  sentinel-user: u\n"
                         "  sentinel-pass: p\n"
                         "  state-file: s.yaml\n"
                         "  masters:\n"
                         "    one:\n"
                         "      host: db.example\n"
                         "      port: 6380\n"
                         "      quorum: 2\n"
                         "      down-after-milliseconds: 100\n"
                         "      failover-timeout: 200\n"
                         "      parallel-syncs: 3\n"
                         "      auth-user: au\n"
                         "      auth-pass: ap\n"
                         "      notification-script: /bin/true\n"
                         "      client-reconfig-script: /bin/false\n"
                         "      master-reboot-down-after-period: 5\n"
                         "      fast-failover: yes\n"
                         "      fast-failover-grace-milliseconds: 7\n"
                         "      rename-command: {CONFIG: c, SLAVEOF: s}\n"
                         "    two: {host: 10.0.0.1, quorum: 1}\n"),
                "");
    CU_ASSERT(sentinel_config_check(f.config, &err));
    sentinel_config_fill(f.config, &filled);
    EXPECT_TEXT(filled.announce_ip, "10.1.1.1");
    CU_ASSERT(filled.announce_port == 9 && filled.resolve_hostnames && filled.announce_hostnames);
    CU_ASSERT(!filled.deny_scripts_reconfig && sentinel_config_settings(f.config)->tls_replication);
    EXPECT_TEXT(filled.sentinel_user, "u");
    EXPECT_TEXT(filled.sentinel_pass, "p");
    EXPECT_TEXT(sentinel_config_settings(f.config)->state_file, "s.yaml");
    CU_ASSERT_EQUAL_FATAL(filled.primary_count, 2);
    const struct primary_config *one = &filled.primaries[0], *two = &filled.primaries[1];
    EXPECT_TEXT(one->name, "one");
    EXPECT_TEXT(one->host, "db.example");
    CU_ASSERT(one->port == 6380 && one->quorum == 2 && one->down_after_ms == 100 && one->failover_timeout_ms == 200);
    CU_ASSERT(one->parallel_syncs == 3 && one->reboot_down_after_ms == 5 && one->rename_count == 2);
    CU_ASSERT(one->fast_failover && one->fast_grace_ms == 7);
    EXPECT_TEXT(one->auth_user, "au");
    EXPECT_TEXT(one->auth_pass, "ap");
    EXPECT_TEXT(one->notification_script, "/bin/true");
    EXPECT_TEXT(one->client_reconfig_script, "/bin/false");
    EXPECT_TEXT(one->renames[1].from, "SLAVEOF");
    EXPECT_TEXT(one->renames[1].to, "s");
    CU_ASSERT(two->port == 6379 && two->down_after_ms == 30000 && two->failover_timeout_ms == 180000);
    CU_ASSERT(!two->fast_failover && two->fast_grace_ms == 20);
    CU_ASSERT(two->parallel_syncs == 1 && two->auth_pass == NULL && two->notification_script == NULL);
    teardown(&f);
}

UNIT_TEST(sentinel_config, says_what_is_wrong_and_where) {
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"sentinel: {masters: {m: {port: 1, quorum: 1}}}", "host"},
        {"sentinel: {masters: {m: {host: a}}}", "quorum"},
        {"sentinel: {masters: {m: {host: 10.0.0.1, quorum: 0}}}", "quorum"},
        {"sentinel: {masters: {m: {host: 10.0.0.1, quorum: 1, port: 65536}}}", "port"},
        {"sentinel: {masters: {'a b': {host: 10.0.0.1, quorum: 1}}}", "blanks"},
        {"sentinel: {masters: {'a,b': {host: 10.0.0.1, quorum: 1}}}", "commas"},
        {"sentinel: {masters: {m: {host: '', quorum: 1}}}", "empty"},
        {"sentinel: {masters: {m: {host: 10.0.0.1, quorum: 1, down-after-millisecond: 5}}}", "down-after-milliseconds"},
        {"sentinel: {masters: {m: {host: 10.0.0.1, quorum: 1, notification-script: /nonexistent}}}", "No such file"},
        {"sentinel: {masters: {m: {host: 10.0.0.1, quorum: 1, notification-script: /etc/passwd}}}", "execute"},
        {"sentinel: {announce-por: 5}", "announce-port"},
        {"sentinel: {myid: xyz}", "40 lower-case hexadecimal digits"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        setup(&f);
        const char *report = load(&f, cases[i].text);
        CU_ASSERT(strncmp(report, "f:1:", 4) == 0);
        if (!strstr(report, cases[i].problem)) EXPECT_TEXT(report, cases[i].problem);
        teardown(&f);
    }
}

UNIT_TEST(sentinel_config, names_need_resolve_hostnames) {
    struct fixture f;
    struct error err;
    setup(&f);
    EXPECT_TEXT(load(&f, "sentinel: {masters: {m: {host: db.example, quorum: 1}}}"), "");
    CU_ASSERT_FALSE(sentinel_config_check(f.config, &err));
    CU_ASSERT(strstr(err.text, "sentinel.masters.m.host") && strstr(err.text, "resolve-hostnames"));
    teardown(&f);
}
