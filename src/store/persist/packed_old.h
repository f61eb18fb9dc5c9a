/* The packed encodings of Redis before 7.0, as listpacks: ziplists and zipmaps.
 *
 *     ziplist: [bytes: u32 LE][offset of the last entry: u32 LE][count: u16 LE, 65535: unknown][entry]...[0xFF]
 *       entry: [size of the entry before: 1 byte, or 0xFE and u32 LE][encoding and data]
 *     zipmap:  [count, 254 and more: unknown]([size][field][size][free: 1 byte][text][free bytes])...[0xFF]
 *       size:  1 byte up to 253, or 0xFE and u32 LE
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct listpack;

/* The same entries. gives: mem_free(); NULL: it is damaged, or too large for a listpack. */
struct listpack *packed_old_ziplist(struct slice bytes);
/* Field, text, field, text, ... gives: mem_free(); NULL: the same. */
struct listpack *packed_old_zipmap(struct slice bytes);
