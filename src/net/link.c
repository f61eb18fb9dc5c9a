#include "net/link.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/buffer.h"
#include "net/conn.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/resp_write.h"
#include "net/tls.h"

#include <errno.h>
#include <stdio.h>

/* Callbacks may call anything, so every entry from the loop holds the link (hold/release), and whatever ends a
 * connection (dial, hang up, going down, detaching, freeing) begins a new `era`: code that called somebody goes on only
 * when the era is still its own.
 *
 * Requests wait in `requests` for their answers, in order. When the connection ends they move to `lost`, from where
 * they are told one by one; link_free() inside one of these calls tells the rest before it returns.
 *
 *     IDLE --dial: a name--> RESOLVING --on_resolved--> CONNECTING --on_open--> UP
 *       ^  --dial: an address-------------------------------^                   |
 *       +--------------- go_down(), link_hang_up(), link_detach() --------------+ */

struct request {
    struct list_node  node;
    struct link      *link;
    struct loop_timer deadline;
    link_on_reply    *on_reply; /* NULL: nobody cares, or its deadline has passed */
    void             *context;
    size_t            confirmations; /* of a subscription: so many are still to come; 0: an ordinary request */
};

struct options { /* the settings, owned */
    struct link_settings s;
    char                *texts[6];
};

struct link { /* in the order of use: what a request and its answer touch comes first */
    struct loop                *loop;
    const struct link_handlers *handlers;
    void                       *context;
    struct conn                *conn;
    struct resp_reply_parser   *parser;
    struct list                 requests, lost;
    size_t                      waiting, max_output_bytes;
    struct loop_task            flush;
    uint64_t                    era;
    int64_t                     backoff_ms;
    int64_t                     last_input_ms;
    enum link_state             state;
    unsigned                    holds;
    int                         write_failure; /* errno's number */
    bool                        is_subscribed, is_overfull, is_freed;
    struct output               output;
    struct input                input;
    enum link_reason            reason;
    enum link_reason            failed; /* what `later` is to report; LINK_NONE: it dials again */
    struct loop_timer           timeout; /* of dialling */
    struct loop_timer           later;   /* a failure that was known at once, or the next dial */
    struct loop_timer           tell; /* requests that were made while it was not up */
    struct options              options;
    char                       *host; /* NULL: dialled by address */
    struct resolve             *resolve;
    struct tls_session         *session; /* to resume with the same peer */
    uint16_t                    port;
    struct address              target; /* where it connects to */
    struct random               random;
    char                        reason_text[256];
};

static const char *const reason_names[] = {
    [LINK_NONE] = "none",
    [LINK_REFUSED] = "refused",
    [LINK_RESET] = "reset",
    [LINK_CLOSED] = "closed",
    [LINK_TIMED_OUT] = "timed_out",
    [LINK_UNREACHABLE] = "unreachable",
    [LINK_UNRESOLVED] = "unresolved",
    [LINK_TLS_FAILED] = "tls_failed",
    [LINK_AUTH_FAILED] = "auth_failed",
    [LINK_PROTOCOL] = "protocol",
    [LINK_TOO_LARGE] = "too_large",
    [LINK_HUNG_UP] = "hung_up",
};
_Static_assert(COUNT_OF(reason_names) == LINK_REASONS, "each reason has a name");

const char *link_reason_name(enum link_reason reason) {
    return reason_names[reason];
}

/* ---- life and memory ---- */

enum { DEFAULT_BYTES = 64 << 20, DEFAULT_DEPTH = 16 };

static void free_options(struct options *options) {
    for (size_t i = 0; i < COUNT_OF(options->texts); i++) mem_free(options->texts[i]);
    *options = (struct options){0};
}

static void copy_options(struct options *options, const struct link_settings *settings) {
    options->s = *settings;
    const char **fields[] = {&options->s.server_name, &options->s.user,         &options->s.password,
                             &options->s.client_name, &options->s.auth_command, &options->s.client_command};
    _Static_assert(COUNT_OF(fields) == COUNT_OF(options->texts), "each text is owned");
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        *fields[i] = options->texts[i] = *fields[i] ? mem_strdup(*fields[i]) : NULL;
    if (!options->s.max_reply_bytes) options->s.max_reply_bytes = DEFAULT_BYTES;
    if (!options->s.max_output_bytes) options->s.max_output_bytes = DEFAULT_BYTES;
    if (!options->s.max_depth) options->s.max_depth = DEFAULT_DEPTH;
}

static void on_flush(struct loop_task *task);

struct link *link_new(struct loop *loop, const struct link_settings *settings, const struct link_handlers *handlers,
                      void *context) {
    struct link *link = mem_zalloc(sizeof *link);
    link->loop = loop;
    link->handlers = handlers;
    link->context = context;
    list_init(&link->requests);
    list_init(&link->lost);
    loop_task_init(&link->flush, on_flush);
    random_seed(&link->random, random_os_seed());
    copy_options(&link->options, settings);
    link->max_output_bytes = link->options.s.max_output_bytes;
    return link;
}

void link_configure(struct link *link, const struct link_settings *settings) {
    if (settings->tls != link->options.s.tls) tls_session_free(&link->session);
    free_options(&link->options);
    copy_options(&link->options, settings);
    link->max_output_bytes = link->options.s.max_output_bytes;
}

static void destroy(struct link *link) {
    resp_reply_parser_free(&link->parser);
    input_fini(&link->input);
    output_fini(&link->output);
    free_options(&link->options);
    tls_session_free(&link->session);
    mem_free(link->host);
    mem_free(link);
}

static void hold(struct link *link) {
    link->holds++;
}

static void release(struct link *link) {
    if (--link->holds == 0 && link->is_freed) destroy(link);
}

/* ---- requests end ---- */

/* `request` is in no list any more. */
static void answer(struct request *request, enum link_result result, const struct resp_reply *reply) {
    loop_timer_stop(&request->deadline);
    if (request->on_reply) request->on_reply(request->link, request->context, result, reply);
    mem_free(request);
}

/* Those that are lost now: who makes a new request when he is told is told again later, not here without end. */
static void tell_lost(struct link *link) {
    struct list_node *node, *last = link->lost.head.prev;
    while ((node = list_first(&link->lost))) {
        list_remove(node);
        bool was_last = node == last;
        answer(container_of(node, struct request, node), LINK_LOST, NULL);
        if (was_last && !link->is_freed) return;
    }
}

static void on_tell(struct loop_timer *timer) {
    struct link *link = container_of(timer, struct link, tell);
    hold(link);
    tell_lost(link);
    release(link);
}

/* Its entry stays, without anybody to tell: the answer that may still come has to be matched to it. */
static void on_deadline(struct loop_timer *timer) {
    struct request *request = container_of(timer, struct request, deadline);
    struct link *link = request->link;
    link_on_reply *on_reply = request->on_reply;
    request->on_reply = NULL;
    hold(link);
    if (on_reply) on_reply(link, request->context, LINK_TIMEOUT, NULL);
    release(link);
}

void link_forget(struct link *link, const void *context) {
    struct list *lists[] = {&link->requests, &link->lost};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        LIST_EACH(lists[i], node) {
            struct request *request = container_of(node, struct request, node);
            if (request->context == context && request->on_reply) {
                request->on_reply = NULL;
                loop_timer_stop(&request->deadline);
            }
        }
    }
}

/* ---- the connection ends ---- */

/* Everything of the connection but its requests, which are in `lost` afterwards. */
static void take_down(struct link *link) {
    link->era++;
    conn_close(&link->conn);
    resolve_cancel(&link->resolve);
    loop_timer_stop(&link->timeout);
    loop_timer_stop(&link->later);
    loop_task_cancel(&link->flush);
    link->failed = LINK_NONE;
    link->state = LINK_IDLE;
    link->write_failure = 0;
    link->is_subscribed = link->is_overfull = false;
    link->waiting = 0;
    output_clear(&link->output);
    struct list_node *node;
    while ((node = list_first(&link->requests))) {
        struct request *request = container_of(node, struct request, node);
        list_remove(node);
        loop_timer_stop(&request->deadline);
        list_add(&link->lost, node);
    }
}

static void on_later(struct loop_timer *timer);

static void plan_retry(struct link *link) {
    const struct link_settings *s = &link->options.s;
    if (s->retry_min_ms <= 0) return;
    int64_t most_ms = MAX(s->retry_max_ms, s->retry_min_ms);
    link->backoff_ms = link->backoff_ms ? MIN(link->backoff_ms * 2, most_ms) : s->retry_min_ms;
    int64_t half_ms = link->backoff_ms / 2;
    int64_t delay_ms = link->backoff_ms - (int64_t)random_below(&link->random, (uint64_t)half_ms + 1);
    loop_timer_start(link->loop, &link->later, delay_ms, on_later);
}

/* The caller holds the link. */
static void go_down(struct link *link, enum link_reason reason, const char *text) {
    snprintf(link->reason_text, sizeof link->reason_text, "%s", text);
    link->reason = reason;
    take_down(link);
    uint64_t era = link->era;
    tell_lost(link);
    if (link->era != era) return;
    plan_retry(link);
    if (link->handlers->on_down) link->handlers->on_down(link, link->context, reason, link->reason_text);
}

void link_hang_up(struct link *link) {
    if (link->state != LINK_IDLE || loop_timer_is_active(&link->later)) {
        link->reason = LINK_HUNG_UP;
        snprintf(link->reason_text, sizeof link->reason_text, "hung up");
    }
    take_down(link);
    tell_lost(link);
}

void link_free(struct link **link) {
    struct link *l = *link;
    *link = NULL;
    if (!l || l->is_freed) return;
    hold(l);
    l->is_freed = true;
    link_hang_up(l);
    loop_timer_stop(&l->tell);
    release(l);
}

static enum link_reason reason_of(int failure) {
    switch (failure) {
    case ECONNREFUSED:
    case ENOENT: return LINK_REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE: return LINK_RESET;
    case ETIMEDOUT: return LINK_TIMED_OUT;
    case EPROTO: return LINK_TLS_FAILED;
    default: return LINK_UNREACHABLE;
    }
}

/* ---- writing ---- */

static void fail_later(struct link *link, enum link_reason reason, const char *text) {
    link->failed = reason;
    snprintf(link->reason_text, sizeof link->reason_text, "%.*s", (int)sizeof link->reason_text - 1, text);
    loop_timer_start(link->loop, &link->later, 0, on_later);
}

/* A failure to write is reported by a timer, and timers come after descriptors: what the peer said before it went is
 * read first. */
static void write_output(struct link *link) {
    struct iovec parts[OUTPUT_PARTS];
    enum io_status status = IO_DONE;
    size_t moved;
    while (status == IO_DONE && !output_is_empty(&link->output)) {
        int count = output_parts(&link->output, parts, OUTPUT_PARTS);
        status = count == 1 ? conn_write(link->conn, parts[0].iov_base, parts[0].iov_len, &moved)
                            : conn_writev(link->conn, parts, count, &moved);
        if (status != IO_DONE) break;
        output_sent(&link->output, moved);
    }
    if (status == IO_FAILED || status == IO_CLOSED) {
        link->write_failure = conn_failure(link->conn) ? conn_failure(link->conn) : EPIPE;
        output_clear(&link->output);
        fail_later(link, reason_of(link->write_failure), conn_error(link->conn));
        status = IO_DONE;
    }
    conn_want_write(link->conn, status == IO_AGAIN);
    if (output_is_empty(&link->output)) output_fini(&link->output); /* thousands of links are idle nearly all the time */
}

void link_flush(struct link *link) {
    if (!link->is_overfull) loop_task_cancel(&link->flush);
    if (link->state == LINK_UP && !link->write_failure) write_output(link);
}

static void on_flush(struct loop_task *task) {
    struct link *link = container_of(task, struct link, flush);
    hold(link);
    link_flush(link);
    if (link->is_overfull && link->state == LINK_UP) {
        if (output_size(&link->output) > link->max_output_bytes)
            go_down(link, LINK_TOO_LARGE, "the peer does not read what is sent to it");
        else link->is_overfull = false;
    }
    release(link);
}

static struct request *add_request(struct link *link, const struct slice *argv, size_t argc, int64_t deadline_ms,
                                   link_on_reply *on_reply, void *context) {
    struct request *request = mem_zalloc(sizeof *request);
    request->link = link;
    request->on_reply = on_reply;
    request->context = context;
    if (link->state != LINK_UP) {
        list_add(&link->lost, &request->node);
        if (link->is_freed) request->on_reply = NULL;
        else loop_timer_start(link->loop, &link->tell, 0, on_tell);
        return request;
    }
    list_add(&link->requests, &request->node);
    link->waiting++;
    if (deadline_ms > 0) loop_timer_start_at(link->loop, &request->deadline, deadline_ms, on_deadline);
    resp_write_request(&link->output, argv, argc);
    if (output_size(&link->output) > link->max_output_bytes) link->is_overfull = true;
    loop_task_post(link->loop, &link->flush);
    return request;
}

void link_call(struct link *link, const struct slice *argv, size_t argc, int64_t deadline_ms, link_on_reply *on_reply,
               void *context) {
    CHECK(argc > 0);
    (void)add_request(link, argv, argc, deadline_ms, on_reply, context);
}

void link_call_texts(struct link *link, int64_t deadline_ms, link_on_reply *on_reply, void *context, ...) {
    struct slice argv[32];
    size_t argc = 0;
    va_list args;
    va_start(args, context);
    for (const char *text; (text = va_arg(args, const char *));) {
        CHECK(argc < COUNT_OF(argv));
        argv[argc++] = slice_text(text);
    }
    va_end(args);
    link_call(link, argv, argc, deadline_ms, on_reply, context);
}

void link_subscribe(struct link *link, const struct slice *channels, size_t count, int64_t deadline_ms,
                    link_on_reply *on_reply, void *context) {
    CHECK(count > 0);
    struct slice *argv = mem_alloc((count + 1) * sizeof *argv);
    argv[0] = SLICE("SUBSCRIBE");
    memcpy(argv + 1, channels, count * sizeof *argv);
    struct request *request = add_request(link, argv, count + 1, deadline_ms, on_reply, context);
    request->confirmations = count;
    link->is_subscribed = link->state == LINK_UP;
    mem_free(argv);
}

/* ---- reading ---- */

/* "message", "subscribe", ...: the first element of an array or a push; empty for everything else. */
static struct slice kind_of(const struct resp_reply *reply) {
    const struct resp_reply *first =
        reply->type == RESP_ARRAY || reply->type == RESP_PUSH ? resp_reply_at(reply, 0) : NULL;
    return first && resp_reply_is_text(first) ? first->text : (struct slice){NULL, 0};
}

static bool is_message(const struct link *link, const struct resp_reply *reply, struct slice kind) {
    if (reply->type == RESP_PUSH) return true;
    return link->is_subscribed && reply->type == RESP_ARRAY &&
           (slice_is(kind, "message") || slice_is(kind, "pmessage") || slice_is(kind, "smessage"));
}

static void on_reply_read(struct link *link, const struct resp_reply *reply) {
    struct list_node *node = list_first(&link->requests);
    struct request *request = node ? container_of(node, struct request, node) : NULL;
    struct slice kind = kind_of(reply);
    if (request && request->confirmations && slice_is(kind, "subscribe")) {
        if (--request->confirmations > 0) return;
    } else if (is_message(link, reply, kind)) {
        if (link->handlers->on_message) link->handlers->on_message(link, link->context, reply);
        return;
    }
    if (!request) {
        struct bytes text = {0};
        bytes_add_text(&text, "an answer that nobody asked for: ");
        resp_reply_print(reply, &text);
        go_down(link, LINK_PROTOCOL, bytes_text(&text));
        bytes_fini(&text);
        return;
    }
    if (reply->type != RESP_FAILURE) link->backoff_ms = 0;
    list_remove(node);
    link->waiting--;
    answer(request, LINK_REPLY, reply);
}

/* False: the era has ended. */
static bool parse_input(struct link *link) {
    uint64_t era = link->era;
    for (;;) {
        const struct resp_reply *reply;
        size_t used;
        switch (resp_parse_reply(link->parser, input_slice(&link->input), &reply, &used)) {
        case RESP_OK: break;
        case RESP_MORE: return true;
        case RESP_ERROR:
            go_down(link, resp_reply_is_too_large(link->parser) ? LINK_TOO_LARGE : LINK_PROTOCOL,
                    resp_reply_error(link->parser));
            return false;
        }
        input_drop(&link->input, used); /* the reply's bytes stay where they are until the next read */
        on_reply_read(link, reply);
        if (link->era != era) return false;
    }
}

static void on_readable(struct conn *conn, void *context) {
    struct link *link = context;
    size_t room, moved;
    char *at = input_space(&link->input, &room);
    enum io_status status = conn_read(conn, at, room, &moved);
    if (status == IO_AGAIN) return;
    hold(link);
    if (status == IO_DONE) {
        input_added(&link->input, moved);
        link->last_input_ms = loop_now_ms(link->loop);
        if (parse_input(link) && input_waiting(&link->input) == 0) input_shrink(&link->input);
    } else {
        int failure = status == IO_FAILED ? conn_failure(conn) : link->write_failure;
        char text[200];
        snprintf(text, sizeof text, "%s",
                 status == IO_FAILED ? conn_error(conn) : failure ? strerror(failure) : "closed by the peer");
        go_down(link, failure ? reason_of(failure) : LINK_CLOSED, text);
    }
    release(link);
}

static void on_writable(struct conn *conn, void *context) {
    link_flush(context);
}

/* ---- dialling ---- */

/* Refused passwords end the link. That there is no password there (older and newer words for it) does not. */
static void on_auth_reply(struct link *link, void *context, enum link_result result, const struct resp_reply *reply) {
    if (result != LINK_REPLY || reply->type != RESP_FAILURE) return;
    if (resp_reply_is_error(reply, "WRONGPASS") || resp_reply_is_error(reply, "NOAUTH") ||
        resp_reply_is_error(reply, "NOPERM") || slice_starts_with(reply->text, "ERR invalid password")) {
        char text[200];
        snprintf(text, sizeof text, "%.*s", (int)MIN(reply->text.size, sizeof text - 1), reply->text.data);
        go_down(link, LINK_AUTH_FAILED, text);
    }
}

static void introduce(struct link *link) {
    const struct link_settings *s = &link->options.s;
    const char *auth = s->auth_command ? s->auth_command : "AUTH";
    if (s->password && s->user) link_call_texts(link, 0, on_auth_reply, NULL, auth, s->user, s->password, NULL);
    else if (s->password) link_call_texts(link, 0, on_auth_reply, NULL, auth, s->password, NULL);
    if (s->client_name)
        link_call_texts(link, 0, NULL, NULL, s->client_command ? s->client_command : "CLIENT", "SETNAME",
                        s->client_name, NULL);
}

static void on_open(struct conn *conn, void *context, int failure) {
    struct link *link = context;
    hold(link);
    if (failure) {
        go_down(link, reason_of(failure), conn_error(conn));
    } else {
        loop_timer_stop(&link->timeout);
        link->state = LINK_UP;
        link->reason = LINK_NONE;
        if (link->options.s.keepalive_s) conn_set_keepalive(conn, link->options.s.keepalive_s);
        introduce(link);
        if (link->handlers->on_up) link->handlers->on_up(link, link->context);
    }
    release(link);
}

static const struct conn_handlers conn_handlers = {on_open, on_readable, on_writable};

static void connect_to(struct link *link, const struct address *target) {
    const struct link_settings *s = &link->options.s;
    struct conn_options options = {.tls = s->tls, .server_name = s->server_name, .session = &link->session, .source = &s->source};
    if (!options.server_name) options.server_name = link->host;
    struct error err;
    int failure;
    if (target != &link->target) link->target = *target;
    link->state = LINK_CONNECTING;
    link->conn = conn_dial(link->loop, target, &options, &conn_handlers, link, &failure, &err);
    if (!link->conn) fail_later(link, reason_of(failure), err.text);
}

static void on_resolved(void *context, const struct address *addresses, size_t count, const char *error) {
    struct link *link = context;
    char text[200];
    link->resolve = NULL;
    if (count > 0) {
        connect_to(link, &addresses[0]);
        return;
    }
    snprintf(text, sizeof text, "cannot resolve '%.100s': %s", link->host, error);
    fail_later(link, LINK_UNRESOLVED, text);
}

static void on_timeout(struct loop_timer *timer) {
    struct link *link = container_of(timer, struct link, timeout);
    char text[100];
    snprintf(text, sizeof text, "%s within %lld ms",
             link->state == LINK_RESOLVING ? "the name was not resolved" : "no connection",
             (long long)link->options.s.connect_timeout_ms);
    hold(link);
    go_down(link, link->state == LINK_RESOLVING ? LINK_UNRESOLVED : LINK_TIMED_OUT, text);
    release(link);
}

static void begin(struct link *link) {
    const struct link_settings *s = &link->options.s;
    struct resp_reply_limits limits = {s->max_reply_bytes, MIN(s->max_depth, (unsigned)RESP_MAX_DEPTH),
                                       s->max_reply_bytes / 4};
    if (link->parser) resp_reply_parser_set_limits(link->parser, &limits);
    else link->parser = resp_reply_parser_new(&limits);
    input_drop(&link->input, input_waiting(&link->input));
    link->last_input_ms = 0;
    if (s->connect_timeout_ms > 0)
        loop_timer_start(link->loop, &link->timeout, s->connect_timeout_ms, on_timeout);
    struct address literal;
    if (!link->host) {
        connect_to(link, &link->target);
    } else if (address_parse_ip(&literal, link->host, link->port)) {
        connect_to(link, &literal);
    } else if (!s->resolver) {
        char text[200];
        snprintf(text, sizeof text, "'%.100s' is no address, and names are not resolved", link->host);
        link->state = LINK_RESOLVING;
        fail_later(link, LINK_UNRESOLVED, text);
    } else {
        link->state = LINK_RESOLVING;
        struct resolve *resolve = resolve_start(s->resolver, link->host, link->port, RESOLVE_ANY, on_resolved, link);
        if (resolve) link->resolve = resolve;
    }
}

static void on_later(struct loop_timer *timer) {
    struct link *link = container_of(timer, struct link, later);
    hold(link);
    enum link_reason failed = link->failed;
    link->failed = LINK_NONE;
    if (failed != LINK_NONE) {
        char text[sizeof link->reason_text];
        memcpy(text, link->reason_text, sizeof text);
        go_down(link, failed, text);
    } else {
        begin(link);
    }
    release(link);
}

/* True: whoever was told of lost requests has not dialled or freed it meanwhile. */
static bool start_over(struct link *link) {
    hold(link);
    take_down(link);
    uint64_t era = link->era;
    tell_lost(link);
    bool same = link->era == era && !link->is_freed;
    release(link);
    return same;
}

void link_dial(struct link *link, const char *host, uint16_t port) {
    char *copy = mem_strdup(host);
    if (!start_over(link)) {
        mem_free(copy);
        return;
    }
    if (!link->host || strcmp(link->host, copy) != 0 || link->port != port) tls_session_free(&link->session);
    mem_free(link->host);
    link->host = copy;
    link->port = port;
    link->backoff_ms = 0;
    begin(link);
}

void link_dial_address(struct link *link, const struct address *address) {
    struct address target = *address;
    if (!start_over(link)) return;
    if (link->host || !address_equal(&link->target, &target)) tls_session_free(&link->session);
    mem_free(link->host);
    link->host = NULL;
    link->target = target;
    link->backoff_ms = 0;
    begin(link);
}

struct conn *link_detach(struct link *link, struct bytes *unread) {
    CHECK(link->state == LINK_UP);
    CHECK(list_is_empty(&link->requests));
    struct conn *conn = link->conn;
    link->conn = NULL;
    bytes_add_slice(unread, input_slice(&link->input));
    conn_set_handlers(conn, NULL, NULL);
    conn_forget_session(conn);
    take_down(link);
    return conn;
}

/* ---- questions ---- */

enum link_state link_state(const struct link *link) {
    return link->state;
}

enum link_reason link_reason(const struct link *link) {
    return link->reason;
}

const char *link_reason_text(const struct link *link) {
    return link->reason_text;
}

const struct address *link_peer(const struct link *link) {
    return &link->target;
}

struct conn *link_conn(const struct link *link) {
    return link->conn;
}

int64_t link_last_input_ms(const struct link *link) {
    return link->last_input_ms;
}

size_t link_waiting(const struct link *link) {
    return link->waiting;
}

size_t link_memory(const struct link *link) {
    return sizeof *link + input_memory(&link->input) + output_memory(&link->output);
}
