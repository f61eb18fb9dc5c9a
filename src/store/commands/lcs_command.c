#include "store/commands/lcs_command.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/config/core_settings.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/tx/session.h"

/* lengths[i * (b.size + 1) + j]: of the longest common subsequence of the first i bytes of a and the first j of b. */
struct lcs {
    struct slice a, b;
    uint32_t    *lengths;
};

static uint32_t length_at(const struct lcs *lcs, size_t i, size_t j) {
    return lcs->lengths[i * (lcs->b.size + 1) + j];
}

/* False: there is no memory for it. */
static bool compute(struct lcs *lcs) {
    size_t width = lcs->b.size + 1;
    lcs->lengths = mem_try_alloc((lcs->a.size + 1) * width * sizeof *lcs->lengths);
    if (!lcs->lengths) return false;
    memset(lcs->lengths, 0, width * sizeof *lcs->lengths);
    for (size_t i = 1; i <= lcs->a.size; i++) {
        uint32_t *row = lcs->lengths + i * width, *above = row - width;
        row[0] = 0;
        for (size_t j = 1; j < width; j++)
            row[j] = lcs->a.data[i - 1] == lcs->b.data[j - 1] ? above[j - 1] + 1 : MAX(above[j], row[j - 1]);
    }
    return true;
}

/* Walks back from the ends and calls each run of equal bytes, the last one first: a[i..i+size) is b[j..j+size). */
static void each_run(const struct lcs *lcs, void (*run)(void *context, size_t i, size_t j, size_t size), void *context) {
    size_t i = lcs->a.size, j = lcs->b.size, size = 0;
    while (i > 0 && j > 0) {
        if (lcs->a.data[i - 1] == lcs->b.data[j - 1]) {
            i--, j--, size++;
            continue;
        }
        if (size) run(context, i, j, size);
        size = 0;
        if (length_at(lcs, i - 1, j) > length_at(lcs, i, j - 1))
            i--;
        else
            j--;
    }
    if (size) run(context, i, j, size);
}

struct text {
    const struct lcs *lcs;
    char             *end; /* the text grows from its end to its beginning */
};

static void copy_run(void *context, size_t i, size_t j, size_t size) {
    struct text *text = context;
    text->end -= size;
    memcpy(text->end, text->lcs->a.data + i, size);
}

struct ranges {
    struct client *client;
    int64_t        min_size;
    bool           with_size;
    size_t         count;
};

static void reply_run(void *context, size_t i, size_t j, size_t size) {
    struct ranges *ranges = context;
    if ((int64_t)size < ranges->min_size) return;
    struct client *client = ranges->client;
    ranges->count++;
    reply_array(client, ranges->with_size ? 3 : 2);
    reply_array(client, 2);
    reply_int(client, (int64_t)i);
    reply_int(client, (int64_t)(i + size - 1));
    reply_array(client, 2);
    reply_int(client, (int64_t)j);
    reply_int(client, (int64_t)(j + size - 1));
    if (ranges->with_size) reply_int(client, (int64_t)size);
}

struct options {
    bool    length, ranges, with_size;
    int64_t min_size;
};

static bool read_options(struct client *client, struct options *options) {
    for (int i = 3; i < client->argc; i++) {
        struct slice word = client->argv[i];
        if (slice_is_nocase(word, "idx")) {
            options->ranges = true;
        } else if (slice_is_nocase(word, "len")) {
            options->length = true;
        } else if (slice_is_nocase(word, "withmatchlen")) {
            options->with_size = true;
        } else if (slice_is_nocase(word, "minmatchlen") && i + 1 < client->argc) {
            if (!argument_int(client, ++i, &options->min_size)) return false;
        } else {
            reply_syntax_error(client);
            return false;
        }
    }
    if (!options->length || !options->ranges) return true;
    reply_error(client, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

static void answer(struct client *client, const struct lcs *lcs, const struct options *options) {
    uint32_t size = length_at(lcs, lcs->a.size, lcs->b.size);
    if (options->ranges) {
        struct ranges ranges = {client, options->min_size, options->with_size, 0};
        reply_map(client, 2);
        reply_bulk_text(client, "matches");
        struct output_hole mark = reply_later(client);
        each_run(lcs, reply_run, &ranges);
        reply_array_here(client, mark, ranges.count);
        reply_bulk_text(client, "len");
        reply_int(client, size);
    } else if (options->length) {
        reply_int(client, size);
    } else {
        char *bytes = mem_alloc(size);
        each_run(lcs, copy_run, &(struct text){lcs, bytes + size});
        reply_bulk(client, slice_make(bytes, size));
        mem_free(bytes);
    }
}

void lcs_command(struct client *client) {
    struct keyspace *keyspace = session_keyspace(client);
    const struct record *a = keyspace_read(keyspace, client->argv[1]), *b = keyspace_read(keyspace, client->argv[2]);
    /* The second lookup may have removed nothing of the first: an expired key is only removed under its own name. */
    if ((a && record_type(a) != VALUE_STRING) || (b && record_type(b) != VALUE_STRING)) {
        reply_error(client, "ERR The specified keys must contain string values");
        return;
    }
    struct options options = {0};
    if (!read_options(client, &options)) return;
    char a_buffer[NUMBER_TEXT_SIZE], b_buffer[NUMBER_TEXT_SIZE];
    struct lcs lcs = {.a = a ? record_text(a, a_buffer) : (struct slice){0}, .b = b ? record_text(b, b_buffer) : (struct slice){0}};
    if (lcs.a.size >= UINT32_MAX - 1 || lcs.b.size >= UINT32_MAX - 1) {
        reply_error(client, "ERR String too long for LCS");
        return;
    }
    size_t bytes;
    bool too_large = __builtin_mul_overflow((lcs.a.size + 1) * sizeof(uint32_t), lcs.b.size + 1, &bytes) ||
                     bytes > client->server->settings->proto_max_bulk_len_bytes;
    if (too_large)
        reply_error(client, "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    else if (!compute(&lcs))
        reply_error(client, "ERR Insufficient memory, failed allocating transient memory for LCS");
    else
        answer(client, &lcs, &options);
    mem_free(lcs.lengths);
}
