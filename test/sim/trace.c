#include "sim/trace.h"

#include <stdio.h>

void trace_line(struct trace *trace, const char *who, const char *format, ...) {
    int64_t now_us = trace->schedule->now_us;
    printf("[%6lld.%06lld] %-8s ", (long long)(now_us / 1000000), (long long)(now_us % 1000000), who);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void trace_mix(struct trace *trace, uint64_t value) {
    uint64_t mixed = (trace->fingerprint ^ value ^ (uint64_t)trace->schedule->now_us) * 0x9e3779b97f4a7c15u;
    trace->fingerprint = mixed ^ (mixed >> 29);
}

void trace_mix_text(struct trace *trace, struct slice text) {
    uint64_t sum = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < text.size; i++) sum = (sum ^ (unsigned char)text.data[i]) * 1099511628211u;
    trace_mix(trace, sum);
}
