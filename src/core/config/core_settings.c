#include "core/config/core_settings.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/number.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* ---- choices ----------------------------------------------------------------------------------------------------- */

static const struct param_choice tls_auth_choices[] = {
    {"no", TLS_AUTH_NO}, {"yes", TLS_AUTH_YES}, {"optional", TLS_AUTH_OPTIONAL}, {0}};
static const struct param_choice acl_pubsub_choices[] = {
    {"allchannels", ACL_PUBSUB_ALLCHANNELS}, {"resetchannels", ACL_PUBSUB_RESETCHANNELS}, {0}};
static const struct param_choice permission_choices[] = {
    {"no", PERMISSION_NO}, {"yes", PERMISSION_YES}, {"local", PERMISSION_LOCAL}, {0}};
static const struct param_choice supervised_choices[] = {{"upstart", SUPERVISED_UPSTART},
                                                         {"systemd", SUPERVISED_SYSTEMD},
                                                         {"auto", SUPERVISED_AUTO},
                                                         {"no", SUPERVISED_NO},
                                                         {0}};
static const struct param_choice oom_choices[] = {{"no", OOM_ADJUST_NO},
                                                  {"yes", OOM_ADJUST_RELATIVE},
                                                  {"relative", OOM_ADJUST_RELATIVE},
                                                  {"absolute", OOM_ADJUST_ABSOLUTE},
                                                  {0}};
static const struct param_choice loglevel_choices[] = {{"debug", LOG_DEBUG},     {"verbose", LOG_VERBOSE},
                                                       {"notice", LOG_NOTICE},   {"warning", LOG_WARNING},
                                                       {"nothing", LOG_NOTHING}, {0}};
/* The values are those of <syslog.h>, which cannot be included beside base/log.h. */
#define FACILITY(number) ((number) << 3)
static const struct param_choice syslog_choices[] = {{"user", FACILITY(1)},    {"local0", FACILITY(16)},
                                                     {"local1", FACILITY(17)}, {"local2", FACILITY(18)},
                                                     {"local3", FACILITY(19)}, {"local4", FACILITY(20)},
                                                     {"local5", FACILITY(21)}, {"local6", FACILITY(22)},
                                                     {"local7", FACILITY(23)}, {0}};

/* ---- checks --------------------------------------------------------------------------------------------------------
 */

static void set_text(struct param_item *item, const char *text) {
    char *copy = mem_strdup(text); /* `text` may be part of the old one */
    mem_free(item->text);
    item->text = copy;
}

/* Frequencies beyond the bounds are taken as the nearest one, as other servers do. */
static bool check_hz(const struct param *row, struct param_values *values, struct error *err) {
    int64_t hz;
    CHECK(number_parse_int(slice_text(values->items[0].text), &hz));
    if (hz < 1) set_text(&values->items[0], "1");
    if (hz > 500) set_text(&values->items[0], "500");
    return true;
}

static bool check_tls_protocols(const struct param *row, struct param_values *values, struct error *err) {
    static const char *const known[] = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
    struct slice rest = slice_text(values->items[0].text), word;
    while (slice_split(&rest, ' ', &word)) {
        bool good = word.size == 0;
        for (size_t i = 0; i < COUNT_OF(known); i++) good |= slice_is_nocase(word, known[i]);
        if (!good) return error_set(err, "argument must be a list of TLSv1.2 and TLSv1.3, or empty");
        if (slice_is_nocase(word, "TLSv1") || slice_is_nocase(word, "TLSv1.1"))
            return error_set(err, "TLSv1 and TLSv1.1 are not offered any more; use TLSv1.2 and TLSv1.3");
    }
    return true;
}

/* "5%": the percentage; else bytes. */
static bool parse_client_memory(const char *text, uint64_t *amount, bool *is_percentage) {
    size_t size = strlen(text);
    *is_percentage = size > 1 && text[size - 1] == '%';
    return *is_percentage ? number_parse_uint(slice_make(text, size - 1), amount)
                          : number_parse_size(slice_text(text), amount);
}

static bool check_client_memory(const struct param *row, struct param_values *values, struct error *err) {
    uint64_t amount;
    bool is_percentage;
    if (!parse_client_memory(values->items[0].text, &amount, &is_percentage))
        return error_set(err, "argument must be a memory or percent value");
    if (is_percentage && amount > 100) return error_set(err, "percentage argument must be less or equal to 100");
    char text[32];
    snprintf(text, sizeof text, "%llu%s", (unsigned long long)amount, is_percentage && amount ? "%" : "");
    set_text(&values->items[0], text);
    return true;
}

uint64_t core_settings_client_memory(const struct core_settings *settings, uint64_t maxmemory_bytes) {
    uint64_t amount;
    bool is_percentage;
    if (settings->maxmemory_clients[0] == '0') return 0;
    CHECK(parse_client_memory(settings->maxmemory_clients, &amount, &is_percentage));
    return is_percentage ? (uint64_t)((double)maxmemory_bytes * (double)amount / 100) : amount;
}

static const char *class_name(const char *name) {
    if (slice_is_nocase(slice_text(name), "normal")) return "normal";
    if (slice_is_nocase(slice_text(name), "replica") || slice_is_nocase(slice_text(name), "slave")) return "slave";
    if (slice_is_nocase(slice_text(name), "pubsub")) return "pubsub";
    return NULL;
}

static bool parse_limit(struct slice text, struct output_limit *out) {
    struct slice part[3];
    for (int i = 0; i < 3; i++)
        if (!slice_split(&text, ' ', &part[i])) return false;
    return number_parse_size(part[0], &out->hard_bytes) && number_parse_size(part[1], &out->soft_bytes) &&
           number_parse_uint(part[2], &out->soft_seconds) && out->soft_seconds <= INT32_MAX;
}

static bool check_output_buffer_limit(const struct param *row, struct param_values *values, struct error *err) {
    for (size_t i = 0; i < values->count; i++) {
        struct param_item *item = &values->items[i];
        struct output_limit limit;
        const char *class = class_name(item->key);
        if (!class) return error_set(err, "Invalid client class specified in buffer limit configuration.");
        if (!parse_limit(slice_text(item->text), &limit))
            return error_set(err, "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
        mem_free(item->key);
        mem_free(item->text);
        item->key = mem_strdup(class);
        item->text = mem_printf("%llu %llu %llu", (unsigned long long)limit.hard_bytes,
                                (unsigned long long)limit.soft_bytes, (unsigned long long)limit.soft_seconds);
    }
    return true;
}

struct output_limit core_settings_output_limit(const struct core_settings *settings, const char *class) {
    struct output_limit limit = {0};
    const char *name = class_name(class);
    CHECK(name != NULL);
    const char *text = param_values_find(&settings->client_output_buffer_limit, name);
    CHECK(text && parse_limit(slice_text(text), &limit));
    return limit;
}

static bool check_proc_title_template(const struct param *row, struct param_values *values, struct error *err) {
    static const char *const known[] = {"title",    "listen-addr", "server-mode", "port",
                                        "tls-port", "unixsocket",  "config-file"};
    for (const char *at = values->items[0].text; (at = strpbrk(at, "{}"));) {
        const char *end = strchr(at, '}');
        bool good = false;
        for (size_t i = 0; *at == '{' && end && i < COUNT_OF(known); i++)
            good |= slice_is(slice_make(at + 1, (size_t)(end - at - 1)), known[i]);
        if (!good) return error_set(err, "template format is invalid or contains unknown variables");
        at = end + 1;
    }
    return true;
}

static const char *const shutdown_names[] = {"save", "nosave", "now", "force"}; /* bit n of shutdown_flags */

unsigned core_settings_shutdown_flags(const struct param_values *values) {
    unsigned flags = 0;
    for (size_t i = 0; i < values->count; i++)
        for (unsigned bit = 0; bit < COUNT_OF(shutdown_names); bit++)
            if (slice_is_nocase(slice_text(values->items[i].text), shutdown_names[bit])) flags |= 1u << bit;
    return flags;
}

static bool check_shutdown(const struct param *row, struct param_values *values, struct error *err) {
    unsigned flags = core_settings_shutdown_flags(values);
    for (size_t i = 0; i < values->count; i++) {
        struct slice word = slice_text(values->items[i].text);
        bool good = slice_is_nocase(word, "default");
        for (unsigned bit = 0; bit < COUNT_OF(shutdown_names); bit++)
            good |= slice_is_nocase(word, shutdown_names[bit]);
        if (good) continue;
        return error_set(err, "argument(s) must be one of the following: default, save, nosave, now, force");
    }
    if (values->count == 0)
        return error_set(err, "argument(s) must be one of the following: default, save, nosave, now, force");
    if ((flags & SHUTDOWN_ON_SAVE) && (flags & SHUTDOWN_ON_NOSAVE))
        return error_set(err, "shutdown options SAVE and NOSAVE can't be used simultaneously");
    param_values_fini(values);
    for (unsigned bit = 0; bit < COUNT_OF(shutdown_names); bit++)
        if (flags & (1u << bit)) param_values_add(values, (struct slice){0}, slice_text(shutdown_names[bit]));
    if (!flags) param_values_add(values, (struct slice){0}, SLICE("default"));
    return true;
}

static bool check_oom_values(const struct param *row, struct param_values *values, struct error *err) {
    if (values->count != 3) return error_set(err, "wrong number of arguments");
    for (size_t i = 0; i < values->count; i++) {
        int64_t value;
        if (!number_parse_int(slice_text(values->items[i].text), &value) || value < -2000 || value > 2000)
            return error_set(err, "Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
    }
    return true;
}

static bool check_percentiles(const struct param *row, struct param_values *values, struct error *err) {
    for (size_t i = 0; i < values->count; i++) {
        double value;
        char text[40];
        if (!number_parse_double(slice_text(values->items[i].text), &value))
            return error_set(err, "Invalid latency-tracking-info-percentiles parameters");
        if (!(value >= 0 && value <= 100))
            return error_set(err, "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
        number_print_double(text, value);
        set_text(&values->items[i], text);
    }
    return true;
}

/* "0-3,8,10-20:2" */
static bool is_cpu_range(struct slice range) {
    struct slice first, last, step;
    uint64_t low, high, every = 1;
    bool has_step = slice_split(&range, ':', &first) && range.data;
    if (has_step && !slice_split(&range, ':', &step)) return false;
    if (has_step && (range.data || !number_parse_uint(step, &every) || every == 0)) return false;
    struct slice bounds = first;
    if (!slice_split(&bounds, '-', &first) || !number_parse_uint(first, &low)) return false;
    if (!bounds.data) return low < 1024;
    last = bounds;
    return number_parse_uint(last, &high) && high < 1024 && low <= high;
}

bool core_settings_check_cpulist(const struct param *row, struct param_values *values, struct error *err) {
    struct slice rest = slice_text(values->items[0].text), range;
    if (rest.size == 0) return true;
    while (slice_split(&rest, ',', &range))
        if (!is_cpu_range(range)) return error_set(err, "argument must be processors such as 0-3,8 or 0-7:2");
    return true;
}

/* ---- dir: the working directory is the process's, so it is asked and told here
 * ----------------------------------------- */

static void get_dir(void *context, struct param_values *out) {
    char path[PATH_MAX];
    param_values_add(out, (struct slice){0}, slice_text(getcwd(path, sizeof path) ? path : ""));
}

static bool apply_dir(void *context, struct error *err) {
    const struct core_settings *settings = context;
    return chdir(settings->dir) == 0 || error_set(err, "%s", strerror(errno));
}

/* A file's relative path counted from where the process started, so it is compared with what it was set to. */
static bool equal_dir(void *context, const struct param_values *file) {
    const struct core_settings *settings = context;
    char path[PATH_MAX];
    if (strcmp(settings->dir, file->items[0].text) == 0) return true;
    return getcwd(path, sizeof path) && strcmp(path, file->items[0].text) == 0;
}

/* ---- rows
 * ------------------------------------------------------------------------------------------------------------------ */

static const struct param core_rows[] = {
#define PARAM(name, field, type, ...) PARAM_ROW(struct core_settings, name, field, type, __VA_ARGS__)
#include "core/config/param.def"
#undef PARAM
};

void core_settings_add(struct core_settings *settings, struct params *params) {
    params_add(params, core_rows, COUNT_OF(core_rows), settings);
    params_bind(params, "dir", (struct param_binding){.get = get_dir, .apply = apply_dir, .equal = equal_dir},
                settings);
}
