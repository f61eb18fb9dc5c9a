/* The orderly end: ask the mode, wait for those who need time, finish, stop the loop. */
#include "core/server_internal.h"

#include "base/log.h"
#include "core/client/blocked.h"
#include "core/client/client_internal.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static void on_wait_over(struct loop_timer *timer);

/* A replica that gets nothing new can catch up. */
static void pause_writes(struct server *server) {
    server_pause(server, SERVER_PAUSE_BY_SHUTDOWN, SERVER_PAUSE_WRITE, server->now_ms + SERVER_PAUSE_MAX_MS);
}

static enum server_shutdown_state refuse(struct server *server, const struct error *err) {
    LOG_WRITE(LOG_WARNING, "Shutdown refused: %s", err->text);
    server->internal->shutdown_state = SERVER_RUNNING;
    server_unpause(server, SERVER_PAUSE_BY_SHUTDOWN);
    return SERVER_SHUTDOWN_REFUSED;
}

static enum server_shutdown_state finish(struct server *server, struct error *err) {
    struct server_internal *internal = server->internal;
    const struct hook_list *hooks = &internal->on_shutdown_finish;
    unsigned                flags = internal->shutdown_flags;
    for (unsigned i = 0; i < hooks->count; i++) {
        if (hooks->hooks[i]->shutdown_finish(hooks->hooks[i]->context, flags, err)) continue;
        if (!(flags & SERVER_SHUTDOWN_FORCE)) return refuse(server, err);
        LOG_WRITE(LOG_WARNING, "Shutting down all the same, as it was forced: %s", err->text);
    }
    internal->shutdown_state = SERVER_SHUTDOWN_DONE;
    server_stop_listening(server);
    LOG_WRITE(LOG_WARNING, "kvd is now ready to exit, bye bye...");
    loop_stop(server->loop);
    return SERVER_SHUTDOWN_DONE;
}

enum server_shutdown_state server_shutdown(struct server *server, unsigned flags, struct error *err) {
    struct server_internal *internal = server->internal;
    struct error            own_err;
    if (!err) err = &own_err;
    error_set(err, "shutdown was refused");
    if (internal->shutdown_state == SERVER_SHUTDOWN_DONE) return SERVER_SHUTDOWN_DONE;
    if (server->is_loading) flags = (flags & ~SERVER_SHUTDOWN_SAVE) | SERVER_SHUTDOWN_NOSAVE; /* half a dataset */
    internal->shutdown_flags = flags;
    bool                    must_wait = false;
    const struct hook_list *hooks = &internal->on_shutdown_ask;
    for (unsigned i = 0; i < hooks->count && !(flags & SERVER_SHUTDOWN_FORCE && flags & SERVER_SHUTDOWN_NOW); i++) {
        enum server_shutdown_answer answer = hooks->hooks[i]->shutdown_ask(hooks->hooks[i]->context, flags, err);
        if (answer == SERVER_SHUTDOWN_REFUSE && !(flags & SERVER_SHUTDOWN_FORCE)) return refuse(server, err);
        if (answer == SERVER_SHUTDOWN_WAIT) must_wait = true;
    }
    if (!must_wait || (flags & SERVER_SHUTDOWN_NOW) || server->settings->shutdown_timeout_s == 0)
        return finish(server, err);
    internal->shutdown_state = SERVER_SHUTDOWN_WAITING;
    pause_writes(server);
    loop_timer_start(server->loop, &internal->shutdown_timer, (int64_t)server->settings->shutdown_timeout_s * 1000,
                     on_wait_over);
    return SERVER_SHUTDOWN_WAITING;
}

void server_shutdown_continue(struct server *server) {
    struct server_internal *internal = server->internal;
    struct error            err;
    if (internal->shutdown_state != SERVER_SHUTDOWN_WAITING) return;
    loop_timer_stop(&internal->shutdown_timer);
    if (finish(server, &err) == SERVER_SHUTDOWN_REFUSED)
        blocked_end_all(server, BLOCKED_BY_SHUTDOWN, "ERR Errors trying to SHUTDOWN. Check logs.");
}

static void on_wait_over(struct loop_timer *timer) {
    server_shutdown_continue(container_of(timer, struct server_internal, shutdown_timer)->server);
}

bool server_shutdown_abort(struct server *server) {
    struct server_internal *internal = server->internal;
    if (internal->shutdown_state != SERVER_SHUTDOWN_WAITING) return false;
    loop_timer_stop(&internal->shutdown_timer);
    internal->shutdown_state = SERVER_RUNNING;
    internal->signals_seen = 0;
    server_unpause(server, SERVER_PAUSE_BY_SHUTDOWN);
    SERVER_CALL_HOOKS(server, shutdown_aborted);
    blocked_end_all(server, BLOCKED_BY_SHUTDOWN, "ERR Errors trying to SHUTDOWN. Check logs.");
    LOG_WRITE(LOG_NOTICE, "Shutdown manually aborted.");
    return true;
}

enum server_shutdown_state server_shutdown_state(const struct server *server) {
    return server->internal->shutdown_state;
}

void server_on_signal(struct server *server, int signal_number) {
    struct server_internal *internal = server->internal;
    if (internal->signals_seen++) {
        static const char text[] = "A second signal: exiting at once.\n";
        if (write(log_fd(), text, sizeof(text) - 1) < 0 && errno == EPIPE) _exit(1);
        _exit(1);
    }
    LOG_WRITE(LOG_WARNING, "Received %s scheduling shutdown...", signal_number == SIGINT ? "SIGINT" : "SIGTERM");
    unsigned wanted = core_settings_shutdown_flags(signal_number == SIGINT ? &server->settings->shutdown_on_sigint
                                                                            : &server->settings->shutdown_on_sigterm);
    unsigned flags = 0;
    if (wanted & SHUTDOWN_ON_SAVE) flags |= SERVER_SHUTDOWN_SAVE;
    if (wanted & SHUTDOWN_ON_NOSAVE) flags |= SERVER_SHUTDOWN_NOSAVE;
    if (wanted & SHUTDOWN_ON_NOW) flags |= SERVER_SHUTDOWN_NOW;
    if (wanted & SHUTDOWN_ON_FORCE) flags |= SERVER_SHUTDOWN_FORCE;
    struct error err;
    if (server_shutdown(server, flags, &err) == SERVER_SHUTDOWN_REFUSED) {
        LOG_WRITE(LOG_WARNING, "SIGTERM received but errors trying to shut down the server, check the logs for more "
                               "information");
        internal->signals_seen = 0;
    }
}
