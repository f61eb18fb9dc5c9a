/* What must survive a restart, as typed records: what the machine hands out to be saved, and is given at its birth.
 *
 * The order is fixed: one SELF, then the GLOBALs, then for each primary its PRIMARY followed by its OPTIONs, REPLICAs
 * and SENTINELs, then its HISTORY; then the REMOVED. A reader must not depend on more than PRIMARY before its own.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

enum { SENTINEL_ID_SIZE = 41 }; /* 40 hexadecimal digits and the zero: ids of sentinels, run ids */

enum state_kind {
    STATE_SELF,     /* id, epoch: our id and the current epoch */
    STATE_GLOBAL,   /* option, value, configured: what SENTINEL CONFIG SET changed */
    STATE_PRIMARY,  /* name, host, port, configured_host, configured_port, quorum (at_run_time only), at_run_time,
                     * config_epoch, vote_epoch, id (whom we voted for in vote_epoch; "" nobody), fresh, guarded */
    STATE_OPTION,   /* name, option, value, second, configured: what SENTINEL SET changed. second: rename-command's new
                     * name */
    STATE_REPLICA,  /* name, host, port */
    STATE_SENTINEL, /* name, host, port, id */
    STATE_REMOVED,  /* name, configured_host, configured_port: SENTINEL REMOVE of a primary that the configuration
                     * names; it comes back when the operator edits its address */
    STATE_HISTORY,  /* name, epoch (a serial number), value: the record of one failover (history.h) */
    STATE_KINDS
};

/* What of a primary has changed: its PRIMARY record alone, or with it all OPTIONs, REPLICAs and SENTINELs, or all of its
 * HISTORY. */
enum { STATE_PART_PRIMARY = 1, STATE_PART_KNOWN = 2, STATE_PART_HISTORY = 4, STATE_PART_ALL = 7 };

/* All texts are never NULL in records that the machine gives; in records given to it NULL counts as "". Fields that a
 * kind does not name are 0 or "". */
struct state_record {
    enum state_kind kind;
    const char *name;
    const char *id;
    const char *host; /* a name where names are resolved, else an address */
    uint16_t port;
    const char *configured_host; /* what the operator's file said when this was written; "" for at_run_time */
    uint16_t configured_port;
    bool at_run_time; /* by SENTINEL MONITOR */
    uint32_t quorum;
    unsigned parts; /* PRIMARY among changes: STATE_PART_... that follow entirely; never saved */
    bool fresh; /* no memory of votes yet: what is not said here is not known */
    uint32_t guarded; /* so many replicas confirm each write (guard.h) */
    uint64_t epoch, config_epoch, vote_epoch;
    const char *option, *value, *second;
    const char *configured; /* the option's value in the operator's file then; when it differs now, the file wins */
};

/* A list with the memory of its texts. */
struct state_records {
    struct state_record *items;
    size_t count, capacity;
    void *blocks;
};

void state_records_init(struct state_records *records);
void state_records_fini(struct state_records *records);
void state_records_clear(struct state_records *records);
/* Adds a copy; texts are copied, NULL becomes "". Lends the copy until the next call. */
struct state_record *state_records_add(struct state_records *records, const struct state_record *record);

const char *state_kind_name(enum state_kind kind); /* "self" ... */
/* False: no such kind. */
bool state_kind_find(struct slice name, enum state_kind *kind);
