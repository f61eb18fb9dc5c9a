/* Any bytes as a configuration file: read or refused with a place, and what was read can be changed and rewritten.
 *
 * Input: a byte that says what is changed, then the file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/config/core_settings.h"
#include "core/config/yaml_read.h"
#include "core/config/yaml_rewrite.h"

#include <string.h>

struct primary_settings {
    char               *host;
    uint64_t            quorum;
    struct param_values rename_command;
};
static const struct param primary_rows[] = {
    PARAM_ROW(struct primary_settings, "host", host, text, .flags = PARAM_REQUIRED)
    PARAM_ROW(struct primary_settings, "quorum", quorum, uint, .def = "1")
    PARAM_ROW(struct primary_settings, "rename-command", rename_command, map, .words = 2)
};
static const struct param_group primaries = {.name = "sentinel-masters",
                                             .rows = primary_rows,
                                             .count = COUNT_OF(primary_rows),
                                             .settings_size = sizeof(struct primary_settings)};

struct list_settings {
    struct param_values saves, people;
};
static const struct param list_rows[] = {
    PARAM_ROW(struct list_settings, "saves", saves, list, .words = 2, .flags = PARAM_MUTABLE | PARAM_MULTI)
    PARAM_ROW(struct list_settings, "people", people, list, .flags = PARAM_MUTABLE | PARAM_MULTI)
};

static void change(struct params *params, unsigned what) {
    static const char *const changes[][2] = {
        {"hz", "77"},           {"requirepass", "it's: #1"},  {"client-output-buffer-limit", "pubsub 1 2 3"},
        {"bind", "::1 127.1"},  {"saves", "60 1 30 2 15 3"}, {"people", "one: of, them"},
        {"tls-ciphers", "[a]"}, {"timeout", "9"},
    };
    for (unsigned i = 0; i < COUNT_OF(changes); i++) {
        if (!(what & (1u << i))) continue;
        struct param_change one = {params_find(params, slice_text(changes[i][0])), slice_text(changes[i][1])};
        CHECK(params_change(params, &one, 1, NULL, NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct core_settings settings = {0};
    struct list_settings lists = {0};
    struct params       *params = params_new();
    struct bytes         report = {0}, out = {0}, again = {0};
    struct error         err;
    if (size == 0) data = (const uint8_t *)"", size = 1;
    core_settings_add(&settings, params);
    params_add(params, list_rows, COUNT_OF(list_rows), &lists);
    params_add_group(params, &primaries, NULL);
    struct slice      text = slice_make(data + 1, size - 1);
    struct yaml_read *read = yaml_read_new(params, &report);
    yaml_read_text(read, "f", text, NULL);
    bool good = yaml_read_problems(read) == 0;
    CHECK(good == (report.size == 0));
    CHECK(!good || yaml_read_store(read));
    yaml_read_free(&read);
    if (good) {
        /* nothing changed: nothing is touched */
        CHECK(yaml_rewrite(params, text, "f", NULL, &out, &err));
        CHECK(slice_equal(bytes_slice(&out), text));
        bytes_clear(&out);
        change(params, data[0]);
        CHECK(yaml_rewrite(params, text, "f", NULL, &out, &err));
        CHECK(yaml_rewrite(params, bytes_slice(&out), "f", NULL, &again, &err));
        CHECK(slice_equal(bytes_slice(&out), bytes_slice(&again)));
    }
    bytes_fini(&report);
    bytes_fini(&out);
    bytes_fini(&again);
    params_free(&params);
    return 0;
}
