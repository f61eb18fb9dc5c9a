#include "store/persist/rdb_stream.h"
#include "store/persist/rdb_format.h"

#include <endian.h>

enum { ID_BYTES = 16 };

/* ---- writing ---- */

static void encode_id(char *bytes, struct entry_id id) {
    uint64_t big[2] = {htobe64(id.ms), htobe64(id.seq)};
    memcpy(bytes, big, ID_BYTES);
}

static void write_raw_id(struct rdb_out *out, struct entry_id id) {
    char bytes[ID_BYTES];
    encode_id(bytes, id);
    rdb_out_bytes(out, bytes, ID_BYTES);
}

static void write_id(struct rdb_out *out, struct entry_id id) {
    rdb_out_length(out, id.ms);
    rdb_out_length(out, id.seq);
}

static void write_pending(struct rdb_out *out, const struct stream_index *pending, bool with_nacks) {
    const struct index_item *item;
    rdb_out_length(out, stream_index_count(pending));
    for (struct index_place place = stream_index_first(pending); (item = stream_index_at(pending, place));
         place = stream_index_next(pending, place)) {
        const struct stream_nack *nack = item->value;
        write_raw_id(out, item->id);
        if (!with_nacks) continue;
        rdb_out_u64(out, (uint64_t)nack->delivered_ms);
        rdb_out_length(out, nack->deliveries);
    }
}

static void write_group(struct rdb_out *out, const struct stream_group *group) {
    rdb_out_text(out, group->name);
    write_id(out, group->last_id);
    rdb_out_length(out, (uint64_t)group->entries_read);
    write_pending(out, &group->pending, true);
    rdb_out_length(out, group->consumer_count);
    for (uint32_t i = 0; i < group->consumer_count; i++) {
        const struct stream_consumer *consumer = group->consumers[i];
        rdb_out_text(out, consumer->name);
        rdb_out_u64(out, (uint64_t)consumer->seen_ms);
        write_pending(out, &consumer->pending, false);
    }
}

void rdb_stream_write(struct rdb_out *out, const struct stream *stream) {
    const struct stream_index *nodes = &stream->nodes;
    const struct index_item *item;
    rdb_out_length(out, stream_index_count(nodes));
    for (struct index_place place = stream_index_first(nodes); (item = stream_index_at(nodes, place));
         place = stream_index_next(nodes, place)) {
        char id[ID_BYTES];
        encode_id(id, item->id);
        rdb_out_text(out, slice_make(id, ID_BYTES));
        rdb_out_text(out, listpack_bytes(item->value));
    }
    rdb_out_length(out, stream->length);
    write_id(out, stream->last_id);
    write_id(out, stream->first_id);
    write_id(out, stream->max_deleted_id);
    rdb_out_length(out, stream->entries_added);
    rdb_out_length(out, stream->group_count);
    for (uint32_t i = 0; i < stream->group_count; i++) write_group(out, stream->groups[i]);
}

/* ---- reading: one stage takes one thing, and decides what comes then ---- */

enum stage { NODE_COUNT, NODE, COUNTS, GROUP, NACK, CONSUMER_COUNT, CONSUMER, OWNED, DONE };

void rdb_stream_begin(struct rdb_stream_in *reader, struct stream *stream, unsigned type) {
    *reader = (struct rdb_stream_in){.stream = stream, .type = type, .stage = NODE_COUNT};
}

static struct entry_id decode_id(struct slice bytes) {
    uint64_t big[2];
    memcpy(big, bytes.data, ID_BYTES);
    return (struct entry_id){be64toh(big[0]), be64toh(big[1])};
}

static enum rdb_result read_raw_id(struct rdb_in *in, struct entry_id *id) {
    struct slice bytes;
    enum rdb_result result = rdb_in_bytes(in, ID_BYTES, &bytes);
    if (result == RDB_OK) *id = decode_id(bytes);
    return result;
}

static enum rdb_result read_id(struct rdb_in *in, struct entry_id *id) {
    enum rdb_result result = rdb_in_length(in, &id->ms);
    return result == RDB_OK ? rdb_in_length(in, &id->seq) : result;
}

static enum rdb_result read_node(struct rdb_stream_in *reader, struct rdb_in *in, struct rdb_text *text) {
    enum rdb_result result = rdb_in_text(in, text);
    if (result != RDB_OK) return result;
    if (text->text.size != ID_BYTES) return rdb_in_bad(in, "a stream's node whose id is none");
    struct entry_id id = decode_id(text->text);
    if ((result = rdb_in_text(in, text)) != RDB_OK) return result;
    return stream_load_node(reader->stream, id, text->text) ? RDB_OK : rdb_in_bad(in, "a stream's node that is damaged");
}

static enum rdb_result read_counts(struct rdb_stream_in *reader, struct rdb_in *in) {
    struct stream_counts *counts = &reader->counts;
    struct entry_id first;
    uint64_t length;
    enum rdb_result result = rdb_in_length(in, &length);
    if (result != RDB_OK || (result = read_id(in, &counts->last_id)) != RDB_OK) return result;
    counts->is_complete = reader->type != RDB_STREAM_LISTPACKS;
    if (counts->is_complete &&
        ((result = read_id(in, &first)) != RDB_OK || (result = read_id(in, &counts->max_deleted_id)) != RDB_OK ||
         (result = rdb_in_length(in, &counts->entries_added)) != RDB_OK))
        return result;
    if ((result = rdb_in_length(in, &reader->groups)) != RDB_OK) return result;
    return stream_load_counts(reader->stream, counts) ? RDB_OK : rdb_in_bad(in, "a stream whose last id is not the last");
}

static enum rdb_result read_group(struct rdb_stream_in *reader, struct rdb_in *in, struct rdb_text *text) {
    struct entry_id last;
    uint64_t read = 0;
    enum rdb_result result = rdb_in_text(in, text);
    if (result != RDB_OK || (result = read_id(in, &last)) != RDB_OK) return result;
    if (reader->type == RDB_STREAM_LISTPACKS)
        read = (uint64_t)stream_distance(reader->stream, last);
    else if ((result = rdb_in_length(in, &read)) != RDB_OK)
        return result;
    if ((result = rdb_in_length(in, &reader->left)) != RDB_OK) return result;
    reader->group = stream_group_add(reader->stream, text->text, last, (int64_t)read);
    return reader->group ? RDB_OK : rdb_in_bad(in, "a stream that has a group twice");
}

static enum rdb_result read_nack(struct rdb_stream_in *reader, struct rdb_in *in) {
    struct entry_id id;
    uint64_t delivered_ms, deliveries;
    enum rdb_result result = read_raw_id(in, &id);
    if (result != RDB_OK || (result = rdb_in_u64(in, &delivered_ms)) != RDB_OK || (result = rdb_in_length(in, &deliveries)) != RDB_OK)
        return result;
    return stream_group_load_nack(reader->group, id, (int64_t)delivered_ms, deliveries)
               ? RDB_OK
               : rdb_in_bad(in, "a stream's group in which an entry is pending twice");
}

static enum rdb_result read_consumer(struct rdb_stream_in *reader, struct rdb_in *in, struct rdb_text *text) {
    uint64_t seen_ms, active_ms;
    enum rdb_result result = rdb_in_text(in, text);
    if (result != RDB_OK || (result = rdb_in_u64(in, &seen_ms)) != RDB_OK) return result;
    active_ms = seen_ms;
    if (reader->type == RDB_STREAM_LISTPACKS_3 && (result = rdb_in_u64(in, &active_ms)) != RDB_OK) return result;
    if ((result = rdb_in_length(in, &reader->left)) != RDB_OK) return result;
    reader->consumer = stream_group_add_consumer(reader->group, text->text, (int64_t)seen_ms);
    if (!reader->consumer) return rdb_in_bad(in, "a stream's group that has a consumer twice");
    reader->consumer->active_ms = (int64_t)active_ms;
    return RDB_OK;
}

static enum rdb_result read_owned(struct rdb_stream_in *reader, struct rdb_in *in) {
    struct entry_id id;
    enum rdb_result result = read_raw_id(in, &id);
    if (result != RDB_OK) return result;
    return stream_group_load_owner(reader->group, reader->consumer, id)
               ? RDB_OK
               : rdb_in_bad(in, "a stream's consumer for whom something is pending that is not in its group");
}

/* Whether every pending entry of the group that was read last has a consumer. */
static bool next_group(struct rdb_stream_in *reader) {
    if (reader->group && !stream_group_load_end(reader->group)) return false;
    reader->group = NULL;
    reader->stage = reader->groups ? GROUP : DONE;
    return true;
}

static bool next_consumer(struct rdb_stream_in *reader) {
    reader->stage = CONSUMER;
    return reader->consumers || next_group(reader);
}

enum rdb_result rdb_stream_step(struct rdb_stream_in *reader, struct rdb_in *in, struct rdb_text *text, bool *is_done) {
    enum rdb_result result = RDB_OK;
    bool is_good = true;
    switch ((enum stage)reader->stage) {
    case NODE_COUNT:
        if ((result = rdb_in_length(in, &reader->left)) != RDB_OK) return result;
        reader->stage = reader->left ? NODE : COUNTS;
        break;
    case NODE:
        if ((result = read_node(reader, in, text)) != RDB_OK) return result;
        if (--reader->left == 0) reader->stage = COUNTS;
        break;
    case COUNTS:
        if ((result = read_counts(reader, in)) != RDB_OK) return result;
        is_good = next_group(reader);
        break;
    case GROUP:
        if ((result = read_group(reader, in, text)) != RDB_OK) return result;
        reader->groups--;
        reader->stage = reader->left ? NACK : CONSUMER_COUNT;
        break;
    case NACK:
        if ((result = read_nack(reader, in)) != RDB_OK) return result;
        if (--reader->left == 0) reader->stage = CONSUMER_COUNT;
        break;
    case CONSUMER_COUNT:
        if ((result = rdb_in_length(in, &reader->consumers)) != RDB_OK) return result;
        is_good = next_consumer(reader);
        break;
    case CONSUMER:
        if ((result = read_consumer(reader, in, text)) != RDB_OK) return result;
        reader->consumers--;
        if (reader->left) reader->stage = OWNED;
        else is_good = next_consumer(reader);
        break;
    case OWNED:
        if ((result = read_owned(reader, in)) != RDB_OK) return result;
        if (--reader->left == 0) is_good = next_consumer(reader);
        break;
    case DONE: UNREACHABLE("a stream was read to its end");
    }
    *is_done = reader->stage == DONE;
    return is_good ? RDB_OK : rdb_in_bad(in, "a stream's group in which an entry is pending for nobody");
}
