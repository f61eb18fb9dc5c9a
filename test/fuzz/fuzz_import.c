/* Any bytes as a redis.conf or sentinel.conf: refused with a line, or turned into YAML that reads back.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/config/core_settings.h"
#include "core/config/import.h"
#include "core/config/yaml_read.h"

struct primary_settings {
    char               *host;
    uint64_t            port, quorum;
    struct param_values rename_command;
};
static const struct param primary_rows[] = {
    PARAM_ROW(struct primary_settings, "host", host, text, .flags = PARAM_REQUIRED)
    PARAM_ROW(struct primary_settings, "port", port, uint, .def = "6379", .max = 65535)
    PARAM_ROW(struct primary_settings, "quorum", quorum, uint, .def = "1")
    PARAM_ROW(struct primary_settings, "rename-command", rename_command, map, .words = 2)
};
static const struct param_group primaries = {.name = "sentinel-masters",
                                             .rows = primary_rows,
                                             .count = COUNT_OF(primary_rows),
                                             .settings_size = sizeof(struct primary_settings)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct core_settings settings = {0};
    struct params       *params = params_new();
    struct bytes         yaml = {0}, report = {0};
    core_settings_add(&settings, params);
    params_add_group(params, &primaries, NULL);
    (void)import_is_sentinel(slice_make(data, size));
    bool good = import_text(params, "f", slice_make(data, size), &yaml, &report);
    CHECK(good == (report.size == 0));
    if (good) {
        struct yaml_read *read = yaml_read_new(params, &report);
        yaml_read_text(read, "f", bytes_slice(&yaml), NULL);
        CHECK(yaml_read_problems(read) == 0);
        CHECK(yaml_read_store(read));
        yaml_read_free(&read);
    }
    bytes_fini(&yaml);
    bytes_fini(&report);
    params_free(&params);
    return 0;
}
