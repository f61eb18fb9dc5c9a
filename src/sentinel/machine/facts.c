#include "sentinel/machine/facts.h"
#include "base/number.h"
#include "sentinel/machine/world_internal.h"

#include <stdio.h>

enum { HOST_MAX = 255 };

static void read_id(char *id, struct slice value) {
    if (value.size != SENTINEL_ID_SIZE - 1) return;
    for (size_t i = 0; i < value.size; i++)
        if ((unsigned char)value.data[i] <= ' ' || (unsigned char)value.data[i] > '~') return;
    memcpy(id, value.data, value.size);
    id[value.size] = 0;
}

static bool read_port(struct slice value, uint16_t *port) {
    int64_t number;
    if (!number_parse_int(value, &number) || number < 1 || number > 65535) return false;
    *port = (uint16_t)number;
    return true;
}

static bool is_host(struct slice value) {
    if (value.size == 0 || value.size > HOST_MAX) return false;
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c <= ' ' || c > '~' || c == ',') return false;
    }
    return true;
}

static void read_host(char *host, size_t size, struct slice value) {
    if (is_host(value)) snprintf(host, size, "%.*s", (int)value.size, value.data);
}

static void read_offset(int64_t *offset, struct slice value) {
    int64_t number;
    if (number_parse_int(value, &number) && number >= 0) *offset = number;
}

/* "slave0:ip=10.0.0.2,port=6379,state=online,..." and the old "slave0:10.0.0.2,6379,online". */
static void read_replica(struct facts_replicas *replicas, struct slice value) {
    struct facts_replica replica = {.lag_s = -1};
    struct slice part;
    for (unsigned place = 0; slice_split(&value, ',', &part); place++) {
        if (slice_starts_with(part, "ip="))
            replica.host = slice_make(part.data + 3, part.size - 3);
        else if (slice_starts_with(part, "port=")) {
            if (!read_port(slice_make(part.data + 5, part.size - 5), &replica.port)) return;
        } else if (slice_starts_with(part, "lag=")) {
            if (!number_parse_int(slice_make(part.data + 4, part.size - 4), &replica.lag_s)) replica.lag_s = -1;
        } else if (place == 0 && !memchr(part.data, '=', part.size))
            replica.host = part;
        else if (place == 1 && replica.host.size && !replica.port && !memchr(part.data, '=', part.size)) {
            if (!read_port(part, &replica.port)) return;
        }
    }
    if (!is_host(replica.host) || !replica.port || replicas->count == FACTS_REPLICAS_MAX) return;
    replicas->items[replicas->count++] = replica;
}

static bool is_replica_line(struct slice key) {
    if (!slice_starts_with(key, "slave") || key.size < 6) return false;
    for (size_t i = 5; i < key.size; i++)
        if (key.data[i] < '0' || key.data[i] > '9') return false;
    return true;
}

/* The fields of a replica and of both roles; the role itself is read by the caller. */
static void read_field(struct facts *facts, struct slice key, struct slice value) {
    int64_t number;
    if (slice_is(key, "run_id"))
        read_id(facts->run_id, value);
    else if (slice_is(key, "redis_version"))
        facts->is_kvd = false; /* until the line behind it says otherwise */
    else if (slice_is(key, "kvd_version"))
        facts->is_kvd = true;
    else if (slice_is(key, "master_replid"))
        read_id(facts->replication_id, value);
    else if (slice_is(key, "loading"))
        facts->loading = slice_is(value, "1");
    else if (slice_is(key, "master_host"))
        read_host(facts->primary_host, sizeof facts->primary_host, value);
    else if (slice_is(key, "master_port"))
        (void)!read_port(value, &facts->primary_port);
    else if (slice_is(key, "master_link_status"))
        facts->link_up = slice_is(value, "up");
    else if (slice_is(key, "master_link_down_since_seconds")) {
        /* -1: never up. Anything else below zero is nonsense. */
        if (number_parse_int(value, &number) && number >= -1 && number < INT64_MAX / 1000)
            facts->link_down_ms = number < 0 ? INT64_MAX / 4 : number * 1000;
    } else if (slice_is(key, "slave_priority")) {
        if (number_parse_int(value, &number) && number >= 0 && number <= INT32_MAX) facts->priority = number;
    } else if (slice_is(key, "slave_repl_offset"))
        read_offset(&facts->replica_offset, value);
    else if (slice_is(key, "master_repl_offset"))
        read_offset(&facts->primary_offset, value);
    else if (slice_is(key, "replica_announced"))
        facts->announced = !slice_is(value, "0");
    else if (slice_is(key, "master_replid2"))
        read_id(facts->former_id, value);
    else if (slice_is(key, "second_repl_offset"))
        facts->former_offset = number_parse_int(value, &number) && number > 0 ? number - 1 : -1; /* the first byte that is new */
    else if (slice_is(key, "repl_sync_min")) {
        if (number_parse_int(value, &number) && number > 0 && number <= INT32_MAX) facts->sync_min = (uint32_t)number;
    } else if (slice_is(key, "repl_fence_epoch")) {
        if (number_parse_int(value, &number) && number > 0 && (uint64_t)number <= EPOCH_MAX) facts->fence_epoch = (uint64_t)number;
    } else if (slice_is(key, "master_failover_state"))
        slice_print_plain(value, facts->handover, sizeof facts->handover);
}

/* "keys=5,expires=0,..." */
static int64_t read_keys(struct slice value) {
    struct slice part;
    int64_t number;
    if (!slice_split(&value, ',', &part) || !slice_starts_with(part, "keys=")) return 0;
    if (!number_parse_int(slice_make(part.data + 5, part.size - 5), &number)) return 0;
    return MAX(0, MIN(number, INT64_MAX / 1024));
}

/* The next line that may matter to us. Most of the two hundred do not, and a sentinel reads thousands of INFOs: they are
 * told by how they begin. What every line of ours begins with must be here. */
static bool next_line(struct slice *rest, struct slice *line) {
    while (slice_split(rest, '\n', line)) {
        if (line->size < 2) continue;
        switch (line->data[0]) {
        case ' ':
        case '\t':
        case '\r': return true; /* odd: whatever follows the blanks */
        case '#': if (memchr(line->data, 'K', line->size)) return true; break;
        case 'd': if (line->data[1] == 'b') return true; break;                               /* db0 */
        case 'l': if (line->data[1] == 'o') return true; break;                               /* loading */
        case 'm': if (line->size > 6 && memcmp(line->data, "master", 6) == 0) return true; break;
        case 'k': if (line->data[1] == 'v') return true; break;                               /* kvd_version */
        case 'r': if (line->size > 3 && line->data[1] != 'd') return true; break;             /* role run_id replica_ repl_ */
        case 's': if (line->data[1] == 'l' || line->data[2] == 'c') return true; break;       /* slave second_ */
        }
    }
    return false;
}

bool facts_read_info(struct facts *facts, struct slice info, int64_t now_ms, struct facts_replicas *replicas) {
    struct facts read = *facts;
    read.role = ROLE_UNKNOWN;
    read.link_down_ms = read.former_offset = -1;
    read.sync_min = 0;
    read.fence_epoch = 0;
    read.former_id[0] = 0;
    int64_t keys = -1;
    replicas->count = 0;
    struct slice line, key;
    while (next_line(&info, &line)) {
        line = slice_trim(line);
        if (slice_is(line, "# Keyspace")) keys = 0;
        if (line.size == 0 || line.data[0] == '#') continue;
        struct slice value = line;
        if (!slice_split(&value, ':', &key) || !value.data) continue;
        if (slice_is(key, "role")) {
            if (slice_is(value, "master"))
                read.role = ROLE_PRIMARY;
            else if (slice_is(value, "slave"))
                read.role = ROLE_REPLICA;
        } else if (keys >= 0 && slice_starts_with(key, "db")) {
            keys += read_keys(value);
        } else if (is_replica_line(key))
            read_replica(replicas, value);
        else
            read_field(&read, key, value);
    }
    if (read.role == ROLE_UNKNOWN) return false;
    if (read.role == ROLE_PRIMARY) {
        read.primary_host[0] = 0;
        read.primary_port = 0;
        read.link_up = false;
        read.link_down_ms = -1;
    }
    if (keys >= 0) read.keys = keys;
    if (read.link_up) read.link_down_ms = 0;
    read.at_ms = now_ms;
    *facts = read;
    return true;
}

bool facts_is_kvd(struct slice info) {
    struct slice line;
    while (slice_split(&info, '\n', &line))
        if (slice_starts_with(slice_trim(line), "kvd_version:")) return true;
    return false;
}

enum facts_ping facts_read_ping(const struct reply_view *reply) {
    struct slice text = reply->text;
    bool error = reply->kind == REPLY_VIEW_ERROR;
    if (reply->kind != REPLY_VIEW_STATUS && reply->kind != REPLY_VIEW_BULK && !error) return FACTS_PING_BAD;
    if (!error) return slice_is(text, "PONG") ? FACTS_PING_PONG : FACTS_PING_BAD;
    if (slice_starts_with(text, "LOADING")) return FACTS_PING_LOADING;
    if (slice_starts_with(text, "MASTERDOWN")) return FACTS_PING_MASTERDOWN;
    if (slice_starts_with(text, "BUSY")) return FACTS_PING_BUSY;
    return FACTS_PING_BAD;
}

bool facts_read_opinion(const struct reply_view *reply, struct facts_opinion *opinion) {
    if (reply->kind != REPLY_VIEW_ARRAY || (reply->count != 3 && reply->count != 4)) return false;
    const struct reply_view *down = &reply->children[0], *leader = &reply->children[1], *epoch = &reply->children[2];
    if (down->kind != REPLY_VIEW_INTEGER || epoch->kind != REPLY_VIEW_INTEGER) return false;
    if (leader->kind != REPLY_VIEW_BULK && leader->kind != REPLY_VIEW_STATUS) return false;
    if (epoch->integer < 0 || (uint64_t)epoch->integer > EPOCH_MAX) return false;
    *opinion = (struct facts_opinion){.down = down->integer == 1};
    if (slice_is(leader->text, "*")) return true;
    if (!id_is_valid(leader->text)) return false;
    opinion->leader = leader->text;
    opinion->leader_epoch = (uint64_t)epoch->integer;
    const struct reply_view *least = reply->count == 4 ? &reply->children[3] : NULL;
    if (least && least->kind == REPLY_VIEW_INTEGER && least->integer > 0 && least->integer <= INT32_MAX)
        opinion->least = (uint32_t)least->integer;
    return true;
}
