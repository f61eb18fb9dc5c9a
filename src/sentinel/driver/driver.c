#include "sentinel/driver/driver.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/client/blocked.h"
#include "core/client/client_hold.h"
#include "core/config/core_settings.h"
#include "core/pubsub/channel.h"
#include "core/server.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/tls.h"
#include "sentinel/driver/scripts.h"
#include "sentinel/driver/sentinel_commands.h"
#include "sentinel/driver/sentinel_config.h"
#include "sentinel/driver/sentinel_info.h"
#include "sentinel/driver/state_entries.h"
#include "sentinel/driver/state_file.h"
#include "sentinel/driver/view.h"
#include "sentinel/driver/watch.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    SENTINEL_PORT = 26379,
    COLLECT_INSTANCES = 100,
    COLLECT_US = 2000,
    CALM_MS = 5000, /* after the last trouble */
};

struct driver {
    struct server          *server;
    struct server_hooks     hooks;
    struct sentinel_config *config;

    struct machine   *machine; /* NULL until sentinel_start() */
    struct actions    actions;
    bool              stepping, collects;
    struct loop_timer timer; /* the machine's wake-up; it notices itself when that comes late */

    struct watch **watches; /* by instance number; NULL: none */
    size_t         watch_capacity;
    struct tls    *tls; /* NULL: links are plain */

    struct resolver *resolver;
    struct list      lookups;   /* of struct lookup */
    struct list      finished;  /* those whose event is still to be fed in */
    struct loop_task feed_task;

    struct state_file *state;
    struct state_index *index; /* of its keys */
    struct loop_wake   state_wake;
    uint64_t           save_sequence, save_ticket; /* sequence 0: no save is under way */

    struct scripts *scripts;
    struct list     waiters; /* of struct waiter */
    uint64_t        last_token;

    struct holder *holders; /* clients whose replies wait for a save */
    size_t         holder_count, holder_capacity;
};

struct holder {
    uint64_t client, sequence;
};

struct lookup { /* owned by the driver's lookups */
    struct list_node node;
    struct driver   *driver;
    struct resolve  *resolve;
    char            *name;
    char             ip[ADDRESS_TEXT_SIZE]; /* "": no address */
    bool             starting, done;
};

/* A client whose command the machine answers. Owned by the driver's waiters. */
struct waiter {
    struct list_node  node;
    uint64_t          token;
    struct client    *client;
    driver_on_answer *on_answer;
    bool              blocked, answered;
};

struct driver *driver_of(const struct server *server) {
    return server->mode;
}

const struct world *driver_world(const struct driver *driver) {
    return machine_world(driver->machine);
}

const struct state_file *driver_state_file(const struct driver *driver) {
    return driver->state;
}

struct scripts *driver_scripts(const struct driver *driver) {
    return driver->scripts;
}

int64_t driver_now_ms(const struct driver *driver) {
    return loop_now_ms(driver->server->loop);
}

bool driver_is_started(const struct driver *driver) {
    return driver->machine != NULL;
}

size_t driver_memory(const struct driver *driver) {
    size_t size = driver->watch_capacity * sizeof(*driver->watches);
    for (size_t i = 0; i < driver->watch_capacity; i++)
        if (driver->watches[i]) size += watch_memory(driver->watches[i]);
    return size;
}

/* ---- lines: from the links to the machine ---- */

static void on_line_up(void *context, uint32_t instance, enum line_kind line, const char *local_ip) {
    driver_step(context, &(struct event){.kind = EVENT_LINE_UP,
                                         .line = {instance, line, LINE_REASON_NONE, {0}, slice_text(local_ip)}});
}

static void on_line_down(void *context, uint32_t instance, enum line_kind line, enum line_reason reason,
                         const char *detail) {
    driver_step(context, &(struct event){.kind = EVENT_LINE_DOWN,
                                         .line = {instance, line, reason, slice_text(detail), {0}}});
}

static void on_line_reply(void *context, uint32_t instance, uint64_t request, uint32_t index,
                          const struct resp_reply *reply) {
    struct event event = {.kind = EVENT_REPLY, .reply = {.instance = instance, .request = request, .index = index}};
    view_init(&event.reply.reply, reply);
    struct reply_view view = event.reply.reply;
    driver_step(context, &event);
    view_fini(&view);
}

static void on_line_hello(void *context, uint32_t instance, struct slice payload) {
    driver_step(context, &(struct event){.kind = EVENT_HELLO, .hello = {instance, payload}});
}

static const struct watch_handlers watch_handlers = {on_line_up, on_line_down, on_line_reply, on_line_hello};

static struct watch *find_watch(const struct driver *driver, uint32_t instance) {
    return instance < driver->watch_capacity ? driver->watches[instance] : NULL;
}

static struct watch *get_watch(struct driver *driver, uint32_t instance) {
    if (instance >= driver->watch_capacity) {
        size_t capacity = MAX(instance + 1, driver->watch_capacity * 2);
        driver->watches = mem_realloc(driver->watches, capacity * sizeof(*driver->watches));
        memset(driver->watches + driver->watch_capacity, 0,
               (capacity - driver->watch_capacity) * sizeof(*driver->watches));
        driver->watch_capacity = capacity;
    }
    if (!driver->watches[instance])
        driver->watches[instance] = watch_new(driver->server->loop, instance, &watch_handlers, driver);
    return driver->watches[instance];
}

static void do_connect(struct driver *driver, const struct action *action) {
    const struct core_settings *settings = driver->server->settings;
    const char *password = action->connect.password;
    /* requirepass doubles as what other sentinels ask for: one group, one password. */
    if (!password && action->connect.is_sentinel && *settings->requirepass) password = settings->requirepass;
    struct watch_target target = {
        .ip = action->connect.ip,
        .host = action->connect.host,
        .port = action->connect.port,
        .user = action->connect.user,
        .password = password,
        .client_name = action->connect.client_name,
        .timeout_ms = action->connect.timeout_ms,
        .answer_timeout_ms = action->connect.answer_timeout_ms,
        .unacked_timeout_ms = action->connect.unacked_timeout_ms,
        .tls = driver->tls,
        .source_ip = settings->bind_source_addr,
    };
    watch_connect(get_watch(driver, action->connect.instance), action->connect.line, &target);
}

static void do_forget(struct driver *driver, uint32_t instance) {
    if (find_watch(driver, instance)) watch_free(&driver->watches[instance]);
}

/* ---- names ---- */

static void lookup_free(struct lookup *lookup) {
    list_remove(&lookup->node);
    if (lookup->resolve) resolve_cancel(&lookup->resolve);
    mem_free(lookup->name);
    mem_free(lookup);
}

static void on_feed(struct loop_task *task) {
    struct driver *driver = container_of(task, struct driver, feed_task);
    struct list_node *node;
    while ((node = list_first(&driver->finished))) {
        struct lookup *lookup = container_of(node, struct lookup, node);
        list_remove(node);
        driver_step(driver, &(struct event){.kind = EVENT_RESOLVED,
                                            .resolved = {slice_text(lookup->name), slice_text(lookup->ip)}});
        lookup_free(lookup);
    }
}

static void on_resolved(void *context, const struct address *addresses, size_t count, const char *error) {
    struct lookup *lookup = context;
    struct driver *driver = lookup->driver;
    lookup->resolve = NULL;
    lookup->done = true;
    if (count) address_print_ip(&addresses[0], lookup->ip);
    else LOG_WRITE(LOG_VERBOSE, "Cannot resolve %s: %s", lookup->name, error ? error : "no address");
    list_remove(&lookup->node);
    list_add(&driver->finished, &lookup->node);
    loop_task_post(driver->server->loop, &driver->feed_task);
}

static void do_resolve(struct driver *driver, const char *name) {
    struct lookup *lookup = mem_zalloc(sizeof(*lookup));
    lookup->driver = driver;
    lookup->name = mem_strdup(name);
    list_add(&driver->lookups, &lookup->node);
    struct resolve *resolve = resolve_start(driver->resolver, name, 0, RESOLVE_ANY, on_resolved, lookup);
    if (resolve) lookup->resolve = resolve; /* else on_resolved was called already */
}

/* ---- state ---- */

static void store_state(struct driver *driver) {
    struct state_records records;
    state_records_init(&records);
    bool whole = machine_take_changes(driver->machine, &records);
    state_entries_store_changes(driver->state, driver->index, &records, whole);
    state_records_fini(&records);
}

static void do_save(struct driver *driver, const struct action *action) {
    store_state(driver);
    driver->save_sequence = action->save.sequence;
    if (action->save.whole) state_file_want_whole(driver->state);
    driver->save_ticket = state_file_commit(driver->state);
    state_file_retry(driver->state); /* the machine spaces its attempts out */
    if (state_file_durable(driver->state) >= driver->save_ticket) loop_wake_send(&driver->state_wake);
}

static void let_replies_go(struct driver *driver, uint64_t sequence, bool durable);

static void on_state_wake(struct loop_wake *wake) {
    struct driver *driver = container_of(wake, struct driver, state_wake);
    (void)state_file_collect(driver->state);
    const char *alarm = state_file_alarm(driver->state);
    bool durable = state_file_durable(driver->state) >= driver->save_ticket;
    if (driver->save_sequence == 0 || (!durable && !alarm)) return;
    struct event event = {.kind = EVENT_SAVED, .saved = {driver->save_sequence, durable, slice_text(alarm ? alarm : "")}};
    driver->save_sequence = 0;
    let_replies_go(driver, event.saved.sequence, durable);
    driver_step(driver, &event);
}

static void wake_for_state(void *context) {
    struct driver *driver = context;
    loop_wake_send(&driver->state_wake);
}

/* ---- events for people ---- */

static enum log_level log_level_of(enum sentinel_event_level level) {
    switch (level) {
    case SENTINEL_LEVEL_DEBUG: return LOG_DEBUG;
    case SENTINEL_LEVEL_VERBOSE: return LOG_VERBOSE;
    case SENTINEL_LEVEL_NOTICE: return LOG_NOTICE;
    case SENTINEL_LEVEL_WARNING: return LOG_WARNING;
    }
    return LOG_WARNING;
}

static void publish(struct driver *driver, enum sentinel_event event, const char *text) {
    const char *name = sentinel_event_name(event);
    enum sentinel_event_level level = sentinel_event_level(event);
    LOG_WRITE(log_level_of(level), "%s %s", name, text);
    if (level != SENTINEL_LEVEL_DEBUG)
        channel_publish(driver->server->channels, slice_text(name), slice_text(text));
}

static void on_script_news(void *context, enum script_news news, const char *text) {
    static const enum sentinel_event events[] = {
        [SCRIPT_STARTED] = SENTINEL_EVENT_SCRIPT_CHILD,
        [SCRIPT_ENDED] = SENTINEL_EVENT_SCRIPT_CHILD_END,
        [SCRIPT_TIMED_OUT] = SENTINEL_EVENT_SCRIPT_TIMEOUT,
        [SCRIPT_FAILED] = SENTINEL_EVENT_SCRIPT_ERROR,
    };
    publish(context, events[news], text);
}

static void on_script_end(void *context, uint64_t token, enum scripts_end end, int status) {
    static const enum script_end ends[] = {
        [SCRIPTS_EXIT] = SCRIPT_END_EXIT,
        [SCRIPTS_SIGNAL] = SCRIPT_END_SIGNAL,
        [SCRIPTS_TIMEOUT] = SCRIPT_END_TIMEOUT,
        [SCRIPTS_NOT_RUN] = SCRIPT_END_NOT_RUN,
    };
    driver_step(context, &(struct event){.kind = EVENT_SCRIPT_ENDED, .token = token, .script = {ends[end], status}});
}

/* ---- clients that wait ---- */

static void waiter_free(struct waiter *waiter) {
    list_remove(&waiter->node);
    mem_free(waiter);
}

static void on_wait_ends(struct client *client, void *context) {
    (void)client;
    waiter_free(context);
}

static const struct blocked_ops waiter_ops = {.by = BLOCKED_BY_OTHER, .on_end = on_wait_ends};

static void do_answer(struct driver *driver, const struct action *action) {
    LIST_EACH(&driver->waiters, node) {
        struct waiter *waiter = container_of(node, struct waiter, node);
        if (waiter->token != action->answer.token || waiter->answered) continue;
        waiter->answered = true;
        waiter->on_answer(waiter->client, action);
        if (waiter->blocked) blocked_end(waiter->client);
        return;
    }
}

/* ---- replies that wait for the disk ---- */

void driver_hold_replies(struct driver *driver, struct client *client, uint64_t sequence) {
    client_hold_replies(client, CLIENT_HOLD_DISK, (int64_t)sequence);
    struct holder *last = driver->holder_count ? &driver->holders[driver->holder_count - 1] : NULL;
    if (last && last->client == client->id && last->sequence == sequence) return;
    if (driver->holder_count == driver->holder_capacity) {
        driver->holder_capacity = MAX(16, driver->holder_capacity * 2);
        driver->holders = mem_realloc(driver->holders, driver->holder_capacity * sizeof(*driver->holders));
    }
    driver->holders[driver->holder_count++] = (struct holder){client->id, sequence};
}

/* The save of `sequence` ended. What was promised and is not on disk is never told: whoever waits for it is cut off, and
 * asks again. */
static void let_replies_go(struct driver *driver, uint64_t sequence, bool durable) {
    size_t kept = 0;
    for (size_t i = 0; i < driver->holder_count; i++) {
        struct holder  holder = driver->holders[i];
        struct client *client = client_find(driver->server, holder.client);
        if (!client) continue;
        if (!durable) client_close_asap(client);
        else if (holder.sequence <= sequence) client_hold_confirm(client, CLIENT_HOLD_DISK, (int64_t)sequence);
        else driver->holders[kept++] = holder;
    }
    driver->holder_count = kept;
}

void driver_ask(struct driver *driver, struct client *client, struct event *event, driver_on_answer *on_answer) {
    struct waiter *waiter = mem_zalloc(sizeof(*waiter));
    event->token = waiter->token = ++driver->last_token;
    waiter->client = client;
    waiter->on_answer = on_answer;
    list_add(&driver->waiters, &waiter->node);
    driver_step(driver, event);
    if (waiter->answered) {
        waiter_free(waiter);
        return;
    }
    waiter->blocked = true;
    blocked_start(client, &waiter_ops, waiter, 0);
}

/* ---- the machine's turn ---- */

static void on_timer(struct loop_timer *timer) {
    struct driver *driver = container_of(timer, struct driver, timer);
    driver_step(driver, &(struct event){.kind = EVENT_TIMER});
}

static void do_wake(struct driver *driver, int64_t at_ms) {
    if (at_ms == INT64_MAX) loop_timer_stop(&driver->timer);
    else loop_timer_start_at(driver->server->loop, &driver->timer, at_ms, on_timer);
}

static NORETURN void leave(int status, const char *why) {
    log_write(LOG_WARNING, "%s", why);
    _exit(status); /* a simulated crash: nothing is flushed or said good-bye to */
}

static void carry_out(struct driver *driver, const struct action *action) {
    struct watch *watch;
    switch (action->kind) {
    case ACTION_CONNECT: do_connect(driver, action); return;
    case ACTION_DISCONNECT:
        watch = find_watch(driver, action->disconnect.instance);
        if (watch) watch_disconnect(watch, action->disconnect.line);
        return;
    case ACTION_FORGET: do_forget(driver, action->disconnect.instance); return;
    case ACTION_SEND:
        watch = find_watch(driver, action->send.instance);
        if (watch) watch_send(watch, action->send.request, action->send.commands, action->send.count);
        return;
    case ACTION_PUBLISH: publish(driver, action->publish.event, action->publish.text); return;
    case ACTION_SAVE: do_save(driver, action); return;
    case ACTION_ANSWER: do_answer(driver, action); return;
    case ACTION_SCRIPT:
        if (action->script.token)
            scripts_run(driver->scripts, action->script.args, action->script.timeout_ms, action->script.token,
                        on_script_end);
        else scripts_add(driver->scripts, action->script.args);
        return;
    case ACTION_RESOLVE: do_resolve(driver, action->resolve.name); return;
    case ACTION_EXIT: leave(action->exit.status, action->exit.why);
    case ACTION_WAKE: do_wake(driver, action->wake.at_ms); return;
    case ACTION_KINDS: break;
    }
    UNREACHABLE("no such action");
}

/* What is said to one instance comes in a row, and leaves in one packet. */
static void carry_out_all(struct driver *driver) {
    uint32_t spoken_to = 0; /* nobody's number */
    for (size_t i = 0; i < driver->actions.count; i++) {
        const struct action *action = &driver->actions.items[i];
        uint32_t to = action->kind == ACTION_SEND ? action->send.instance : 0;
        if (spoken_to && spoken_to != to && find_watch(driver, spoken_to)) watch_flush(driver->watches[spoken_to]);
        spoken_to = to;
        carry_out(driver, action);
    }
    if (spoken_to && find_watch(driver, spoken_to)) watch_flush(driver->watches[spoken_to]);
}

/* With many instances answers come all the time. As long as all is well they may wait for one another; when something is
 * down no word may. */
static void collect(struct driver *driver) {
    const struct world *world = machine_world(driver->machine);
    bool calm = world->instance_count > COLLECT_INSTANCES &&
                (world->trouble_ms == NEVER || driver_now_ms(driver) - world->trouble_ms > CALM_MS);
    if (calm == driver->collects) return;
    driver->collects = calm;
    loop_collect(driver->server->loop, calm ? COLLECT_US : 0);
}

void driver_step(struct driver *driver, struct event *event) {
    CHECK(!driver->stepping);
    driver->stepping = true;
    event->wall_ms = clock_wall_ms();
    machine_step(driver->machine, driver_now_ms(driver), event, &driver->actions);
    carry_out_all(driver);
    actions_clear(&driver->actions);
    collect(driver);
    driver->stepping = false;
}

/* ---- life ---- */

static bool on_shutdown(void *context, unsigned flags, struct error *err) {
    (void)flags;
    struct driver *driver = context;
    if (!driver->machine) return true;
    store_state(driver);
    return state_file_flush(driver->state, err);
}

static void driver_free(void *context) {
    struct driver *driver = context;
    loop_timer_stop(&driver->timer);
    loop_task_cancel(&driver->feed_task);
    LIST_EACH(&driver->waiters, node) waiter_free(container_of(node, struct waiter, node));
    LIST_EACH(&driver->lookups, node) lookup_free(container_of(node, struct lookup, node));
    LIST_EACH(&driver->finished, node) lookup_free(container_of(node, struct lookup, node));
    for (size_t i = 0; i < driver->watch_capacity; i++)
        if (driver->watches[i]) watch_free(&driver->watches[i]);
    mem_free(driver->watches);
    mem_free(driver->holders);
    if (driver->resolver) resolver_free(&driver->resolver);
    if (driver->tls) tls_free(&driver->tls);
    if (driver->machine) machine_free(&driver->machine);
    actions_fini(&driver->actions);
    if (driver->state) {
        state_index_free(&driver->index);
        state_file_free(&driver->state);
        loop_wake_stop(&driver->state_wake);
    }
    if (driver->scripts) scripts_free(&driver->scripts);
    sentinel_config_free(&driver->config);
    driver->server->mode = NULL;
    mem_free(driver);
}

void sentinel_install(struct server *server) {
    struct driver *driver = mem_zalloc(sizeof(*driver));
    driver->server = server;
    server->mode = driver;
    server->mode_name = "sentinel";
    server->may_hold_replies = true; /* votes */
    /* Before the configuration is read, which may say otherwise about the port. */
    server->settings->port = SENTINEL_PORT;
    driver->config = sentinel_config_new(server->params);
    actions_init(&driver->actions);
    list_init(&driver->lookups);
    list_init(&driver->finished);
    list_init(&driver->waiters);
    loop_task_init(&driver->feed_task, on_feed);
    sentinel_commands_install(server);
    sentinel_info_install(server);
    driver->hooks = (struct server_hooks){
        .context = driver, .shutdown_finish = on_shutdown, .server_freed = driver_free};
    server_add_hooks(server, &driver->hooks);
}

/* Links use TLS when the servers' replication does. */
static bool start_tls(struct driver *driver, struct error *err) {
    if (!sentinel_config_settings(driver->config)->tls_replication) return true;
    struct tls_settings tls;
    server_tls_settings(driver->server, &tls);
    tls.allow_no_certificate = true; /* a link that shows none may be all that the servers want */
    driver->tls = tls_new();
    return tls_configure(driver->tls, &tls, err) || error_prefix(err, "TLS for the sentinel's links (tls-replication)");
}

static char *absolute_state_path(const char *name) { /* gives; the process is in `dir` already */
    if (name[0] == '/') return mem_strdup(name);
    char *directory = getcwd(NULL, 0);
    char *path = directory ? mem_printf("%s/%s", strcmp(directory, "/") == 0 ? "" : directory, name) : mem_strdup(name);
    free(directory);
    return path;
}

static bool load_state(struct driver *driver, struct state_records *records, struct error *err) {
    char *path = absolute_state_path(sentinel_config_settings(driver->config)->state_file);
    driver->state = state_file_new(path, wake_for_state, driver);
    driver->index = state_index_new();
    mem_free(path);
    loop_wake_start(driver->server->loop, &driver->state_wake, on_state_wake);
    switch (state_file_load(driver->state, err)) {
    case STATE_FILE_ABSENT:
        log_write(LOG_NOTICE, "No state file %s yet: this sentinel starts without memory",
                  state_file_path(driver->state));
        return true;
    case STATE_FILE_REFUSED: return false;
    case STATE_FILE_LOST:
        log_write(LOG_WARNING, "The state file %s is empty: this sentinel starts without memory",
                  state_file_path(driver->state));
        return true;
    case STATE_FILE_TAIL_LOST: log_write(LOG_WARNING, "State recovered: %s", err->text); break;
    case STATE_FILE_OK: break;
    }
    return state_entries_read(driver->state, records, err) ||
           error_prefix(err, "the state file %s", state_file_path(driver->state));
}

static void make_machine(struct driver *driver, const struct state_records *records) {
    const struct core_settings *settings = driver->server->settings;
    const struct sentinel_settings *own = sentinel_config_settings(driver->config);
    const char *id = own->myid;
    char fresh_id[SENTINEL_ID_SIZE];
    random_os_hex(fresh_id, SENTINEL_ID_SIZE - 1);
    struct timing timing;
    timing_defaults(&timing);
    bool tls_port = own->tls_replication && settings->tls_port;
    struct machine_config config = {
        .seed = random_os_seed(),
        .id = id && *id ? id : fresh_id,
        .port = (uint16_t)(tls_port ? settings->tls_port : settings->port),
        .timing = &timing,
    };
    sentinel_config_fill(driver->config, &config);
    driver->machine = machine_new(&config, records->items, records->count, driver_now_ms(driver));
}

bool sentinel_start(struct server *server, struct error *err) {
    struct driver *driver = driver_of(server);
    struct state_records records;
    struct error alarm;
    if (!sentinel_config_check(driver->config, err) || !start_tls(driver, err)) return false;
    state_records_init(&records);
    bool ok = load_state(driver, &records, err);
    if (ok) {
        driver->resolver = resolver_new(server->loop);
        driver->scripts = scripts_new(server->loop, on_script_news, driver);
        loop_update_now(server->loop);
        make_machine(driver, &records);
        log_write(LOG_WARNING, "Sentinel ID is %s", driver_world(driver)->id);
        /* The id is on disk before anybody hears of it. */
        store_state(driver);
        if (!state_file_flush(driver->state, &alarm))
            log_write(LOG_WARNING, "The state cannot be saved, so this sentinel will not vote: %s", alarm.text);
        driver_step(driver, &(struct event){.kind = EVENT_START});
        if (sentinel_config_count(driver->config) == 0 && driver_world(driver)->primary_count == 0)
            log_write(LOG_WARNING, "No primary is configured: use sentinel.masters or SENTINEL MONITOR");
    }
    state_records_fini(&records);
    return ok;
}
