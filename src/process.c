#include "process.h"
#include "base/bytes.h"
#include "base/crash.h"
#include "base/daemon.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/client/client.h"
#include "core/config/core_settings.h"
#include "core/server.h"
#include "net/loop.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct process {
    struct server     *server;
    enum supervision   supervision;
    char              *pid_file; /* absolute; NULL: none was written */
    struct loop_signal on_term, on_int, on_hup;
    struct server_hooks hooks;
};

static const struct core_settings *settings_of(const struct process *process) {
    return process->server->settings;
}

/* ---- title ---- */

static void listen_address(const struct process *process, struct bytes *out) {
    const struct core_settings *settings = settings_of(process);
    if (settings->port == 0 && settings->tls_port == 0) {
        bytes_add_text(out, settings->unixsocket);
        return;
    }
    const char *address = settings->bind.count ? settings->bind.items[0].text : "*";
    bytes_add_printf(out, "%s:%u", address, (unsigned)(settings->port ? settings->port : settings->tls_port));
}

/* Adds the value of one {variable}; false: unknown. */
static bool add_title_variable(const struct process *process, struct slice variable, struct bytes *out) {
    const struct core_settings *settings = settings_of(process);
    const struct server *server = process->server;
    if (slice_is(variable, "title")) bytes_add_text(out, server->executable ? server->executable : "kvd");
    else if (slice_is(variable, "listen-addr")) listen_address(process, out);
    else if (slice_is(variable, "server-mode")) {
        if (strcmp(server->mode_name, "standalone") != 0) bytes_add_printf(out, "[%s]", server->mode_name);
    } else if (slice_is(variable, "port")) bytes_add_printf(out, "%u", (unsigned)settings->port);
    else if (slice_is(variable, "tls-port")) bytes_add_printf(out, "%u", (unsigned)settings->tls_port);
    else if (slice_is(variable, "unixsocket")) bytes_add_text(out, settings->unixsocket);
    else if (slice_is(variable, "config-file")) bytes_add_text(out, server->config_file ? server->config_file : "");
    else return false;
    return true;
}

static bool set_title(void *context, struct error *err) {
    struct process *process = context;
    if (!settings_of(process)->set_proc_title) return true;
    struct bytes title = {0};
    const char *at = settings_of(process)->proc_title_template;
    while (*at) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end && add_title_variable(process, slice_make(at + 1, (size_t)(end - at - 1)), &title)) at = end + 1;
        else bytes_add_char(&title, *at++);
    }
    struct slice trimmed = slice_trim(bytes_slice(&title));
    char *text = slice_to_text(trimmed);
    daemon_set_title(text);
    mem_free(text);
    bytes_fini(&title);
    return true;
}

/* ---- parameters that change the process ---- */

static bool apply_loglevel(void *context, struct error *err) {
    log_set_level((enum log_level)settings_of(context)->loglevel);
    return true;
}

static bool apply_watchdog(void *context, struct error *err) {
    uint64_t period_ms = settings_of(context)->watchdog_period_ms;
    /* The cron kicks it hz times a second; a shorter period would only ever cry wolf. */
    if (period_ms) period_ms = MAX(period_ms, 2 * 1000 / (uint64_t)MAX(((struct process *)context)->server->hz, 1));
    watchdog_set((int)period_ms);
    return true;
}

static bool apply_crash_log(void *context, struct error *err) {
    crash_enable(settings_of(context)->crash_log_enabled);
    crash_init("kvd " PACKAGE_VERSION);
    return true;
}

static bool apply_oom(void *context, struct error *err) {
    const struct core_settings *settings = settings_of(context);
    if (settings->oom_score_adj == OOM_ADJUST_NO) {
        daemon_restore_oom_score();
        return true;
    }
    int value = atoi(settings->oom_score_adj_values.items[0].text);
    return daemon_set_oom_score(value, settings->oom_score_adj == OOM_ADJUST_RELATIVE, err);
}

static bool apply_locale(void *context, struct error *err) {
    const char *name = settings_of(context)->locale_collate;
    if (!setlocale(LC_COLLATE, name)) return error_set(err, "there is no locale '%s' on this machine", name);
    return true;
}

static void on_cron(void *context, int64_t now_ms) {
    watchdog_kick();
}

/* ---- crash report ---- */

static void print_client(void *context) {
    const struct server *server = ((struct process *)context)->server;
    struct client *client = server->current_client;
    if (!client) {
        crash_print("none: no command was being executed\n");
        return;
    }
    struct bytes line = {0};
    client_describe(client, &line);
    crash_print("%s\n", bytes_text(&line));
    for (int i = 0; i < client->argc; i++) {
        struct slice argument = client->argv[i];
        if (i > 0 && server->settings->hide_user_data_from_log) crash_print("argv[%d]: %zu bytes, hidden\n", i, argument.size);
        else crash_print("argv[%d]: \"%.*s\"\n", i, (int)MIN(argument.size, 1024), argument.data);
    }
}

/* ---- life ---- */

struct process *process_new(struct server *server) {
    struct process *process = mem_zalloc(sizeof *process);
    process->server = server;
    struct params *params = server->params;
    params_bind(params, "loglevel", (struct param_binding){.apply = apply_loglevel}, process);
    params_bind(params, "watchdog-period", (struct param_binding){.apply = apply_watchdog}, process);
    params_bind(params, "crash-log-enabled", (struct param_binding){.apply = apply_crash_log}, process);
    params_bind(params, "oom-score-adj", (struct param_binding){.apply = apply_oom}, process);
    params_bind(params, "oom-score-adj-values", (struct param_binding){.apply = apply_oom}, process);
    params_bind(params, "locale-collate", (struct param_binding){.apply = apply_locale}, process);
    params_bind(params, "proc-title-template", (struct param_binding){.apply = set_title}, process);
    process->hooks = (struct server_hooks){.context = process, .cron = on_cron};
    server_add_hooks(server, &process->hooks);
    crash_add_part("CURRENT CLIENT INFO", print_client, process);
    return process;
}

void process_free(struct process **process) {
    if (!*process) return;
    daemon_notify((*process)->supervision, "STOPPING=1\n");
    if ((*process)->pid_file) {
        log_write(LOG_NOTICE, "Removing the pid file.");
        unlink((*process)->pid_file);
    }
    loop_signal_stop(&(*process)->on_term);
    loop_signal_stop(&(*process)->on_int);
    loop_signal_stop(&(*process)->on_hup);
    mem_free((*process)->pid_file);
    mem_free(*process);
    *process = NULL;
}

bool process_enter(struct process *process, struct error *err) {
    const struct core_settings *settings = settings_of(process);
    /* A log file's path is as the operator wrote it, so it is opened after the change of directory, like all others. */
    if (chdir(settings->dir) != 0) return error_set(err, "Can't chdir to '%s': %s", settings->dir, strerror(errno));
    if (!apply_loglevel(process, err) || !log_set_file(settings->logfile, err)) return false;
    if (settings->syslog_enabled) log_set_syslog(settings->syslog_ident, settings->syslog_facility);
    if (!apply_crash_log(process, err) || !apply_locale(process, err)) return false;
    if (settings->server_cpulist[0] && !daemon_set_cpus(settings->server_cpulist, err)) return false;
    return true;
}

static void on_shutdown_signal(struct loop_signal *watcher, int number) {
    struct process *process = number == SIGTERM ? container_of(watcher, struct process, on_term)
                                                : container_of(watcher, struct process, on_int);
    server_on_signal(process->server, number);
}

static void on_hangup(struct loop_signal *watcher, int number) {
    log_reopen();
    log_write(LOG_NOTICE, "Received SIGHUP: the log file was opened anew");
}

static void watch_signals(struct process *process) {
    struct loop *loop = process->server->loop;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of the write */
    loop_signal_start(loop, &process->on_term, SIGTERM, on_shutdown_signal);
    loop_signal_start(loop, &process->on_int, SIGINT, on_shutdown_signal);
    loop_signal_start(loop, &process->on_hup, SIGHUP, on_hangup);
}

/* Where it can't be written the server goes on: somebody may start it by hand as another user. */
static void write_pid_file(struct process *process) {
    const struct core_settings *settings = settings_of(process);
    const char *path = settings->pidfile[0] ? settings->pidfile : settings->daemonize ? "/var/run/kvd.pid" : NULL;
    struct error err;
    if (!path) return;
    if (!daemon_write_pid_file(path, &err)) {
        log_write(LOG_WARNING, "%s", err.text);
        return;
    }
    process->pid_file = realpath(path, NULL);
}

bool process_detach(struct process *process, struct error *err) {
    const struct core_settings *settings = settings_of(process);
    static const enum supervision wanted[] = {[SUPERVISED_NO] = SUPERVISION_NONE,
                                              [SUPERVISED_AUTO] = SUPERVISION_AUTO,
                                              [SUPERVISED_SYSTEMD] = SUPERVISION_SYSTEMD,
                                              [SUPERVISED_UPSTART] = SUPERVISION_UPSTART};
    static const char *const names[] = {
        [SUPERVISION_NONE] = "no", [SUPERVISION_SYSTEMD] = "systemd", [SUPERVISION_UPSTART] = "upstart"};
    process->supervision = daemon_supervised_by(wanted[settings->supervised]);
    process->server->supervisor = names[process->supervision];
    if (settings->daemonize && process->supervision == SUPERVISION_NONE && !daemon_detach(err)) return false;
    write_pid_file(process);
    if (settings->disable_thp) daemon_disable_thp();
    if (!apply_oom(process, err) || !apply_watchdog(process, err)) return false;
    watch_signals(process);
    return set_title(process, err);
}

static bool is_ignored(const struct param_values *ignored, const char *name) {
    for (size_t i = 0; i < ignored->count; i++)
        if (strcmp(ignored->items[i].text, name) == 0) return true;
    return false;
}

void process_warn_of_kernel(struct process *process) {
    const struct core_settings *settings = settings_of(process);
    char text[1024];
    const char *name;
    unsigned state = 0;
    while (daemon_kernel_warning(&state, (int)settings->tcp_backlog, &name, text, sizeof text))
        if (!is_ignored(&settings->ignore_warnings, name)) log_write(LOG_WARNING, "%s (ignore-warnings: %s)", text, name);
}

void process_is_ready(struct process *process) {
    daemon_notify(process->supervision, "STATUS=Ready to accept connections\nREADY=1\n");
}
