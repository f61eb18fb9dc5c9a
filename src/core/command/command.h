/* What a command is: one constant row that describes it completely, and the server's table of them.
 *
 * Rows live in <group>.def files beside the bodies; dispatch, COMMAND, ACL, key extraction and the documentation read
 * the row and nothing else. A .def file is included twice by the .c that owns its bodies:
 *
 *     #define COMMAND COMMAND_PROTOTYPE
 *     #include "store/commands/string.def"
 *     #undef COMMAND
 *     #define COMMAND COMMAND_ROW
 *     const struct command string_commands[] = {
 *     #include "store/commands/string.def"
 *     };
 *     #undef COMMAND
 *
 * It holds COMMAND(identifier, .name = "get", ...) without separators; the body of a command is
 * `void <identifier>_command(struct client *client)`. A subcommand is a row of its own named "container|subcommand",
 * anywhere after its container; a container that needs a subcommand is COMMAND(container, .name = "client", ...), so its
 * body is container_command() of command/dispatch, which dispatch never calls.
 *
 * What changes at run time (counters, a name given by rename-command) is in the table's entries, not in the rows.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct client;
struct keyspec_result;

#define COMMAND_PROTOTYPE(identifier, ...) void identifier##_command(struct client *client);
#define COMMAND_ROW(identifier, ...) {.body = identifier##_command, __VA_ARGS__},

/* ---- flags: what a command is and when it may run ---- */
#define COMMAND_WRITE (1ull << 0)      /* may change the dataset */
#define COMMAND_READONLY (1ull << 1)   /* reads keys */
#define COMMAND_DENYOOM (1ull << 2)    /* refused when memory is full */
#define COMMAND_ADMIN (1ull << 3)      /* administration: @admin, @dangerous */
#define COMMAND_PUBSUB (1ull << 4)
#define COMMAND_NOSCRIPT (1ull << 5)   /* not from scripts */
#define COMMAND_BLOCKING (1ull << 6)   /* may make the client wait */
#define COMMAND_LOADING (1ull << 7)    /* allowed while the dataset is being loaded */
#define COMMAND_STALE (1ull << 8)      /* allowed on a replica whose link is down and that must not serve stale data */
#define COMMAND_SKIP_MONITOR (1ull << 9)
#define COMMAND_SKIP_SLOWLOG (1ull << 10)
#define COMMAND_ASKING (1ull << 11)    /* allowed on an importing slot without ASKING */
#define COMMAND_FAST (1ull << 12)      /* O(1) or O(log n): @fast; all others are @slow */
#define COMMAND_NO_AUTH (1ull << 13)   /* allowed before authentication */
#define COMMAND_MAY_REPLICATE (1ull << 14) /* no write, but may be propagated (PUBLISH, EVAL) */
#define COMMAND_SENTINEL (1ull << 15)      /* a sentinel offers it too */
#define COMMAND_ONLY_SENTINEL (1ull << 16) /* only a sentinel has it */
#define COMMAND_NO_MANDATORY_KEYS (1ull << 17)
#define COMMAND_PROTECTED (1ull << 18) /* DEBUG, MODULE: refused unless enable-*-command allows it */
#define COMMAND_NO_ASYNC_LOADING (1ull << 19)
#define COMMAND_NO_MULTI (1ull << 20)  /* not inside MULTI */
#define COMMAND_ALLOW_BUSY (1ull << 21) /* allowed while a script runs too long */
#define COMMAND_TOUCHES_ARBITRARY_KEYS (1ull << 22) /* keys that its arguments do not name */
#define COMMAND_EXPERIMENTAL (1ull << 23)
#define COMMAND_EXEMPT_FROM_PUBSUB_CONTEXT (1ull << 24) /* a RESP2 client with subscriptions may send it */
#define COMMAND_NO_QUEUE (1ull << 25)  /* runs at once inside MULTI instead of being queued (EXEC, DISCARD, ...) */
#define COMMAND_PAUSED_AS_WRITE (1ull << 26) /* CLIENT PAUSE WRITE holds it although it writes no key itself */
#define COMMAND_ENDS_TRANSACTION (1ull << 27) /* EXEC: its refusal is told as what ended the transaction */
/* Derived when the row is added; never in a row. */
#define COMMAND_MOVABLE_KEYS (1ull << 62) /* the legacy first/last/step triple does not find all keys */

/* ---- ACL categories ---- */
/* A row names the data type and special ones; COMMAND_CATEGORY_FAST/SLOW/READ/WRITE/ADMIN/DANGEROUS/PUBSUB/BLOCKING are
 * derived from its flags as the real server derives them. */
#define COMMAND_CATEGORY_KEYSPACE (1ull << 0)
#define COMMAND_CATEGORY_READ (1ull << 1)
#define COMMAND_CATEGORY_WRITE (1ull << 2)
#define COMMAND_CATEGORY_SET (1ull << 3)
#define COMMAND_CATEGORY_SORTEDSET (1ull << 4)
#define COMMAND_CATEGORY_LIST (1ull << 5)
#define COMMAND_CATEGORY_HASH (1ull << 6)
#define COMMAND_CATEGORY_STRING (1ull << 7)
#define COMMAND_CATEGORY_BITMAP (1ull << 8)
#define COMMAND_CATEGORY_HYPERLOGLOG (1ull << 9)
#define COMMAND_CATEGORY_GEO (1ull << 10)
#define COMMAND_CATEGORY_STREAM (1ull << 11)
#define COMMAND_CATEGORY_PUBSUB (1ull << 12)
#define COMMAND_CATEGORY_ADMIN (1ull << 13)
#define COMMAND_CATEGORY_FAST (1ull << 14)
#define COMMAND_CATEGORY_SLOW (1ull << 15)
#define COMMAND_CATEGORY_BLOCKING (1ull << 16)
#define COMMAND_CATEGORY_DANGEROUS (1ull << 17)
#define COMMAND_CATEGORY_CONNECTION (1ull << 18)
#define COMMAND_CATEGORY_TRANSACTION (1ull << 19)
#define COMMAND_CATEGORY_SCRIPTING (1ull << 20)
enum { COMMAND_CATEGORY_COUNT = 21 };

/* "keyspace" for bit 0 and so on, in the order of ACL CAT; NULL from COMMAND_CATEGORY_COUNT on. */
const char *command_category_name(unsigned bit);
/* 0: no such category. */
uint64_t command_category_find(struct slice name);

/* ---- where the keys are ---- */
#define KEY_RO (1u << 0) /* exactly one of RO RW OW RM */
#define KEY_RW (1u << 1)
#define KEY_OW (1u << 2)
#define KEY_RM (1u << 3)
#define KEY_ACCESS (1u << 4) /* what the command does with the value */
#define KEY_UPDATE (1u << 5)
#define KEY_INSERT (1u << 6)
#define KEY_DELETE (1u << 7)
#define KEY_NOT_KEY (1u << 8)    /* routed like a key, but is none (SPUBLISH's channel) */
#define KEY_INCOMPLETE (1u << 9) /* this specification may miss keys */
#define KEY_VARIABLE_FLAGS (1u << 10) /* what is done depends on other arguments: ask row->find_keys */

enum key_begin { KEY_BEGIN_UNKNOWN, KEY_BEGIN_INDEX, KEY_BEGIN_KEYWORD };
enum key_find { KEY_FIND_UNKNOWN, KEY_FIND_RANGE, KEY_FIND_KEYNUM };

struct command_key_spec {
    uint32_t       flags; /* KEY_...; a specification with flags 0 ends the array */
    enum key_begin begin;
    int            pos;        /* INDEX: the argument; KEYWORD: where the search starts (negative: backwards from the end) */
    const char    *keyword;    /* KEYWORD: any case; the keys begin after it */
    enum key_find  find;
    int            last;  /* RANGE: relative to the first key; negative: counted from the end (-1: the last argument) */
    int            step;
    int            limit; /* RANGE with last -1: 2 means half of the rest, and so on; 0 and 1: no limit */
    int            keynum_index, keynum_first; /* KEYNUM: relative to the beginning */
    const char    *notes; /* may be NULL */
};

#define KEYS(...) .key_specs = (const struct command_key_spec[]){__VA_ARGS__, {0}}
#define KEYS_AT(position) .begin = KEY_BEGIN_INDEX, .pos = (position)
#define KEYS_AFTER(word, start) .begin = KEY_BEGIN_KEYWORD, .keyword = (word), .pos = (start)
#define KEYS_RANGE(last_key, key_step, key_limit)                                                                      \
    .find = KEY_FIND_RANGE, .last = (last_key), .step = (key_step), .limit = (key_limit)
#define KEYS_COUNTED(index, first, key_step)                                                                           \
    .find = KEY_FIND_KEYNUM, .keynum_index = (index), .keynum_first = (first), .step = (key_step)

/* ---- the arguments, for COMMAND DOCS ---- */
enum argument_type {
    ARGUMENT_STRING,
    ARGUMENT_INTEGER,
    ARGUMENT_DOUBLE,
    ARGUMENT_KEY,
    ARGUMENT_PATTERN,
    ARGUMENT_UNIX_TIME,
    ARGUMENT_PURE_TOKEN,
    ARGUMENT_ONEOF, /* of `children` */
    ARGUMENT_BLOCK  /* all `children`, in order */
};
#define ARGUMENT_OPTIONAL (1u << 0)
#define ARGUMENT_MULTIPLE (1u << 1)
#define ARGUMENT_MULTIPLE_TOKEN (1u << 2)

struct command_argument {
    const char                    *name; /* NULL ends an array */
    enum argument_type             type;
    unsigned                       flags;
    const char                    *token; /* may be NULL */
    const char                    *since, *deprecated_since; /* NULL: as the command */
    int                            key_spec; /* counted from 1; 0: none */
    const struct command_argument *children; /* ended by a NULL name; NULL: none */
};

#define ARGUMENTS(...) .arguments = (const struct command_argument[]){__VA_ARGS__, {0}}
#define CHILDREN(...) .children = (const struct command_argument[]){__VA_ARGS__, {0}}

#define TIPS(...) .tips = (const char *const[]){__VA_ARGS__, NULL}

/* ---- the row ---- */
enum command_group {
    COMMAND_GROUP_GENERIC,
    COMMAND_GROUP_STRING,
    COMMAND_GROUP_LIST,
    COMMAND_GROUP_SET,
    COMMAND_GROUP_SORTED_SET,
    COMMAND_GROUP_HASH,
    COMMAND_GROUP_PUBSUB,
    COMMAND_GROUP_TRANSACTIONS,
    COMMAND_GROUP_CONNECTION,
    COMMAND_GROUP_SERVER,
    COMMAND_GROUP_SCRIPTING,
    COMMAND_GROUP_HYPERLOGLOG,
    COMMAND_GROUP_CLUSTER,
    COMMAND_GROUP_SENTINEL,
    COMMAND_GROUP_GEO,
    COMMAND_GROUP_STREAM,
    COMMAND_GROUP_BITMAP
};
const char *command_group_name(enum command_group group); /* "sorted-set" */

struct command {
    const char *name; /* lower case: "get", "client|kill" */
    int         arity; /* arguments including the command's name(s); negative: at least so many */
    uint64_t    flags;      /* COMMAND_... */
    uint64_t    categories; /* COMMAND_CATEGORY_...; the implicit ones are derived */
    void (*body)(struct client *client); /* container_command: needs a subcommand */
    const struct command_key_spec *key_specs; /* ended by flags 0; NULL: none */
    /* For commands whose keys the specifications cannot find or whose flags vary (SORT, SET ... GET, MIGRATE). Fills
     * `result`; false: the arguments make no sense. NULL: the specifications suffice. */
    bool (*find_keys)(const struct command *row, const struct slice *argv, int argc, struct keyspec_result *result);
    /* PUBLISH and friends: which arguments are channels, for the ACL. */
    int channel_first, channel_count; /* first argument (0: none), how many (-1: all the rest) */
    unsigned channel_flags;           /* COMMAND_CHANNEL_... */

    /* documentation */
    const char                    *summary; /* one sentence of our own */
    enum command_group             group;
    const char                    *since;      /* version of the established server, "1.0.0" */
    const char                    *complexity; /* may be NULL */
    const char *const             *tips;       /* ended by NULL; NULL: none; lower case */
    const char                    *deprecated_since, *replaced_by; /* NULL: not deprecated */
    bool                           is_syscmd;                      /* doc flag: for internal use between servers */
    const struct command_argument *arguments;
};
#define COMMAND_CHANNEL_PATTERN (1u << 0)     /* the arguments are patterns */
#define COMMAND_CHANNEL_SUBSCRIBE (1u << 1)
#define COMMAND_CHANNEL_UNSUBSCRIBE (1u << 2) /* never denied */
#define COMMAND_CHANNEL_PUBLISH (1u << 3)

/* ---- the table: what one server offers ---- */
struct command_entry {
    const struct command *row;
    struct command_entry *container; /* NULL: a top-level command */
    char                 *name;      /* "client|kill"; differs from row->name after command_table_rename(); owned */
    unsigned              id;        /* 0, 1, ... in the order of adding: the ACL's bit */
    int                   first_key, last_key, key_step; /* the legacy triple of COMMAND INFO */
    uint64_t              flags, categories;             /* the row's and the derived ones */
    /* counters of INFO commandstats; CONFIG RESETSTAT clears them */
    uint64_t calls, usec, rejected, failed;
    void    *latency; /* observe/latency's histogram of this command, freed by it; NULL: none yet */
    /* subcommands */
    struct table          *by_name;     /* subcommand's own name ("kill") to entry, any case; NULL: no container */
    struct command_entry **subcommands; /* in the order of adding */
    unsigned               subcommand_count;
};

struct command_table;

struct command_table *command_table_new(void); /* gives: command_table_free() */
void                  command_table_free(struct command_table **table);

/* Adds `count` rows (kept: they must be constant). A name that is already there is replaced, so that a mode may bring
 * its own ROLE or PUBLISH; subcommands of a container that is replaced go with it. */
void command_table_add(struct command_table *table, const struct command *rows, size_t count);
/* Offers only what `wanted` says yes to (a sentinel keeps COMMAND_SENTINEL rows). Called before clients exist. */
void command_table_keep(struct command_table *table, bool (*wanted)(const struct command *row));
/* rename-command: "" as the new name removes the command. False: `from` is unknown, or `to` is taken. */
MUST_USE bool command_table_rename(struct command_table *table, struct slice from, struct slice to);

unsigned command_table_count(const struct command_table *table);     /* top-level commands */

/* The top-level command by name, any case; NULL: unknown. */
struct command_entry *command_find(const struct command_table *table, struct slice name);
/* The entry for a request: the subcommand where argv[1] names one. A container with an unknown or missing subcommand is
 * returned itself. NULL: unknown command. */
struct command_entry *command_find_request(const struct command_table *table, const struct slice *argv, int argc);
/* "client|kill" or "get": as ACL rules and COMMAND INFO name them. NULL: unknown. */
struct command_entry *command_find_full(const struct command_table *table, struct slice name);

/* Walks every entry, containers before their subcommands:
 *     for (struct command_entry *entry = NULL; (entry = command_next(table, entry));) ... */
struct command_entry *command_next(const struct command_table *table, const struct command_entry *previous);

void command_reset_stats(struct command_table *table); /* counters to 0; `latency` is left to its owner */
