#include "store/replication/lease.h"
#include "base/mem.h"

struct grant {
    char        *sentinel;
    size_t       sentinel_size;
    int          sentinels;
    int64_t      until_ms;
    struct bytes names; /* each followed by a newline, in the order in which they were told */
};

struct lease {
    int64_t       start_ms;
    int64_t       salt;
    struct grant *grants; /* some may have expired since they were looked at */
    size_t        count, capacity;
    int64_t       change_ms; /* the first of them expires; INT64_MAX: there is none */
    uint64_t      version;
    bool          is_held; /* until change_ms */
    bool          was_granted;
};

struct lease *lease_new(int64_t now_ms, uint64_t salt) {
    struct lease *lease = mem_zalloc(sizeof *lease);
    lease->start_ms = now_ms;
    lease->salt = (int64_t)(salt >> 16); /* no sum with a time overflows */
    lease->change_ms = INT64_MAX;
    return lease;
}

static void fini(struct grant *grant) {
    mem_free(grant->sentinel);
    bytes_fini(&grant->names);
}

void lease_free(struct lease **place) {
    struct lease *lease = *place;
    if (!lease) return;
    *place = NULL;
    for (size_t i = 0; i < lease->count; i++) fini(&lease->grants[i]);
    mem_free(lease->grants);
    mem_free(lease);
}

int64_t lease_stamp(const struct lease *lease, int64_t now_ms) {
    return lease->salt + (now_ms - lease->start_ms) + 1;
}

/* False: it is none of ours, or too old to be believed. */
static bool read_stamp(const struct lease *lease, int64_t now_ms, int64_t stamp, int64_t *given_ms) {
    if (stamp <= lease->salt || stamp > lease_stamp(lease, now_ms)) return false;
    *given_ms = stamp - lease->salt - 1 + lease->start_ms;
    return now_ms - *given_ms <= LEASE_LONGEST_MS;
}

/* ---- what follows from the grants ---- */

static void judge(struct lease *lease) {
    int told = 0;
    lease->change_ms = INT64_MAX;
    for (size_t i = 0; i < lease->count; i++) {
        told = MAX(told, lease->grants[i].sentinels);
        lease->change_ms = MIN(lease->change_ms, lease->grants[i].until_ms);
    }
    lease->is_held = lease->count > (size_t)told / 2; /* L1 */
}

/* Those that have expired are gone. */
static void look(struct lease *lease, int64_t now_ms) {
    if (LIKELY(now_ms < lease->change_ms)) return;
    size_t kept = 0;
    for (size_t i = 0; i < lease->count; i++) {
        if (lease->grants[i].until_ms > now_ms) lease->grants[kept++] = lease->grants[i];
        else fini(&lease->grants[i]);
    }
    lease->count = kept;
    lease->version++;
    judge(lease);
}

void lease_drop(struct lease *lease) {
    look(lease, INT64_MAX);
}

/* ---- taking them ---- */

static struct grant *find(const struct lease *lease, struct slice sentinel) {
    for (size_t i = 0; i < lease->count; i++) {
        struct grant *grant = &lease->grants[i];
        if (slice_equal(slice_make(grant->sentinel, grant->sentinel_size), sentinel)) return grant;
    }
    return NULL;
}

static struct grant *add(struct lease *lease, struct slice sentinel) {
    if (lease->count == LEASE_SENTINELS_MAX) return NULL;
    if (lease->count == lease->capacity) {
        lease->capacity = MAX(4, lease->capacity * 2);
        lease->grants = mem_realloc(lease->grants, lease->capacity * sizeof *lease->grants);
    }
    struct grant *grant = &lease->grants[lease->count++];
    *grant = (struct grant){.sentinel = slice_to_text(sentinel), .sentinel_size = sentinel.size};
    return grant;
}

static void print_names(const struct lease_offer *offer, struct bytes *out) {
    for (size_t i = 0; i < offer->count; i++) {
        bytes_add_slice(out, offer->replicas[i]);
        bytes_add_char(out, '\n');
    }
}

bool lease_take(struct lease *lease, int64_t now_ms, const struct lease_offer *offer) {
    int64_t given_ms, until_ms = 0;
    look(lease, now_ms);
    if (read_stamp(lease, now_ms, offer->stamp, &given_ms)) {
        int64_t ms = MIN(offer->ms, LEASE_LONGEST_MS);
        until_ms = given_ms + ms - ms / 16;
    }
    struct grant *grant = find(lease, offer->sentinel);
    bool is_new = !grant;
    if (is_new) {
        if (until_ms <= now_ms) return true; /* no promise, or one that is over */
        grant = add(lease, offer->sentinel);
        if (!grant) return false;
        lease->was_granted = true;
    }
    grant->until_ms = MAX(grant->until_ms, until_ms);
    struct bytes names = {0};
    print_names(offer, &names);
    if (is_new || !slice_equal(bytes_slice(&names), bytes_slice(&grant->names))) lease->version++;
    grant->sentinels = offer->sentinels;
    bytes_fini(&grant->names);
    grant->names = names;
    judge(lease);
    return true;
}

/* ---- asking ---- */

bool lease_is_held(struct lease *lease, int64_t now_ms) {
    look(lease, now_ms);
    return lease->is_held;
}

bool lease_was_granted(const struct lease *lease) {
    return lease->was_granted;
}

size_t lease_count(struct lease *lease, int64_t now_ms) {
    look(lease, now_ms);
    return lease->count;
}

/* The grants that go on after `after_ms` are more than half of `told`. */
static bool goes_on(const struct lease *lease, int told, int64_t after_ms) {
    size_t count = 0;
    for (size_t i = 0; i < lease->count; i++) count += lease->grants[i].until_ms > after_ms;
    return count > (size_t)told / 2;
}

int64_t lease_left_ms(struct lease *lease, int64_t now_ms) {
    int told = 0;
    look(lease, now_ms);
    if (!lease->is_held) return 0;
    for (size_t i = 0; i < lease->count; i++) told = MAX(told, lease->grants[i].sentinels);
    int64_t end_ms = INT64_MAX;
    for (size_t i = 0; i < lease->count; i++) {
        int64_t until_ms = lease->grants[i].until_ms;
        if (!goes_on(lease, told, until_ms)) end_ms = MIN(end_ms, until_ms);
    }
    return end_ms - now_ms;
}

uint64_t lease_version(struct lease *lease, int64_t now_ms) {
    look(lease, now_ms);
    return lease->version;
}

static bool is_in(const struct grant *grant, struct slice replica) {
    struct slice rest = bytes_slice(&grant->names), name;
    while (slice_split(&rest, '\n', &name))
        if (name.size && slice_equal_nocase(name, replica)) return true;
    return false;
}

bool lease_names(struct lease *lease, int64_t now_ms, struct slice replica) {
    look(lease, now_ms);
    for (size_t i = 0; i < lease->count; i++)
        if (!is_in(&lease->grants[i], replica)) return false;
    return lease->count > 0;
}
