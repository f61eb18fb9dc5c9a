#include "store/persist/aof_read.h"
#include "base/mem.h"
#include "base/number.h"

enum { COUNT_LINE_MAX = 32 /* "*" or "$", digits, CR and LF */ };

void aof_reader_fini(struct aof_reader *reader) {
    mem_free(reader->argv);
    *reader = (struct aof_reader){0};
}

void aof_reader_restart(struct aof_reader *reader) {
    reader->at = 0;
    reader->argc = reader->expected = 0;
}

static enum aof_read_result more(struct aof_reader *reader, size_t wanted) {
    reader->wanted = wanted;
    return AOF_READ_MORE;
}

static enum aof_read_result bad(struct aof_reader *reader, size_t at, const char *wrong) {
    reader->wrong = wrong;
    reader->wrong_at = at;
    return AOF_READ_BAD;
}

/* "<sign>123\r\n" at reader->at; moves behind it. `wrong` says what is expected there. */
static enum aof_read_result read_count(struct aof_reader *reader, struct slice bytes, char sign, uint64_t *count,
                                       const char *wrong) {
    const char *start = bytes.data + reader->at;
    size_t left = bytes.size - reader->at;
    if (left && *start != sign) return bad(reader, reader->at, wrong);
    const char *end = left ? memchr(start, '\n', MIN(left, COUNT_LINE_MAX)) : NULL;
    if (!end) return left >= COUNT_LINE_MAX ? bad(reader, reader->at, wrong) : more(reader, bytes.size + 1);
    size_t size = (size_t)(end - start);
    if (size < 3 || end[-1] != '\r' || !number_parse_uint(slice_make(start + 1, size - 2), count))
        return bad(reader, reader->at, wrong);
    reader->at += size + 1;
    return AOF_READ_COMMAND;
}

static enum aof_read_result read_remark(struct aof_reader *reader, struct slice bytes) {
    const char *end = memchr(bytes.data, '\n', MIN(bytes.size, AOF_REMARK_MAX));
    if (!end)
        return bytes.size >= AOF_REMARK_MAX ? bad(reader, 0, "a remark without an end") : more(reader, bytes.size + 1);
    reader->taken = (size_t)(end - bytes.data) + 1;
    reader->remark = slice_trim(slice_make(bytes.data + 1, reader->taken - 2));
    return AOF_READ_REMARK;
}

/* Arguments are places in the bytes until all are there, since the bytes may lie elsewhere next time. */
static void keep(struct aof_reader *reader, size_t place, size_t size) {
    if ((size_t)reader->argc == reader->capacity) {
        reader->capacity = reader->capacity ? reader->capacity * 2 : 16;
        reader->argv = mem_realloc(reader->argv, reader->capacity * sizeof *reader->argv);
    }
    reader->argv[reader->argc++] = (struct slice){(const char *)(uintptr_t)place, size};
}

static enum aof_read_result read_argument(struct aof_reader *reader, struct slice bytes) {
    size_t start = reader->at;
    uint64_t size;
    enum aof_read_result result = read_count(reader, bytes, '$', &size, "the length of an argument is expected ($ and a number)");
    if (result != AOF_READ_COMMAND) return result;
    size_t place = reader->at;
    reader->at = start;
    if (size > SIZE_MAX / 4) return bad(reader, start, "an argument of impossible length");
    if (bytes.size - place < size + 2) return more(reader, place + (size_t)size + 2);
    if (memcmp(bytes.data + place + size, "\r\n", 2) != 0)
        return bad(reader, place + (size_t)size, "an argument does not end where its length says (CR and LF are expected)");
    keep(reader, place, (size_t)size);
    reader->at = place + (size_t)size + 2;
    return AOF_READ_COMMAND;
}

enum aof_read_result aof_reader_step(struct aof_reader *reader, struct slice bytes) {
    enum aof_read_result result;
    if (!bytes.size) return more(reader, 1);
    if (!reader->expected) {
        uint64_t count;
        if (*bytes.data == '#') return read_remark(reader, bytes);
        aof_reader_restart(reader);
        result = read_count(reader, bytes, '*', &count, "the beginning of a command is expected (* and a number)");
        if (result != AOF_READ_COMMAND) return result;
        if (count < 1 || count > AOF_ARGS_MAX) return bad(reader, 0, "a command with an impossible number of arguments");
        reader->expected = (int)count;
    }
    while (reader->argc < reader->expected)
        if ((result = read_argument(reader, bytes)) != AOF_READ_COMMAND) return result;
    for (int i = 0; i < reader->argc; i++) reader->argv[i].data = bytes.data + (uintptr_t)reader->argv[i].data;
    reader->taken = reader->at;
    reader->expected = 0;
    return AOF_READ_COMMAND;
}

bool aof_reader_timestamp(struct slice remark, int64_t *wall_s) {
    return slice_starts_with(remark, "TS:") && number_parse_int(slice_make(remark.data + 3, remark.size - 3), wall_s) &&
           *wall_s >= 0;
}

bool aof_reader_place(struct slice remark, struct slice *id, int64_t *offset, int *db) {
    struct slice rest, offset_text;
    int64_t number;
    if (!slice_starts_with(remark, "PLACE:")) return false;
    rest = slice_make(remark.data + 6, remark.size - 6);
    if (!slice_split(&rest, ' ', id) || !slice_split(&rest, ' ', &offset_text) || !rest.data) return false;
    if (!number_parse_int(offset_text, offset) || *offset < 0) return false;
    if (!number_parse_int(rest, &number) || number < 0 || number > INT32_MAX) return false;
    *db = (int)number;
    return true;
}
