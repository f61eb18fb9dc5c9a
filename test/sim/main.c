/* sim: runs histories and says whether an invariant was violated.
 *
 *     sim --seed N [--trace]         one history
 *     sim --seeds A..B               many; a failing one prints the line that reproduces it
 *     sim --guarded                  with either: guarded sets, and what must hold for them (guard_watch.h)
 *     sim --seconds S                with --seeds: stop when the time is over
 *     sim --scenario NAME [--seed N] a given topology with given faults, and the figures it must reach
 *     sim --scenarios                those of make check; with --seeds A..B each with all seeds
 *     sim --mutant NAME              with a planted bug, which must be found: exit 0 when it is
 *     sim --mutants [--seeds A..B]   all planted bugs
 *     sim --twice                    each seed twice, which must give the same history (D1)
 *     sim --verbose                  a line for each seed
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "sim/history.h"
#include "sim/scenario.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_STOPPED = 3 }; /* the machine stopped the process */

struct arguments {
    uint64_t first, last;
    int64_t seconds;
    bool trace, guarded, twice, verbose, all_mutants, all_scenarios, given;
    enum mutant mutant;
    const struct scenario *scenario;
};

struct totals {
    uint64_t passed, failed, failovers, switches, steps, acknowledged, too_few;
    int64_t virtual_us, slowest_heal_us;
    uint64_t slowest_seed;
};

/* What a crash of the machine must still say. Written before each history. */
static char crash_line[120];

static void on_abort(int number) {
    (void)number;
    size_t length = 0;
    while (crash_line[length]) length++;
    if (write(STDOUT_FILENO, crash_line, length) < 0) _exit(2);
    _exit(EXIT_STOPPED);
}

static void say_reproduction(char *line, size_t size, const struct arguments *arguments, uint64_t seed,
                             const char *invariant) {
    int at = snprintf(line, size, "%s: reproduce with: sim --seed %" PRIu64, invariant, seed);
    if (arguments->scenario && at > 0 && (size_t)at < size)
        at += snprintf(line + at, size - (size_t)at, " --scenario %s", scenario_name(arguments->scenario));
    if (arguments->guarded && at > 0 && (size_t)at < size) at += snprintf(line + at, size - (size_t)at, " --guarded");
    if (arguments->mutant != MUTANT_NONE && at > 0 && (size_t)at < size)
        at += snprintf(line + at, size - (size_t)at, " --mutant %s", mutant_name(arguments->mutant));
    if (at > 0 && (size_t)at < size) snprintf(line + at, size - (size_t)at, " --trace\n");
}

static void run_seed(const struct arguments *arguments, uint64_t seed, struct history_result *result) {
    struct history_options options = {.seed = seed, .trace = arguments->trace, .mutant = arguments->mutant,
                                      .guarded = arguments->guarded || mutant_is_guarded(arguments->mutant)};
    say_reproduction(crash_line, sizeof crash_line, arguments, seed, "crash");
    history_run(&options, result);
    if (!arguments->twice || result->verdict.failed) return;
    struct history_result again;
    options.trace = false;
    history_run(&options, &again);
    if (again.fingerprint != result->fingerprint)
        verdict_fail(&result->verdict, "D1", "the same seed gave another history (%" PRIu64 " steps, then %" PRIu64 ")",
                     result->steps, again.steps);
}

static void count(struct totals *totals, uint64_t seed, const struct history_result *result) {
    if (result->verdict.failed)
        totals->failed++;
    else
        totals->passed++;
    totals->failovers += result->failovers;
    totals->switches += result->switches;
    totals->steps += result->steps;
    totals->acknowledged += result->acknowledged;
    totals->too_few += result->too_few;
    totals->virtual_us += result->virtual_us;
    if (result->verdict.failed || result->healed_us <= totals->slowest_heal_us) return;
    totals->slowest_heal_us = result->healed_us;
    totals->slowest_seed = seed;
}

static void report_seed(const struct arguments *arguments, uint64_t seed, const struct history_result *result) {
    if (arguments->verbose || arguments->trace)
        printf("seed %" PRIu64 ": %s: %" PRIu64 " failovers, %" PRIu64 " switches, %" PRIu64
               " steps, %.1f s, whole again %.2f s after healing%s%s\n",
               seed, result->shape, result->failovers, result->switches, result->steps,
               (double)result->virtual_us / 1e6, (double)result->healed_us / 1e6, result->missed[0] ? ": until then " : "",
               result->missed);
    if (!result->verdict.failed) return;
    char line[160];
    say_reproduction(line, sizeof line, arguments, seed, result->verdict.invariant);
    printf("%s violated: %s\n%s", result->verdict.invariant, result->verdict.text, line);
    fflush(stdout);
}

static bool run_many(const struct arguments *arguments) {
    struct totals totals = {0};
    int64_t began_ms = clock_now_ms();
    clock_t began_cpu = clock();
    for (uint64_t seed = arguments->first; seed <= arguments->last; seed++) {
        struct history_result result;
        if (arguments->seconds && clock_now_ms() - began_ms > arguments->seconds * 1000) break;
        run_seed(arguments, seed, &result);
        count(&totals, seed, &result);
        report_seed(arguments, seed, &result);
    }
    double seconds = (double)(clock() - began_cpu + 1) / CLOCKS_PER_SEC;
    printf(
        "%" PRIu64
        " failovers in %.1f s of the processor: %.1f a second; %.0f steps a second; %.0f times as fast as real time; "
        "whole again after at most %.1f s (seed %" PRIu64 ")\n",
        totals.failovers, seconds, (double)totals.failovers / seconds, (double)totals.steps / seconds,
        (double)totals.virtual_us / 1e6 / seconds, (double)totals.slowest_heal_us / 1e6, totals.slowest_seed);
    if (arguments->guarded)
        printf("guarded: clients were told %" PRIu64 " times that more is confirmed; %" PRIu64 " attempts fenced too few\n",
               totals.acknowledged, totals.too_few);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", totals.passed, totals.failed);
    return totals.failed == 0;
}

/* Scenarios */

static bool run_scenario(struct arguments arguments, const struct scenario *scenario) {
    bool ok = true;
    arguments.scenario = scenario;
    if (!arguments.given) arguments.last = arguments.first;
    for (uint64_t seed = arguments.first; seed <= arguments.last; seed++) {
        struct history_options options = {.seed = seed, .trace = arguments.trace, .mutant = arguments.mutant};
        struct scenario_result result;
        clock_t began = clock();
        say_reproduction(crash_line, sizeof crash_line, &arguments, seed, "crash");
        scenario_run(scenario, &options, &result);
        printf("%-18s seed %" PRIu64 ": %s (%.1f s)\n", scenario_name(scenario), seed, result.figures,
               (double)(clock() - began) / CLOCKS_PER_SEC);
        ok &= !result.verdict.failed;
        if (result.verdict.failed) {
            char line[160];
            say_reproduction(line, sizeof line, &arguments, seed, result.verdict.invariant);
            printf("%s violated: %s\n%s", result.verdict.invariant, result.verdict.text, line);
        }
        fflush(stdout);
    }
    return ok;
}

static bool run_scenarios(const struct arguments *arguments) {
    unsigned passed = 0, failed = 0;
    const struct scenario *scenario;
    if (arguments->scenario) return run_scenario(*arguments, arguments->scenario);
    for (size_t i = 0; (scenario = scenario_at(i)); i++) {
        if (scenario_is_long(scenario)) continue;
        if (run_scenario(*arguments, scenario))
            passed++;
        else
            failed++;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0;
}

/* Planted bugs */

/* In a child process, because a planted bug may stop the machine; `seed` is shared with it. */
static int run_child(const struct arguments *arguments, volatile uint64_t *seed) {
    struct history_result result = {0};
    const char *scenario = mutant_scenario(arguments->mutant);
    for (; *seed <= arguments->last && !result.verdict.failed; ++*seed) {
        if (!scenario) {
            run_seed(arguments, *seed, &result);
            continue;
        }
        struct history_options options = {.seed = *seed, .mutant = arguments->mutant};
        struct scenario_result seen;
        scenario_run(scenario_find(scenario), &options, &seen);
        result.verdict = seen.verdict;
    }
    const char *name = mutant_name(arguments->mutant);
    if (!result.verdict.failed) {
        printf("%-15s NOT FOUND by seeds %" PRIu64 "..%" PRIu64 "\n", name, arguments->first, arguments->last);
        return 1;
    }
    printf("%-15s found by seed %" PRIu64 ": %s %s\n", name, *seed - 1, result.verdict.invariant, result.verdict.text);
    return 0;
}

/* Seeds in which the planted bug made the machine stop the process prove nothing: the next ones are tried. */
static bool run_mutant(struct arguments arguments, enum mutant mutant) {
    volatile uint64_t *seed = mmap(NULL, sizeof *seed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seed == MAP_FAILED) return false;
    arguments.mutant = mutant;
    for (*seed = MIN(MAX(arguments.first, mutant_first_seed(mutant)), arguments.last);; ++*seed) {
        int status;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            status = run_child(&arguments, seed);
            fflush(stdout);
            _exit(status);
        }
        if (child < 0 || waitpid(child, &status, 0) != child) return false;
        bool stopped = WIFSIGNALED(status) || WEXITSTATUS(status) == EXIT_STOPPED;
        if (!stopped || *seed >= arguments.last) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
}

static bool run_mutants(const struct arguments *arguments) {
    unsigned found = 0, missed = 0;
    for (unsigned i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++) {
        if (arguments->mutant != MUTANT_NONE && arguments->mutant != i) continue;
        if (run_mutant(*arguments, (enum mutant)i))
            found++;
        else
            missed++;
    }
    printf("%u passed, %u failed\n", found, missed);
    return missed == 0;
}

/* Arguments */

NORETURN static void usage(const char *problem) {
    fprintf(stderr,
            "%s\nusage: sim --seed N [--trace] | --seeds A..B [--seconds S] [--guarded] [--twice] [--verbose]\n"
            "       sim --scenario NAME [--seeds A..B] [--trace] | --scenarios\n"
            "       sim --mutant NAME | --mutants [--seeds A..B]\nscenarios:\n",
            problem);
    const struct scenario *scenario;
    for (size_t i = 0; (scenario = scenario_at(i)); i++)
        fprintf(stderr, "  %-18s %s%s\n", scenario_name(scenario), scenario_help(scenario),
                scenario_is_long(scenario) ? " (not in make check)" : "");
    fprintf(stderr, "planted bugs:\n");
    for (unsigned i = MUTANT_NONE + 1; i < MUTANT_COUNT; i++)
        fprintf(stderr, "  %-15s %s\n", mutant_name((enum mutant)i), mutant_help((enum mutant)i));
    exit(2);
}

static void parse_seeds(const char *text, struct arguments *arguments) {
    const char *dots = strstr(text, "..");
    bool ok = dots ? number_parse_uint(slice_make(text, (size_t)(dots - text)), &arguments->first) &&
                         number_parse_uint(slice_text(dots + 2), &arguments->last)
                   : number_parse_uint(slice_text(text), &arguments->first);
    if (!dots) arguments->last = arguments->first;
    arguments->given = true;
    if (!ok || arguments->first > arguments->last) usage("seeds are A..B");
}

static void parse(int argc, char **argv, struct arguments *arguments) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0)
            arguments->trace = true;
        else if (strcmp(argv[i], "--guarded") == 0)
            arguments->guarded = true;
        else if (strcmp(argv[i], "--twice") == 0)
            arguments->twice = true;
        else if (strcmp(argv[i], "--verbose") == 0)
            arguments->verbose = true;
        else if (strcmp(argv[i], "--mutants") == 0)
            arguments->all_mutants = true;
        else if (strcmp(argv[i], "--scenarios") == 0)
            arguments->all_scenarios = true;
        else if (strcmp(argv[i], "--scenario") == 0 && (arguments->scenario = scenario_find(value)))
            i++;
        else if (strcmp(argv[i], "--seed") == 0 || strcmp(argv[i], "--seeds") == 0)
            parse_seeds(value, arguments), i++;
        else if (strcmp(argv[i], "--seconds") == 0 && number_parse_int(slice_text(value), &arguments->seconds))
            i++;
        else if (strcmp(argv[i], "--mutant") == 0 && mutant_find(value, &arguments->mutant))
            i++;
        else
            usage("what is that?");
    }
}

int main(int argc, char **argv) {
    struct arguments arguments = {.first = 1, .last = 1000};
    parse(argc, argv, &arguments);
    log_set_level(LOG_WARNING);
    if (arguments.trace) setvbuf(stdout, NULL, _IOLBF, 0); /* complete, should the machine stop the process */
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    if (arguments.scenario || arguments.all_scenarios) return run_scenarios(&arguments) ? 0 : 1;
    bool single_mutant = arguments.mutant != MUTANT_NONE && !arguments.trace;
    if (arguments.all_mutants || single_mutant) return run_mutants(&arguments) ? 0 : 1;
    return run_many(&arguments) ? 0 : 1;
}
