/* CRC-32 (IEEE 802.3, as zlib and gzip): finds torn and damaged records in small files.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

/* Continues from `crc`, which is 0 at the start. */
uint32_t crc32_update(uint32_t crc, struct slice data);
