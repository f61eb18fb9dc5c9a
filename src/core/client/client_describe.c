/* A client in words: its addresses, its line of CLIENT LIST. */
#include "core/client/client_internal.h"

#include "core/acl/user.h"
#include "core/pubsub/channel.h"
#include "core/server_internal.h"
#include "net/conn.h"

#include <stdio.h>

void client_peer_text(const struct client *client, char *text) {
    if (client->conn) {
        conn_peer_text(client->conn, text);
    } else {
        memcpy(text, "?:0", 4);
    }
}

void client_local_text(const struct client *client, char *text) {
    if (client->conn) {
        conn_local_text(client->conn, text);
    } else {
        memcpy(text, "?:0", 4);
    }
}

const char *client_last_command(const struct client *client) {
    const struct command_entry *entry = client->entry ? client->entry : client->last_entry;
    return entry ? entry->name : "NULL";
}

static void add_flags(const struct client *client, struct bytes *out) {
    static const struct {
        uint64_t flag;
        char     letter;
    } letters[] = {
        {CLIENT_IS_PRIMARY, 'M'},  {CLIENT_IN_MULTI, 'x'},         {CLIENT_BLOCKED | CLIENT_POSTPONED, 'b'},
        {CLIENT_TRACKING, 't'},    {CLIENT_TRACKING_BROKEN, 'R'},  {CLIENT_TRACKING_BCAST, 'B'},
        {CLIENT_DIRTY_WATCH, 'd'}, {CLIENT_CLOSE_AFTER_REPLY, 'c'}, {CLIENT_UNBLOCKED, 'u'},
        {CLIENT_CLOSE_ASAP, 'A'},  {CLIENT_UNIX_SOCKET, 'U'},      {CLIENT_READONLY, 'r'},
        {CLIENT_NO_EVICT, 'e'},    {CLIENT_NO_TOUCH, 'T'},
    };
    size_t before = out->size;
    if (client->flags & CLIENT_IS_MONITOR) {
        bytes_add_char(out, 'O');
    } else if (client->flags & CLIENT_IS_REPLICA) {
        bytes_add_char(out, 'S');
    }
    if (client_has_subscriptions(client)) bytes_add_char(out, 'P');
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        if (client->flags & letters[i].flag) bytes_add_char(out, letters[i].letter);
    if (out->size == before) bytes_add_char(out, 'N');
}

static void add_events(const struct client *client, struct bytes *out) {
    if (client->conn && !client->io->is_read_paused) bytes_add_char(out, 'r');
    if (client->io->wants_writable) bytes_add_char(out, 'w');
}

void client_describe(struct client *client, struct bytes *out) {
    const struct server    *server = client->server;
    const struct client_io *io = client->io;
    char                    peer[CLIENT_ADDRESS_SIZE], local[CLIENT_ADDRESS_SIZE];
    int                     multi = -1, watch = 0;
    size_t                  args = 0, queued = 0;
    client_peer_text(client, peer);
    client_local_text(client, local);
    SERVER_CALL_HOOKS(server, client_counts, client, &multi, &watch);
    const struct hook_list *hooks = &server->internal->on_client_memory;
    for (unsigned i = 0; i < hooks->count; i++) queued += hooks->hooks[i]->client_memory(hooks->hooks[i]->context, client);
    for (int i = 0; i < client->argc; i++) args += client->argv[i].size;

    size_t waiting = input_waiting(&io->input);
    bytes_add_printf(out, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%lld idle=%lld flags=",
                     (unsigned long long)client->id, peer, local, client->conn ? conn_fd(client->conn) : -1,
                     client->name ? client->name : "", (long long)((server->now_ms - client->created_ms) / 1000),
                     (long long)((server->now_ms - client->last_ms) / 1000));
    add_flags(client, out);
    bytes_add_printf(out,
                     " db=%d sub=%zu psub=%zu ssub=%zu multi=%d watch=%d qbuf=%zu qbuf-free=%zu argv-mem=%zu "
                     "multi-mem=%zu rbs=%zu rbp=%zu obl=%zu oll=%zu omem=%zu tot-mem=%zu events=",
                     client->db, channel_count_of(client) - channel_patterns_of(client), channel_patterns_of(client),
                     channel_shards_of(client), multi, watch, waiting, io->input.capacity - io->input.end, args, queued,
                     (size_t)OUTPUT_BLOCK_BYTES, output_size(&io->output),
                     io->output.block_count <= 1 ? output_size(&io->output) : 0,
                     io->output.block_count > 1 ? io->output.block_count - 1 : 0,
                     MAX(io->output.block_count > 1 ? output_size(&io->output) : 0, (size_t)client->stream_waiting),
                     client_memory(client));
    add_events(client, out);
    bytes_add_printf(out, " cmd=%s user=%s redir=%lld resp=%d capa=%s lib-name=%s lib-ver=%s tot-net-in=%llu tot-net-out=%llu "
                          "tot-cmds=%llu",
                     client_last_command(client), client->user ? client->user->name : "(superuser)",
                     (long long)client->tracking_redirect, client->resp, client->flags & CLIENT_REDIRECTS ? "r" : "",
                     client->lib_name ? client->lib_name : "", client->lib_version ? client->lib_version : "",
                     (unsigned long long)client->bytes_in, (unsigned long long)client->bytes_out,
                     (unsigned long long)client->commands);
}
