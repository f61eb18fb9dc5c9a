#include "base/mem.h"
#include "core/client/client.h"
#include "core/client/reply.h"
#include "core/command/dispatch.h"
#include "core/server.h"
#include "store/commands/arguments.h"
#include "store/commands/stream_commands_internal.h"
#include "store/keyspace/databases.h"
#include "store/tx/session.h"

/* ---- the options of XADD and XTRIM ---- */

struct edit {
    struct stream_trim trim;
    int                trim_place; /* the threshold's argument */
    bool               no_make;
    int                id_place;
    struct entry_id    id;
    bool               has_id, has_seq; /* not `*`; not `5-*` */
};

static struct stream_limits limits_of(const struct client *client) {
    const struct keyspace_settings *settings = &session_of(client)->databases->settings;
    return (struct stream_limits){settings->stream_node_max_bytes, settings->stream_node_max_entries};
}

/* MAXLEN|MINID [=|~] threshold. Returns the place of the threshold; 0: replied. */
static int read_threshold(struct client *client, int place, struct edit *edit) {
    struct stream_trim *trim = &edit->trim;
    bool by_length = slice_is_nocase(client->argv[place], "maxlen");
    if (trim->by != STREAM_KEEP) {
        reply_error(client, "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
        return 0;
    }
    place++;
    trim->is_approximate = false;
    if (place + 1 < client->argc && (slice_is(client->argv[place], "~") || slice_is(client->argv[place], "=")))
        trim->is_approximate = client->argv[place++].data[0] == '~';
    if (by_length) {
        int64_t length;
        if (!argument_int(client, place, &length)) return 0;
        if (length < 0) {
            reply_error(client, "ERR The MAXLEN argument must be >= 0.");
            return 0;
        }
        trim->max_length = (uint64_t)length;
    } else if (!stream_commands_id(client, place, 0, &trim->min_id)) {
        return 0;
    }
    trim->by = by_length ? STREAM_MAX_LENGTH : STREAM_MIN_ID;
    return edit->trim_place = place;
}

static bool read_limit(struct client *client, int place, uint64_t *limit) {
    int64_t number;
    if (!argument_int(client, place, &number)) return false;
    if (number < 0) {
        reply_error(client, "ERR The LIMIT argument must be >= 0.");
        return false;
    }
    *limit = (uint64_t)number;
    return true;
}

/* What was read may contradict itself. `has_limit`: LIMIT was given. */
static bool settle(struct client *client, bool is_add, bool has_limit, struct edit *edit) {
    struct stream_trim *trim = &edit->trim;
    bool is_trusted = client->flags & (CLIENT_IS_PRIMARY | CLIENT_LOADING); /* its threshold was made exact already */
    if (trim->limit && trim->by == STREAM_KEEP) {
        reply_error(client, "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
        return false;
    }
    if (!is_add && trim->by == STREAM_KEEP) {
        reply_error(client, "ERR syntax error, XTRIM must be called with a trimming strategy");
        return false;
    }
    if (is_trusted) {
        trim->limit = 0;
    } else if (has_limit && !trim->is_approximate) {
        reply_error(client, "ERR syntax error, LIMIT cannot be used without the special ~ option");
        return false;
    } else if (!has_limit && trim->is_approximate) {
        /* So that one command does not take long; who wants more removed at once says so. */
        uint64_t entries = limits_of(client).node_max_entries;
        trim->limit = entries == 0 ? 10000 : entries > 10000 ? 1000000 : 100 * entries;
    }
    return true;
}

static bool read_id(struct client *client, int place, struct edit *edit) {
    edit->has_id = true;
    if (entry_id_parse(client->argv[place], 0, &edit->id, &edit->has_seq)) return true;
    stream_commands_reply_bad_id(client);
    return false;
}

static bool read_edit(struct client *client, bool is_add, struct edit *edit) {
    bool has_limit = false;
    int place = 2;
    *edit = (struct edit){.has_seq = true};
    for (; place < client->argc; place++) {
        struct slice word = client->argv[place];
        bool has_more = place + 1 < client->argc;
        if (is_add && word.size == 1 && word.data[0] == '*') break;
        if (has_more && (slice_is_nocase(word, "maxlen") || slice_is_nocase(word, "minid"))) {
            place = read_threshold(client, place, edit);
            if (!place) return false;
        } else if (has_more && slice_is_nocase(word, "limit")) {
            if (!read_limit(client, ++place, &edit->trim.limit)) return false;
            has_limit = true;
        } else if (is_add && slice_is_nocase(word, "nomkstream")) {
            edit->no_make = true;
        } else if (is_add) {
            if (!read_id(client, place, edit)) return false;
            break;
        } else {
            reply_syntax_error(client);
            return false;
        }
    }
    edit->id_place = place;
    return settle(client, is_add, has_limit, edit);
}

/* ---- telling it so that it is the same everywhere ---- */

enum { FEW_ARGUMENTS = 32 };

/* The command with its real id (NULL: as it came) and, after an approximate trim, with what was left as an exact threshold. */
static void rewrite(struct client *client, const struct stream *stream, const struct edit *edit, const struct slice *id) {
    char threshold[ENTRY_ID_TEXT_SIZE];
    struct slice few[FEW_ARGUMENTS], *argv = few;
    if (client->argc > FEW_ARGUMENTS) argv = mem_alloc((size_t)client->argc * sizeof *argv);
    for (int i = 0; i < client->argc; i++) argv[i] = client->argv[i];
    if (edit->trim.is_approximate) {
        struct entry_id first = ENTRY_ID_MAX;
        argv[edit->trim_place - 1] = SLICE("=");
        if (edit->trim.by == STREAM_MAX_LENGTH) {
            argv[edit->trim_place] = slice_make(threshold, number_print_uint(threshold, stream->length));
        } else {
            (void)stream_first_kept(stream, &first); /* none is left: all ids are too small */
            argv[edit->trim_place] = slice_make(threshold, entry_id_print(threshold, first));
        }
    }
    if (id) argv[edit->id_place] = *id;
    dispatch_rewrite(client, client->argc, argv);
    if (argv != few) mem_free(argv);
}

/* ---- XADD ---- */

/* The id that the entry gets. */
static bool choose_id(struct client *client, const struct stream *stream, struct edit *edit) {
    struct entry_id last = stream->last_id, *id = &edit->id;
    bool is_good = true;
    if (last.ms == UINT64_MAX && last.seq == UINT64_MAX) {
        reply_error(client, "ERR The stream has exhausted the last possible ID, unable to add more items");
        return false;
    }
    if (!edit->has_id) {
        *id = (struct entry_id){(uint64_t)client->server->wall_ms, 0};
        if (id->ms <= last.ms) {
            *id = last;
            is_good = entry_id_increase(id);
        }
    } else if (!edit->has_seq && id->ms == last.ms) {
        id->seq = last.seq + 1;
        is_good = last.seq != UINT64_MAX;
    }
    if (is_good && entry_id_compare(*id, last) > 0) return true;
    reply_error(client, "ERR The ID specified in XADD is equal or smaller than the target stream top item");
    return false;
}

static bool is_too_large(const struct slice *pairs, size_t count) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += pairs[i].size;
    return bytes + stream_entry_overhead(count) > STREAM_ENTRY_MAX_BYTES;
}

void xadd_command(struct client *client) {
    struct edit edit;
    struct spot spot;
    struct stream *stream;
    if (!read_edit(client, true, &edit)) return;
    struct slice key = client->argv[1];
    int first = edit.id_place + 1, count = client->argc - first;
    if (count < 2 || count % 2) {
        reply_wrong_arguments(client);
        return;
    }
    if (edit.has_id && edit.has_seq && entry_id_is_zero(edit.id)) {
        reply_error(client, "ERR The ID specified in XADD must be greater than 0-0");
        return;
    }
    if (!stream_commands_open(client, key, &spot, &stream)) return;
    if (!stream && edit.no_make) {
        reply_null(client);
        return;
    }
    static const struct stream empty;
    if (!choose_id(client, stream ? stream : &empty, &edit)) return;
    if (is_too_large(client->argv + first, (size_t)count)) {
        reply_error(client, "ERR Elements are too large to be stored");
        return;
    }
    if (!stream) stream = stream_commands_make(client, key, &spot);
    struct stream_limits limits = limits_of(client);
    stream_add(stream, edit.id, client->argv + first, (size_t)count / 2, &limits);
    char text[ENTRY_ID_TEXT_SIZE];
    struct slice id = slice_make(text, entry_id_print(text, edit.id));
    reply_bulk(client, id);
    stream_commands_changed(client, key, "xadd", 1);
    if (edit.trim.by != STREAM_KEEP && stream_trim(stream, &edit.trim)) stream_commands_changed(client, key, "xtrim", 0);
    bool is_chosen = !edit.has_id || !edit.has_seq;
    if (is_chosen || edit.trim.is_approximate) rewrite(client, stream, &edit, is_chosen ? &id : NULL);
}

/* ---- removing ---- */

void xtrim_command(struct client *client) {
    struct edit edit;
    struct spot spot;
    struct stream *stream;
    if (!read_edit(client, false, &edit) || !stream_commands_open(client, client->argv[1], &spot, &stream)) return;
    uint64_t removed = stream ? stream_trim(stream, &edit.trim) : 0;
    if (removed) {
        stream_commands_changed(client, client->argv[1], "xtrim", removed);
        if (edit.trim.is_approximate) rewrite(client, stream, &edit, NULL);
    }
    reply_uint(client, removed);
}

void xdel_command(struct client *client) {
    struct spot spot;
    struct stream *stream;
    struct stream_ids ids;
    uint64_t removed = 0;
    if (!stream_commands_open(client, client->argv[1], &spot, &stream)) return;
    if (!stream) {
        reply_int(client, 0);
        return;
    }
    if (!stream_commands_ids(client, 2, &ids)) return;
    for (int i = 2; i < client->argc; i++) removed += stream_remove(stream, ids.ids[i - 2]);
    stream_commands_free_ids(&ids);
    if (removed) stream_commands_changed(client, client->argv[1], "xdel", removed);
    reply_uint(client, removed);
}

/* ---- XSETID ---- */

struct setting {
    struct entry_id id, max_deleted;
    int64_t         added; /* -1: not given */
};

static bool read_setting(struct client *client, struct setting *to) {
    *to = (struct setting){.added = -1};
    if (!stream_commands_id(client, 2, 0, &to->id)) return false;
    for (int i = 3; i < client->argc; i += 2) {
        bool has_more = i + 1 < client->argc;
        if (has_more && slice_is_nocase(client->argv[i], "entriesadded")) {
            if (!argument_int(client, i + 1, &to->added)) return false;
            if (to->added >= 0) continue;
            reply_error(client, "ERR entries_added must be positive");
        } else if (has_more && slice_is_nocase(client->argv[i], "maxdeletedid")) {
            if (!stream_commands_id(client, i + 1, 0, &to->max_deleted)) return false;
            if (entry_id_compare(to->id, to->max_deleted) >= 0) continue;
            reply_error(client, "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
        } else {
            reply_syntax_error(client);
        }
        return false;
    }
    return true;
}

static const char *why_not(const struct stream *stream, const struct setting *to) {
    if (stream->length && entry_id_compare(to->id, stream_last_valid(stream)) < 0)
        return "ERR The ID specified in XSETID is smaller than the target stream top item";
    if (stream->length && to->added != -1 && stream->length > (uint64_t)to->added)
        return "ERR The entries_added specified in XSETID is smaller than the target stream length";
    if (entry_id_compare(to->id, stream->max_deleted_id) < 0)
        return "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    return NULL;
}

void xsetid_command(struct client *client) {
    struct setting to;
    struct spot spot;
    struct stream *stream;
    if (!read_setting(client, &to) || !stream_commands_open(client, client->argv[1], &spot, &stream)) return;
    if (!stream) {
        reply_no_such_key(client);
        return;
    }
    const char *error = why_not(stream, &to);
    if (error) {
        reply_error(client, "%s", error);
        return;
    }
    stream->last_id = to.id;
    if (to.added != -1) stream->entries_added = (uint64_t)to.added;
    if (!entry_id_is_zero(to.max_deleted)) stream->max_deleted_id = to.max_deleted;
    reply_ok(client);
    stream_commands_changed(client, client->argv[1], "xsetid", 1);
}
