#include "sim/mutant.h"

#include <string.h>

static const struct {
    const char *name, *expects, *help, *scenario;
    uint64_t first_seed;
} mutants[MUTANT_COUNT] = {
    [MUTANT_NONE] = {"none", NULL, "no planted bug"},
    [MUTANT_VOTE_NOT_SAVED] = {"vote-not-saved", "S2", "saves are acknowledged and lost"},
    [MUTANT_EARLY_SAVED] = {"early-saved", "S6", "saves are acknowledged before they are on disk"},
    [MUTANT_OLD_STATE] = {"old-state", "S3", "a restart finds the state before the last save"},
    [MUTANT_STALE_EPOCH] = {"stale-epoch", "S2 S3", "votes are given for epochs that have passed"},
    [MUTANT_DOUBLE_VOTE] = {"double-vote", "S2", "every candidate of an epoch is promised the vote"},
    [MUTANT_COUNTED_TWICE] = {"counted-twice", "S1", "every answer counts as a vote for the one who asked"},
    [MUTANT_DEAF] = {"deaf", "S5", "PONGs of primaries are not heard"},
    [MUTANT_SAME_EPOCH] = {"same-epoch", "S4", "a switch is announced under the old configuration epoch"},
    [MUTANT_LOST_EVENT] = {"lost-event", "S7", "+sdown is not published"},
    [MUTANT_NO_HELLO] = {"no-hello", "L1", "what other sentinels announce is not heard once all know each other"},
    [MUTANT_FORGETFUL] = {"forgetful", "S1 S2", "who lost its disk takes it for granted that it never voted"},
    [MUTANT_REJECTED] = {"rejected", "S5", "who is silent looks as if it were gone"},
    [MUTANT_NO_GRACE] = {"no-grace", "S5", "the grace of the fast path is ignored"},
    [MUTANT_UNFENCED] = {"unfenced", "S9", "whatever the pre-failover script says is taken for a yes"},
    [MUTANT_UNPROTECTED] = {"unprotected", "T6", "primaries that come back empty are accepted", "emptied"},
    [MUTANT_FAITHLESS] = {"faithless", "G1", "promises are said to hold longer than they are kept"},
    [MUTANT_FORGED_FENCE] = {"forged-fence", "G2", "replicas are not fenced, but taken to be"},
    [MUTANT_BLIND] = {"blind", "A1", "of the fenced replicas who has least is taken to have most"},
    [MUTANT_FORGETS_NAMES] = {"forgets-names", "A1", "who was restarted does not know which replicas it had named",
                              .first_seed = 2801},
    [MUTANT_LIAR] = {"liar", "S8", "every INFO names a replica that nobody has heard of"},
};

const char *mutant_name(enum mutant mutant) {
    return mutants[mutant].name;
}

const char *mutant_help(enum mutant mutant) {
    return mutants[mutant].help;
}

const char *mutant_expects(enum mutant mutant) {
    return mutants[mutant].expects;
}

uint64_t mutant_first_seed(enum mutant mutant) {
    return mutants[mutant].first_seed;
}

bool mutant_is_guarded(enum mutant mutant) {
    return mutant == MUTANT_FAITHLESS || mutant == MUTANT_FORGED_FENCE || mutant == MUTANT_BLIND || mutant == MUTANT_FORGETS_NAMES;
}

const char *mutant_scenario(enum mutant mutant) {
    return mutants[mutant].scenario;
}

bool mutant_find(const char *name, enum mutant *mutant) {
    for (unsigned i = 0; i < MUTANT_COUNT; i++) {
        if (strcmp(mutants[i].name, name) != 0) continue;
        *mutant = (enum mutant)i;
        return true;
    }
    return false;
}
