/* What happened in a history: lines for people, and a fingerprint that shows whether two runs were the same.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"
#include "sim/schedule.h"

struct trace {
    const struct schedule *schedule;
    bool prints;
    uint64_t fingerprint;
};

#define TRACE(trace, ...) ((trace)->prints ? trace_line((trace), __VA_ARGS__) : (void)0)

void trace_line(struct trace *trace, const char *who, const char *format, ...) PRINTF_LIKE(3, 4);
void trace_mix(struct trace *trace, uint64_t value);
void trace_mix_text(struct trace *trace, struct slice text);
