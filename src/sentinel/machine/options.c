#include "sentinel/machine/options.h"
#include "base/number.h"
#include "sentinel/machine/instance_internal.h"
#include "sentinel/machine/world_internal.h"

#include <inttypes.h>

enum option {
    OPTION_DOWN_AFTER,
    OPTION_FAILOVER_TIMEOUT,
    OPTION_REBOOT_DOWN_AFTER,
    OPTION_QUORUM,
    OPTION_PARALLEL_SYNCS,
    OPTION_FAST_FAILOVER,
    OPTION_FAST_GRACE,
    OPTION_AUTH_USER,
    OPTION_AUTH_PASS,
    OPTION_NOTIFICATION_SCRIPT,
    OPTION_RECONFIG_SCRIPT,
    OPTION_PRE_SCRIPT,
    OPTION_PRE_TIMEOUT,
    OPTION_PRE_VETO,
    OPTION_PROTECT,
    OPTION_MAINTENANCE,
    OPTION_MAX_LAG,
    OPTION_PREFER_ZONE,
    OPTION_REPLICA_ZONES,
    OPTION_RENAME,
    OPTIONS,
};

static const char *const option_names[OPTIONS] = {
    [OPTION_DOWN_AFTER] = "down-after-milliseconds",
    [OPTION_FAILOVER_TIMEOUT] = "failover-timeout",
    [OPTION_REBOOT_DOWN_AFTER] = "master-reboot-down-after-period",
    [OPTION_QUORUM] = "quorum",
    [OPTION_PARALLEL_SYNCS] = "parallel-syncs",
    [OPTION_FAST_FAILOVER] = "fast-failover",
    [OPTION_FAST_GRACE] = "fast-failover-grace-milliseconds",
    [OPTION_AUTH_USER] = "auth-user",
    [OPTION_AUTH_PASS] = "auth-pass",
    [OPTION_NOTIFICATION_SCRIPT] = "notification-script",
    [OPTION_RECONFIG_SCRIPT] = "client-reconfig-script",
    [OPTION_PRE_SCRIPT] = "pre-failover-script",
    [OPTION_PRE_TIMEOUT] = "pre-failover-timeout",
    [OPTION_PRE_VETO] = "pre-failover-veto-on-timeout",
    [OPTION_PROTECT] = "protect-from-empty-primary",
    [OPTION_MAINTENANCE] = "maintenance",
    [OPTION_MAX_LAG] = "max-replica-lag",
    [OPTION_PREFER_ZONE] = "prefer-zone",
    [OPTION_REPLICA_ZONES] = "replica-zones",
    [OPTION_RENAME] = "rename-command",
};

static bool find_option(struct slice name, enum option *option) {
    if (slice_is_nocase(name, "primary-reboot-down-after-period")) {
        *option = OPTION_REBOOT_DOWN_AFTER;
        return true;
    }
    for (unsigned i = 0; i < OPTIONS; i++) {
        if (!slice_is_nocase(name, option_names[i])) continue;
        *option = (enum option)i;
        return true;
    }
    return false;
}

static bool read_number(struct slice value, int64_t least, int64_t *number) {
    return number_parse_int(value, number) && *number >= least && *number <= INT32_MAX;
}

static bool is_yes_no(struct slice value) {
    return slice_is_nocase(value, "yes") || slice_is_nocase(value, "no");
}

static bool is_text(struct slice value) {
    return value.size == 0 || !memchr(value.data, 0, value.size);
}

bool options_are_zones(struct slice value) {
    struct slice word;
    while (slice_split(&value, ' ', &word)) {
        struct slice zone = word, address;
        if (word.size == 0) continue;
        if (!slice_split(&zone, '=', &address) || !zone.data || zone.size == 0) return false;
        if (address.size < 3 || !memchr(address.data, ':', address.size)) return false;
    }
    return true;
}

bool options_check(const struct primary *primary, const struct option_change *change, bool at_run_time,
                   struct error *err) {
    enum option option;
    int64_t number;
    bool good = true;
    if (!find_option(change->name, &option))
        return error_set(err, "ERR Unknown option or number of arguments for SENTINEL SET '%.*s'",
                         (int)MIN(change->name.size, (size_t)128), change->name.data);
    switch (option) {
    case OPTION_PRE_VETO:
    case OPTION_FAST_FAILOVER: good = is_yes_no(change->value); break;
    case OPTION_DOWN_AFTER:
    case OPTION_FAILOVER_TIMEOUT:
    case OPTION_FAST_GRACE:
    case OPTION_PRE_TIMEOUT:
    case OPTION_PARALLEL_SYNCS: good = read_number(change->value, 1, &number); break;
    case OPTION_QUORUM:
        good = slice_is_nocase(change->value, "majority") || read_number(change->value, 1, &number);
        break;
    case OPTION_REBOOT_DOWN_AFTER: good = read_number(change->value, 0, &number); break;
    case OPTION_MAX_LAG: good = number_parse_int(change->value, &number) && number >= 0; break;
    case OPTION_PROTECT:
    case OPTION_MAINTENANCE: good = is_yes_no(change->value); break;
    case OPTION_PREFER_ZONE: good = is_text(change->value); break;
    case OPTION_REPLICA_ZONES: good = is_text(change->value) && options_are_zones(change->value); break;
    case OPTION_AUTH_USER:
    case OPTION_AUTH_PASS: good = is_text(change->value); break;
    case OPTION_NOTIFICATION_SCRIPT:
    case OPTION_RECONFIG_SCRIPT:
    case OPTION_PRE_SCRIPT:
        if (at_run_time && primary->world->settings.deny_scripts_reconfig)
            return error_set(err, "ERR Reconfiguration of scripts path is denied for security reasons. Check the "
                                  "deny-scripts-reconfig configuration directive in your Sentinel configuration");
        good = is_text(change->value);
        break;
    case OPTION_RENAME: good = change->value.size && is_text(change->value) && is_text(change->second); break;
    case OPTIONS: UNREACHABLE("no such option");
    }
    if (good) return true;
    return error_set(err, "ERR Invalid argument '%.*s' for SENTINEL SET '%.*s'",
                     (int)MIN(change->value.size, (size_t)128), change->value.data,
                     (int)MIN(change->name.size, (size_t)128), change->name.data);
}

static void set_text(char **text, struct slice value) {
    mem_free(*text);
    *text = value.size ? slice_to_text(value) : NULL;
}

static void set_rename(struct primary_options *options, struct slice from, struct slice to) {
    size_t i = 0;
    while (i < options->rename_count && !slice_is_nocase(from, options->renames[i].from)) i++;
    bool none = to.size == 0 || slice_equal_nocase(from, to); /* renamed to itself: the entry goes */
    if (i < options->rename_count) {
        mem_free(options->renames[i].to);
        options->renames[i].to = NULL;
        if (none) {
            mem_free(options->renames[i].from);
            options->renames[i] = options->renames[--options->rename_count];
            return;
        }
    } else {
        if (none) return;
        options->renames = mem_realloc(options->renames, (i + 1) * sizeof options->renames[0]);
        options->renames[i].from = slice_to_text(from);
        options->rename_count++;
    }
    options->renames[i].to = slice_to_text(to);
}

static void derive_all(struct primary *primary) {
    instance_derive(primary->instance);
    LIST_EACH(&primary->replicas, node) instance_derive(container_of(node, struct instance, node));
    LIST_EACH(&primary->seats, node) {
        struct instance *peer = container_of(node, struct seat, at_primary)->peer;
        instance_derive(peer);
        world_touch_instance(primary->world, peer);
    }
    world_touch_group(primary);
}

bool options_apply(struct primary *primary, const struct option_change *change) {
    struct primary_options *options = &primary->options;
    enum option option;
    int64_t number = 0;
    bool known = find_option(change->name, &option);
    CHECK(known);
    (void)!number_parse_int(change->value, &number);
    switch (option) {
    case OPTION_DOWN_AFTER:
        options->down_after_ms = number;
        derive_all(primary);
        break;
    case OPTION_FAILOVER_TIMEOUT: options->failover_timeout_ms = number; break;
    case OPTION_REBOOT_DOWN_AFTER: options->reboot_down_after_ms = number; break;
    case OPTION_QUORUM: options->quorum = (uint32_t)number; break;
    case OPTION_PARALLEL_SYNCS: options->parallel_syncs = (uint32_t)number; break;
    case OPTION_FAST_FAILOVER: options->fast_failover = slice_is_nocase(change->value, "yes"); break;
    case OPTION_FAST_GRACE: options->fast_grace_ms = number; break;
    case OPTION_PROTECT: options->protect_from_empty = slice_is_nocase(change->value, "yes"); break;
    case OPTION_MAINTENANCE: options->maintenance = slice_is_nocase(change->value, "yes"); break;
    case OPTION_MAX_LAG: options->max_replica_lag = number; break;
    case OPTION_PREFER_ZONE: set_text(&options->prefer_zone, change->value); break;
    case OPTION_REPLICA_ZONES: set_text(&options->replica_zones, change->value); break;
    case OPTION_AUTH_USER: set_text(&options->auth_user, change->value); return true;
    case OPTION_AUTH_PASS: set_text(&options->auth_pass, change->value); return true;
    case OPTION_NOTIFICATION_SCRIPT: set_text(&options->notification_script, change->value); break;
    case OPTION_RECONFIG_SCRIPT: set_text(&options->client_reconfig_script, change->value); break;
    case OPTION_PRE_SCRIPT: set_text(&options->pre_failover_script, change->value); break;
    case OPTION_PRE_TIMEOUT: options->pre_failover_timeout_ms = number; break;
    case OPTION_PRE_VETO: options->pre_failover_veto = slice_is_nocase(change->value, "yes"); break;
    case OPTION_RENAME: set_rename(options, change->value, change->second); break;
    case OPTIONS: UNREACHABLE("no such option");
    }
    world_touch_primary(primary);
    return false;
}

static char *text_or_empty(const char *text) {
    return mem_strdup(text ? text : "");
}

char *options_text(const struct primary *primary, struct slice name, struct slice detail) {
    const struct primary_options *options = &primary->options;
    enum option option;
    if (!find_option(name, &option)) return mem_strdup("");
    switch (option) {
    case OPTION_DOWN_AFTER: return mem_printf("%" PRId64, options->down_after_ms);
    case OPTION_FAILOVER_TIMEOUT: return mem_printf("%" PRId64, options->failover_timeout_ms);
    case OPTION_REBOOT_DOWN_AFTER: return mem_printf("%" PRId64, options->reboot_down_after_ms);
    case OPTION_QUORUM:
        return options->quorum ? mem_printf("%" PRIu32, options->quorum) : mem_strdup("majority");
    case OPTION_PROTECT: return mem_strdup(options->protect_from_empty ? "yes" : "no");
    case OPTION_MAINTENANCE: return mem_strdup(options->maintenance ? "yes" : "no");
    case OPTION_MAX_LAG: return mem_printf("%" PRId64, options->max_replica_lag);
    case OPTION_PREFER_ZONE: return text_or_empty(options->prefer_zone);
    case OPTION_REPLICA_ZONES: return text_or_empty(options->replica_zones);
    case OPTION_PARALLEL_SYNCS: return mem_printf("%" PRIu32, options->parallel_syncs);
    case OPTION_FAST_FAILOVER: return mem_strdup(options->fast_failover ? "yes" : "no");
    case OPTION_FAST_GRACE: return mem_printf("%" PRId64, options->fast_grace_ms);
    case OPTION_AUTH_USER: return text_or_empty(options->auth_user);
    case OPTION_AUTH_PASS: return text_or_empty(options->auth_pass);
    case OPTION_NOTIFICATION_SCRIPT: return text_or_empty(options->notification_script);
    case OPTION_RECONFIG_SCRIPT: return text_or_empty(options->client_reconfig_script);
    case OPTION_PRE_SCRIPT: return text_or_empty(options->pre_failover_script);
    case OPTION_PRE_TIMEOUT: return mem_printf("%" PRId64, options->pre_failover_timeout_ms);
    case OPTION_PRE_VETO: return mem_strdup(options->pre_failover_veto ? "yes" : "no");
    case OPTION_RENAME:
        for (size_t i = 0; i < options->rename_count; i++)
            if (slice_is_nocase(detail, options->renames[i].from)) return mem_strdup(options->renames[i].to);
        return mem_strdup("");
    case OPTIONS: break;
    }
    UNREACHABLE("no such option");
}

/* "quorum", or "rename-command CONFIG": the key in `changed` and `original`. */
static void add_key(struct bytes *key, const struct option_change *change) {
    enum option option;
    bool known = find_option(change->name, &option);
    CHECK(known);
    bytes_add_text(key, option_names[option]);
    if (option != OPTION_RENAME) return;
    bytes_add_char(key, ' ');
    bytes_add_slice(key, change->value);
}

static void remember(struct table *changed, struct table *original, struct slice key, char *before, char *now) {
    if (table_has(original, key))
        mem_free(before);
    else
        table_set(original, key, before);
    mem_free(table_set(changed, key, now));
}

bool options_change(struct primary *primary, const struct option_change *change) {
    struct bytes key = {0};
    add_key(&key, change);
    char *before = options_text(primary, change->name, change->value);
    bool anew = options_apply(primary, change);
    char *now = options_text(primary, change->name, change->value);
    remember(primary->changed, primary->original, bytes_slice(&key), before, now);
    bytes_fini(&key);
    return anew;
}

/* ---- SENTINEL CONFIG SET ---- */

bool settings_check(const struct option_change *change, struct error *err) {
    struct slice name = change->name, value = change->value;
    uint64_t number;
    bool good;
    if (slice_is_nocase(name, "resolve-hostnames") || slice_is_nocase(name, "announce-hostnames"))
        good = is_yes_no(value);
    else if (slice_is_nocase(name, "announce-port"))
        good = number_parse_uint(value, &number) && number <= 65535;
    else if (slice_is_nocase(name, "announce-ip"))
        good = value.size < 256 && is_text(value) && !memchr(value.data ? value.data : "", ',', value.size);
    else if (slice_is_nocase(name, "sentinel-user") || slice_is_nocase(name, "sentinel-pass"))
        good = is_text(value);
    else
        return error_set(err, "ERR Invalid argument '%.*s' to SENTINEL CONFIG SET", (int)MIN(name.size, (size_t)128),
                         name.data);
    if (good) return true;
    return error_set(err, "ERR Invalid value '%.*s' to SENTINEL CONFIG SET '%.*s'", (int)MIN(value.size, (size_t)128),
                     value.data, (int)MIN(name.size, (size_t)128), name.data);
}

static bool apply_setting(struct settings *settings, struct slice name, struct slice value) {
    uint64_t number = 0;
    (void)!number_parse_uint(value, &number);
    if (slice_is_nocase(name, "resolve-hostnames"))
        settings->resolve_hostnames = slice_is_nocase(value, "yes");
    else if (slice_is_nocase(name, "announce-hostnames"))
        settings->announce_hostnames = slice_is_nocase(value, "yes");
    else if (slice_is_nocase(name, "announce-port"))
        settings->announce_port = (uint16_t)number;
    else if (slice_is_nocase(name, "announce-ip"))
        set_text(&settings->announce_ip, value);
    else if (slice_is_nocase(name, "sentinel-user")) {
        set_text(&settings->sentinel_user, value);
        return true;
    } else if (slice_is_nocase(name, "sentinel-pass")) {
        set_text(&settings->sentinel_pass, value);
        return true;
    }
    return false;
}

char *settings_text(const struct world *world, struct slice name) {
    const struct settings *settings = &world->settings;
    if (slice_is_nocase(name, "resolve-hostnames")) return mem_strdup(settings->resolve_hostnames ? "yes" : "no");
    if (slice_is_nocase(name, "announce-hostnames")) return mem_strdup(settings->announce_hostnames ? "yes" : "no");
    if (slice_is_nocase(name, "announce-port")) return mem_printf("%u", settings->announce_port);
    if (slice_is_nocase(name, "announce-ip")) return text_or_empty(settings->announce_ip);
    if (slice_is_nocase(name, "sentinel-user")) return text_or_empty(settings->sentinel_user);
    if (slice_is_nocase(name, "sentinel-pass")) return text_or_empty(settings->sentinel_pass);
    return mem_strdup("");
}

bool settings_change(struct world *world, const struct option_change *change) {
    struct bytes key = {0};
    for (size_t i = 0; i < change->name.size; i++) {
        char c = change->name.data[i];
        bytes_add_char(&key, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    char *before = settings_text(world, change->name);
    bool anew = apply_setting(&world->settings, change->name, change->value);
    remember(world->changed_settings, world->original_settings, bytes_slice(&key), before,
             settings_text(world, change->name));
    bytes_fini(&key);
    return anew;
}

/* ---- SENTINEL DEBUG ---- */

static const struct {
    const char *name;
    size_t at;
} parameters[] = {
    {"info-period", offsetof(struct timing, info_period_ms)},
    {"ping-period", offsetof(struct timing, ping_period_ms)},
    {"ask-period", offsetof(struct timing, ask_period_ms)},
    {"publish-period", offsetof(struct timing, publish_period_ms)},
    {"default-down-after", offsetof(struct timing, default_down_after_ms)},
    {"tilt-trigger", offsetof(struct timing, tilt_trigger_ms)},
    {"tilt-period", offsetof(struct timing, tilt_period_ms)},
    {"slave-reconf-timeout", offsetof(struct timing, reconf_timeout_ms)},
    {"min-link-reconnect-period", offsetof(struct timing, min_link_reconnect_period_ms)},
    {"default-failover-timeout", offsetof(struct timing, default_failover_timeout_ms)},
    {"election-timeout", offsetof(struct timing, election_timeout_ms)},
    {"script-max-runtime", offsetof(struct timing, script_max_runtime_ms)},
    {"script-retry-delay", offsetof(struct timing, script_retry_delay_ms)},
};

bool timing_parameter(const struct timing *timing, unsigned index, const char **name, int64_t *value) {
    if (index >= COUNT_OF(parameters)) return false;
    *name = parameters[index].name;
    memcpy(value, (const char *)timing + parameters[index].at, sizeof *value);
    return true;
}

static size_t find_parameter(struct slice name) {
    size_t i = 0;
    while (i < COUNT_OF(parameters) && !slice_is_nocase(name, parameters[i].name)) i++;
    return i;
}

bool timing_check(const struct option_change *change, struct error *err) {
    int64_t number;
    if (find_parameter(change->name) == COUNT_OF(parameters))
        return error_set(err, "ERR Unknown option or number of arguments for SENTINEL DEBUG '%.*s'",
                         (int)MIN(change->name.size, (size_t)128), change->name.data);
    if (read_number(change->value, 1, &number)) return true;
    return error_set(err, "ERR Invalid argument '%.*s' for SENTINEL DEBUG '%.*s'",
                     (int)MIN(change->value.size, (size_t)128), change->value.data,
                     (int)MIN(change->name.size, (size_t)128), change->name.data);
}

void timing_apply(struct world *world, const struct option_change *change) {
    int64_t number = 0;
    bool valid = read_number(change->value, 1, &number);
    CHECK(valid);
    memcpy((char *)&world->timing + parameters[find_parameter(change->name)].at, &number, sizeof number);
    LIST_EACH(&world->primaries, node) derive_all(container_of(node, struct primary, node));
}
