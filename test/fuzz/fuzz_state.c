/* Any bytes as a state file: read to entries or refused; entries of any words make records or an error; a machine takes
 * any records, and what it would save is read again as the same.
 *
 * Input: a byte that chooses; then the file, or entries: lines of key, a tab and value.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sentinel/driver/state_entries.h"
#include "sentinel/driver/state_file.h"
#include "sentinel/driver/state_text.h"
#include "base/mem.h"
#include "sentinel/machine/machine.h"

static void no_wake(void *context) {
    (void)context;
}

static void on_entry(void *context, const char *key, const char *value) {
    struct state_file *file = context;
    if (value) state_file_set(file, key, value);
    else state_file_remove(file, key);
}

static void print_entry(void *context, const char *key, const char *value) {
    state_text_add(context, key, value);
}

static void read_lines(struct state_file *file, struct slice rest) {
    struct slice line, key;
    while (slice_split(&rest, '\n', &line)) {
        if (!slice_split(&line, '\t', &key) || !line.data) continue;
        char *name = slice_to_text(key), *value = slice_to_text(line);
        state_file_set(file, name, value);
        mem_free(name);
        mem_free(value);
    }
}

/* What a machine made of the records must survive being saved and loaded. */
static void take_records(const struct state_records *records) {
    struct primary_config primary = {.name = "mymaster", .host = "10.0.0.1", .port = 6379, .quorum = 2};
    struct machine_config config = {.seed = 1,
                                    .id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                    .port = 26379,
                                    .primaries = &primary,
                                    .primary_count = 1};
    struct bytes first = {0}, second = {0};
    struct state_records kept, again;
    struct error err;
    state_records_init(&kept);
    state_records_init(&again);
    struct machine *machine = machine_new(&config, records->items, records->count, 1);
    machine_state(machine, &kept);
    struct state_file *file = state_file_new("/nonexistent/state", no_wake, NULL);
    state_entries_store(file, &kept);
    state_file_each(file, print_entry, &first);
    CHECK(state_entries_read(file, &again, &err));
    machine_free(&machine);
    machine = machine_new(&config, again.items, again.count, 1);
    state_records_clear(&kept);
    machine_state(machine, &kept);
    state_entries_store(file, &kept);
    state_file_each(file, print_entry, &second);
    CHECK(slice_equal(bytes_slice(&first), bytes_slice(&second)));
    machine_free(&machine);
    state_file_free(&file);
    state_records_fini(&kept);
    state_records_fini(&again);
    bytes_fini(&first);
    bytes_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    struct slice text = slice_make(data + 1, size - 1);
    struct state_file *file = state_file_new("/nonexistent/state", no_wake, NULL);
    struct state_records records;
    struct state_text_info info;
    struct error err;
    state_records_init(&records);
    if (data[0] & 1) {
        read_lines(file, text);
    } else if (state_text_read(text, on_entry, file, &info, &err) == STATE_TEXT_REFUSED) {
        CHECK(state_file_count(file) == 0);
    } else {
        CHECK(info.good_bytes <= text.size);
    }
    if (state_entries_read(file, &records, &err)) take_records(&records);
    state_file_free(&file);
    state_records_fini(&records);
    return 0;
}
