#include "store/types/zset_pack.h"
#include "base/mem.h"

struct zset_pack {
    uint32_t used; /* bytes of entries */
    uint32_t count;
    uint8_t  bytes[];
};

enum {
    TEXT_MAX = 247,
    HEAD_LONG = 248,
    HEAD_INTEGER = 249, /* + the power of two that is its size in bytes */
    TAG_SCALED = 200,
    SCALES = 6, /* up to 5 decimals */
    TAG_DOUBLE = 255,
    LONG_BACK = 255,
    NUMBERS_MAX = 32, /* bytes of an entry beside the member's text */
    PACK_MAX_BYTES = 1 << 30
};

static const double powers[SCALES] = {1, 10, 100, 1000, 10000, 100000};

static const struct zset_pack_entry *entry_at(const uint8_t *bytes) {
    return (const struct zset_pack_entry *)(const void *)bytes;
}

static const uint8_t *bytes_of(const struct zset_pack_entry *entry) {
    return (const uint8_t *)(const void *)entry;
}

/* ---- members ---- */

/* How a member is written. */
struct form {
    uint8_t head[16]; /* the head, and the integer or the long size */
    size_t  head_size;
    struct slice text; /* what follows */
};

static void form_of(struct form *form, struct slice member) {
    int64_t  number;
    unsigned power = 0;
    form->text = member;
    if (member.size > 1 && member.size <= 20 && number_parse_int(member, &number)) {
        while (power < 3 && (number < -(1ll << ((8u << power) - 1)) || number >= 1ll << ((8u << power) - 1))) power++;
        if (1u << power < member.size) {
            form->head[0] = (uint8_t)(HEAD_INTEGER + power);
            memcpy(form->head + 1, &number, sizeof number); /* the low bytes come first on the machines we know */
            form->head_size = 1 + ((size_t)1 << power);
            form->text.size = 0;
            return;
        }
    }
    form->head_size = 1;
    form->head[0] = (uint8_t)member.size;
    if (member.size <= TEXT_MAX) return;
    uint32_t size = (uint32_t)member.size;
    form->head[0] = HEAD_LONG;
    memcpy(form->head + 1, &size, sizeof size);
    form->head_size = 1 + sizeof size;
}

/* Bytes of the head and the member. */
static size_t member_length(const uint8_t *at) {
    if (*at <= TEXT_MAX) return 1u + *at;
    if (*at > HEAD_LONG) return 1 + ((size_t)1 << (*at - HEAD_INTEGER));
    uint32_t size;
    memcpy(&size, at + 1, sizeof size);
    return 1 + sizeof size + size;
}

struct slice zset_pack_member(const struct zset_pack_entry *entry, char *buffer) {
    const uint8_t *at = bytes_of(entry);
    if (*at <= TEXT_MAX) return slice_make(at + 1, *at);
    if (*at == HEAD_LONG) return slice_make(at + 5, member_length(at) - 5);
    unsigned bits = 8u << (*at - HEAD_INTEGER);
    uint64_t raw = 0;
    memcpy(&raw, at + 1, bits / 8);
    int64_t number = (int64_t)(raw << (64 - bits)) >> (64 - bits);
    return slice_make(buffer, number_print_int(buffer, number));
}

/* ---- scores ---- */

static size_t score_length(const uint8_t *tag) {
    if (*tag < TAG_SCALED) return 1;
    return *tag == TAG_DOUBLE ? 1 + sizeof(double) : 1u + (1u << (*tag - TAG_SCALED) % 3);
}

static size_t write_score(uint8_t *at, double score) {
    score += 0.0; /* -0 becomes 0 */
    for (unsigned scale = 0; scale < SCALES; scale++) {
        double scaled = score * powers[scale];
        if (!(scaled >= INT32_MIN && scaled <= INT32_MAX)) break;
        int32_t number = (int32_t)scaled;
        if ((double)number / powers[scale] < score || (double)number / powers[scale] > score) continue;
        if (scale == 0 && number >= 0 && number < TAG_SCALED) {
            *at = (uint8_t)number;
            return 1;
        }
        unsigned width = number >= 0 && number <= UINT8_MAX ? 0 : number >= INT16_MIN && number <= INT16_MAX ? 1 : 2;
        at[0] = (uint8_t)(TAG_SCALED + 3 * scale + width);
        memcpy(at + 1, &number, (size_t)1 << width);
        return 1 + ((size_t)1 << width);
    }
    at[0] = TAG_DOUBLE;
    memcpy(at + 1, &score, sizeof score);
    return 1 + sizeof score;
}

static double read_score(const uint8_t *at) {
    uint8_t tag = *at++;
    if (tag < TAG_SCALED) return tag;
    if (tag == TAG_DOUBLE) {
        double score;
        memcpy(&score, at, sizeof score);
        return score;
    }
    int16_t number16;
    int32_t number;
    switch ((tag - TAG_SCALED) % 3) {
    case 0: number = *at; break;
    case 1:
        memcpy(&number16, at, sizeof number16);
        number = number16;
        break;
    default: memcpy(&number, at, sizeof number); break;
    }
    return (double)number / powers[(tag - TAG_SCALED) / 3];
}

double zset_pack_score(const struct zset_pack_entry *entry) {
    const uint8_t *at = bytes_of(entry);
    return read_score(at + member_length(at));
}

/* ---- walking ---- */

static size_t entry_length(const uint8_t *at) {
    size_t length = member_length(at);
    length += score_length(at + length);
    return length + (length < LONG_BACK ? 1 : 5);
}

size_t zset_pack_count(const struct zset_pack *pack) {
    return pack->count;
}

const struct zset_pack_entry *zset_pack_first(const struct zset_pack *pack) {
    return pack->count ? entry_at(pack->bytes) : NULL;
}

const struct zset_pack_entry *zset_pack_next(const struct zset_pack *pack, const struct zset_pack_entry *entry) {
    const uint8_t *at = bytes_of(entry) + entry_length(bytes_of(entry));
    return at < pack->bytes + pack->used ? entry_at(at) : NULL;
}

static const struct zset_pack_entry *before(const uint8_t *end) {
    if (end[-1] != LONG_BACK) return entry_at(end - 1 - end[-1]);
    uint32_t length;
    memcpy(&length, end - 5, sizeof length);
    return entry_at(end - 5 - length);
}

const struct zset_pack_entry *zset_pack_previous(const struct zset_pack *pack, const struct zset_pack_entry *entry) {
    return bytes_of(entry) > pack->bytes ? before(bytes_of(entry)) : NULL;
}

const struct zset_pack_entry *zset_pack_at(const struct zset_pack *pack, size_t rank) {
    if (rank >= pack->count) return NULL;
    const struct zset_pack_entry *entry;
    if (rank < pack->count / 2) {
        for (entry = zset_pack_first(pack); rank; rank--) entry = zset_pack_next(pack, entry);
    } else {
        rank = pack->count - 1 - rank;
        for (entry = before(pack->bytes + pack->used); rank; rank--) entry = before(bytes_of(entry));
    }
    return entry;
}

const struct zset_pack_entry *zset_pack_find(const struct zset_pack *pack, struct slice member) {
    struct form form;
    form_of(&form, member);
    const uint8_t *end = pack->bytes + pack->used;
    for (const uint8_t *at = pack->bytes; at < end; at += entry_length(at)) {
        if (*at != form.head[0] || memcmp(at, form.head, form.head_size) != 0) continue;
        if (form.text.size == 0 || memcmp(at + form.head_size, form.text.data, form.text.size) == 0) return entry_at(at);
    }
    return NULL;
}

/* ---- edits ---- */

struct zset_pack *zset_pack_new(void) {
    struct zset_pack *pack = mem_alloc(32);
    pack->used = pack->count = 0;
    return pack;
}

struct zset_pack *zset_pack_new_sized(size_t bytes) {
    struct zset_pack *pack = mem_alloc(sizeof *pack + bytes);
    pack->used = pack->count = 0;
    return pack;
}

struct zset_pack *zset_pack_copy(const struct zset_pack *pack) {
    struct zset_pack *copy = mem_alloc(sizeof *pack + pack->used);
    memcpy(copy, pack, sizeof *pack + pack->used);
    return copy;
}

bool zset_pack_has_room(const struct zset_pack *pack, struct slice member) {
    return member.size < PACK_MAX_BYTES && pack->used + member.size + NUMBERS_MAX <= PACK_MAX_BYTES;
}

void zset_pack_insert(struct zset_pack **place, const struct zset_pack_entry *before_entry, struct slice member, double score) {
    struct form form;
    uint8_t     tail[NUMBERS_MAX];
    form_of(&form, member);
    size_t   tail_size = write_score(tail, score);
    uint32_t length = (uint32_t)(form.head_size + form.text.size + tail_size);
    if (length >= LONG_BACK) {
        memcpy(tail + tail_size, &length, sizeof length);
        tail_size += sizeof length;
    }
    tail[tail_size++] = (uint8_t)(length < LONG_BACK ? length : LONG_BACK);

    struct zset_pack *pack = *place;
    size_t offset = before_entry ? (size_t)(bytes_of(before_entry) - pack->bytes) : pack->used;
    size_t size = form.head_size + form.text.size + tail_size, wanted = sizeof *pack + pack->used + size;
    if (wanted > mem_size(pack)) *place = pack = mem_realloc(pack, wanted);
    uint8_t *at = pack->bytes + offset;
    memmove(at + size, at, pack->used - offset);
    memcpy(at, form.head, form.head_size);
    if (form.text.size) memcpy(at + form.head_size, form.text.data, form.text.size);
    memcpy(at + form.head_size + form.text.size, tail, tail_size);
    pack->used += (uint32_t)size;
    pack->count++;
}

void zset_pack_shrink(struct zset_pack **place) {
    size_t wanted = sizeof **place + (*place)->used;
    if (mem_good_size(wanted) < mem_size(*place)) *place = mem_realloc(*place, wanted);
}

void zset_pack_remove(struct zset_pack **place, const struct zset_pack_entry *entry, size_t count) {
    struct zset_pack *pack = *place;
    size_t            offset = (size_t)(bytes_of(entry) - pack->bytes), end = offset;
    for (size_t i = 0; i < count; i++) end += entry_length(pack->bytes + end);
    memmove(pack->bytes + offset, pack->bytes + end, pack->used - end);
    pack->used -= (uint32_t)(end - offset);
    pack->count -= (uint32_t)count;
    zset_pack_shrink(place);
}
