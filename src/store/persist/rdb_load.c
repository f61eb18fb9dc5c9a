#include "store/persist/rdb_load.h"
#include "base/crc64.h"
#include "base/mem.h"
#include "store/persist/rdb_format.h"
#include "store/persist/rdb_read.h"

enum state { HEAD, ITEM, KEY, VALUE, CHECKSUM, DONE };

struct rdb_loader {
    struct rdb_reader *reader;
    struct rdb_sink    sink;
    struct rdb_key     key;
    struct bytes       key_text;
    struct rdb_text    first, second;
    enum state         state;
    int                version;
    bool               verify;
    uint64_t           offset; /* of what feed() was shown last */
    uint64_t           crc;
    const char        *crc_from; /* what of the bytes shown the CRC does not have yet */
    const char        *start;    /* of the bytes shown */
    const struct rdb_in *in; /* while they are being read; else NULL */
    struct error      *err;
};

static void forget_key(struct rdb_loader *loader) {
    loader->key = (struct rdb_key){.expires_ms = -1, .idle_s = -1, .frequency = -1};
}

struct rdb_loader *rdb_loader_new(const struct rdb_rules *rules, const struct rdb_sink *sink, bool verify_checksum) {
    struct rdb_loader *loader = mem_zalloc(sizeof *loader);
    loader->reader = rdb_reader_new(rules);
    loader->sink = *sink;
    loader->verify = verify_checksum;
    forget_key(loader);
    return loader;
}

void rdb_loader_free(struct rdb_loader **place) {
    struct rdb_loader *loader = *place;
    if (!loader) return;
    *place = NULL;
    rdb_reader_free(&loader->reader);
    rdb_text_fini(&loader->first);
    rdb_text_fini(&loader->second);
    bytes_fini(&loader->key_text);
    mem_free(loader);
}

uint64_t rdb_loader_offset(const struct rdb_loader *loader) {
    return loader->offset + (loader->in ? (uint64_t)(loader->in->at - loader->start) : 0);
}

int rdb_loader_version(const struct rdb_loader *loader) {
    return loader->version;
}

void rdb_loader_describe(const struct rdb_loader *loader, struct bytes *out) {
    switch (loader->state) {
    case HEAD: bytes_add_text(out, "the head"); return;
    case ITEM: bytes_add_text(out, "an opcode"); return;
    case KEY: bytes_add_printf(out, "a key whose value has type %u", loader->key.type); return;
    case VALUE:
        bytes_add_printf(out, "a value of type %u, key ", loader->key.type);
        bytes_add_quoted(out, slice_make(loader->key_text.data, MIN(loader->key_text.size, 100)));
        return;
    case CHECKSUM: bytes_add_text(out, "the checksum"); return;
    case DONE: bytes_add_text(out, "what follows the end"); return;
    }
    UNREACHABLE("a state of the loader");
}

/* ---- head ---- */

static enum rdb_result read_head(struct rdb_loader *loader, struct rdb_in *in) {
    struct slice bytes;
    uint64_t version;
    enum rdb_result result = rdb_in_bytes(in, RDB_HEAD_BYTES, &bytes);
    if (result != RDB_OK) return result;
    if (!slice_starts_with(bytes, "REDIS")) return rdb_in_bad(in, "no dump file: it does not begin with REDIS");
    struct slice digits = slice_make(bytes.data + 5, 4);
    while (digits.size > 1 && *digits.data == '0') digits.data++, digits.size--;
    if (!number_parse_uint(digits, &version) || version < 1 || version > RDB_VERSION_NEW)
        return rdb_in_bad(in, "a version of dump files that is not known (1 to 12 are)");
    loader->version = (int)version;
    loader->state = ITEM;
    return RDB_OK;
}

/* ---- opcodes ---- */

static enum rdb_result read_function(struct rdb_loader *loader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &loader->first);
    if (result == RDB_OK && loader->sink.library) loader->sink.library(loader->sink.context, loader->first.text);
    return result;
}

static enum rdb_result read_field(struct rdb_loader *loader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &loader->first);
    if (result != RDB_OK || (result = rdb_in_text(in, &loader->second)) != RDB_OK) return result;
    if (loader->sink.field) loader->sink.field(loader->sink.context, loader->first.text, loader->second.text);
    return RDB_OK;
}

static enum rdb_result read_database(struct rdb_loader *loader, struct rdb_in *in) {
    uint64_t number;
    enum rdb_result result = rdb_in_length(in, &number);
    if (result != RDB_OK) return result;
    return loader->sink.database(loader->sink.context, number, loader->err) ? RDB_OK : rdb_in_bad(in, NULL);
}

static enum rdb_result read_sizes(struct rdb_loader *loader, struct rdb_in *in) {
    uint64_t keys, expiring;
    enum rdb_result result = rdb_in_length(in, &keys);
    if (result != RDB_OK || (result = rdb_in_length(in, &expiring)) != RDB_OK) return result;
    if (loader->sink.sizes) loader->sink.sizes(loader->sink.context, keys, expiring);
    return RDB_OK;
}

/* Sizes of slots. */
static enum rdb_result skip_lengths(struct rdb_in *in, int count) {
    uint64_t length;
    enum rdb_result result = RDB_OK;
    for (; count && result == RDB_OK; count--) result = rdb_in_length(in, &length);
    return result;
}

static enum rdb_result read_deadline(struct rdb_loader *loader, struct rdb_in *in, bool in_seconds) {
    uint64_t number = 0;
    int64_t seconds = 0;
    enum rdb_result result = in_seconds ? rdb_in_i32(in, &seconds) : rdb_in_u64(in, &number);
    if (result == RDB_OK) loader->key.expires_ms = in_seconds ? seconds * 1000 : (int64_t)number;
    return result;
}

static enum rdb_result read_use(struct rdb_loader *loader, struct rdb_in *in, bool is_frequency) {
    uint64_t idle_s = 0;
    unsigned frequency = 0;
    enum rdb_result result = is_frequency ? rdb_in_byte(in, &frequency) : rdb_in_length(in, &idle_s);
    if (result != RDB_OK) return result;
    if (is_frequency) loader->key.frequency = (int)frequency;
    else loader->key.idle_s = (int64_t)MIN(idle_s, (uint64_t)INT32_MAX);
    return RDB_OK;
}

static enum rdb_result begin_value(struct rdb_loader *loader, struct rdb_in *in, unsigned type) {
    if (type == RDB_MODULE_PRE_GA || type == RDB_MODULE_2) return rdb_in_bad(in, "a value of a module, which kvd does not have");
    if (!rdb_reader_begin(loader->reader, type)) return rdb_in_bad(in, "an opcode or a type of value that is not known");
    loader->key.type = type;
    loader->state = KEY;
    return RDB_OK;
}

static enum rdb_result read_item(struct rdb_loader *loader, struct rdb_in *in) {
    unsigned code;
    enum rdb_result result = rdb_in_byte(in, &code);
    if (result != RDB_OK) return result;
    if (code < RDB_TYPE_END) return begin_value(loader, in, code);
    switch (code) {
    case RDB_END: loader->state = loader->version >= 5 ? CHECKSUM : DONE; return RDB_OK;
    case RDB_SELECT_DB: return read_database(loader, in);
    case RDB_EXPIRE_S: return read_deadline(loader, in, true);
    case RDB_EXPIRE_MS: return read_deadline(loader, in, false);
    case RDB_RESIZE_DB: return read_sizes(loader, in);
    case RDB_AUX: return read_field(loader, in);
    case RDB_FREQ: return read_use(loader, in, true);
    case RDB_IDLE: return read_use(loader, in, false);
    case RDB_FUNCTION: return read_function(loader, in);
    case RDB_SLOT_INFO: return skip_lengths(in, 3);
    case RDB_FUNCTION_PRE_GA: return rdb_in_bad(in, "a function of a release candidate of Redis 7.0, which no later server reads");
    case RDB_MODULE_AUX: return rdb_in_bad(in, "data of a module, which kvd does not have");
    default: return rdb_in_bad(in, "an opcode or a type of value that is not known");
    }
}

/* ---- keys and values ---- */

static enum rdb_result read_key(struct rdb_loader *loader, struct rdb_in *in) {
    enum rdb_result result = rdb_in_text(in, &loader->first);
    if (result != RDB_OK) return result;
    bytes_clear(&loader->key_text);
    bytes_add_slice(&loader->key_text, loader->first.text);
    loader->state = VALUE;
    return RDB_OK;
}

static enum rdb_result read_value(struct rdb_loader *loader, struct rdb_in *in) {
    struct rdb_key *key = &loader->key;
    enum rdb_result result = rdb_reader_step(loader->reader, in, &key->value);
    if (result != RDB_OK && result != RDB_EMPTY) return result;
    key->key = bytes_slice(&loader->key_text);
    key->is_empty = result == RDB_EMPTY;
    if (!loader->sink.key(loader->sink.context, key, loader->err)) return rdb_in_bad(in, NULL);
    forget_key(loader);
    loader->state = ITEM;
    return RDB_OK;
}

/* ---- checksum ---- */

static void sum(struct rdb_loader *loader, const char *up_to) {
    if (loader->verify) loader->crc = crc64_update(loader->crc, slice_make(loader->crc_from, (size_t)(up_to - loader->crc_from)));
    loader->crc_from = up_to;
}

static enum rdb_result read_checksum(struct rdb_loader *loader, struct rdb_in *in) {
    uint64_t crc;
    sum(loader, in->at);
    enum rdb_result result = rdb_in_u64(in, &crc);
    if (result != RDB_OK) return result;
    loader->crc_from = in->at;
    if (loader->verify && crc && crc != loader->crc) /* 0: it was written without one */
        return rdb_in_bad(in, "a checksum that is wrong: something before it is damaged");
    loader->state = DONE;
    return RDB_OK;
}

/* ---- all ---- */

static enum rdb_result step(struct rdb_loader *loader, struct rdb_in *in) {
    switch (loader->state) {
    case HEAD: return read_head(loader, in);
    case ITEM: return read_item(loader, in);
    case KEY: return read_key(loader, in);
    case VALUE: return read_value(loader, in);
    case CHECKSUM: return read_checksum(loader, in);
    case DONE: return RDB_OK;
    }
    UNREACHABLE("a state of the loader");
}

static void say_what_is_wrong(struct rdb_loader *loader, const struct rdb_in *in) {
    struct bytes what = {0};
    if (in->wrong) error_set(loader->err, "%s", in->wrong);
    rdb_loader_describe(loader, &what);
    error_prefix(loader->err, "at offset %llu, reading %s", (unsigned long long)loader->offset, bytes_text(&what));
    bytes_fini(&what);
}

enum rdb_result rdb_loader_feed(struct rdb_loader *loader, struct rdb_in *in, struct error *err) {
    struct error unused;
    enum rdb_result result = RDB_OK;
    loader->start = loader->crc_from = in->at;
    loader->err = err ? err : &unused;
    loader->in = in;
    in->wrong = NULL;
    while (result == RDB_OK && loader->state != DONE) {
        const char *start = in->at;
        result = step(loader, in);
        /* A value remembers what it took of itself; everything else is taken as a whole or shown again. */
        if (result == RDB_MORE && loader->state != VALUE && in->at != start) {
            in->wanted += (size_t)(in->at - start);
            in->at = start;
        }
    }
    sum(loader, in->at);
    loader->in = NULL;
    loader->offset += (uint64_t)(in->at - loader->start);
    if (result == RDB_BAD) say_what_is_wrong(loader, in);
    return result;
}
