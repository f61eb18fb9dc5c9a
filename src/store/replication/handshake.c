/*
 *  connecting --on_open()--> pinging --pong()--> introducing --introduced()--> asking
 *                                                                                |
 *                 streaming <------------------ +CONTINUE --- answered() --------+--- +FULLRESYNC, or SYNC was sent
 *                     ^                                                                    |
 *                     +-- the payload's end -- receiving <----- begin_payload() ------- waiting
 *
 *  Every state but streaming may end in failed: fail(), handshake_is_overdue().
 */
#include "store/replication/handshake.h"
#include "base/mem.h"
#include "base/number.h"
#include "net/resp_write.h"

#include <inttypes.h>
#include <stdio.h>

static const struct sm_state states[HANDSHAKE_STATES] = {
    [HANDSHAKE_CONNECTING] = {"connecting", SM_TO(HANDSHAKE_PINGING) | SM_TO(HANDSHAKE_FAILED)},
    [HANDSHAKE_PINGING] = {"pinging", SM_TO(HANDSHAKE_INTRODUCING) | SM_TO(HANDSHAKE_FAILED)},
    [HANDSHAKE_INTRODUCING] = {"introducing", SM_TO(HANDSHAKE_ASKING) | SM_TO(HANDSHAKE_FAILED)},
    [HANDSHAKE_ASKING] = {"asking", SM_TO(HANDSHAKE_STREAMING) | SM_TO(HANDSHAKE_WAITING) | SM_TO(HANDSHAKE_FAILED)},
    [HANDSHAKE_WAITING] = {"waiting", SM_TO(HANDSHAKE_RECEIVING) | SM_TO(HANDSHAKE_FAILED)},
    [HANDSHAKE_RECEIVING] = {"receiving", SM_TO(HANDSHAKE_STREAMING) | SM_TO(HANDSHAKE_FAILED)},
    [HANDSHAKE_STREAMING] = {"streaming", 0},
    [HANDSHAKE_FAILED] = {"failed", 0},
};
const struct sm_table handshake_table = {"handshake", states, HANDSHAKE_STATES};

void handshake_init(struct handshake *handshake, const struct handshake_settings *settings, int64_t now_ms) {
    memset(handshake, 0, sizeof *handshake);
    handshake->settings = *settings;
    handshake->heard_ms = now_ms;
    handshake->offset = -1;
    sm_init(&handshake->sm, &handshake_table, HANDSHAKE_CONNECTING, now_ms);
}

void handshake_fini(struct handshake *handshake) {
    bytes_fini(&handshake->held);
}

/* `why` is filled. */
static enum handshake_event fail(struct handshake *handshake, int64_t now_ms) {
    sm_move(&handshake->sm, HANDSHAKE_FAILED, now_ms, "%s", handshake->why.text);
    return HANDSHAKE_BROKE;
}

/* "...: '<what the peer said>'" */
static enum handshake_event fail_at(struct handshake *handshake, int64_t now_ms, const char *what, struct slice line) {
    char text[256];
    slice_print_plain(line, text, sizeof text);
    (void)error_set(&handshake->why, "%s: '%s'", what, text);
    return fail(handshake, now_ms);
}

static void say(struct bytes *out, const struct slice *words, size_t count) {
    resp_print_request(out, words, count);
}
#define SAY(out, ...) say(out, (const struct slice[]){__VA_ARGS__}, COUNT_OF(((const struct slice[]){__VA_ARGS__})))

void handshake_on_open(struct handshake *handshake, int64_t now_ms, struct bytes *out) {
    handshake->heard_ms = now_ms;
    sm_move(&handshake->sm, HANDSHAKE_PINGING, now_ms, "connected");
    SAY(out, SLICE("PING"));
}

/* ---- introducing ---- */

enum question { ABOUT_AUTH = 1, ABOUT_PORT, ABOUT_IP, ABOUT_CAPA };
enum { QUESTION_BITS = 3 };
static const char *const question_names[] = {
    [ABOUT_PORT] = "listening-port", [ABOUT_IP] = "ip-address", [ABOUT_CAPA] = "capa"};

static void note_question(struct handshake *handshake, enum question question) {
    handshake->asked |= (unsigned)question << (handshake->replies++ * QUESTION_BITS);
}

static void introduce(struct handshake *handshake, int64_t now_ms, struct bytes *out) {
    const struct handshake_settings *settings = &handshake->settings;
    char port[NUMBER_TEXT_SIZE];
    sm_move(&handshake->sm, HANDSHAKE_INTRODUCING, now_ms, "it answered PING");
    if (settings->password) {
        if (settings->user) {
            SAY(out, SLICE("AUTH"), slice_text(settings->user), slice_text(settings->password));
        } else {
            SAY(out, SLICE("AUTH"), slice_text(settings->password));
        }
        note_question(handshake, ABOUT_AUTH);
    }
    SAY(out, SLICE("REPLCONF"), SLICE("listening-port"),
        slice_make(port, number_print_int(port, settings->announce_port)));
    note_question(handshake, ABOUT_PORT);
    if (settings->announce_ip) {
        SAY(out, SLICE("REPLCONF"), SLICE("ip-address"), slice_text(settings->announce_ip));
        note_question(handshake, ABOUT_IP);
    }
    SAY(out, SLICE("REPLCONF"), SLICE("capa"), SLICE("eof"), SLICE("capa"), SLICE("psync2"));
    note_question(handshake, ABOUT_CAPA);
}

/* A primary that wants a password first, or does not allow PING, is alive as well: the next steps will tell. */
static enum handshake_event pong(struct handshake *handshake, int64_t now_ms, struct slice line, struct bytes *out) {
    if (!slice_starts_with(line, "+") && !slice_starts_with(line, "-NOAUTH") && !slice_starts_with(line, "-NOPERM") &&
        !slice_starts_with(line, "-ERR operation not permitted"))
        return fail_at(handshake, now_ms, "Error reply to PING from master", line);
    introduce(handshake, now_ms, out);
    return HANDSHAKE_MORE;
}

static void ask(struct handshake *handshake, int64_t now_ms, struct bytes *out) {
    const struct handshake_settings *settings = &handshake->settings;
    char next[NUMBER_TEXT_SIZE];
    struct slice id = settings->id ? slice_text(settings->id) : SLICE("?");
    struct slice number = slice_make(next, number_print_int(next, settings->id ? settings->next : -1));
    sm_move(&handshake->sm, HANDSHAKE_ASKING, now_ms, "introduced");
    if (settings->is_failover) {
        SAY(out, SLICE("PSYNC"), id, number, SLICE("FAILOVER"));
    } else {
        SAY(out, SLICE("PSYNC"), id, number);
    }
}

/* What an old primary does not know of REPLCONF it can do without; but it must let us in. */
static enum handshake_event introduced(struct handshake *handshake, int64_t now_ms, struct slice line, struct bytes *out) {
    enum question question = handshake->asked & ((1u << QUESTION_BITS) - 1);
    handshake->asked >>= QUESTION_BITS;
    handshake->replies--;
    if (question == ABOUT_AUTH && !slice_starts_with(line, "+"))
        return fail_at(handshake, now_ms, "Unable to AUTH to MASTER", line);
    if (question != ABOUT_AUTH && !slice_starts_with(line, "+") && !slice_starts_with(line, "-")) {
        char what[96];
        snprintf(what, sizeof what, "Not a reply to REPLCONF %s", question_names[question]);
        return fail_at(handshake, now_ms, what, line);
    }
    if (slice_starts_with(line, "-NOAUTH"))
        return fail_at(handshake, now_ms, "The primary wants a password (masterauth)", line);
    if (!handshake->replies) ask(handshake, now_ms, out);
    return HANDSHAKE_MORE;
}

/* ---- what PSYNC is answered ---- */

static bool is_id(struct slice text) {
    if (text.size != HANDSHAKE_ID_SIZE) return false;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~') return false;
    return true;
}

static void keep_id(struct handshake *handshake, struct slice id) {
    memcpy(handshake->id, id.data, HANDSHAKE_ID_SIZE);
    handshake->id[HANDSHAKE_ID_SIZE] = 0;
}

static enum handshake_event send_all(struct handshake *handshake, int64_t now_ms, struct slice rest) {
    struct slice id, offset;
    int64_t number;
    if (!slice_split(&rest, ' ', &id) || !slice_split(&rest, ' ', &offset) || !is_id(id) ||
        !number_parse_int(offset, &number) || number < 0)
        return fail_at(handshake, now_ms, "Master replied with wrong +FULLRESYNC syntax", rest.data ? rest : id);
    keep_id(handshake, id);
    handshake->offset = number;
    sm_move(&handshake->sm, HANDSHAKE_WAITING, now_ms, "full resync from %s:%" PRId64, handshake->id, number);
    return HANDSHAKE_WILL_SEND_ALL;
}

static enum handshake_event go_on(struct handshake *handshake, int64_t now_ms, struct slice rest) {
    if (!handshake->settings.id) return fail_at(handshake, now_ms, "The primary continues what never began", rest);
    rest = slice_trim(rest);
    if (rest.size) {
        if (!is_id(rest)) return fail_at(handshake, now_ms, "Master replied with wrong +CONTINUE syntax", rest);
        keep_id(handshake, rest);
    }
    sm_move(&handshake->sm, HANDSHAKE_STREAMING, now_ms, "resumed");
    return HANDSHAKE_WILL_CONTINUE;
}

static bool has_command(struct slice line, const char *word, struct slice *rest) {
    size_t size = strlen(word);
    if (line.size < size || memcmp(line.data, word, size) != 0 || (line.size > size && line.data[size] != ' ')) return false;
    *rest = line.size > size ? slice_make(line.data + size + 1, line.size - size - 1) : (struct slice){"", 0};
    return true;
}

static enum handshake_event answered(struct handshake *handshake, int64_t now_ms, struct slice line, struct bytes *out) {
    struct slice rest;
    if (!line.size) return HANDSHAKE_MORE; /* it shows that it lives while it prepares */
    if (has_command(line, "+FULLRESYNC", &rest)) return send_all(handshake, now_ms, rest);
    if (has_command(line, "+CONTINUE", &rest)) return go_on(handshake, now_ms, rest);
    handshake->rejected_psync = true;
    if (slice_starts_with(line, "-NOMASTERLINK") || slice_starts_with(line, "-LOADING")) {
        handshake->was_refused_later = true;
        return fail_at(handshake, now_ms, "Master is currently unable to PSYNC but should be in the future", line);
    }
    if (handshake->settings.is_failover) return fail_at(handshake, now_ms, "Failover target rejected psync request", line);
    if (slice_starts_with(line, "-NOAUTH") || slice_starts_with(line, "-NOPERM"))
        return fail_at(handshake, now_ms, "The primary does not let us follow it (masteruser, masterauth)", line);
    if (!slice_starts_with(line, "-")) return fail_at(handshake, now_ms, "Unexpected reply to PSYNC from master", line);
    SAY(out, SLICE("SYNC"));
    handshake->asked_sync = true;
    handshake->offset = -1;
    char text[128];
    slice_print_plain(line, text, sizeof text);
    sm_move(&handshake->sm, HANDSHAKE_WAITING, now_ms, "it does not know PSYNC, or is in an error state: '%s'", text);
    return HANDSHAKE_WILL_SEND_ALL;
}

/* ---- the payload ---- */

static enum handshake_event begin_payload(struct handshake *handshake, int64_t now_ms, struct slice line) {
    if (!line.size) return HANDSHAKE_MORE;
    if (line.data[0] == '-') return fail_at(handshake, now_ms, "MASTER aborted replication with an error", line);
    if (line.data[0] != '$')
        return fail_at(handshake, now_ms, "Bad protocol from MASTER, the first byte is not '$' (is this the right primary?)", line);
    struct slice rest = slice_make(line.data + 1, line.size - 1);
    if (slice_starts_with(rest, "EOF:")) {
        if (rest.size != 4 + HANDSHAKE_ID_SIZE) return fail_at(handshake, now_ms, "Bad end mark from MASTER", line);
        memcpy(handshake->mark, rest.data + 4, HANDSHAKE_ID_SIZE);
        handshake->size = -1;
    } else if (!number_parse_int(rest, &handshake->size) || handshake->size < 0) {
        return fail_at(handshake, now_ms, "Bad size of the payload from MASTER", line);
    }
    sm_move(&handshake->sm, HANDSHAKE_RECEIVING, now_ms, "the payload begins");
    return HANDSHAKE_SIZE_KNOWN;
}

static enum handshake_event end_payload(struct handshake *handshake, int64_t now_ms) {
    sm_move(&handshake->sm, HANDSHAKE_STREAMING, now_ms, "the payload has ended");
    return HANDSHAKE_PAYLOAD_ENDED;
}

static enum handshake_event give(struct handshake *handshake, struct slice piece) {
    handshake->piece = piece;
    handshake->received += (int64_t)piece.size;
    return HANDSHAKE_PAYLOAD;
}

static enum handshake_event receive_counted(struct handshake *handshake, int64_t now_ms, struct slice *in) {
    if (handshake->received == handshake->size) return end_payload(handshake, now_ms);
    if (!in->size) return HANDSHAKE_MORE;
    size_t size = (size_t)MIN((int64_t)in->size, handshake->size - handshake->received);
    struct slice piece = {in->data, size};
    in->data += size;
    in->size -= size;
    return give(handshake, piece);
}

/* The longest end of `data` that is a beginning of the mark. */
static size_t mark_begun(const struct handshake *handshake, struct slice data) {
    size_t most = MIN(data.size, (size_t)HANDSHAKE_ID_SIZE - 1);
    for (size_t size = most; size > 0; size--)
        if (memcmp(data.data + data.size - size, handshake->mark, size) == 0) return size;
    return 0;
}

static enum handshake_event receive_to_mark(struct handshake *handshake, int64_t now_ms, struct slice *in) {
    struct bytes *held = &handshake->held;
    if (held->size) { /* the beginning of the mark, perhaps: as many bytes more as it lacks decide */
        size_t lacking = MIN(HANDSHAKE_ID_SIZE - held->size, in->size);
        bytes_add(held, in->data, lacking);
        in->data += lacking;
        in->size -= lacking;
        if (held->size == HANDSHAKE_ID_SIZE && memcmp(held->data, handshake->mark, HANDSHAKE_ID_SIZE) == 0)
            return end_payload(handshake, now_ms);
        size_t keep = mark_begun(handshake, bytes_slice(held));
        if (keep == held->size) return HANDSHAKE_MORE;
        handshake->held_given = held->size - keep;
        return give(handshake, slice_make(held->data, handshake->held_given));
    }
    if (!in->size) return HANDSHAKE_MORE;
    const char *mark = memmem(in->data, in->size, handshake->mark, HANDSHAKE_ID_SIZE);
    size_t before = mark ? (size_t)(mark - in->data) : in->size - mark_begun(handshake, *in);
    if (before) {
        struct slice piece = {in->data, before};
        in->data += before;
        in->size -= before;
        return give(handshake, piece);
    }
    size_t size = mark ? (size_t)HANDSHAKE_ID_SIZE : in->size;
    if (!mark) bytes_add(held, in->data, size);
    in->data += size;
    in->size -= size;
    return mark ? end_payload(handshake, now_ms) : HANDSHAKE_MORE;
}

static enum handshake_event receive(struct handshake *handshake, int64_t now_ms, struct slice *in) {
    if (handshake->held_given) {
        bytes_drop_front(&handshake->held, handshake->held_given);
        handshake->held_given = 0;
    }
    return handshake->size >= 0 ? receive_counted(handshake, now_ms, in) : receive_to_mark(handshake, now_ms, in);
}

/* ---- lines ---- */

/* True: `line` is the next one, without its end; it lies in `held`, which begins anew with the next call. */
static bool take_line(struct handshake *handshake, struct slice *in, struct slice *line) {
    struct bytes *held = &handshake->held;
    if (held->size && held->data[held->size - 1] == '\n') bytes_clear(held);
    const char *end = memchr(in->data, '\n', in->size);
    size_t size = end ? (size_t)(end + 1 - in->data) : in->size;
    size = MIN(size, HANDSHAKE_LINE_BYTES + 1 - held->size);
    bytes_add(held, in->data, size);
    in->data += size;
    in->size -= size;
    if (held->data[held->size - 1] != '\n') return false;
    *line = slice_make(held->data, held->size - 1);
    if (line->size && line->data[line->size - 1] == '\r') line->size--;
    return true;
}

static enum handshake_event on_line(struct handshake *handshake, int64_t now_ms, struct slice line, struct bytes *out) {
    switch ((enum handshake_state)handshake->sm.state) {
    case HANDSHAKE_PINGING: return pong(handshake, now_ms, line, out);
    case HANDSHAKE_INTRODUCING: return introduced(handshake, now_ms, line, out);
    case HANDSHAKE_ASKING: return answered(handshake, now_ms, line, out);
    case HANDSHAKE_WAITING: return begin_payload(handshake, now_ms, line);
    case HANDSHAKE_CONNECTING:
    case HANDSHAKE_RECEIVING:
    case HANDSHAKE_STREAMING:
    case HANDSHAKE_FAILED:
    case HANDSHAKE_STATES: break;
    }
    UNREACHABLE("a state without lines");
}

enum handshake_event handshake_step(struct handshake *handshake, int64_t now_ms, struct slice *in, struct bytes *out) {
    CHECK(handshake->sm.state != HANDSHAKE_CONNECTING);
    if (in->size) handshake->heard_ms = now_ms;
    while (handshake->sm.state < HANDSHAKE_RECEIVING) {
        struct slice line;
        if (!in->size) return HANDSHAKE_MORE;
        if (!take_line(handshake, in, &line)) {
            if (handshake->held.size <= HANDSHAKE_LINE_BYTES) return HANDSHAKE_MORE;
            return fail_at(handshake, now_ms, "A line from the primary has no end", slice_make(handshake->held.data, 64));
        }
        enum handshake_event event = on_line(handshake, now_ms, line, out);
        if (handshake->sm.state == HANDSHAKE_RECEIVING) bytes_clear(&handshake->held);
        if (event != HANDSHAKE_MORE) return event;
    }
    return handshake->sm.state == HANDSHAKE_RECEIVING ? receive(handshake, now_ms, in) : HANDSHAKE_MORE;
}

/* ---- time ---- */

bool handshake_is_overdue(struct handshake *handshake, int64_t now_ms) {
    if (handshake->sm.state >= HANDSHAKE_STREAMING || now_ms - handshake->heard_ms <= handshake->settings.timeout_ms) return false;
    if (handshake->sm.state == HANDSHAKE_RECEIVING || handshake->sm.state == HANDSHAKE_WAITING) {
        (void)error_set(&handshake->why, "Timeout receiving bulk data from MASTER... If the problem persists try to set the "
                                         "'repl-timeout' parameter to a larger value.");
    } else {
        (void)error_set(&handshake->why, "Timeout connecting to the MASTER (%s for %" PRId64 " ms)", sm_name(&handshake->sm),
                        now_ms - handshake->heard_ms);
    }
    (void)fail(handshake, now_ms);
    return true;
}

void handshake_note_life(struct handshake *handshake, int64_t now_ms) {
    handshake->heard_ms = now_ms;
}
