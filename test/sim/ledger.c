#include "sim/ledger.h"
#include "base/mem.h"
#include "base/table.h"

#include <inttypes.h>
#include <stdio.h>

/* Where a history began. */
struct origin {
    char from[41];
    int64_t offset;
};

/* What was acknowledged in one history of a group. */
struct entry {
    char id[41], server[32];
    int64_t offset;
    struct entry *next;
};

struct account {
    struct entry *entries; /* the newest first */
    uint64_t epoch;
    bool excused;
};

struct ledger {
    struct verdict *verdict;
    struct table *origins;  /* id -> struct origin */
    struct table *accounts; /* group -> struct account */
    uint64_t count;
};

struct ledger *ledger_new(struct verdict *verdict) {
    struct ledger *ledger = mem_zalloc(sizeof *ledger);
    ledger->verdict = verdict;
    ledger->origins = table_new();
    ledger->accounts = table_new();
    return ledger;
}

static void free_account(void *value) {
    struct account *account = value;
    for (struct entry *entry = account->entries, *next; entry; entry = next) {
        next = entry->next;
        mem_free(entry);
    }
    mem_free(account);
}

void ledger_free(struct ledger **ledger) {
    table_free(&(*ledger)->origins, mem_free);
    table_free(&(*ledger)->accounts, free_account);
    mem_free(*ledger);
    *ledger = NULL;
}

void ledger_fork(struct ledger *ledger, const char *id, const char *from, int64_t offset) {
    struct origin *origin = mem_zalloc(sizeof *origin);
    snprintf(origin->from, sizeof origin->from, "%s", from);
    origin->offset = offset;
    CHECK(!table_set(ledger->origins, slice_text(id), origin));
}

static struct account *account_of(struct ledger *ledger, const char *group) {
    struct account *account = table_find(ledger->accounts, slice_text(group));
    if (account) return account;
    account = mem_zalloc(sizeof *account);
    table_set(ledger->accounts, slice_text(group), account);
    return account;
}

void ledger_acknowledge(struct ledger *ledger, const char *group, const char *server, const char *id, int64_t offset) {
    struct account *account = account_of(ledger, group);
    struct entry *entry = account->entries;
    while (entry && strcmp(entry->id, id) != 0) entry = entry->next;
    if (!entry) {
        entry = mem_zalloc(sizeof *entry);
        snprintf(entry->id, sizeof entry->id, "%s", id);
        snprintf(entry->server, sizeof entry->server, "%s", server);
        entry->next = account->entries;
        account->entries = entry;
    }
    if (offset <= entry->offset) return;
    entry->offset = offset;
    ledger->count++;
}

void ledger_excuse(struct ledger *ledger, const char *group) {
    account_of(ledger, group)->excused = true;
}

uint64_t ledger_count(const struct ledger *ledger) {
    return ledger->count;
}

/* How far what has (id, offset) has the history `wanted`; -1: not at all. */
static int64_t has_of(const struct ledger *ledger, const char *id, int64_t offset, const char *wanted) {
    while (strcmp(id, wanted) != 0) {
        const struct origin *origin = table_find(ledger->origins, slice_text(id));
        if (!origin) return -1;
        id = origin->from;
        offset = MIN(offset, origin->offset);
    }
    return offset;
}

void ledger_check(struct ledger *ledger, const char *group, uint64_t epoch, const char *server, const char *id, int64_t offset) {
    struct account *account = account_of(ledger, group);
    if (account->excused || epoch < account->epoch) return;
    account->epoch = epoch;
    for (const struct entry *entry = account->entries; entry; entry = entry->next) {
        int64_t has = has_of(ledger, id, offset, entry->id);
        if (has >= entry->offset) continue;
        verdict_fail(ledger->verdict, "A1",
                     "%s is the primary of %s in epoch %" PRIu64 " and has %lld of history %.8s: %s acknowledged confirmed writes up to %lld",
                     server, group, epoch, (long long)has, entry->id, entry->server, (long long)entry->offset);
        return;
    }
}
