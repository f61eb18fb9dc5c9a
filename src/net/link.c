#include "net/link.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/link_internal.h"
#include "net/resolve.h"
#include "net/tls.h"

#include <errno.h>
#include <stdio.h>

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

struct link *link_new(struct loop *loop, const struct link_settings *settings, const struct link_handlers *handlers,
                      void *context) {
    struct link *link = mem_zalloc(sizeof *link);
    link->loop = loop;
    link->handlers = handlers;
    link->context = context;
    list_init(&link->requests);
    list_init(&link->lost);
    loop_task_init(&link->flush, link_on_flush);
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

void link_hold(struct link *link) {
    link->holds++;
}

void link_release(struct link *link) {
    if (--link->holds == 0 && link->is_freed) destroy(link);
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
void link_go_down(struct link *link, enum link_reason reason, const char *text) {
    snprintf(link->reason_text, sizeof link->reason_text, "%s", text);
    link->reason = reason;
    take_down(link);
    uint64_t era = link->era;
    link_tell_lost(link);
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
    link_tell_lost(link);
}

void link_free(struct link **link) {
    struct link *l = *link;
    *link = NULL;
    if (!l || l->is_freed) return;
    link_hold(l);
    l->is_freed = true;
    link_hang_up(l);
    loop_timer_stop(&l->tell);
    link_release(l);
}

enum link_reason link_reason_of(int failure) {
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

void link_fail_later(struct link *link, enum link_reason reason, const char *text) {
    link->failed = reason;
    snprintf(link->reason_text, sizeof link->reason_text, "%.*s", (int)sizeof link->reason_text - 1, text);
    loop_timer_start(link->loop, &link->later, 0, on_later);
}

/* ---- dialling ---- */

/* Refused passwords end the link. That there is no password there (older and newer words for it) does not. */
static void on_auth_reply(struct link *link, void *context, enum link_result result, const struct resp_reply *reply) {
    if (result != LINK_REPLY || reply->type != RESP_FAILURE) return;
    if (resp_reply_is_error(reply, "WRONGPASS") || resp_reply_is_error(reply, "NOAUTH") ||
        resp_reply_is_error(reply, "NOPERM") || slice_starts_with(reply->text, "ERR invalid password")) {
        char text[200];
        snprintf(text, sizeof text, "%.*s", (int)MIN(reply->text.size, sizeof text - 1), reply->text.data);
        link_go_down(link, LINK_AUTH_FAILED, text);
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
    link_hold(link);
    if (failure) {
        link_go_down(link, link_reason_of(failure), conn_error(conn));
    } else {
        loop_timer_stop(&link->timeout);
        link->state = LINK_UP;
        link->reason = LINK_NONE;
        if (link->options.s.keepalive_s) conn_set_keepalive(conn, link->options.s.keepalive_s);
        if (link->options.s.unacked_timeout_ms > 0) conn_set_unacked_timeout(conn, link->options.s.unacked_timeout_ms);
        introduce(link);
        if (link->handlers->on_up) link->handlers->on_up(link, link->context);
    }
    link_release(link);
}

static const struct conn_handlers conn_handlers = {on_open, link_on_readable, link_on_writable};

static void connect_to(struct link *link, const struct address *target) {
    const struct link_settings *s = &link->options.s;
    struct conn_options options = {.tls = s->tls, .server_name = s->server_name, .session = &link->session, .source = &s->source};
    if (!options.server_name) options.server_name = link->host;
    struct error err;
    int failure;
    if (target != &link->target) link->target = *target;
    link->state = LINK_CONNECTING;
    link->conn = conn_dial(link->loop, target, &options, &conn_handlers, link, &failure, &err);
    if (!link->conn) link_fail_later(link, link_reason_of(failure), err.text);
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
    link_fail_later(link, LINK_UNRESOLVED, text);
}

/* How long the host has to answer; 0: no other time than the whole. */
static int64_t answer_ms(const struct link_settings *s) {
    bool earlier = s->answer_timeout_ms > 0 && (s->connect_timeout_ms <= 0 || s->answer_timeout_ms < s->connect_timeout_ms);
    return earlier ? s->answer_timeout_ms : 0;
}

static void on_timeout(struct loop_timer *timer) {
    struct link *link = container_of(timer, struct link, timeout);
    const struct link_settings *s = &link->options.s;
    int64_t waited_ms = s->connect_timeout_ms;
    char text[100];
    if (link->awaits_answer) {
        link->awaits_answer = false;
        waited_ms = answer_ms(s);
        if (link->state == LINK_RESOLVING || !link->conn || conn_is_answered(link->conn)) { /* the rest, TLS perhaps, may take its time */
            if (s->connect_timeout_ms > 0)
                loop_timer_start(link->loop, &link->timeout, s->connect_timeout_ms - waited_ms, on_timeout);
            return;
        }
    }
    snprintf(text, sizeof text, "%s within %lld ms",
             link->state == LINK_RESOLVING ? "the name was not resolved" : "no connection", (long long)waited_ms);
    link_hold(link);
    link_go_down(link, link->state == LINK_RESOLVING ? LINK_UNRESOLVED : LINK_TIMED_OUT, text);
    link_release(link);
}

static void begin(struct link *link) {
    const struct link_settings *s = &link->options.s;
    struct resp_reply_limits limits = {s->max_reply_bytes, MIN(s->max_depth, (unsigned)RESP_MAX_DEPTH),
                                       s->max_reply_bytes / 4};
    if (link->parser) resp_reply_parser_set_limits(link->parser, &limits);
    else link->parser = resp_reply_parser_new(&limits);
    input_drop(&link->input, input_waiting(&link->input));
    link->last_input_ms = 0;
    int64_t first_ms = answer_ms(s);
    link->awaits_answer = first_ms > 0;
    if (first_ms > 0 || s->connect_timeout_ms > 0)
        loop_timer_start(link->loop, &link->timeout, first_ms > 0 ? first_ms : s->connect_timeout_ms, on_timeout);
    struct address literal;
    if (!link->host) {
        connect_to(link, &link->target);
    } else if (address_parse_ip(&literal, link->host, link->port)) {
        connect_to(link, &literal);
    } else if (!s->resolver) {
        char text[200];
        snprintf(text, sizeof text, "'%.100s' is no address, and names are not resolved", link->host);
        link->state = LINK_RESOLVING;
        link_fail_later(link, LINK_UNRESOLVED, text);
    } else {
        link->state = LINK_RESOLVING;
        struct resolve *resolve = resolve_start(s->resolver, link->host, link->port, RESOLVE_ANY, on_resolved, link);
        if (resolve) link->resolve = resolve;
    }
}

static void on_later(struct loop_timer *timer) {
    struct link *link = container_of(timer, struct link, later);
    link_hold(link);
    enum link_reason failed = link->failed;
    link->failed = LINK_NONE;
    if (failed != LINK_NONE) {
        char text[sizeof link->reason_text];
        memcpy(text, link->reason_text, sizeof text);
        link_go_down(link, failed, text);
    } else {
        begin(link);
    }
    link_release(link);
}

/* True: whoever was told of lost requests has not dialled or freed it meanwhile. */
static bool start_over(struct link *link) {
    link_hold(link);
    take_down(link);
    uint64_t era = link->era;
    link_tell_lost(link);
    bool same = link->era == era && !link->is_freed;
    link_release(link);
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
