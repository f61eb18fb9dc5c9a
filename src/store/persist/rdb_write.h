/* A value in RDB's form: its type and its bytes, in the encoding that is nearest to how it is kept.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "store/persist/rdb_format.h"
#include "store/persist/rdb_out.h"
#include "store/types/value.h"

/* The type that rdb_write_value() writes the bytes of. */
enum rdb_type rdb_type_of(const struct value *value);
/* The value without its type. It is not changed. */
void rdb_write_value(struct rdb_out *out, const struct value *value);
/* The oldest version of RDB that knows a type, but not older than RDB_VERSION_OLD. */
int rdb_version_for(enum rdb_type type);
