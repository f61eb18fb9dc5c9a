/* CRC-64 as the field's dump files have it (Jones' polynomial 0xad93d23594c935a9, reflected, no final XOR).
 *
 * The check value of "123456789" is 0xe9c6d914c4b8d9ca.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

/* Continues from `crc`, which is 0 at the start. */
uint64_t crc64_update(uint64_t crc, struct slice data);
