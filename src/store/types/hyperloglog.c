/* Runs of the sparse form:   00llllll            ZERO: l + 1 registers are 0
 *                            01llllll llllllll   XZERO: the same, up to 16384 of them
 *                            1vvvvvll            VAL: l + 1 (up to 4) registers are v + 1 (up to 32)
 * How runs are cut and joined decides the bytes, so it follows Redis exactly. */
#include "store/types/hyperloglog.h"

#include <math.h>

enum {
    HEADER = 16,
    INDEX_BITS = 14,
    RANK_MAX = 64 - INDEX_BITS + 1, /* of an element: leading zeros + 1 */
    VAL_VALUE_MAX = 32,
    VAL_RUN_MAX = 4,
    ZERO_RUN_MAX = 64,
    DENSE = 0,
    SPARSE = 1,
    JOIN_LOOKAHEAD = 5 /* runs that are looked at for joining after a change */
};

/* MurmurHash64A (Austin Appleby), little endian, with the format's seed. */
static uint64_t murmur(struct slice data) {
    const uint64_t m = 0xc6a4a7935bd1e995u;
    uint64_t       hash = 0xadc83b19u ^ (data.size * m);
    size_t         i = 0;
    for (; i + 8 <= data.size; i += 8) {
        uint64_t word = 0;
        for (int j = 7; j >= 0; j--) word = word << 8 | (unsigned char)data.data[i + (size_t)j];
        word *= m;
        word ^= word >> 47;
        hash = (hash ^ word * m) * m;
    }
    if (i < data.size) {
        uint64_t word = 0;
        for (size_t j = data.size; j > i; j--) word = word << 8 | (unsigned char)data.data[j - 1];
        hash = (hash ^ word) * m;
    }
    hash = (hash ^ hash >> 47) * m;
    return hash ^ hash >> 47;
}

/* Which register an element concerns, and how high it raises it. */
static unsigned rank_of(struct slice element, unsigned *index) {
    uint64_t hash = murmur(element);
    *index = hash & (HYPERLOGLOG_REGISTERS - 1);
    hash = hash >> INDEX_BITS | 1ull << (64 - INDEX_BITS);
    return (unsigned)__builtin_ctzll(hash) + 1;
}

/* ---- the header ---- */

bool hyperloglog_is_valid(struct slice text) {
    if (text.size < HEADER || memcmp(text.data, "HYLL", 4) != 0) return false;
    if (text.data[4] == DENSE) return text.size == HYPERLOGLOG_DENSE_BYTES;
    return text.data[4] == SPARSE;
}

bool hyperloglog_is_dense(struct slice text) {
    return text.data[4] == DENSE;
}

void hyperloglog_mark_stale(char *text) {
    text[15] = (char)(text[15] | 0x80);
}

bool hyperloglog_cached(struct slice text, uint64_t *count) {
    if (text.data[15] & 0x80) return false;
    *count = 0;
    for (int i = 7; i >= 0; i--) *count = *count << 8 | (unsigned char)text.data[8 + i];
    return true;
}

void hyperloglog_cache(char *text, uint64_t count) {
    for (int i = 0; i < 8; i++) text[8 + i] = (char)(count >> 8 * i);
}

/* ---- dense ---- */

static unsigned dense_get(const char *text, unsigned index) {
    const unsigned char *byte = (const unsigned char *)text + HEADER + index * 6 / 8;
    unsigned             shift = index * 6 & 7;
    unsigned             word = byte[0] | (shift > 2 ? (unsigned)byte[1] << 8 : 0);
    return word >> shift & 63;
}

static bool dense_raise(char *text, unsigned index, unsigned rank) {
    if (dense_get(text, index) >= rank) return false;
    unsigned char *byte = (unsigned char *)text + HEADER + index * 6 / 8;
    unsigned       shift = index * 6 & 7;
    byte[0] = (unsigned char)((byte[0] & ~(63u << shift)) | rank << shift);
    if (shift > 2) byte[1] = (unsigned char)((byte[1] & ~(63u >> (8 - shift))) | rank >> (8 - shift));
    return true;
}

enum hyperloglog_result hyperloglog_add_dense(char *text, struct slice element) {
    unsigned index, rank = rank_of(element, &index);
    return dense_raise(text, index, rank) ? HYPERLOGLOG_CHANGED : HYPERLOGLOG_SAME;
}

/* ---- sparse ---- */

struct run {
    unsigned length, value; /* value 0: ZERO or XZERO */
    size_t   bytes;         /* that it takes */
};

/* The run at the front of `text`; one that is cut off takes more bytes than there are. */
static struct run run_at(const char *at) {
    unsigned byte = (unsigned char)at[0];
    if (byte & 0x80) return (struct run){(byte & 3) + 1, (byte >> 2 & 31) + 1, 1};
    if (byte & 0x40) return (struct run){0, 0, 2};
    return (struct run){(byte & 63) + 1, 0, 1};
}

static bool read_run(struct slice text, size_t at, struct run *run) {
    *run = run_at(text.data + at);
    if (at + run->bytes > text.size) return false;
    if (run->bytes == 2) run->length = (((unsigned char)text.data[at] & 63u) << 8 | (unsigned char)text.data[at + 1]) + 1;
    return true;
}

static char *put_value(char *at, unsigned value, unsigned length) {
    *at = (char)(0x80 | (value - 1) << 2 | (length - 1));
    return at + 1;
}

static char *put_zeros(char *at, unsigned length) {
    if (length > ZERO_RUN_MAX) *at++ = (char)(0x40 | (length - 1) >> 8);
    *at++ = (char)(length - 1);
    return at;
}

static char *put_run(char *at, unsigned value, unsigned length) {
    if (length == 0) return at;
    return value ? put_value(at, value, length) : put_zeros(at, length);
}

void hyperloglog_create(struct bytes *out) {
    char header[HEADER + 2] = {'H', 'Y', 'L', 'L', SPARSE};
    put_zeros(header + HEADER, HYPERLOGLOG_REGISTERS);
    bytes_clear(out);
    bytes_add(out, header, sizeof header);
}

bool hyperloglog_join(uint8_t registers[HYPERLOGLOG_REGISTERS], struct slice text) {
    if (hyperloglog_is_dense(text)) {
        for (unsigned i = 0; i < HYPERLOGLOG_REGISTERS; i++)
            registers[i] = (uint8_t)MAX(registers[i], dense_get(text.data, i));
        return true;
    }
    unsigned   index = 0;
    struct run run;
    for (size_t at = HEADER; at < text.size; at += run.bytes) {
        if (!read_run(text, at, &run) || run.length > HYPERLOGLOG_REGISTERS - index) return false;
        for (unsigned end = index + run.length; index < end; index++)
            registers[index] = (uint8_t)MAX(registers[index], run.value);
    }
    return index == HYPERLOGLOG_REGISTERS;
}

/* Sparse to dense. False: corrupt, and nothing changed. */
static bool to_dense(struct bytes *text) {
    uint8_t registers[HYPERLOGLOG_REGISTERS] = {0};
    if (!hyperloglog_join(registers, bytes_slice(text))) return false;
    bytes_reserve(text, HYPERLOGLOG_DENSE_BYTES);
    memset(text->data + HEADER, 0, HYPERLOGLOG_DENSE_BYTES - HEADER);
    text->data[4] = DENSE;
    text->size = HYPERLOGLOG_DENSE_BYTES;
    text->data[text->size] = 0;
    for (unsigned i = 0; i < HYPERLOGLOG_REGISTERS; i++) dense_raise(text->data, i, registers[i]);
    return true;
}

static void replace(struct bytes *text, size_t at, size_t old, const char *new, size_t size) {
    if (size > old) bytes_reserve(text, size - old);
    memmove(text->data + at + size, text->data + at + old, text->size - at - old);
    memcpy(text->data + at, new, size);
    text->size = text->size - old + size;
    text->data[text->size] = 0;
}

/* Adjacent runs of one value become one, within a few runs from `at` on. */
static void join_runs(struct bytes *text, size_t at) {
    struct run run, next;
    for (int left = JOIN_LOOKAHEAD; left > 0 && at < text->size && read_run(bytes_slice(text), at, &run); left--) {
        bool has_next = run.value && at + 1 < text->size && read_run(bytes_slice(text), at + 1, &next) && next.value;
        if (has_next && next.value == run.value && run.length + next.length <= VAL_RUN_MAX) {
            char joined;
            put_value(&joined, run.value, run.length + next.length);
            replace(text, at, 2, &joined, 1);
        } else {
            at += run.bytes;
        }
    }
}

static enum hyperloglog_result promote(struct bytes *text, unsigned index, unsigned rank) {
    if (!to_dense(text)) return HYPERLOGLOG_CORRUPT;
    return dense_raise(text->data, index, rank) ? HYPERLOGLOG_CHANGED : HYPERLOGLOG_SAME;
}

static enum hyperloglog_result sparse_raise(struct bytes *text, unsigned index, unsigned rank, size_t max_bytes) {
    if (rank > VAL_VALUE_MAX) return promote(text, index, rank);
    size_t     at = HEADER, previous = HEADER;
    unsigned   first = 0;
    struct run run;
    for (;; first += run.length, previous = at, at += run.bytes) {
        if (at >= text->size || !read_run(bytes_slice(text), at, &run)) return HYPERLOGLOG_CORRUPT;
        if (index < first + run.length) break;
    }
    if (run.value >= rank) return HYPERLOGLOG_SAME;
    char  parts[5];
    char *end = put_run(parts, run.value, index - first);
    end = put_value(end, rank, 1);
    end = put_run(end, run.value, first + run.length - 1 - index);
    size_t size = (size_t)(end - parts);
    if (size > run.bytes && text->size + size - run.bytes > max_bytes) return promote(text, index, rank);
    replace(text, at, run.bytes, parts, size);
    join_runs(text, previous);
    return HYPERLOGLOG_CHANGED;
}

static enum hyperloglog_result raise_one(struct bytes *text, unsigned index, unsigned rank, size_t sparse_max_bytes) {
    if (!hyperloglog_is_dense(bytes_slice(text))) return sparse_raise(text, index, rank, sparse_max_bytes);
    return dense_raise(text->data, index, rank) ? HYPERLOGLOG_CHANGED : HYPERLOGLOG_SAME;
}

enum hyperloglog_result hyperloglog_add(struct bytes *text, struct slice element, size_t sparse_max_bytes) {
    unsigned index, rank = rank_of(element, &index);
    return raise_one(text, index, rank, sparse_max_bytes);
}

bool hyperloglog_raise(struct bytes *text, const uint8_t registers[HYPERLOGLOG_REGISTERS], bool make_dense,
                       size_t sparse_max_bytes) {
    if (make_dense && !hyperloglog_is_dense(bytes_slice(text)) && !to_dense(text)) return false;
    for (unsigned i = 0; i < HYPERLOGLOG_REGISTERS; i++) {
        if (!registers[i]) continue;
        if (raise_one(text, i, registers[i], sparse_max_bytes) == HYPERLOGLOG_CORRUPT) return false;
    }
    return true;
}

/* ---- the estimate ---- */

static double sigma(double x) {
    if (x == 1) return INFINITY;
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (before != z);
    return z;
}

static double tau(double x) {
    if (x == 0 || x == 1) return 0;
    double y = 1, z = 1 - x, before;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (before != z);
    return z / 3;
}

static uint64_t estimate(const unsigned histogram[64]) {
    const double m = HYPERLOGLOG_REGISTERS, alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
    double       z = m * tau((m - histogram[RANK_MAX]) / m);
    for (int j = RANK_MAX - 1; j >= 1; j--) z = (z + histogram[j]) * 0.5;
    z += m * sigma(histogram[0] / m);
    return (uint64_t)llround(alpha * m * m / z);
}

uint64_t hyperloglog_count_registers(const uint8_t registers[HYPERLOGLOG_REGISTERS]) {
    unsigned histogram[64] = {0};
    for (unsigned i = 0; i < HYPERLOGLOG_REGISTERS; i++) histogram[registers[i] & 63]++;
    return estimate(histogram);
}

bool hyperloglog_count(struct slice text, uint64_t *count) {
    uint8_t registers[HYPERLOGLOG_REGISTERS] = {0};
    if (!hyperloglog_join(registers, text)) return false;
    *count = hyperloglog_count_registers(registers);
    return true;
}

bool hyperloglog_print_runs(struct slice text, struct bytes *out) {
    for (size_t at = HEADER; at < text.size;) {
        struct run run;
        if (!read_run(text, at, &run)) return false;
        if (out->size) bytes_add_char(out, ' ');
        if (run.value)
            bytes_add_printf(out, "v:%u,%u", run.value, run.length);
        else
            bytes_add_printf(out, "%c:%u", run.bytes == 2 ? 'Z' : 'z', run.length);
        at += run.bytes;
    }
    return true;
}
