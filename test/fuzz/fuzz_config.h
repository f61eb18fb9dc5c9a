/* Changes to config.h for a fuzzer: the sanitizers watch the C library's allocator.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#undef HAVE_JEMALLOC
#ifndef KVD_SANITIZED
#define KVD_SANITIZED 1
#endif
