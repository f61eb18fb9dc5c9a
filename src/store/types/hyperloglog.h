/* HyperLogLog: an estimate of how many different elements were seen, in at most 12 KiB, byte-compatible with Redis.
 *
 *     0       4          5        8                    16
 *     +-------+----------+--------+--------------------+------------------------------------------+
 *     | HYLL  | encoding | unused | cached count (LE)  | dense: 16384 registers of 6 bits         |
 *     +-------+----------+--------+--------------------+ sparse: runs, see hyperloglog.c          |
 *                                   highest bit: stale +------------------------------------------+
 *
 * The estimator is Ertl's (New cardinality estimation algorithms for HyperLogLog sketches, 2017).
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

enum { HYPERLOGLOG_REGISTERS = 16384, HYPERLOGLOG_DENSE_BYTES = 16 + HYPERLOGLOG_REGISTERS * 6 / 8 };

enum hyperloglog_result { HYPERLOGLOG_SAME, HYPERLOGLOG_CHANGED, HYPERLOGLOG_CORRUPT };

/* Whether the text has the header of one. The runs behind it may still be corrupt: every function below copes. */
bool hyperloglog_is_valid(struct slice text);
bool hyperloglog_is_dense(struct slice text); /* of a valid one */

void hyperloglog_create(struct bytes *out); /* replaces what is in `out` by an empty sparse one */
/* Adds an element. A sparse one that would grow beyond `sparse_max_bytes` becomes dense. */
enum hyperloglog_result hyperloglog_add(struct bytes *text, struct slice element, size_t sparse_max_bytes);
/* The same for a dense one where it lies; HYPERLOGLOG_DENSE_BYTES long. */
enum hyperloglog_result hyperloglog_add_dense(char *text, struct slice element);
void                    hyperloglog_mark_stale(char *text); /* what was cached is no longer true */

/* The count that is cached. False: it is stale. */
bool hyperloglog_cached(struct slice text, uint64_t *count);
void hyperloglog_cache(char *text, uint64_t count);
/* False: corrupt. */
MUST_USE bool hyperloglog_count(struct slice text, uint64_t *count);

/* The runs of a sparse one as text: "z:l" (short runs) and "Z:l" for l registers that are 0, "v:value,l". False: corrupt. */
MUST_USE bool hyperloglog_print_runs(struct slice text, struct bytes *out);

/* The greatest value of each register of several: hyperloglog_join() each into zeroed registers. False: corrupt. */
MUST_USE bool hyperloglog_join(uint8_t registers[HYPERLOGLOG_REGISTERS], struct slice text);
uint64_t      hyperloglog_count_registers(const uint8_t registers[HYPERLOGLOG_REGISTERS]);
/* Raises the registers of `text` to these. False: corrupt. */
MUST_USE bool hyperloglog_raise(struct bytes *text, const uint8_t registers[HYPERLOGLOG_REGISTERS],
                                bool make_dense, size_t sparse_max_bytes);
