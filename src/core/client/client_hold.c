#include "core/client/client_hold.h"

#include "base/mem.h"
#include "core/client/client_internal.h"
#include "core/server_internal.h"

enum { DISK, PEERS, NO_WAIT = -1 };

static unsigned wait_of(unsigned gate) {
    return gate == CLIENT_HOLD_DISK ? DISK : PEERS;
}

static bool waits_at(const struct held_reply *held, unsigned gate) {
    return held->offsets[wait_of(gate)] != NO_WAIT && (gate == CLIENT_HOLD_DISK || held->peers_gate == gate);
}

static bool may_go(const struct held_reply *held) {
    return held->offsets[DISK] == NO_WAIT && held->offsets[PEERS] == NO_WAIT;
}

static struct held_reply *add(struct client_io *io) {
    if (io->held_end == io->held_capacity && io->held_begin > io->held_capacity / 2) {
        io->held_end -= io->held_begin;
        memmove(io->held, io->held + io->held_begin, io->held_end * sizeof(*io->held));
        io->held_begin = 0;
    }
    if (io->held_end == io->held_capacity) {
        io->held_capacity = io->held_capacity ? io->held_capacity * 2 : 8;
        io->held = mem_realloc(io->held, io->held_capacity * sizeof(*io->held));
    }
    return &io->held[io->held_end++];
}

void client_hold_replies(struct client *client, unsigned gate, int64_t offset) {
    struct client_io  *io = client->io;
    struct held_reply *held = io->held_begin < io->held_end ? &io->held[io->held_end - 1] : NULL;
    uint64_t           place = client_output_place(client), from = MAX(io->reply_start, io->sent_total);
    bool is_same = held && held->from == from && (held->until > from || place == from); /* else that one had no reply */
    if (!is_same) {
        held = add(io);
        *held = (struct held_reply){.from = from, .offsets = {NO_WAIT, NO_WAIT}};
    }
    held->until = place;
    held->offsets[wait_of(gate)] = offset;
    if (gate != CLIENT_HOLD_DISK) held->peers_gate = gate;
}

/* Those in front that wait for nothing any more are sent. */
static void let_go(struct client *client) {
    struct client_io *io = client->io;
    unsigned          was = io->held_begin;
    while (io->held_begin < io->held_end && may_go(&io->held[io->held_begin])) io->held_begin++;
    if (io->held_begin == was) return;
    if (io->held_begin == io->held_end) io->held_begin = io->held_end = 0;
    if (client->conn && !list_is_linked(&io->write_node) && !io->wants_writable)
        list_add(&client->server->internal->writes, &io->write_node);
}

void client_hold_confirm(struct client *client, unsigned gate, int64_t offset) {
    struct client_io *io = client->io;
    for (unsigned i = io->held_begin; i < io->held_end; i++) {
        struct held_reply *held = &io->held[i];
        if (!waits_at(held, gate)) continue;
        if (held->offsets[wait_of(gate)] > offset) break;
        held->offsets[wait_of(gate)] = NO_WAIT;
    }
    if (io->held_begin < io->held_end) let_go(client);
}

/* ---- replacing ---- */

/* Writes the output anew with the error in place of what fails. Nothing of that was sent, as it was held. */
static void replace(struct client *client, unsigned gate, int64_t offset, struct slice line) {
    struct client_io *io = client->io;
    struct bytes      old = {0};
    size_t            done = 0; /* of the old output */
    output_copy(&io->output, &old);
    output_clear(&io->output);
    for (unsigned i = io->held_begin; i < io->held_end; i++) {
        struct held_reply *held = &io->held[i];
        size_t             from = held->from - io->sent_total, until = held->until - io->sent_total;
        CHECK(from >= done && from <= until && until <= old.size);
        output_add(&io->output, old.data + done, from - done);
        held->from = client_output_place(client);
        if (waits_at(held, gate) && held->offsets[wait_of(gate)] <= offset) {
            held->offsets[DISK] = held->offsets[PEERS] = NO_WAIT;
            if (from < until) output_add(&io->output, line.data, line.size);
        } else {
            output_add(&io->output, old.data + from, until - from);
        }
        held->until = client_output_place(client);
        done = until;
    }
    output_add(&io->output, old.data + done, old.size - done);
    bytes_fini(&old);
}

static unsigned count_failing(const struct client_io *io, unsigned gate, int64_t offset) {
    unsigned count = 0;
    for (unsigned i = io->held_begin; i < io->held_end; i++) {
        const struct held_reply *held = &io->held[i];
        count += waits_at(held, gate) && held->offsets[wait_of(gate)] <= offset;
    }
    return count;
}

void client_hold_fail(struct client *client, unsigned gate, int64_t offset, struct slice error) {
    unsigned count = count_failing(client->io, gate, offset);
    if (!count) return;
    struct slice rest = error, code;
    if (!slice_split(&rest, ' ', &code)) code = SLICE("ERR");
    for (unsigned i = 0; i < count; i++) server_count_error(client->server, code);
    struct bytes line = {0};
    bytes_add_char(&line, '-');
    bytes_add_slice(&line, error);
    bytes_add_slice(&line, SLICE("\r\n"));
    replace(client, gate, offset, bytes_slice(&line));
    bytes_fini(&line);
    let_go(client);
}
