/* What stops the process when something impossible happened, and the few macros that every file uses.
 *
 * CHECK is always compiled in. It is for our own mistakes, never for bytes that came from outside.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define CHECK(condition) (LIKELY(condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__, __func__))
#define UNREACHABLE(why) check_failed("unreachable: " why, __FILE__, __LINE__, __func__)

/* Logs the failed condition and aborts; the crash report of main.c adds the stack. */
NORETURN void check_failed(const char *condition, const char *file, int line, const char *function);
