/* What latency.c and latency_commands.c share: the samples.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/observe/latency.h"

enum { LATENCY_SAMPLES = 160 };

struct latency_sample {
    int64_t wall_s, ms;
};

struct latency_event {
    struct latency_sample samples[LATENCY_SAMPLES]; /* a ring: `next` is where the next one goes */
    unsigned              next, count;
    int64_t               max_ms; /* of all samples ever */
};

struct latency {
    struct table *events; /* name to struct latency_event */
};

struct latency_sample *latency_sample_at(struct latency_event *event, unsigned place); /* 0: the oldest */
