#include "net/link_internal.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/resp_write.h"

#include <errno.h>
#include <stdio.h>

/* ---- requests end ---- */

/* `request` is in no list any more. */
static void answer(struct request *request, enum link_result result, const struct resp_reply *reply) {
    loop_timer_stop(&request->deadline);
    if (request->on_reply) request->on_reply(request->link, request->context, result, reply);
    mem_free(request);
}

/* Those that are lost now: who makes a new request when he is told is told again later, not here without end. */
void link_tell_lost(struct link *link) {
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
    link_hold(link);
    link_tell_lost(link);
    link_release(link);
}

/* Its entry stays, without anybody to tell: the answer that may still come has to be matched to it. */
static void on_deadline(struct loop_timer *timer) {
    struct request *request = container_of(timer, struct request, deadline);
    struct link *link = request->link;
    link_on_reply *on_reply = request->on_reply;
    request->on_reply = NULL;
    link_hold(link);
    if (on_reply) on_reply(link, request->context, LINK_TIMEOUT, NULL);
    link_release(link);
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

/* ---- writing ---- */

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
        link_fail_later(link, link_reason_of(link->write_failure), conn_error(link->conn));
        status = IO_DONE;
    }
    conn_want_write(link->conn, status == IO_AGAIN);
    if (output_is_empty(&link->output)) output_fini(&link->output); /* thousands of links are idle nearly all the time */
}

void link_flush(struct link *link) {
    if (!link->is_overfull) loop_task_cancel(&link->flush);
    if (link->state == LINK_UP && !link->write_failure) write_output(link);
}

void link_on_flush(struct loop_task *task) {
    struct link *link = container_of(task, struct link, flush);
    link_hold(link);
    link_flush(link);
    if (link->is_overfull && link->state == LINK_UP) {
        if (output_size(&link->output) > link->max_output_bytes)
            link_go_down(link, LINK_TOO_LARGE, "the peer does not read what is sent to it");
        else link->is_overfull = false;
    }
    link_release(link);
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
        link_go_down(link, LINK_PROTOCOL, bytes_text(&text));
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
            link_go_down(link, resp_reply_is_too_large(link->parser) ? LINK_TOO_LARGE : LINK_PROTOCOL,
                    resp_reply_error(link->parser));
            return false;
        }
        input_drop(&link->input, used); /* the reply's bytes stay where they are until the next read */
        on_reply_read(link, reply);
        if (link->era != era) return false;
    }
}

void link_on_readable(struct conn *conn, void *context) {
    struct link *link = context;
    size_t room, moved;
    char *at = input_space(&link->input, &room);
    enum io_status status = conn_read(conn, at, room, &moved);
    if (status == IO_AGAIN) return;
    link_hold(link);
    if (status == IO_DONE) {
        input_added(&link->input, moved);
        link->last_input_ms = loop_now_ms(link->loop);
        if (parse_input(link) && input_waiting(&link->input) == 0) input_shrink(&link->input);
    } else {
        int failure = status == IO_FAILED ? conn_failure(conn) : link->write_failure;
        char text[200];
        snprintf(text, sizeof text, "%s",
                 status == IO_FAILED ? conn_error(conn) : failure ? strerror(failure) : "closed by the peer");
        link_go_down(link, failure ? link_reason_of(failure) : LINK_CLOSED, text);
    }
    link_release(link);
}

void link_on_writable(struct conn *conn, void *context) {
    link_flush(context);
}
