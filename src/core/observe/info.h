/* INFO: sections of fields, which every room adds to.
 *
 * A room describes its fields in a .def file, one row a field, and includes it twice:
 *
 *     store/store_info.def
 *         INFO_FIELD(stats, expired_keys, uint, store->expired, "Keys that ended because their time was up.")
 *     store/store_info.c
 *         #define INFO_CONTEXT const struct store *store
 *         #define INFO_FIELD INFO_FIELD_PRINTER
 *         #include "store/store_info.def"
 *         #undef INFO_FIELD
 *         #define INFO_FIELD INFO_FIELD_ROW
 *         static const struct info_field fields[] = {
 *         #include "store/store_info.def"
 *         };
 *         #undef INFO_FIELD
 *         info_add_fields(server->info, fields, COUNT_OF(fields), store);
 *
 * A section that is not a fixed list of fields (keyspace, commandstats) is added as a function with info_add_lines().
 * Within a section, fields come in the order of adding; sections come in the order of info_sections below, and one in
 * which nobody added anything is not printed.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct info;
struct server;

/* One row. `print` adds the value only. */
struct info_field {
    const char *section; /* "stats" */
    const char *name;    /* "expired_keys" */
    void (*print)(void *context, struct bytes *out);
    const char *help; /* one sentence */
};

/* The type words of INFO_FIELD: what the expression is, and so how it is printed. */
#define INFO_PRINT_int(out, value) info_print_int((out), (int64_t)(value))
#define INFO_PRINT_uint(out, value) info_print_uint((out), (uint64_t)(value))
#define INFO_PRINT_text(out, value) info_print_text((out), (value))       /* const char *; NULL prints nothing */
#define INFO_PRINT_human(out, value) info_print_human((out), (uint64_t)(value)) /* 1.00M */
#define INFO_PRINT_fixed(out, value) info_print_fixed((out), (value))     /* a double with two digits: 0.25 */
#define INFO_PRINT_percent(out, value) info_print_percent((out), (value)) /* 98.47% */
#define INFO_PRINT_seconds(out, value) info_print_seconds((out), (int64_t)(value)) /* microseconds as 0.016623 */

#define INFO_FIELD_PRINTER(section, name, kind, value, help)                                                           \
    static void info_field_##name(void *context, struct bytes *out) {                                                  \
        INFO_CONTEXT = context;                                                                                        \
        INFO_PRINT_##kind(out, value);                                                                                 \
    }
#define INFO_FIELD_ROW(section, name, kind, value, help) {#section, #name, info_field_##name, help},

struct info *info_new(void); /* gives: info_free() */
void         info_free(struct info **info);

/* Keeps the fields and the context. An unknown section stops the process: info.c has their list. */
void info_add_fields(struct info *info, const struct info_field *fields, size_t count, void *context);
/* `print` adds whole lines, each ended by CR LF, without the title. Keeps context. */
void info_add_lines(struct info *info, const char *section, void (*print)(void *context, struct bytes *out),
                    void *context);
/* Called before the fields of `section` are printed: for values that are costly and read together. Keeps context. */
void info_before(struct info *info, const char *section, void (*prepare)(void *context), void *context);

/* Adds INFO's text for these section names ("default", "all" and "everything" too, any case; none: default). */
void info_print(struct info *info, const struct slice *names, size_t count, struct bytes *out);

/* For the manual: every field that has a row, in order. False: no more. `*at` begins as 0. */
bool info_next_field(const struct info *info, size_t *at, const struct info_field **field);

void info_print_int(struct bytes *out, int64_t value);
void info_print_uint(struct bytes *out, uint64_t value);
void info_print_text(struct bytes *out, const char *value);
void info_print_human(struct bytes *out, uint64_t bytes);
void info_print_fixed(struct bytes *out, double value);
void info_print_percent(struct bytes *out, double percent);
void info_print_seconds(struct bytes *out, int64_t microseconds);
