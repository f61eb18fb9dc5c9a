#include "base/listpack.h"
#include "base/mem.h"

#include <endian.h>

/* The block: `bytes` begins with the head of listpack.h and is exactly the dump. Whether there is spare memory behind is
 * the allocator's to know. */
struct listpack {
    uint8_t bytes[1];
};

enum { HEADER = 6, END = 0xff, COUNT_UNKNOWN = 65535, BACK_MAX = 5, HEAD_MAX = LISTPACK_HEAD_MAX };

/* ---- head ---- */

static uint32_t load32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static void store32(uint8_t *at, size_t value) {
    uint32_t little = htole32((uint32_t)value);
    memcpy(at, &little, sizeof little);
}

static uint16_t load16(const uint8_t *at) {
    return (uint16_t)(at[0] | at[1] << 8);
}

static void store16(uint8_t *at, size_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static size_t size_of(const struct listpack *listpack) {
    return load32(listpack->bytes);
}

static void set_size(struct listpack *listpack, size_t size) {
    store32(listpack->bytes, size);
}

/* `more` may be "negative". Once the count is unknown it stays so until it is counted. */
static void add_count(struct listpack *listpack, size_t more) {
    size_t count = load16(listpack->bytes + 4);
    if (count == COUNT_UNKNOWN) return;
    count += more;
    store16(listpack->bytes + 4, MIN(count, (size_t)COUNT_UNKNOWN));
}

static const uint8_t *bytes_of(const struct listpack_entry *entry) {
    return (const uint8_t *)entry;
}

static struct listpack_entry *entry_at(const struct listpack *listpack, size_t offset) {
    return (struct listpack_entry *)(void *)(listpack->bytes + offset);
}

static size_t offset_of(const struct listpack *listpack, const struct listpack_entry *entry) {
    return (size_t)(bytes_of(entry) - listpack->bytes);
}

/* ---- back-lengths ---- */

static unsigned back_size(size_t length) {
    if (length <= 127) return 1;
    if (length < 16384) return 2;
    if (length < 2097152) return 3;
    return length < 268435456 ? 4 : 5;
}

/* The most significant 7 bits first; every byte but the first has the high bit, which says that there is one more
 * before it, seen from the end. */
static unsigned put_back(uint8_t *at, size_t length) {
    unsigned size = back_size(length);
    for (unsigned i = 0; i < size; i++) {
        uint8_t bits = (uint8_t)(length >> 7 * (size - 1 - i) & 127);
        at[i] = i ? bits | 128 : bits;
    }
    return size;
}

/* Reads backwards from the last byte; at most `room` bytes. 0: no such form (an entry has a length of 1 at least). */
static size_t get_back(const uint8_t *last, size_t room, unsigned *size) {
    size_t length = 0;
    for (unsigned i = 0; i < BACK_MAX && i < room; i++) {
        length |= (size_t)(last[-(ptrdiff_t)i] & 127) << 7 * i;
        *size = i + 1;
        if (!(last[-(ptrdiff_t)i] & 128)) return length;
    }
    return 0;
}

/* ---- entries ---- */

/* The size of encoding and data of the entry at `at`, of which `room` > 0 bytes may be read; 0: it is none. */
static inline size_t entry_length(const uint8_t *at, size_t room) {
    uint8_t head = *at;
    if (head < 0x80) return 1;
    if (head < 0xc0) return 1u + (head & 63);
    if (head < 0xe0) return 2;
    if (head < 0xf0) return room < 2 ? 0 : 2 + ((size_t)(head & 15) << 8 | at[1]);
    switch (head) {
    case 0xf0: return room < 5 ? 0 : 5 + (size_t)load32(at + 1);
    case 0xf1: return 3;
    case 0xf2: return 4;
    case 0xf3: return 5;
    case 0xf4: return 9;
    default: return 0;
    }
}

/* Of an entry in a listpack of ours, in which everything is as it should be. */
static inline size_t whole_size(const uint8_t *at) {
    size_t length = entry_length(at, HEAD_MAX);
    CHECK(length != 0);
    return length + back_size(length);
}

struct packed listpack_get(const struct listpack_entry *entry) {
    const uint8_t *at = bytes_of(entry);
    uint8_t head = *at;
    struct packed packed = {0};
    if (head < 0x80) {
        packed.number = head;
    } else if (head < 0xc0) {
        packed.text = (const char *)at + 1;
        packed.size = head & 63;
    } else if (head < 0xe0) {
        packed.number = (int64_t)((uint64_t)(head & 31) << 8 | at[1]);
        if (packed.number >= 4096) packed.number -= 8192;
    } else if (head < 0xf0) {
        packed.text = (const char *)at + 2;
        packed.size = (size_t)(head & 15) << 8 | at[1];
    } else if (head == 0xf0) {
        packed.text = (const char *)at + 5;
        packed.size = load32(at + 1);
    } else if (head == 0xf1) {
        packed.number = (int16_t)load16(at + 1);
    } else if (head == 0xf2) {
        packed.number = (int32_t)((uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24) >> 8;
    } else if (head == 0xf3) {
        packed.number = (int32_t)load32(at + 1);
    } else {
        CHECK(head == 0xf4);
        packed.number = (int64_t)((uint64_t)load32(at + 1) | (uint64_t)load32(at + 5) << 32);
    }
    return packed;
}

const struct listpack_entry *listpack_take(const struct listpack_entry *entry, struct packed *content) {
    const uint8_t *at = bytes_of(entry);
    if (LIKELY(*at >= 0x80 && *at < 0xc0)) { /* a text of up to 63 bytes */
        *content = (struct packed){.text = (const char *)at + 1, .size = *at & 63};
        at += 1 + content->size + 1;
    } else {
        *content = listpack_get(entry);
        at += whole_size(at);
    }
    return *at == END ? NULL : (const struct listpack_entry *)(const void *)at;
}

struct slice listpack_text(const struct listpack_entry *entry, char *buffer) {
    struct packed packed = listpack_get(entry);
    if (packed.text) return slice_make(packed.text, packed.size);
    return slice_make(buffer, number_print_int(buffer, packed.number));
}

static void form_int(struct listpack_form *form, int64_t number) {
    uint64_t bits = (uint64_t)number;
    unsigned width;
    form->data = (struct slice){0};
    if (number >= 0 && number <= 127) {
        form->head[0] = (uint8_t)number;
        form->head_size = 1;
    } else if (number >= -4096 && number <= 4095) {
        form->head[0] = (uint8_t)(0xc0 | (bits >> 8 & 31));
        form->head[1] = (uint8_t)bits;
        form->head_size = 2;
    } else {
        if (number >= INT16_MIN && number <= INT16_MAX) {
            form->head[0] = 0xf1;
            width = 2;
        } else if (number >= -8388608 && number <= 8388607) {
            form->head[0] = 0xf2;
            width = 3;
        } else if (number >= INT32_MIN && number <= INT32_MAX) {
            form->head[0] = 0xf3;
            width = 4;
        } else {
            form->head[0] = 0xf4;
            width = 8;
        }
        for (unsigned i = 0; i < width; i++) form->head[1 + i] = (uint8_t)(bits >> 8 * i);
        form->head_size = 1 + width;
    }
    form->length = form->head_size;
}

void listpack_form_of(struct listpack_form *form, struct slice text) {
    int64_t number;
    if (text.size - 1 < 20 && number_parse_int(text, &number)) {
        form_int(form, number);
        return;
    }
    if (text.size < 64) {
        form->head[0] = (uint8_t)(0x80 | text.size);
        form->head_size = 1;
    } else if (text.size < 4096) {
        form->head[0] = (uint8_t)(0xe0 | text.size >> 8);
        form->head[1] = (uint8_t)text.size;
        form->head_size = 2;
    } else {
        CHECK(text.size <= LISTPACK_MAX_BYTES);
        form->head[0] = 0xf0;
        store32(form->head + 1, text.size);
        form->head_size = 5;
    }
    form->data = text;
    form->length = form->head_size + text.size;
}


size_t listpack_form_size(const struct listpack_form *form) {
    return form->length + back_size(form->length);
}

size_t listpack_entry_size(struct slice text) {
    struct listpack_form form;
    listpack_form_of(&form, text);
    return listpack_form_size(&form);
}

void listpack_put_bare(void *at, const struct listpack_form *form) {
    memcpy(at, form->head, form->head_size);
    if (form->data.size) memcpy((uint8_t *)at + form->head_size, form->data.data, form->data.size);
}

static void put_form(uint8_t *at, const struct listpack_form *form) {
    listpack_put_bare(at, form);
    put_back(at + form->length, form->length);
}

size_t listpack_bare_size(const struct listpack_entry *entry) {
    size_t length = entry_length(bytes_of(entry), HEAD_MAX);
    CHECK(length != 0);
    return length;
}

bool listpack_is(const struct listpack_entry *entry, struct slice text) {
    struct packed packed = listpack_get(entry);
    if (packed.text) return packed.size == text.size && memcmp(packed.text, text.data, text.size) == 0;
    int64_t number;
    return text.size - 1 < 20 && number_parse_int(text, &number) && number == packed.number;
}

/* ---- the whole ---- */

struct listpack *listpack_init(void *at) {
    struct listpack *listpack = at;
    set_size(listpack, LISTPACK_OVERHEAD);
    store16(listpack->bytes + 4, 0);
    listpack->bytes[HEADER] = END;
    return listpack;
}

struct listpack *listpack_new_sized(size_t capacity) {
    return listpack_init(mem_alloc(MAX(capacity, (size_t)LISTPACK_OVERHEAD)));
}

struct listpack *listpack_new(void) {
    return listpack_new_sized(LISTPACK_OVERHEAD);
}

struct slice listpack_bytes(const struct listpack *listpack) {
    return slice_make(listpack->bytes, size_of(listpack));
}

size_t listpack_size(const struct listpack *listpack) {
    return size_of(listpack);
}

static struct listpack *copy_of(struct slice bytes) {
    struct listpack *copy = mem_alloc(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    return copy;
}

struct listpack *listpack_copy(const struct listpack *listpack) {
    return copy_of(listpack_bytes(listpack));
}

void listpack_shrink(struct listpack **listpack) {
    size_t size = size_of(*listpack);
    if (mem_size(*listpack) > mem_good_size(size)) *listpack = mem_realloc(*listpack, size);
}

size_t listpack_count(const struct listpack *listpack) {
    size_t count = load16(listpack->bytes + 4);
    if (LIKELY(count != COUNT_UNKNOWN)) return count;
    count = 0;
    for (const uint8_t *at = listpack->bytes + HEADER; *at != END; at += whole_size(at)) count++;
    return count;
}

bool listpack_has_room(const struct listpack *listpack, size_t more) {
    return more <= LISTPACK_MAX_BYTES - size_of(listpack);
}

bool listpack_is_valid(struct slice bytes) {
    const uint8_t *data = (const uint8_t *)bytes.data;
    if (bytes.size < LISTPACK_OVERHEAD || bytes.size > LISTPACK_MAX_BYTES || load32(data) != bytes.size) return false;
    size_t end = bytes.size - 1, at = HEADER, count = 0;
    if (data[end] != END) return false;
    while (at < end) {
        size_t room = end - at, length = entry_length(data + at, room);
        if (length == 0 || length >= room) return false;
        /* A search compares forms, so a text must have the form that its size decides. */
        if (data[at] >= 0xe0 && data[at] <= 0xf0 && length < (data[at] == 0xf0 ? 5u + 4096 : 2u + 64)) return false;
        unsigned back = back_size(length), found;
        if (back > room - length) return false;
        if (get_back(data + at + length + back - 1, back, &found) != length || found != back) return false;
        at += length + back;
        count++;
    }
    size_t said = load16(data + 4);
    return said == COUNT_UNKNOWN ? true : said == count;
}

struct listpack *listpack_from_bytes(struct slice bytes) {
    return listpack_is_valid(bytes) ? copy_of(bytes) : NULL;
}

const struct listpack *listpack_in_bytes(struct slice bytes) {
    return listpack_is_valid(bytes) ? (const struct listpack *)(const void *)bytes.data : NULL;
}

/* ---- walking ---- */

struct listpack_entry *listpack_first(const struct listpack *listpack) {
    return listpack->bytes[HEADER] == END ? NULL : entry_at(listpack, HEADER);
}

static struct listpack_entry *ending_at(const struct listpack *listpack, size_t offset) {
    if (offset == HEADER) return NULL;
    unsigned size;
    size_t length = get_back(listpack->bytes + offset - 1, BACK_MAX, &size);
    CHECK(length != 0);
    return entry_at(listpack, offset - size - length);
}

struct listpack_entry *listpack_last(const struct listpack *listpack) {
    return ending_at(listpack, size_of(listpack) - 1);
}

struct listpack_entry *listpack_next(const struct listpack *listpack, const struct listpack_entry *entry) {
    const uint8_t *at = bytes_of(entry) + whole_size(bytes_of(entry));
    return *at == END ? NULL : entry_at(listpack, (size_t)(at - listpack->bytes));
}

struct listpack_entry *listpack_previous(const struct listpack *listpack, const struct listpack_entry *entry) {
    return ending_at(listpack, offset_of(listpack, entry));
}

struct listpack_entry *listpack_at(const struct listpack *listpack, int64_t index) {
    int64_t count = load16(listpack->bytes + 4);
    if (LIKELY(count != COUNT_UNKNOWN)) {
        if (index < -count || index >= count) return NULL;
        if (index < 0) index += count;
        if (index > count / 2) index -= count; /* the nearer end */
    }
    if (index >= 0) {
        struct listpack_entry *entry = listpack_first(listpack);
        while (entry && index-- > 0) entry = listpack_next(listpack, entry);
        return entry;
    }
    struct listpack_entry *entry = listpack_last(listpack);
    while (entry && ++index < 0) entry = listpack_previous(listpack, entry);
    return entry;
}

struct listpack_entry *listpack_find(const struct listpack *listpack, const struct listpack_entry *from, struct slice text,
                                     unsigned skip) {
    if (!from) return NULL;
    /* Equal texts have equal forms, since the form is decided by the text: heads and data are compared as bytes, and
     * only with a payload from elsewhere could a text that is an integer be kept as text. */
    struct listpack_form form;
    listpack_form_of(&form, text);
    unsigned left = 0;
    for (const uint8_t *at = bytes_of(from); *at != END;) {
        size_t length = entry_length(at, HEAD_MAX);
        if (left) {
            left--;
        } else {
            if (length == form.length && memcmp(at, form.head, form.head_size) == 0 &&
                (!form.data.size || memcmp(at + form.head_size, form.data.data, form.data.size) == 0))
                return entry_at(listpack, (size_t)(at - listpack->bytes));
            if (UNLIKELY(!form.data.size && *at >= 0x80 && text.size) && listpack_is((const struct listpack_entry *)(const void *)at, text))
                return entry_at(listpack, (size_t)(at - listpack->bytes));
            left = skip;
        }
        at += length + back_size(length);
    }
    return NULL;
}

/* ---- ends that move ---- */

/* The head is written anew where the listpack begins from now on: `size` is what it has then. */
static struct listpack *move_start(struct listpack *listpack, ptrdiff_t by, size_t more_entries) {
    size_t size = (size_t)((ptrdiff_t)size_of(listpack) - by);
    uint16_t count = load16(listpack->bytes + 4);
    struct listpack *moved = (struct listpack *)(void *)(listpack->bytes + by);
    set_size(moved, size);
    store16(moved->bytes + 4, count);
    add_count(moved, more_entries);
    return moved;
}

struct listpack *listpack_put_first(struct listpack *listpack, const struct listpack_form *form) {
    struct listpack *moved = move_start(listpack, -(ptrdiff_t)listpack_form_size(form), 1);
    put_form(moved->bytes + HEADER, form);
    return moved;
}

void listpack_put_last(struct listpack *listpack, const struct listpack_form *form) {
    size_t size = size_of(listpack), more = listpack_form_size(form);
    put_form(listpack->bytes + size - 1, form);
    listpack->bytes[size - 1 + more] = END;
    set_size(listpack, size + more);
    add_count(listpack, 1);
}

struct listpack *listpack_drop_first(struct listpack *listpack, size_t count) {
    const uint8_t *at = listpack->bytes + HEADER;
    size_t dropped = 0;
    for (; dropped < count && *at != END; dropped++) at += whole_size(at);
    return move_start(listpack, at - (listpack->bytes + HEADER), -dropped);
}

void listpack_drop_last(struct listpack *listpack, size_t count) {
    size_t end = size_of(listpack) - 1, dropped = 0;
    for (struct listpack_entry *entry; dropped < count && (entry = ending_at(listpack, end)); dropped++)
        end = offset_of(listpack, entry);
    listpack->bytes[end] = END;
    set_size(listpack, end + 1);
    add_count(listpack, -dropped);
}

/* ---- edits ---- */

/* The block gets room for `more` bytes. */
static struct listpack *grow(struct listpack **place, size_t more) {
    size_t size = size_of(*place) + more;
    CHECK(size <= LISTPACK_MAX_BYTES);
    if (size > mem_size(*place)) *place = mem_realloc(*place, size);
    return *place;
}

/* `old` bytes at `offset` become room for `size` bytes. */
static struct listpack *make_room(struct listpack **place, size_t offset, size_t old, size_t size) {
    struct listpack *listpack = size > old ? grow(place, size - old) : *place;
    size_t total = size_of(listpack);
    if (size != old)
        memmove(listpack->bytes + offset + size, listpack->bytes + offset + old, total - offset - old);
    set_size(listpack, total + size - old);
    return listpack;
}

static struct listpack_entry *put(struct listpack **place, size_t offset, size_t old, const struct listpack_form *form) {
    struct listpack *listpack = make_room(place, offset, old, form->length + back_size(form->length));
    put_form(listpack->bytes + offset, form);
    return entry_at(listpack, offset);
}

void listpack_append(struct listpack **listpack, struct slice text) {
    listpack_insert(listpack, NULL, text);
}

void listpack_append_int(struct listpack **listpack, int64_t number) {
    struct listpack_form form;
    form_int(&form, number);
    put(listpack, size_of(*listpack) - 1, 0, &form);
    add_count(*listpack, 1);
}

/* At least what the entry will take; a few bytes too many are no harm. */
static size_t entry_bound(const struct packed *entry) {
    if (entry->text) return entry->size + (entry->size < 64 ? 2 : 2 * BACK_MAX);
    return entry->number >= -4096 && entry->number <= 4095 ? 3 : HEAD_MAX + 1;
}

void listpack_append_all(struct listpack **place, const struct packed *entries, size_t count) {
    size_t bound = 0;
    for (size_t i = 0; i < count; i++) bound += entry_bound(&entries[i]);
    struct listpack *listpack = grow(place, bound);
    uint8_t *at = listpack->bytes + size_of(listpack) - 1;
    for (size_t i = 0; i < count; i++) {
        struct listpack_form form;
        if (!entries[i].text && (uint64_t)entries[i].number <= 127) { /* most of them */
            *at++ = (uint8_t)entries[i].number;
            *at++ = 1;
            continue;
        }
        if (entries[i].text)
            listpack_form_of(&form, slice_make(entries[i].text, entries[i].size));
        else
            form_int(&form, entries[i].number);
        put_form(at, &form);
        at += form.length + back_size(form.length);
    }
    *at = END;
    set_size(listpack, (size_t)(at - listpack->bytes) + 1);
    add_count(listpack, count);
}

void listpack_prepend(struct listpack **listpack, struct slice text) {
    struct listpack_form form;
    listpack_form_of(&form, text);
    put(listpack, HEADER, 0, &form);
    add_count(*listpack, 1);
}

struct listpack_entry *listpack_insert(struct listpack **listpack, const struct listpack_entry *at, struct slice text) {
    struct listpack_form form;
    listpack_form_of(&form, text);
    struct listpack_entry *entry = put(listpack, at ? offset_of(*listpack, at) : size_of(*listpack) - 1, 0, &form);
    add_count(*listpack, 1);
    return entry;
}

struct listpack_entry *listpack_replace(struct listpack **listpack, const struct listpack_entry *entry, struct slice text) {
    struct listpack_form form;
    listpack_form_of(&form, text);
    return put(listpack, offset_of(*listpack, entry), whole_size(bytes_of(entry)), &form);
}

struct listpack_entry *listpack_replace_int(struct listpack **listpack, const struct listpack_entry *entry, int64_t number) {
    struct listpack_form form;
    form_int(&form, number);
    return put(listpack, offset_of(*listpack, entry), whole_size(bytes_of(entry)), &form);
}

struct listpack_entry *listpack_remove(struct listpack **place, const struct listpack_entry *entry, size_t count) {
    struct listpack *listpack = *place;
    const uint8_t *from = bytes_of(entry), *to = from;
    size_t removed = 0, offset = offset_of(listpack, entry);
    for (; removed < count && *to != END; removed++) to += whole_size(to);
    make_room(place, offset, (size_t)(to - from), 0);
    add_count(*place, -removed);
    listpack_shrink(place);
    listpack = *place;
    return listpack->bytes[offset] == END ? NULL : entry_at(listpack, offset);
}

void listpack_join(struct listpack **place, const struct listpack *other) {
    size_t offset = size_of(*place) - 1, size = size_of(other) - LISTPACK_OVERHEAD;
    struct listpack *listpack = make_room(place, offset, 0, size);
    memcpy(listpack->bytes + offset, other->bytes + HEADER, size);
    size_t count = load16(other->bytes + 4);
    if (count == COUNT_UNKNOWN)
        store16(listpack->bytes + 4, COUNT_UNKNOWN);
    else
        add_count(listpack, count);
}
