#include "store/persist/packed_old.h"
#include "base/listpack.h"
#include "base/mem.h"

#include <endian.h>

enum { END = 0xff, LONG_SIZE = 0xfe, ZIPLIST_HEAD = 10, COUNT_UNKNOWN = 65535, ZIPMAP_COUNT_UNKNOWN = 254 };

struct cursor {
    const uint8_t *at, *end; /* end: behind the END byte */
};

static size_t left(const struct cursor *cursor) {
    return (size_t)(cursor->end - cursor->at);
}

static uint32_t load32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static uint64_t load64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

/* One byte, or LONG_SIZE and four. */
static bool take_size(struct cursor *cursor, size_t *size) {
    if (left(cursor) < 1 || *cursor->at == END) return false;
    *size = *cursor->at++;
    if (*size != LONG_SIZE) return true;
    if (left(cursor) < 4) return false;
    *size = load32(cursor->at);
    cursor->at += 4;
    return true;
}

static bool take_text(struct cursor *cursor, size_t size, struct slice *text) {
    if (left(cursor) < size) return false;
    *text = slice_make(cursor->at, size);
    cursor->at += size;
    return true;
}

static bool add_text(struct listpack **listpack, struct slice text) {
    if (!listpack_has_room(*listpack, listpack_entry_size(text))) return false;
    listpack_append(listpack, text);
    return true;
}

static bool add_number(struct listpack **listpack, int64_t number) {
    char text[NUMBER_TEXT_SIZE];
    return add_text(listpack, slice_make(text, number_print_int(text, number)));
}

/* ---- ziplist ---- */

static bool take_ziplist_text(struct cursor *cursor, struct slice *text) {
    const uint8_t *at = cursor->at;
    size_t size, head;
    switch (at[0] >> 6) {
    case 0: head = 1, size = at[0] & 63; break;
    case 1:
        if (left(cursor) < 2) return false;
        head = 2, size = (size_t)(at[0] & 63) << 8 | at[1];
        break;
    default:
        if (at[0] != 0x80 || left(cursor) < 5) return false;
        head = 5, size = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
    }
    cursor->at += head;
    return take_text(cursor, size, text);
}

static bool take_ziplist_number(struct cursor *cursor, int64_t *number) {
    const uint8_t *at = cursor->at;
    size_t size = 0, room = left(cursor) - 1;
    switch (at[0]) {
    case 0xc0: size = 2; break;
    case 0xd0: size = 4; break;
    case 0xe0: size = 8; break;
    case 0xf0: size = 3; break;
    case 0xfe: size = 1; break;
    default:
        if (at[0] < 0xf1 || at[0] > 0xfd) return false;
        *number = at[0] - 0xf1;
        cursor->at++;
        return true;
    }
    if (room < size) return false;
    at++;
    cursor->at = at + size;
    if (size == 1) *number = (int8_t)at[0];
    if (size == 2) *number = (int16_t)(at[0] | at[1] << 8);
    if (size == 3) *number = (int32_t)((uint32_t)at[0] << 8 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 24) >> 8;
    if (size == 4) *number = (int32_t)load32(at);
    if (size == 8) *number = (int64_t)load64(at);
    return true;
}

static bool take_ziplist_entry(struct cursor *cursor, size_t previous, struct listpack **listpack) {
    size_t claimed;
    if (!take_size(cursor, &claimed) || claimed != previous || !left(cursor)) return false;
    if (*cursor->at < 0xc0) {
        struct slice text;
        return take_ziplist_text(cursor, &text) && add_text(listpack, text);
    }
    int64_t number = 0;
    return take_ziplist_number(cursor, &number) && add_number(listpack, number);
}

static bool convert_ziplist(struct slice bytes, struct listpack **listpack) {
    const uint8_t *start = (const uint8_t *)bytes.data;
    if (bytes.size < ZIPLIST_HEAD + 1 || load32(start) != bytes.size || start[bytes.size - 1] != END) return false;
    struct cursor cursor = {start + ZIPLIST_HEAD, start + bytes.size};
    size_t count = 0, previous = 0, tail = ZIPLIST_HEAD, claimed = (size_t)(start[8] | start[9] << 8);
    while (left(&cursor) && *cursor.at != END) {
        const uint8_t *entry = cursor.at;
        if (!take_ziplist_entry(&cursor, previous, listpack)) return false;
        tail = (size_t)(entry - start);
        previous = (size_t)(cursor.at - entry);
        count++;
    }
    return left(&cursor) == 1 && load32(start + 4) == tail && (claimed == COUNT_UNKNOWN || claimed == count);
}

/* ---- zipmap ---- */

static bool convert_zipmap(struct slice bytes, struct listpack **listpack) {
    const uint8_t *start = (const uint8_t *)bytes.data;
    if (bytes.size < 2 || start[bytes.size - 1] != END) return false;
    struct cursor cursor = {start + 1, start + bytes.size};
    size_t count = 0;
    while (left(&cursor) && *cursor.at != END) {
        struct slice field, text, unused;
        size_t size;
        if (!take_size(&cursor, &size) || !take_text(&cursor, size, &field) || !take_size(&cursor, &size) || !left(&cursor))
            return false;
        size_t unused_size = *cursor.at++;
        if (!take_text(&cursor, size, &text) || !take_text(&cursor, unused_size, &unused)) return false;
        if (!add_text(listpack, field) || !add_text(listpack, text)) return false;
        count++;
    }
    return left(&cursor) == 1 && (start[0] >= ZIPMAP_COUNT_UNKNOWN || start[0] == count);
}

static struct listpack *convert(struct slice bytes, bool (*how)(struct slice bytes, struct listpack **listpack)) {
    if (bytes.size > LISTPACK_MAX_BYTES / 2) return NULL;
    struct listpack *listpack = listpack_new_sized(bytes.size + LISTPACK_OVERHEAD);
    if (how(bytes, &listpack)) {
        listpack_shrink(&listpack);
        return listpack;
    }
    mem_free(listpack);
    return NULL;
}

struct listpack *packed_old_ziplist(struct slice bytes) {
    return convert(bytes, convert_ziplist);
}

struct listpack *packed_old_zipmap(struct slice bytes) {
    return convert(bytes, convert_zipmap);
}
