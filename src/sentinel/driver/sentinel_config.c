#include "sentinel/driver/sentinel_config.h"
#include "base/number.h"
#include "base/mem.h"
#include "net/address.h"
#include "sentinel/machine/options.h"

#include <ctype.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* One primary of the file. Owned by the config. */
struct entry {
    struct list_node        node;
    char                   *name;
    struct primary_settings settings;
    struct rename          *renames; /* lends the settings' texts; made by fill */
};

struct sentinel_config {
    struct sentinel_settings settings;
    struct list              primaries;
    size_t                   count;
    struct primary_config   *filled; /* for the machine; owned */
};

/* ---- rows ---- */

static bool check_id(const struct param *row, struct param_values *values, struct error *err) {
    (void)row;
    const char *id = values->count ? values->items[0].text : "";
    size_t size = strlen(id);
    if (size == 0 || (size == SENTINEL_ID_SIZE - 1 && strspn(id, "0123456789abcdef") == size)) return true;
    return error_set(err, "must be 40 lower-case hexadecimal digits");
}

bool sentinel_config_check_script(const char *path, struct error *err) {
    struct stat status;
    if (stat(path, &status) != 0) return error_set(err, "must be a program: %s", strerror(errno));
    if (!S_ISREG(status.st_mode) || access(path, X_OK) != 0)
        return error_set(err, "must be a file that this process may execute");
    return true;
}

static bool check_script(const struct param *row, struct param_values *values, struct error *err) {
    (void)row;
    const char *path = values->count ? values->items[0].text : "";
    return !*path || sentinel_config_check_script(path, err);
}

static bool check_quorum(const struct param *row, struct param_values *values, struct error *err) {
    (void)row;
    const char *text = values->count ? values->items[0].text : "";
    int64_t number;
    if (strcmp(text, "majority") == 0) return true;
    if (number_parse_int(slice_text(text), &number) && number >= 1 && number <= 100000) return true;
    return error_set(err, "must be a number from 1 to 100000, or majority");
}

static bool check_zones(const struct param *row, struct param_values *values, struct error *err) {
    (void)row;
    if (!values->count || options_are_zones(slice_text(values->items[0].text))) return true;
    return error_set(err, "must be host:port=zone, separated by blanks");
}

#define SENTINEL_PARAM(name, field, type, ...) PARAM_ROW(struct sentinel_settings, name, field, type, __VA_ARGS__)
static const struct param sentinel_rows[] = {
#include "sentinel/driver/sentinel_config.def"
};
#undef SENTINEL_PARAM

#define PRIMARY_PARAM(name, field, type, ...) PARAM_ROW(struct primary_settings, name, field, type, __VA_ARGS__)
static const struct param primary_rows[] = {
#include "sentinel/driver/sentinel_config.def"
};
#undef PRIMARY_PARAM

/* ---- the table of primaries ---- */

static struct entry *find_entry(const struct sentinel_config *config, struct slice name) {
    LIST_EACH(&config->primaries, node) {
        struct entry *entry = container_of(node, struct entry, node);
        if (slice_is(name, entry->name)) return entry;
    }
    return NULL;
}

static void entry_free(struct entry *entry) {
    list_remove(&entry->node);
    settings_fini(primary_rows, COUNT_OF(primary_rows), &entry->settings);
    mem_free(entry->renames);
    mem_free(entry->name);
    mem_free(entry);
}

static bool is_good_name(struct slice name) {
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c <= ' ' || c == ',' || c == 127) return false;
    }
    return name.size > 0;
}

static bool add_primary(void *context, const struct param_member *member, struct error *err) {
    struct sentinel_config *config = context;
    const struct primary_settings *given = member->settings;
    if (!is_good_name(member->name))
        return error_set(err, "a primary's name must have no blanks, commas or control characters");
    if (!given->host || !*given->host) return error_set(err, "its host must not be empty");
    if (strpbrk(given->host, ", \t\r\n")) return error_set(err, "its host must be one address or name");
    if (find_entry(config, member->name)) return error_set(err, "a primary of this name is there already");
    struct entry *entry = mem_zalloc(sizeof(*entry));
    entry->name = slice_to_text(member->name);
    settings_init(primary_rows, COUNT_OF(primary_rows), &entry->settings);
    for (size_t i = 0; i < COUNT_OF(primary_rows); i++) {
        struct param_values values = {0};
        settings_get(&primary_rows[i], given, &values);
        settings_store(&primary_rows[i], &entry->settings, &values);
        param_values_fini(&values);
    }
    list_add(&config->primaries, &entry->node);
    config->count++;
    return true;
}

static const struct param_group primaries_group = {
    .name = "sentinel-masters",
    .alias = "sentinel-primaries",
    .rows = primary_rows,
    .count = COUNT_OF(primary_rows),
    .settings_size = sizeof(struct primary_settings),
    .add = add_primary,
};

struct sentinel_config *sentinel_config_new(struct params *params) {
    struct sentinel_config *config = mem_zalloc(sizeof(*config));
    list_init(&config->primaries);
    params_add(params, sentinel_rows, COUNT_OF(sentinel_rows), &config->settings);
    params_add_group(params, &primaries_group, config);
    return config;
}

void sentinel_config_free(struct sentinel_config **taken) {
    struct sentinel_config *config = *taken;
    *taken = NULL;
    if (!config) return;
    LIST_EACH(&config->primaries, node) entry_free(container_of(node, struct entry, node));
    mem_free(config->filled);
    mem_free(config);
}

const struct sentinel_settings *sentinel_config_settings(const struct sentinel_config *config) {
    return &config->settings;
}

size_t sentinel_config_count(const struct sentinel_config *config) {
    return config->count;
}

bool sentinel_config_is_ip(const char *host) {
    struct address address;
    return address_parse_ip(&address, host, 0);
}

bool sentinel_config_check(const struct sentinel_config *config, struct error *err) {
    if (config->settings.resolve_hostnames) return true;
    LIST_EACH(&config->primaries, node) {
        const struct entry *entry = container_of(node, struct entry, node);
        if (!sentinel_config_is_ip(entry->settings.host))
            return error_set(err, "sentinel.masters.%s.host: %s is not an address; names need sentinel.resolve-hostnames: yes",
                             entry->name, entry->settings.host);
    }
    const char *announce = config->settings.announce_ip;
    if (announce && *announce && !sentinel_config_is_ip(announce))
        return error_set(err, "sentinel.announce-ip: %s is not an address; names need sentinel.resolve-hostnames: yes",
                         announce);
    return true;
}

/* ---- for the machine ---- */

static const char *text_or_null(const char *text) {
    return text && *text ? text : NULL;
}

static void fill_primary(struct entry *entry, struct primary_config *out) {
    const struct primary_settings *from = &entry->settings;
    size_t renames = from->rename_command.count;
    mem_free(entry->renames);
    entry->renames = renames ? mem_zalloc(renames * sizeof(*entry->renames)) : NULL;
    for (size_t i = 0; i < renames; i++)
        entry->renames[i] = (struct rename){from->rename_command.items[i].key, from->rename_command.items[i].text};
    int64_t quorum = 0;
    bool majority = !number_parse_int(slice_text(from->quorum), &quorum);
    *out = (struct primary_config){
        .name = entry->name,
        .host = from->host,
        .port = (uint16_t)from->port,
        .quorum = majority ? 0 : (uint32_t)quorum,
        .quorum_majority = majority,
        .maintenance = from->maintenance,
        .unprotected = !from->protect_from_empty,
        .max_replica_lag = (int64_t)MIN(from->max_replica_lag, (uint64_t)INT64_MAX),
        .prefer_zone = text_or_null(from->prefer_zone),
        .replica_zones = text_or_null(from->replica_zones),
        .down_after_ms = (int64_t)from->down_after_ms,
        .failover_timeout_ms = (int64_t)from->failover_timeout_ms,
        .reboot_down_after_ms = (int64_t)from->reboot_down_after_ms,
        .fast_failover = from->fast_failover,
        .fast_grace_ms = (int64_t)from->fast_grace_ms,
        .parallel_syncs = (uint32_t)from->parallel_syncs,
        .auth_user = text_or_null(from->auth_user),
        .auth_pass = text_or_null(from->auth_pass),
        .notification_script = text_or_null(from->notification_script),
        .client_reconfig_script = text_or_null(from->client_reconfig_script),
        .pre_failover_script = text_or_null(from->pre_failover_script),
        .pre_failover_timeout_ms = (int64_t)from->pre_failover_timeout_ms,
        .pre_failover_veto = from->pre_failover_veto,
        .renames = entry->renames,
        .rename_count = renames,
    };
}

void sentinel_config_fill(struct sentinel_config *config, struct machine_config *out) {
    const struct sentinel_settings *settings = &config->settings;
    out->announce_ip = text_or_null(settings->announce_ip);
    out->announce_port = (uint16_t)settings->announce_port;
    out->resolve_hostnames = settings->resolve_hostnames;
    out->announce_hostnames = settings->announce_hostnames;
    out->deny_scripts_reconfig = settings->deny_scripts_reconfig;
    out->sentinel_user = text_or_null(settings->sentinel_user);
    out->sentinel_pass = text_or_null(settings->sentinel_pass);
    mem_free(config->filled);
    config->filled = mem_zalloc((config->count + 1) * sizeof(*config->filled));
    size_t count = 0;
    LIST_EACH(&config->primaries, node) fill_primary(container_of(node, struct entry, node), &config->filled[count++]);
    out->primaries = config->filled;
    out->primary_count = count;
}
