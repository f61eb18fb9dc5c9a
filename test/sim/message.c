#include "sim/message.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static struct message *make(enum message_kind kind, size_t size) {
    struct message *message = mem_alloc(sizeof *message + size);
    message->next = NULL;
    message->kind = kind;
    message->arrive_us = message->number = 0;
    message->reason = LINE_REASON_NONE;
    message->flag = false;
    message->id[0] = 0;
    message->count = 0;
    message->text = (struct slice){0};
    message->reply = (struct reply_view){0};
    return message;
}

struct message *message_new(enum message_kind kind) {
    return make(kind, 0);
}

static struct slice keep(char **at, struct slice text) {
    if (text.size) memcpy(*at, text.data, text.size);
    struct slice kept = slice_make(*at, text.size);
    *at += text.size;
    return kept;
}

struct message *message_command(const struct slice *args, size_t count) {
    CHECK(count <= MESSAGE_ARGS);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += args[i].size;
    struct message *message = make(MESSAGE_COMMAND, size);
    char *at = message->data;
    for (size_t i = 0; i < count; i++) message->args[i] = keep(&at, args[i]);
    message->count = count;
    return message;
}

struct message *message_command_text(const char *line) {
    struct slice args[MESSAGE_ARGS], rest = slice_text(line), part;
    size_t count = 0;
    while (slice_split(&rest, ' ', &part)) {
        CHECK(count < MESSAGE_ARGS);
        args[count++] = part;
    }
    return message_command(args, count);
}

static struct message *with_text(enum message_kind kind, struct slice text) {
    struct message *message = make(kind, text.size);
    char *at = message->data;
    message->text = keep(&at, text);
    return message;
}

struct message *message_push(struct slice payload) {
    return with_text(MESSAGE_PUSH, payload);
}

struct message *message_stream(int64_t offset, struct slice payload) {
    struct message *message = with_text(MESSAGE_STREAM, payload);
    message->number = offset;
    return message;
}

static struct message *text_reply(enum reply_view_kind kind, struct slice text) {
    struct message *message = with_text(MESSAGE_REPLY, text);
    message->reply.kind = kind;
    message->reply.text = message->text;
    return message;
}

struct message *message_status(const char *text) {
    return text_reply(REPLY_VIEW_STATUS, slice_text(text));
}

struct message *message_error(const char *text) {
    return text_reply(REPLY_VIEW_ERROR, slice_text(text));
}

struct message *message_bulk(struct slice text) {
    return text_reply(REPLY_VIEW_BULK, text);
}

struct message *message_integer(int64_t value) {
    struct message *message = make(MESSAGE_REPLY, 0);
    message->reply.kind = REPLY_VIEW_INTEGER;
    message->reply.integer = value;
    return message;
}

static struct reply_view element(char **at, const char *text) {
    switch (text[0]) {
    case '+': return (struct reply_view){.kind = REPLY_VIEW_STATUS, .text = keep(at, slice_text(text + 1))};
    case '-': return (struct reply_view){.kind = REPLY_VIEW_ERROR, .text = keep(at, slice_text(text + 1))};
    case ':': return (struct reply_view){.kind = REPLY_VIEW_INTEGER, .integer = strtoll(text + 1, NULL, 10)};
    default: return (struct reply_view){.kind = REPLY_VIEW_NULL};
    }
}

struct message *message_array(const char *const *elements, size_t count) {
    CHECK(count <= MESSAGE_ARGS);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += strlen(elements[i]);
    struct message *message = make(MESSAGE_REPLY, size);
    char *at = message->data;
    for (size_t i = 0; i < count; i++) message->children[i] = element(&at, elements[i]);
    message->reply = (struct reply_view){.kind = REPLY_VIEW_ARRAY, .children = message->children, .count = count};
    return message;
}

struct message *message_vote(bool down, const char *leader, int64_t epoch, unsigned least) {
    struct message *message = make(MESSAGE_REPLY, strlen(leader));
    char *at = message->data;
    message->children[0] = (struct reply_view){.kind = REPLY_VIEW_INTEGER, .integer = down};
    message->children[1] = (struct reply_view){.kind = REPLY_VIEW_BULK, .text = keep(&at, slice_text(leader))};
    message->children[2] = (struct reply_view){.kind = REPLY_VIEW_INTEGER, .integer = epoch};
    message->children[3] = (struct reply_view){.kind = REPLY_VIEW_INTEGER, .integer = least};
    message->reply = (struct reply_view){.kind = REPLY_VIEW_ARRAY, .children = message->children, .count = least ? 4 : 3};
    return message;
}

struct message *message_replicas(const struct message_named *replicas, size_t count, const char *history) {
    enum { FIELDS = 8, TEXT = 150 };
    count = MIN(count, (size_t)MESSAGE_ARGS);
    struct message *message = make(MESSAGE_REPLY, count * (FIELDS * sizeof(struct reply_view) + TEXT));
    struct reply_view *fields = (struct reply_view *)(void *)message->data;
    char *at = message->data + count * FIELDS * sizeof(struct reply_view);
    for (size_t i = 0; i < count; i++, fields += FIELDS) {
        char port[12];
        snprintf(port, sizeof port, "%u", replicas[i].port);
        const char *texts[FIELDS] = {"ip", replicas[i].ip, "port", port, "guard-named", replicas[i].named ? "yes" : "no",
                                     "guard-history", history};
        for (size_t j = 0; j < FIELDS; j++)
            fields[j] = (struct reply_view){.kind = REPLY_VIEW_BULK, .text = keep(&at, slice_text(texts[j]))};
        message->children[i] = (struct reply_view){.kind = REPLY_VIEW_ARRAY, .children = fields, .count = FIELDS};
    }
    message->reply = (struct reply_view){.kind = REPLY_VIEW_ARRAY, .children = message->children, .count = count};
    return message;
}

void message_free(struct message *message) {
    mem_free(message);
}

bool message_is(const struct message *message, size_t argument, const char *text) {
    return argument < message->count && slice_is_nocase(message->args[argument], text);
}

static void describe_reply(const struct reply_view *reply, struct bytes *out) {
    struct slice text = reply->text;
    switch (reply->kind) {
    case REPLY_VIEW_STATUS: bytes_add_char(out, '+'); break;
    case REPLY_VIEW_ERROR: bytes_add_char(out, '-'); break;
    case REPLY_VIEW_INTEGER: bytes_add_printf(out, ":%lld", (long long)reply->integer); break;
    case REPLY_VIEW_NULL: bytes_add_text(out, "null"); break;
    case REPLY_VIEW_ARRAY:
        for (size_t i = 0; i < reply->count; i++) {
            bytes_add_text(out, i ? ", " : "[");
            describe_reply(&reply->children[i], out);
        }
        bytes_add_char(out, ']');
        break;
    case REPLY_VIEW_BULK:
    case REPLY_VIEW_OTHER: break;
    }
    if (text.size > 100)
        bytes_add_printf(out, "(%zu bytes)", text.size);
    else
        bytes_add_slice(out, text);
}

void message_describe(const struct message *message, struct bytes *out) {
    switch (message->kind) {
    case MESSAGE_OPEN: bytes_add_text(out, "open"); break;
    case MESSAGE_CLOSE: bytes_add_printf(out, "close (%s)", line_reason_name(message->reason)); break;
    case MESSAGE_COMMAND:
        for (size_t i = 0; i < message->count; i++) {
            if (i) bytes_add_char(out, ' ');
            bytes_add_slice(out, message->args[i]);
        }
        break;
    case MESSAGE_REPLY: describe_reply(&message->reply, out); break;
    case MESSAGE_PUSH:
        bytes_add_text(out, "hello ");
        bytes_add_slice(out, message->text);
        break;
    case MESSAGE_PSYNC: bytes_add_printf(out, "psync %.8s %lld", message->id, (long long)message->number); break;
    case MESSAGE_SYNCED:
        bytes_add_printf(out, "%s %.8s %lld", message->flag ? "full sync" : "continue", message->id,
                         (long long)message->number);
        break;
    case MESSAGE_STREAM: bytes_add_printf(out, "stream up to %lld", (long long)message->number); break;
    case MESSAGE_ACK: bytes_add_printf(out, "ack %lld", (long long)message->number); break;
    }
}
