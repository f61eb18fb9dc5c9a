/* The pre-failover scripts that a sentinel host runs: they end, veto, fail or hang, and none outlives its deadline. */
#include "base/mem.h"
#include "base/number.h"
#include "sim/dice.h"
#include "sim/sentinel_host_internal.h"

#include <stdio.h>

enum { MILLISECOND = 1000, USUAL_US = 10 * MILLISECOND };

/* Owned by the host, until the next one of the same primary. */
struct host_script {
    struct sentinel_host *host;
    struct list_node node;
    char primary[HOST_NAME_SIZE];
    uint64_t token, epoch;
    enum script_end end;
    int status;
    bool ended;
    struct happening done;
};

static struct host_script *find(const struct sentinel_host *host, const char *primary) {
    LIST_EACH(&host->scripts, node) {
        struct host_script *script = container_of(node, struct host_script, node);
        if (strcmp(script->primary, primary) == 0) return script;
    }
    return NULL;
}

static void free_script(struct host_script *script) {
    schedule_cancel(script->host->schedule, &script->done);
    list_remove(&script->node);
    mem_free(script);
}

static void on_done(struct happening *happening) {
    struct host_script *script = container_of(happening, struct host_script, done);
    struct sentinel_host *host = script->host;
    if (host->paused_until_us > host->schedule->now_us) {
        schedule_at(host->schedule, &script->done, host->paused_until_us + 1);
        return;
    }
    if (!host_hears(host)) return;
    script->ended = true;
    struct event event = {.kind = EVENT_SCRIPT_ENDED, .token = script->token};
    event.script.end = script->end;
    event.script.status = script->status;
    if (host->traits.mutant == MUTANT_UNFENCED) event.script.end = SCRIPT_END_EXIT, event.script.status = 0;
    host_step(host, &event);
}

/* How it ends, and after how long. */
static int64_t roll_end(struct host_script *script, int64_t timeout_us) {
    struct sentinel_host *host = script->host;
    int64_t takes_us = 100 + dice_around(host->random, USUAL_US);
    script->end = SCRIPT_END_EXIT;
    if (host->scripts_fail) {
        switch (dice_between(host->random, 0, 5)) {
        case 0:
        case 1: script->status = 1; break; /* veto */
        case 2: script->status = 2; break;
        case 3: script->end = SCRIPT_END_NOT_RUN, takes_us = 1; break;
        case 4: script->end = SCRIPT_END_SIGNAL, script->status = 11; break;
        default: takes_us = INT64_MAX; break; /* hangs */
        }
    }
    if (takes_us < timeout_us) return takes_us;
    script->end = SCRIPT_END_TIMEOUT;
    return timeout_us;
}

void host_run_script(struct sentinel_host *host, const struct action *action) {
    if (action->script.kind != SCRIPT_PRE_FAILOVER) return; /* nobody waits for the others */
    const char *const *args = action->script.args;
    int64_t epoch = -1;
    struct host_script *before = find(host, args[1]);
    if (before) free_script(before);
    if (!action->script.token || action->script.timeout_ms <= 0 || !number_parse_int(slice_text(args[8]), &epoch)) {
        host_breach(host, "a pre-failover script without a deadline, an epoch or a way to answer");
        return;
    }
    struct host_script *script = mem_zalloc(sizeof *script);
    script->host = host;
    snprintf(script->primary, sizeof script->primary, "%s", args[1]);
    script->token = action->script.token;
    script->epoch = (uint64_t)epoch;
    script->done.run = on_done;
    list_add(&host->scripts, &script->node);
    schedule_after(host->schedule, &script->done, roll_end(script, action->script.timeout_ms * MILLISECOND));
}

/* Whether the script, as it ended, allows a promotion. */
static bool allows(const struct host_script *script, bool veto_when_unsure) {
    if (script->end == SCRIPT_END_EXIT && script->status <= 1) return script->status == 0;
    return !veto_when_unsure;
}

void host_check_script(struct sentinel_host *host, const struct primary *primary) {
    const struct host_script *script = find(host, primary->name);
    if (!primary->options.pre_failover_script || primary->failover.coordinated) return;
    if (!script || script->epoch != primary->failover.epoch)
        host_breach(host, "a promotion was ordered that the pre-failover script was not asked for");
    else if (!script->ended)
        host_breach(host, "a promotion was ordered while the pre-failover script ran");
    else if (!allows(script, primary->options.pre_failover_veto))
        host_breach(host, "a promotion was ordered that the pre-failover script did not allow");
}

void host_end_scripts(struct sentinel_host *host) {
    LIST_EACH(&host->scripts, node) free_script(container_of(node, struct host_script, node));
}
