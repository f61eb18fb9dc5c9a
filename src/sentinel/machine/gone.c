#include "sentinel/machine/gone.h"
#include "sentinel/machine/world_internal.h"

enum { REFUSALS = 2, RETURN_MS = 50 /* whoever is gone is looked for this often */ };

void gone_reset(struct instance *instance) {
    instance->lost_ms = NEVER;
    instance->refusals = 0;
    instance->gone = false;
}

static void forget_evidence(struct instance *instance) {
    instance->lost_ms = NEVER;
    instance->refusals = 0;
}

static int64_t grace_ms(const struct instance *instance) {
    return instance->primary->options.fast_grace_ms;
}

void gone_on_line_down(struct instance *instance, enum line_phase phase, int64_t since_ms, enum line_reason reason) {
    int64_t now_ms = instance->world->now_ms;
    if (instance->gone || !instance->primary || !instance->primary->options.fast_failover) return;
    if (phase == LINE_OPEN && reason == LINE_RESET) {
        if (instance->lost_ms == NEVER) instance->lost_ms = now_ms;
    } else if (phase == LINE_CONNECTING && reason == LINE_REFUSED) {
        if (instance->lost_ms == NEVER || since_ms < instance->lost_ms) return;
        instance->refusals++;
        if (instance->refusals >= REFUSALS && since_ms >= instance->lost_ms + grace_ms(instance))
            instance->gone = true; /* K1 */
    } else {
        forget_evidence(instance); /* K2 */
    }
}

void gone_on_line_up(struct instance *instance) {
    if (!instance->gone) forget_evidence(instance);
}

int64_t gone_retry_ms(const struct instance *instance, uint32_t hung_up) {
    int64_t now_ms = instance->world->now_ms;
    if (instance->gone) return now_ms + RETURN_MS;
    if (instance->lost_ms == NEVER) return INT64_MAX;
    if (instance->refusals == 0) return now_ms + (hung_up ? grace_ms(instance) << MIN(hung_up, 6u) : 0);
    int64_t decisive_ms = instance->lost_ms + grace_ms(instance), next_ms = now_ms + MAX(1, grace_ms(instance) / 4);
    return now_ms < decisive_ms ? MIN(next_ms, decisive_ms) : now_ms + 1;
}
