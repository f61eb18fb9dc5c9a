#include "core/command/propagate.h"

#include "base/mem.h"
#include "core/client/client.h"
#include "core/command/dispatch.h"
#include "core/server_internal.h"

void propagate_begin(struct server *server, struct propagation_frame *frame) {
    struct propagation *all = &server->internal->propagation;
    *frame = (struct propagation_frame){.outer = all->frame, .first = all->count};
    all->frame = frame;
}

static struct pending_write *add_write(struct propagation *all, struct client *client, int db, int argc,
                                       const struct slice *argv) {
    if (all->count == 0) {
        all->arg_count = 0;
        bytes_clear(&all->text);
    }
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? all->capacity * 2 : 16;
        all->writes = mem_realloc(all->writes, all->capacity * sizeof(*all->writes));
        all->handed = mem_realloc(all->handed, all->capacity * sizeof(*all->handed));
    }
    if (all->arg_count + (size_t)argc > all->arg_capacity) {
        all->arg_capacity = (all->arg_count + (size_t)argc) * 2;
        all->args = mem_realloc(all->args, all->arg_capacity * sizeof(*all->args));
    }
    struct pending_write *write = &all->writes[all->count++];
    *write = (struct pending_write){.client = client, .db = db, .argc = argc, .first_arg = all->arg_count};
    for (int i = 0; i < argc; i++) {
        /* The text may move while it grows: the place is remembered, and made an address when all is handed over. */
        all->args[all->arg_count++] = (struct slice){(const char *)(uintptr_t)all->text.size, argv[i].size};
        bytes_add_slice(&all->text, argv[i]);
    }
    return write;
}

/* Puts the last write before those that its own frame added: the command comes first, then what it added. */
static void move_to_front(struct propagation *all, size_t first) {
    struct pending_write own = all->writes[all->count - 1];
    memmove(all->writes + first + 1, all->writes + first, (all->count - 1 - first) * sizeof(own));
    all->writes[first] = own;
}

static bool must_propagate(const struct propagation_frame *frame, int64_t changes) {
    return (changes > 0 || frame->forced) && !frame->prevented;
}

/* The common case: a write that stands alone. */
static void hand_over_directly(struct server *server, struct client *client, const struct command_entry *entry,
                               bool is_for_replicas) {
    struct server_write write = {.client = client,
                                 .entry = entry,
                                 .is_for_replicas = is_for_replicas,
                                 .db = client->db,
                                 .argc = client->argc,
                                 .argv = client->argv,
                                 .bytes = client->bytes};
    SERVER_CALL_HOOKS(server, written, &write, 1);
}

void propagate_end(struct server *server, struct propagation_frame *frame, struct client *client,
                   const struct command_entry *entry, int64_t changes, bool is_suppressed) {
    struct propagation *all = &server->internal->propagation;
    all->frame = frame->outer;
    if (UNLIKELY(is_suppressed) && all->count > frame->first) all->count = frame->first;
    /* What a command told in place of itself, even nothing, also stands for the container that called it. */
    if (UNLIKELY(frame->prevented) && changes > 0 && frame->outer) frame->outer->has_inner = true;
    if (LIKELY(changes == 0 && !frame->forced) || frame->prevented || !server->is_followed || server->is_loading ||
         is_suppressed || (client->flags & CLIENT_NEVER_PROPAGATE))
        return;
    /* A container of commands (EXEC, EVAL) whose inner calls propagated themselves adds nothing of its own. */
    if (!must_propagate(frame, changes) || frame->has_rewrite || frame->has_inner) {
        if (frame->outer) frame->outer->has_inner = true;
        return;
    }
    if (server->call_depth == 1 && all->count == 0) {
        hand_over_directly(server, client, entry, changes == 0 && frame->is_for_replicas);
        return;
    }
    struct pending_write *own = add_write(all, client, client->db, client->argc, client->argv);
    own->entry = entry;
    own->is_for_replicas = changes == 0 && frame->is_for_replicas;
    move_to_front(all, frame->first);
    if (frame->outer) frame->outer->has_inner = true;
}

void propagate_flush(struct server *server) {
    struct propagation *all = &server->internal->propagation;
    for (size_t i = 0; i < all->arg_count; i++) all->args[i].data = all->text.data + (uintptr_t)all->args[i].data;
    for (size_t i = 0; i < all->count; i++) {
        const struct pending_write *write = &all->writes[i];
        all->handed[i] = (struct server_write){.client = write->client,
                                               .entry = write->entry,
                                               .is_for_replicas = write->is_for_replicas,
                                               .db = write->db,
                                               .argc = write->argc,
                                               .argv = all->args + write->first_arg};
    }
    size_t count = all->count;
    SERVER_CALL_HOOKS(server, written, all->handed, count);
    all->count = 0;
}

void propagate_fini(struct server *server) {
    struct propagation *all = &server->internal->propagation;
    mem_free(all->writes);
    mem_free(all->handed);
    mem_free(all->args);
    bytes_fini(&all->text);
}

/* ---- what bodies ask for ---- */

static struct propagation_frame *frame_of(struct client *client) {
    struct server *server = client->server;
    if (!server->is_followed || server->is_loading) return NULL;
    return server->internal->propagation.frame;
}

void dispatch_rewrite(struct client *client, int argc, const struct slice *argv) {
    struct propagation_frame *frame = frame_of(client);
    if (!frame || frame->prevented) return;
    struct propagation *all = &client->server->internal->propagation;
    CHECK(!frame->has_rewrite);
    frame->has_rewrite = true;
    add_write(all, client, client->db, argc, argv)->entry = client->entry;
    move_to_front(all, frame->first);
}

void dispatch_also_propagate(struct client *client, int db, int argc, const struct slice *argv) {
    if (frame_of(client)) add_write(&client->server->internal->propagation, client, db, argc, argv);
}

void dispatch_propagate_before(struct server *server, int db, int argc, const struct slice *argv) {
    if (!server->is_followed || server->is_loading) return;
    struct propagation *all = &server->internal->propagation;
    if (!all->frame) {
        struct server_write write = {.db = db, .argc = argc, .argv = argv};
        SERVER_CALL_HOOKS(server, written, &write, 1);
        return;
    }
    add_write(all, NULL, db, argc, argv);
    move_to_front(all, all->frame->first);
    all->frame->first++; /* also where the command itself propagates nothing, or is not to */
}

void dispatch_prevent_propagation(struct client *client) {
    struct propagation_frame *frame = client->server->internal->propagation.frame;
    if (frame) frame->prevented = true;
}

void dispatch_force_propagation(struct client *client) {
    struct propagation_frame *frame = client->server->internal->propagation.frame;
    if (frame) frame->forced = true;
}

void dispatch_propagate_to_replicas(struct client *client) {
    struct propagation_frame *frame = client->server->internal->propagation.frame;
    if (frame) frame->forced = frame->is_for_replicas = true;
}
