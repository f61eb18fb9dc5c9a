/* How often which value occurred, to two significant digits, in bounded memory.
 *
 * Log-linear: values below 256 are counted one by one, above that each power of two is divided into 128 equal parts.
 * These are the buckets of an HDR histogram of two digits, so percentiles are those that other servers print. Takes
 * 1 KiB for each power of two in which a value occurred.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/check.h"

struct histogram;

struct histogram *histogram_new(uint64_t max_value); /* gives: histogram_free(). Greater values count as max_value */
void              histogram_free(struct histogram **histogram);

void     histogram_add(struct histogram *histogram, uint64_t value);
uint64_t histogram_count(const struct histogram *histogram); /* of values added */
uint64_t histogram_max(const struct histogram *histogram);   /* 0 when there are none */

/* The greatest value that is counted together with `value`. */
uint64_t histogram_highest_equivalent(uint64_t value);
/* The greatest value of the bucket that `percent` of all values do not exceed; 0 when there are none. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);
/* How many values are at most histogram_highest_equivalent(value). */
uint64_t histogram_count_up_to(const struct histogram *histogram, uint64_t value);
size_t   histogram_memory(const struct histogram *histogram);
