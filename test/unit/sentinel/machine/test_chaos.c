#include "lib/unit.h"
#include "base/random.h"
#include "troupe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Faults at random for a while, then none: all sentinels must agree on one primary, that one must be a primary, and all
 * nodes must follow it. A machine that breaks one of its own invariants stops the process by its CHECKs. */

static void fault(struct troupe *t, struct random *random) {
    unsigned m = (unsigned)random_below(random, t->machines), n = (unsigned)random_below(random, t->nodes);
    unsigned o = (unsigned)random_below(random, t->machines);
    switch (random_below(random, 12)) {
    case 0:
        if (t->node[n].alive) troupe_kill(t, n);
        break;
    case 1:
    case 2:
        if (!t->node[n].alive) troupe_return(t, n, t->node[n].follows);
        break;
    case 3: t->node[n].hung = !t->node[n].hung; break;
    case 4: t->node[n].silent = !t->node[n].silent; break;
    case 5: t->paused[m] = !t->paused[m]; break;
    case 6:
        if (m != o) t->cut[m][o] = !t->cut[m][o];
        break;
    case 7: t->cut_node[m][n] = !t->cut_node[m][n]; break;
    case 8:
        if (t->machine[m]) troupe_kill_machine(t, m);
        break;
    case 9:
        if (!t->machine[m]) troupe_restart_machine(t, m);
        break;
    case 10: t->disk_fails[m] = !t->disk_fails[m]; break;
    case 11: {
        bool coordinated = random_below(random, 3) == 0;
        troupe_event(t, m,
                     &(struct event){.kind = EVENT_FAILOVER,
                                     .failover = {.name = SLICE("mymaster"), .coordinated = coordinated}});
        break;
    }
    }
}

static void heal(struct troupe *t) {
    memset(t->cut, 0, sizeof t->cut);
    memset(t->cut_node, 0, sizeof t->cut_node);
    memset(t->disk_fails, 0, sizeof t->disk_fails);
    memset(t->paused, 0, sizeof t->paused);
    for (unsigned n = 0; n < t->nodes; n++) {
        t->node[n].hung = t->node[n].silent = false;
        if (!t->node[n].alive) troupe_return(t, n, t->node[n].follows);
        if (t->node[n].follows >= 0) t->node[n].link_up_at_ms = t->now_ms + 50;
    }
    for (unsigned m = 0; m < t->machines; m++)
        if (!t->machine[m]) troupe_restart_machine(t, m);
}

static bool agreed(struct troupe *t) {
    int primary = troupe_believes(t, 0);
    if (primary < 0 || t->node[primary].follows >= 0) return false;
    for (unsigned m = 0; m < t->machines; m++)
        if (troupe_believes(t, m) != primary || troupe_primary(t, m)->instance->s_down) return false;
    for (unsigned n = 0; n < t->nodes; n++)
        if ((int)n != primary && t->node[n].follows != primary) return false;
    return true;
}

static void check_epochs(struct troupe *t, int address[64]) {
    for (unsigned m = 0; m < t->machines; m++) {
        if (!t->machine[m]) continue;
        const struct primary *primary = troupe_primary(t, m);
        if (primary->failover.record.unagreed) address[0] = 1; /* an operator's word alone: nothing is promised */
        if (address[0]) return;
        if (primary->config_epoch == 0 || primary->config_epoch >= 64) continue;
        int *at = &address[primary->config_epoch], is = troupe_believes(t, m) + 1;
        if (*at == 0) *at = is;
        CU_ASSERT_EQUAL_FATAL(*at, is); /* one address per configuration epoch */
    }
}

static bool one_history(uint64_t seed) {
    struct troupe t;
    struct random random;
    int address[64] = {0};
    random_seed(&random, seed);
    unsigned machines = 3 + 2 * (unsigned)random_below(&random, 2), nodes = 2 + (unsigned)random_below(&random, 3);
    troupe_init(&t, machines, nodes);
    t.config.quorum = machines / 2 + 1;
    t.config.down_after_ms = random_below(&random, 2) ? 1000 : 200;
    t.config.failover_timeout_ms = 5000;
    troupe_start(&t);
    troupe_run(&t, 2500);
    for (int i = 0; i < 30; i++) {
        fault(&t, &random);
        troupe_run(&t, 1 + (int64_t)random_below(&random, random_below(&random, 2) ? 20 : 1500));
        check_epochs(&t, address);
    }
    heal(&t);
    bool good = false;
    for (int i = 0; i < 600 && !good; i++) {
        troupe_run(&t, 100);
        check_epochs(&t, address);
        good = agreed(&t);
    }
    if (!good || getenv("SHOW")) {
        printf("seed %" PRIu64 "\n%s\n", seed, bytes_text(&t.log));
        for (unsigned m = 0; m < machines; m++) {
            struct primary *p = troupe_primary(&t, m);
            printf("S%u believes N%d config %" PRIu64 " vote %" PRIu64
                   " usable %zu of %zu sdown %d odown %d state %s\n",
                   m + 1, troupe_believes(&t, m), p->config_epoch, p->vote_epoch, primary_usable(p), primary_voters(p),
                   p->instance->s_down, p->o_down, sm_name(&p->failover.sm));
        }
        for (unsigned n = 0; n < nodes; n++)
            printf("N%u follows %d link %d\n", n, t.node[n].follows, t.node[n].link_up);
    }
    troupe_fini(&t);
    return good;
}

UNIT_TEST(chaos, after_any_faults_all_agree) {
    const char *seed = getenv("SEED"), *count = getenv("SEEDS");
    if (seed) {
        CU_ASSERT_TRUE(one_history((uint64_t)atoll(seed)));
        return;
    }
    for (int64_t i = 1; i <= (count ? atoll(count) : 20); i++) {
        bool good = one_history((uint64_t)i);
        CU_ASSERT_TRUE(good);
        if (!good) {
            fprintf(stderr, "  T=chaos SEED=%" PRId64 " fails\n", i);
            return;
        }
    }
}
