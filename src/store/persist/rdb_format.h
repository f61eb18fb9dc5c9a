/* The numbers of the RDB format: opcodes, types of values, encodings of lengths, as Redis 7.4 and older write them.
 *
 * A file is "REDIS" and four digits of version, then opcodes with what belongs to them and values (type, key, value), an
 * end and, from version 5 on, the CRC-64 of all that. A dump payload is a type and a value, then two bytes of version and
 * the CRC.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

enum {
    RDB_VERSION_OLD = 10, /* what we write as long as it can say everything: Redis 7.0 reads it */
    RDB_VERSION_NEW = 12  /* the newest that we read, and write where hash fields expire */
};

enum rdb_type {
    RDB_STRING = 0,
    RDB_LIST = 1,
    RDB_SET = 2,
    RDB_ZSET = 3, /* scores as text */
    RDB_HASH = 4,
    RDB_ZSET_2 = 5, /* scores as binary64 */
    RDB_MODULE_PRE_GA = 6,
    RDB_MODULE_2 = 7,
    RDB_HASH_ZIPMAP = 9,
    RDB_LIST_ZIPLIST = 10,
    RDB_SET_INTSET = 11,
    RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13,
    RDB_LIST_QUICKLIST = 14, /* of ziplists */
    RDB_STREAM_LISTPACKS = 15,
    RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17,
    RDB_LIST_QUICKLIST_2 = 18, /* of listpacks and plain texts */
    RDB_STREAM_LISTPACKS_2 = 19,
    RDB_SET_LISTPACK = 20,
    RDB_STREAM_LISTPACKS_3 = 21,
    RDB_HASH_METADATA_PRE_GA = 22, /* fields with deadlines, as release candidates of 7.4 wrote them */
    RDB_HASH_LISTPACK_EX_PRE_GA = 23,
    RDB_HASH_METADATA = 24,
    RDB_HASH_LISTPACK_EX = 25,
    RDB_TYPE_END
};

enum rdb_opcode {
    RDB_SLOT_INFO = 244,
    RDB_FUNCTION = 245,
    RDB_FUNCTION_PRE_GA = 246,
    RDB_MODULE_AUX = 247,
    RDB_IDLE = 248, /* seconds without use, of the next key */
    RDB_FREQ = 249, /* one byte: how often the next key is used */
    RDB_AUX = 250,
    RDB_RESIZE_DB = 251,
    RDB_EXPIRE_MS = 252,
    RDB_EXPIRE_S = 253,
    RDB_SELECT_DB = 254,
    RDB_END = 255
};

/* The two high bits of a length's first byte. */
enum { RDB_LEN_6 = 0, RDB_LEN_14 = 1, RDB_LEN_LONG = 2, RDB_LEN_ENCODED = 3 };
enum { RDB_LEN_32_BYTE = 0x80, RDB_LEN_64_BYTE = 0x81 };
/* The low six bits where they are RDB_LEN_ENCODED. */
enum { RDB_ENC_INT8 = 0, RDB_ENC_INT16 = 1, RDB_ENC_INT32 = 2, RDB_ENC_LZF = 3 };

enum { RDB_NODE_PLAIN = 1, RDB_NODE_PACKED = 2 }; /* of a quicklist */

enum { RDB_HEAD_BYTES = 9, RDB_DUMP_TAIL_BYTES = 10 };
