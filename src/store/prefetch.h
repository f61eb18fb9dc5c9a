/* Fetches into the cache what a batch of parsed commands will look up, so that their waits for memory overlap.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "base/bytes.h"

struct keyspace;
struct server_request;

void prefetch_keys(const struct keyspace *keyspace, const struct server_request *requests, size_t count);
