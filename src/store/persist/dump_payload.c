#include "store/persist/dump_payload.h"
#include "base/crc64.h"
#include "store/persist/rdb_read.h"
#include "store/persist/rdb_write.h"

#include <endian.h>

static uint64_t crc_of(struct slice bytes) {
    return crc64_update(0, bytes);
}

void dump_payload_write(struct rdb_out *out, const struct value *value) {
    CHECK(out->size == 0);
    enum rdb_type type = rdb_type_of(value);
    int version = rdb_version_for(type);
    rdb_out_byte(out, type);
    rdb_write_value(out, value);
    rdb_out_byte(out, (unsigned)version & 255);
    rdb_out_byte(out, (unsigned)version >> 8);
    rdb_out_u64(out, crc_of(slice_make(out->data, out->size)));
}

bool dump_payload_open(struct slice payload, struct slice *body) {
    if (payload.size < RDB_DUMP_TAIL_BYTES) return false;
    size_t size = payload.size - RDB_DUMP_TAIL_BYTES;
    const unsigned char *tail = (const unsigned char *)payload.data + size;
    uint64_t crc;
    memcpy(&crc, tail + 2, sizeof crc);
    if ((tail[0] | tail[1] << 8) > RDB_VERSION_NEW || le64toh(crc) != crc_of(slice_make(payload.data, size + 2))) return false;
    *body = slice_make(payload.data, size);
    return true;
}

static bool read_whole(struct rdb_reader *reader, struct slice body, struct value *value) {
    struct rdb_in in = {.at = body.data, .end = body.data + body.size};
    unsigned type;
    if (rdb_in_byte(&in, &type) != RDB_OK || !rdb_reader_begin(reader, type)) return false;
    if (rdb_reader_step(reader, &in, value) != RDB_OK) return false;
    if (in.at == in.end) return true;
    if (value->form == VALUE_OBJECT) value_free_object(value->type, value->encoding, value->object);
    return false;
}

bool dump_payload_read(struct slice body, const struct rdb_rules *rules, struct value *value, char **memory) {
    struct rdb_reader *reader = rdb_reader_new(rules);
    *memory = NULL;
    bool good = read_whole(reader, body, value);
    if (good && value->form == VALUE_TEXT) { /* it may lie in the reader */
        *memory = mem_strndup(value->text.data, value->text.size);
        value->text.data = *memory;
    }
    rdb_reader_free(&reader);
    return good;
}
