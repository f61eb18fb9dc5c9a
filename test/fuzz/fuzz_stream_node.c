/* Any bytes as a stream's node: refused, or whole: it can be walked both ways, searched, edited, and loaded again.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "store/types/stream.h"

static size_t read_fields(const struct stream_entry *entry) {
    char name[NUMBER_TEXT_SIZE], value[NUMBER_TEXT_SIZE];
    size_t bytes = 0;
    struct stream_fields fields = stream_node_fields(entry);
    while (stream_node_next_field(&fields)) bytes += listpack_text(fields.name, name).size + listpack_text(fields.value, value).size;
    return bytes;
}

static void walk(const struct stream *stream) {
    struct stream_walk walk;
    size_t counts[2] = {0}, bytes[2] = {0};
    for (int backwards = 0; backwards < 2; backwards++) {
        stream_walk_start(&walk, stream, ENTRY_ID_ZERO, ENTRY_ID_MAX, backwards);
        while (stream_walk_next(&walk)) {
            counts[backwards]++;
            bytes[backwards] += read_fields(&walk.entry);
        }
    }
    CHECK(counts[0] == counts[1] && counts[0] == stream->length);
    CHECK(bytes[0] == bytes[1]);
}

static void edit(struct stream *stream) {
    static const struct stream_limits limits = {4096, 100};
    if (entry_id_compare(stream->last_id, ENTRY_ID_MAX) < 0)
        stream_add(stream, ENTRY_ID_MAX, (const struct slice[]){SLICE("f"), SLICE("v"), SLICE("g"), SLICE("7")}, 2, &limits);
    uint64_t length = stream->length;
    if (length) CHECK(stream_remove(stream, stream->first_id));
    walk(stream);
    stream_trim(stream, &(struct stream_trim){.by = STREAM_MAX_LENGTH, .max_length = stream->length / 2});
    walk(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    struct entry_id master = {data[0], data[1]};
    struct stream *stream = stream_new();
    if (stream_load_node(stream, master, slice_make(data + 2, size - 2))) {
        struct stream_counts counts = {.last_id = ENTRY_ID_MAX};
        CHECK(stream_load_counts(stream, &counts));
        const struct index_item *item = stream_index_at(&stream->nodes, stream_index_last(&stream->nodes));
        struct stream_entry last;
        CHECK(stream_node_last(item->value, item->id, &last));
        stream->last_id = last.id;
        walk(stream);
        edit(stream);
    }
    stream_free(stream);
    return 0;
}
