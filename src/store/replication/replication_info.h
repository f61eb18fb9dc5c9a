/* INFO's section replication, and what replication adds to others.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once

struct replication;

void replication_info_add(struct replication *replication);
