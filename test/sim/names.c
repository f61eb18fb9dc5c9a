#include "sim/names.h"
#include "base/mem.h"

#include <stdio.h>

enum { MOST_NAMED = 128, NAME_SIZE = 32 };

struct names {
    struct network *network;
    struct schedule *schedule;
    struct named {
        char name[NAME_SIZE]; /* "" none */
        bool announced;
        int64_t fails_until_us, behind_until_us;
    } hosts[MOST_NAMED];
    int64_t hole_until_us;
};

struct names *names_new(struct network *network, struct schedule *schedule) {
    struct names *names = mem_zalloc(sizeof *names);
    names->network = network;
    names->schedule = schedule;
    return names;
}

void names_free(struct names **names) {
    mem_free(*names);
    *names = NULL;
}

void names_add(struct names *names, unsigned host, const char *name, bool announced) {
    CHECK(host < MOST_NAMED);
    snprintf(names->hosts[host].name, NAME_SIZE, "%s", name);
    names->hosts[host].announced = announced;
}

void names_fail(struct names *names, unsigned host, int64_t until_us) {
    names->hosts[host].fails_until_us = until_us;
}

void names_fall_behind(struct names *names, unsigned asker, int64_t until_us) {
    names->hosts[asker].behind_until_us = until_us;
}

void names_stop_answering(struct names *names, int64_t until_us) {
    names->hole_until_us = until_us;
}

int64_t names_answers_at(const struct names *names) {
    return MAX(names->hole_until_us, names->schedule->now_us);
}

void names_heal(struct names *names) {
    names->hole_until_us = 0;
    for (size_t i = 0; i < MOST_NAMED; i++) names->hosts[i].fails_until_us = names->hosts[i].behind_until_us = 0;
}

static bool find_name(const struct names *names, const char *text, unsigned *host) {
    for (unsigned i = 0; i < MOST_NAMED; i++) {
        if (!names->hosts[i].name[0] || strcmp(names->hosts[i].name, text) != 0) continue;
        *host = i;
        return true;
    }
    return false;
}

const char *names_lookup(const struct names *names, unsigned asker, const char *text) {
    unsigned host;
    int64_t now_us = names->schedule->now_us;
    if (!find_name(names, text, &host)) return network_trace_address(names->network, text, &host) ? text : NULL;
    if (names->hosts[host].fails_until_us > now_us) return NULL;
    const char *former = network_former_address(names->network, host);
    bool behind = names->hosts[asker].behind_until_us > now_us && former[0];
    return behind ? former : network_address(names->network, host);
}

const char *names_shown(const struct names *names, const struct network *network, unsigned host) {
    bool named = names && names->hosts[host].announced;
    return named ? names->hosts[host].name : network_address(network, host);
}

bool names_identify(const struct names *names, const struct network *network, const char *text, unsigned *host) {
    return (names && find_name(names, text, host)) || network_trace_address(network, text, host);
}
