#include "store/commands/bitmap_commands.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/keyspec.h"
#include "core/config/core_settings.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"
#include "store/types/bits.h"

static bool find_bitfield_keys(const struct command *row, const struct slice *argv, int argc,
                               struct keyspec_result *result);

#define COMMAND COMMAND_PROTOTYPE
#include "store/commands/bitmap.def"
#undef COMMAND
#define COMMAND COMMAND_ROW
const struct command bitmap_commands[] = {
#include "store/commands/bitmap.def"
};
#undef COMMAND
const size_t bitmap_command_count = COUNT_OF(bitmap_commands);

/* BITFIELD that only reads needs no permission to write: every argument that could be an operation is GET. */
static bool find_bitfield_keys(const struct command *row, const struct slice *argv, int argc,
                               struct keyspec_result *result) {
    bool is_reading = true;
    for (int i = 2; i < argc;) {
        int left = argc - i - 1;
        bool is_get = slice_is_nocase(argv[i], "get") && left >= 2;
        bool is_write = (slice_is_nocase(argv[i], "set") || slice_is_nocase(argv[i], "incrby")) && left >= 3;
        bool is_overflow = slice_is_nocase(argv[i], "overflow") && left >= 1;
        if (is_write) is_reading = false;
        if (!is_get && !is_write && !is_overflow) { /* a syntax error: the body will say so */
            is_reading = false;
            break;
        }
        i += is_get ? 3 : is_write ? 4 : 2;
    }
    keyspec_add(result, 1, is_reading ? KEY_RO | KEY_ACCESS : KEY_RW | KEY_ACCESS | KEY_UPDATE);
    return true;
}

/* The text of a string that may be absent. False: the reply is WRONGTYPE. */
static bool read_text(struct client *client, struct slice key, char *buffer, struct slice *text, bool *is_there) {
    struct record *record = keyspace_read(session_keyspace(client), key);
    if (!argument_is_string(client, record)) return false;
    *text = record ? record_text(record, buffer) : (struct slice){0};
    *is_there = record != NULL;
    return true;
}

/* The string for writing, at least up to `last_bit`, created where it is absent; NULL: the reply is WRONGTYPE.
 * `has_grown`: it is new or longer than it was. */
static char *open_text(struct client *client, struct spot *spot, uint64_t last_bit, size_t *size, bool *has_grown) {
    struct keyspace *keyspace = session_keyspace(client);
    keyspace_open(keyspace, client->argv[1], spot);
    if (!argument_is_string(client, spot->record)) return NULL;
    size_t old = spot->record ? record_text_size(spot->record) : 0, wanted = (size_t)(last_bit / 8) + 1;
    *has_grown = old < wanted;
    *size = MAX(old, wanted);
    if (!spot->record) {
        struct value value = value_of_raw_text((struct slice){0});
        keyspace_put(keyspace, client->argv[1], spot, &value, RECORD_NEVER);
    }
    return keyspace_edit_text(keyspace, spot, *size);
}

static void changed(struct client *client, struct slice key, int64_t changes, const char *event) {
    keyspace_changed(session_keyspace(client), key, KEYSPACE_STRING, event);
    client->server->dirty += changes;
}

/* "17", or "#2" where `width` is not 0: the third number of that width. */
static bool argument_bit_offset(struct client *client, int place, unsigned width, uint64_t *out) {
    struct slice text = client->argv[place];
    int64_t number;
    bool counts_numbers = width && text.size && text.data[0] == '#';
    if (counts_numbers) text = slice_make(text.data + 1, text.size - 1);
    uint64_t limit = client->server->settings->proto_max_bulk_len_bytes;
    if (number_parse_int(text, &number)) {
        if (counts_numbers) number = (int64_t)((uint64_t)number * width);
        if (number >= 0 && (uint64_t)number / 8 < limit) {
            *out = (uint64_t)number;
            return true;
        }
    }
    reply_error(client, "ERR bit offset is not an integer or out of range");
    return false;
}

/* ---- one bit ---- */

void setbit_command(struct client *client) {
    uint64_t at;
    int64_t bit;
    if (!argument_bit_offset(client, 2, 0, &at)) return;
    if (!number_parse_int(client->argv[3], &bit) || (bit & ~1)) {
        reply_error(client, "ERR bit is not an integer or out of range");
        return;
    }
    struct spot spot;
    size_t size;
    bool has_grown;
    char *text = open_text(client, &spot, at, &size, &has_grown);
    if (!text) return;
    uint64_t old = bits_read(slice_make(text, size), at, 1);
    if (has_grown || old != (uint64_t)bit) {
        bits_write(text, at, 1, (uint64_t)bit);
        changed(client, client->argv[1], 1, "setbit");
    }
    reply_int(client, (int64_t)old);
}

void getbit_command(struct client *client) {
    uint64_t at;
    char buffer[NUMBER_TEXT_SIZE];
    struct slice text;
    bool is_there;
    if (!argument_bit_offset(client, 2, 0, &at) || !read_text(client, client->argv[1], buffer, &text, &is_there)) return;
    reply_int(client, (int64_t)bits_read(text, at, 1));
}

/* ---- counting and finding ---- */

/* BYTE or BIT. */
static bool argument_unit(struct client *client, int place, bool *is_bit) {
    *is_bit = slice_is_nocase(client->argv[place], "bit");
    if (*is_bit || slice_is_nocase(client->argv[place], "byte")) return true;
    reply_syntax_error(client);
    return false;
}

/* Negative numbers count from the end; the result is in bits. False: the range is empty. */
static bool clip(int64_t *first, int64_t *last, size_t size, bool is_bit) {
    int64_t total = (int64_t)size * (is_bit ? 8 : 1);
    if (*first < 0) *first = MAX(*first + total, 0);
    if (*last < 0) *last = MAX(*last + total, 0);
    if (*last >= total) *last = total - 1;
    if (*first > *last) return false;
    if (!is_bit) {
        *first *= 8;
        *last = *last * 8 + 7;
    }
    return true;
}

void bitcount_command(struct client *client) {
    char buffer[NUMBER_TEXT_SIZE];
    struct slice text;
    bool is_there, is_bit = false;
    if (!read_text(client, client->argv[1], buffer, &text, &is_there)) return;
    if (!is_there) { /* Redis 7.0 does not look at the other arguments then */
        reply_int(client, 0);
        return;
    }
    int64_t first = 0, last = -1;
    if (client->argc == 4 || client->argc == 5) {
        if (!argument_int(client, 2, &first) || !argument_int(client, 3, &last)) return;
        if (first < 0 && last < 0 && first > last) {
            reply_int(client, 0);
            return;
        }
        if (client->argc == 5 && !argument_unit(client, 4, &is_bit)) return;
    } else if (client->argc != 2) {
        reply_syntax_error(client);
        return;
    }
    reply_int(client, clip(&first, &last, text.size, is_bit) ? bits_count(text, first, last) : 0);
}

void bitpos_command(struct client *client) {
    int64_t bit, first = 0, last = -1;
    if (!argument_int(client, 2, &bit)) return;
    if (bit != 0 && bit != 1) {
        reply_error(client, "ERR The bit argument must be 1 or 0.");
        return;
    }
    char buffer[NUMBER_TEXT_SIZE];
    struct slice text;
    bool is_there, is_bit = false, has_end = client->argc > 4;
    if (!read_text(client, client->argv[1], buffer, &text, &is_there)) return;
    if (!is_there) { /* zeros without end, whatever the other arguments say */
        reply_int(client, bit ? -1 : 0);
        return;
    }
    if (client->argc > 6) {
        reply_syntax_error(client);
        return;
    }
    if (client->argc > 3 && !argument_int(client, 3, &first)) return;
    if (client->argc == 6 && !argument_unit(client, 5, &is_bit)) return;
    if (has_end && !argument_int(client, 4, &last)) return;
    if (!clip(&first, &last, text.size, is_bit)) {
        reply_int(client, -1);
        return;
    }
    int64_t found = bits_find(text, bit, first, last);
    if (found < 0 && !bit && !has_end) found = (int64_t)text.size * 8; /* the zeros behind the string */
    reply_int(client, found);
}

/* ---- several strings ---- */

static bool argument_operator(struct slice word, enum bits_operator *out) {
    static const char *const names[] = {[BITS_AND] = "and", [BITS_OR] = "or", [BITS_XOR] = "xor", [BITS_NOT] = "not"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        *out = (enum bits_operator)i;
        if (slice_is_nocase(word, names[i])) return true;
    }
    return false;
}

/* Stores the combination, or removes the key where it is empty. */
static void store_combination(struct client *client, const struct bytes *result) {
    struct keyspace *keyspace = session_keyspace(client);
    struct slice key = client->argv[2];
    struct spot spot;
    bool was_there = keyspace_open(keyspace, key, &spot);
    if (result->size) {
        struct value value = value_of_raw_text(bytes_slice(result));
        keyspace_put(keyspace, key, &spot, &value, RECORD_NEVER);
        changed(client, key, 1, "set");
    } else if (was_there) {
        keyspace_remove(keyspace, &spot);
        keyspace_changed(keyspace, key, KEYSPACE_GENERIC, "del");
        client->server->dirty++;
    }
    reply_int(client, (int64_t)result->size);
}

void bitop_command(struct client *client) {
    enum bits_operator operator;
    if (!argument_operator(client->argv[1], &operator)) {
        reply_syntax_error(client);
        return;
    }
    if (operator == BITS_NOT && client->argc != 4) {
        reply_error(client, "ERR BITOP NOT must be called with a single source key.");
        return;
    }
    size_t count = (size_t)client->argc - 3, size = 0, i = 0;
    struct slice *texts = mem_alloc(count * sizeof *texts);
    char (*buffers)[NUMBER_TEXT_SIZE] = mem_alloc(count * sizeof *buffers);
    bool is_there;
    for (; i < count && read_text(client, client->argv[3 + i], buffers[i], &texts[i], &is_there); i++)
        size = MAX(size, texts[i].size);
    if (i == count) {
        struct bytes result = {0};
        bytes_reserve(&result, size);
        if (size) bits_combine(operator, texts, count, result.data, size);
        result.size = size;
        store_combination(client, &result);
        bytes_fini(&result);
    }
    mem_free(texts);
    mem_free(buffers);
}

/* ---- numbers of any width ---- */

enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };
enum field_action { FIELD_GET, FIELD_SET, FIELD_INCRBY };
struct field_operation {
    enum field_action action;
    enum overflow     overflow;
    bool              is_signed;
    unsigned          width;
    uint64_t          at;
    int64_t           operand;
};

static bool argument_field_type(struct client *client, int place, struct field_operation *operation) {
    struct slice text = client->argv[place];
    const char *zero = text.size ? memchr(text.data, 0, text.size) : NULL;
    if (zero) text.size = (size_t)(zero - text.data); /* Redis reads it as a C string */
    int64_t width;
    operation->is_signed = text.size && text.data[0] == 'i';
    if ((operation->is_signed || (text.size && text.data[0] == 'u')) &&
        number_parse_int(slice_make(text.data + 1, text.size - 1), &width) && width >= 1 &&
        width <= (operation->is_signed ? 64 : 63)) {
        operation->width = (unsigned)width;
        return true;
    }
    reply_error(client, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
    return false;
}

static bool argument_overflow(struct client *client, int place, enum overflow *out) {
    static const char *const names[] = {[OVERFLOW_WRAP] = "wrap", [OVERFLOW_SAT] = "sat", [OVERFLOW_FAIL] = "fail"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        *out = (enum overflow)i;
        if (slice_is_nocase(client->argv[place], names[i])) return true;
    }
    reply_error(client, "ERR Invalid OVERFLOW type specified");
    return false;
}

/* Fills `operations` (room for argc of them). Returns their number; -1: replied. */
static int parse_operations(struct client *client, struct field_operation *operations) {
    int count = 0;
    enum overflow overflow = OVERFLOW_WRAP;
    for (int i = 2; i < client->argc;) {
        struct slice word = client->argv[i];
        int left = client->argc - i - 1;
        struct field_operation *operation = &operations[count];
        if (slice_is_nocase(word, "get") && left >= 2) {
            operation->action = FIELD_GET;
        } else if (slice_is_nocase(word, "set") && left >= 3) {
            operation->action = FIELD_SET;
        } else if (slice_is_nocase(word, "incrby") && left >= 3) {
            operation->action = FIELD_INCRBY;
        } else if (slice_is_nocase(word, "overflow") && left >= 1) {
            if (!argument_overflow(client, i + 1, &overflow)) return -1;
            i += 2;
            continue;
        } else {
            reply_syntax_error(client);
            return -1;
        }
        operation->overflow = overflow;
        if (!argument_field_type(client, i + 1, operation)) return -1;
        if (!argument_bit_offset(client, i + 2, operation->width, &operation->at)) return -1;
        if (operation->action != FIELD_GET && !argument_int(client, i + 3, &operation->operand)) return -1;
        i += operation->action == FIELD_GET ? 3 : 4;
        count++;
    }
    return count;
}

static int64_t read_field(const struct field_operation *operation, struct slice text) {
    uint64_t raw = bits_read(text, operation->at, operation->width);
    if (!operation->is_signed || operation->width == 64) return (int64_t)raw;
    unsigned unused = 64 - operation->width;
    return (int64_t)(raw << unused) >> unused;
}

/* What `exact` becomes in the field. True: it did not fit. */
static bool fit(const struct field_operation *operation, __int128 exact, int64_t *out) {
    unsigned width = operation->width;
    __int128 max = ((__int128)1 << (operation->is_signed ? width - 1 : width)) - 1;
    __int128 min = operation->is_signed ? -max - 1 : 0;
    *out = (int64_t)exact;
    if (exact >= min && exact <= max) return false;
    if (operation->overflow == OVERFLOW_SAT) {
        *out = (int64_t)(exact > max ? max : min);
    } else if (width < 64) {
        unsigned unused = 64 - width;
        uint64_t raised = (uint64_t)exact << unused;
        *out = operation->is_signed ? (int64_t)raised >> unused : (int64_t)(raised >> unused);
    }
    return true;
}

/* False: it did not fit and was left. `*changes` grows when the number changed. */
static bool write_field(struct client *client, const struct field_operation *operation, char *text, size_t size,
                        int64_t *changes) {
    int64_t old = read_field(operation, slice_make(text, size)), new;
    bool is_set = operation->action == FIELD_SET;
    __int128 exact = is_set ? (operation->is_signed ? operation->operand : (__int128)(uint64_t)operation->operand)
                            : (__int128)old + operation->operand;
    if (fit(operation, exact, &new) && operation->overflow == OVERFLOW_FAIL) {
        reply_null(client);
        return false;
    }
    reply_int(client, is_set ? old : new);
    bits_write(text, operation->at, operation->width, (uint64_t)new);
    *changes += old != new;
    return true;
}

static void write_fields(struct client *client, const struct field_operation *operations, int count, uint64_t last_bit) {
    struct spot spot;
    size_t size;
    bool has_grown;
    char *text = open_text(client, &spot, last_bit, &size, &has_grown);
    if (!text) return;
    int64_t changes = 0, written = 0;
    reply_array(client, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (operations[i].action == FIELD_GET)
            reply_int(client, read_field(&operations[i], slice_make(text, size)));
        else
            written += write_field(client, &operations[i], text, size, &changes);
    }
    if (has_grown ? written : changes) {
        changed(client, client->argv[1], has_grown ? written : changes, "setbit");
    } else if (has_grown) { /* zeros were added and then nothing fitted: no event, but replicas must have them too */
        keyspace_touched(session_keyspace(client), client->argv[1]);
        client->server->dirty++;
    }
}

static void read_fields(struct client *client, const struct field_operation *operations, int count) {
    char buffer[NUMBER_TEXT_SIZE];
    struct slice text;
    bool is_there;
    if (!read_text(client, client->argv[1], buffer, &text, &is_there)) return;
    reply_array(client, (size_t)count);
    for (int i = 0; i < count; i++) reply_int(client, read_field(&operations[i], text));
}

static void bitfield(struct client *client, bool may_write) {
    struct field_operation *operations = mem_alloc((size_t)client->argc * sizeof *operations);
    int count = parse_operations(client, operations);
    uint64_t last_bit = 0;
    bool is_writing = false;
    for (int i = 0; i < count; i++) {
        if (operations[i].action == FIELD_GET) continue;
        is_writing = true;
        last_bit = MAX(last_bit, operations[i].at + operations[i].width - 1);
    }
    if (count >= 0 && !is_writing)
        read_fields(client, operations, count);
    else if (count >= 0 && may_write)
        write_fields(client, operations, count, last_bit);
    else if (count >= 0)
        reply_error(client, "ERR BITFIELD_RO only supports the GET subcommand");
    mem_free(operations);
}

void bitfield_command(struct client *client) {
    bitfield(client, true);
}

void bitfield_ro_command(struct client *client) {
    bitfield(client, false);
}
