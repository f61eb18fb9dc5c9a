/* Collects what executed commands propagate and hands it to the mode when the outermost one is done.
 *
 * A plain write that came from a client and ran alone is handed over from its own bytes without a copy; everything else
 * (rewritten, added, nested in EXEC or a script) is copied until the end.
 * SPDX-License-Identifier: BSD-3-Clause */
#pragma once
#include "core/command/command.h"

struct server;
struct client;

/* What the running body asked for. Lives in dispatch_call()'s frame; frames nest. */
struct propagation_frame {
    struct propagation_frame *outer;
    size_t                    first; /* where its writes begin among those that wait */
    bool                      prevented, forced, is_for_replicas;
    bool                      has_rewrite; /* its own write is there already, rewritten */
    bool                      has_inner;   /* commands that it called added writes */
};

void propagate_begin(struct server *server, struct propagation_frame *frame);
void propagate_end(struct server *server, struct propagation_frame *frame, struct client *client,
                   const struct command_entry *entry, int64_t changes, bool is_suppressed);
void propagate_flush(struct server *server);
void propagate_fini(struct server *server);
