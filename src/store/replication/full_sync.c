#include "store/replication/full_sync.h"
#include "base/clock.h"
#include "base/crc64.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/client/reply.h"
#include "net/loop.h"
#include "store/keyspace/databases.h"
#include "store/persist/persistence.h"
#include "store/persist/rdb_out.h"
#include "store/persist/rdb_save.h"
#include "store/replication/replication.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MARK_SIZE = 40,
    OUT_BYTES = 256 * 1024,  /* the child writes so much at once */
    PIPE_BYTES = 1024 * 1024,
    PIECE_BYTES = 256 * 1024, /* of a file or a pipe that goes out as one */
    LOW_BYTES = 256 * 1024,   /* less than that waits in a replica's output: it can have more */
    AHEAD_BYTES = 32 << 20    /* by so much a slow replica may be behind before the others have to wait for it */
};

enum way { NOBODY, BY_FILE, BY_PIPE };

/* A dump file that is being sent, open as long as somebody needs it. */
struct sync_file {
    int      fd;
    unsigned users;
    uint64_t size;
};

struct full_sync {
    struct replication *replication;
    enum way            way; /* of the turn that runs */
    bool                without_keys, has_made_file, is_outdated;
    int64_t             offset; /* of the stream, at the fork */
    struct backlog_cursor cursor; /* there: for those who join */
    struct loop_timer   delay;
    /* BY_PIPE */
    int            fds[2]; /* -1: closed */
    struct loop_io io;
    char           mark[MARK_SIZE + 1];
    bool           is_read, has_ended, is_good; /* the pipe was read to its end; the child has ended; well */
    bool           is_paused;
};

struct full_sync *full_sync_new(struct replication *replication) {
    struct full_sync *full_sync = mem_zalloc(sizeof *full_sync);
    full_sync->replication = replication;
    full_sync->fds[0] = full_sync->fds[1] = -1;
    return full_sync;
}

static void close_end(int *fd) {
    if (*fd >= 0) CHECK(close(*fd) == 0);
    *fd = -1;
}

static void close_pipe(struct full_sync *full_sync) {
    loop_io_stop(&full_sync->io);
    close_end(&full_sync->fds[0]);
    close_end(&full_sync->fds[1]);
}

void full_sync_free(struct full_sync **place) {
    struct full_sync *full_sync = *place;
    if (!full_sync) return;
    *place = NULL;
    loop_timer_stop(&full_sync->delay);
    close_pipe(full_sync);
    backlog_leave(&full_sync->cursor);
    mem_free(full_sync);
}

bool full_sync_is_by_pipe(const struct full_sync *full_sync) {
    return full_sync->way == BY_PIPE;
}

static struct child *child_of(const struct full_sync *full_sync) {
    return full_sync->replication->persistence->child;
}

#define EACH_REPLICA(full_sync, replica)                                                                                 \
    for (struct list_node *node_ = (full_sync)->replication->replicas->all.head.next, *next_ = node_->next;             \
         node_ != &(full_sync)->replication->replicas->all.head; node_ = next_, next_ = node_->next)                    \
        for (struct replica *replica = container_of(node_, struct replica, node); replica; replica = NULL)

static size_t count_in(const struct full_sync *full_sync, enum replica_state state) {
    size_t count = 0;
    EACH_REPLICA(full_sync, replica) count += replica->state == state && !(replica->client->flags & CLIENT_CLOSE_ASAP);
    return count;
}

/* ---- the turn begins for one ---- */

static void print_mark(const struct full_sync *full_sync, struct client *client) {
    char head[MARK_SIZE + 16];
    int  size = snprintf(head, sizeof head, "$EOF:%s\r\n", full_sync->mark);
    reply_raw(client, slice_make(head, (size_t)size));
}

static void begin(struct full_sync *full_sync, struct replica *replica) {
    struct replication *replication = full_sync->replication;
    char head[96];
    CHECK(backlog_seek(replication->backlog, &replica->cursor, full_sync->offset));
    replica->state = REPLICA_SAVING;
    replica->progress_ms = replication->server->now_ms;
    if (!replica->is_plain_sync) {
        int size = snprintf(head, sizeof head, "+FULLRESYNC %s %lld\r\n", replication->history.id, (long long)full_sync->offset);
        reply_raw(replica->client, slice_make(head, (size_t)size));
    }
    if (full_sync->way == BY_PIPE) print_mark(full_sync, replica->client);
}

/* ---- the turn ends ---- */

static void finish_turn(struct full_sync *full_sync) {
    close_pipe(full_sync);
    backlog_leave(&full_sync->cursor);
    full_sync->way = NOBODY;
}

static void drop_all(struct full_sync *full_sync, const char *why) {
    EACH_REPLICA(full_sync, replica) {
        if (replica->state != REPLICA_SAVING) continue;
        LOG_WRITE(LOG_WARNING, "A replica's full synchronization failed: %s", why);
        client_close_asap(replica->client);
    }
}

static void put_online(const struct full_sync *full_sync, struct replica *replica, bool starts_on_ack) {
    replica->state = REPLICA_ONLINE;
    replica->starts_on_ack = starts_on_ack;
    replica->acked_ms = full_sync->replication->server->now_ms;
    LOG_WRITE(LOG_NOTICE, "A replica (client id=%llu) was sent everything", (unsigned long long)replica->client->id);
    if (!replica->only_rdb) return;
    backlog_leave(&replica->cursor);
    client_close_after_reply(replica->client);
}

/* ---- by file ---- */

static void release_file(struct replica *replica) {
    struct sync_file *file = replica->file;
    replica->file = NULL;
    if (!file || --file->users) return;
    CHECK(close(file->fd) == 0);
    mem_free(file);
}

static struct sync_file *open_file(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    if (fstat(fd, &status) != 0) {
        CHECK(close(fd) == 0);
        return NULL;
    }
    struct sync_file *file = mem_alloc(sizeof *file);
    *file = (struct sync_file){.fd = fd, .users = 1, .size = (uint64_t)status.st_size};
    return file;
}

static void send_file(struct replica *replica, struct sync_file *file) {
    char head[32];
    int  size = snprintf(head, sizeof head, "$%llu\r\n", (unsigned long long)file->size);
    reply_raw(replica->client, slice_make(head, (size_t)size));
    replica->state = REPLICA_SENDING;
    replica->file = file;
    replica->file_at = 0;
    file->users++;
}

static void on_saved(void *context, const char *path) {
    struct full_sync *full_sync = context;
    struct sync_file *file = path ? open_file(path) : NULL;
    if (file) {
        struct replica own = {.file = file}; /* our own use ends when everybody has theirs */
        EACH_REPLICA(full_sync, replica) if (replica->state == REPLICA_SAVING) send_file(replica, file);
        release_file(&own);
        full_sync->has_made_file = true;
    } else {
        drop_all(full_sync, path ? strerror(errno) : "the dump could not be written");
    }
    finish_turn(full_sync);
}

static void free_piece(void *piece) {
    mem_free(piece);
}

void full_sync_give_file(struct full_sync *full_sync, struct replica *replica) {
    struct sync_file *file = replica->file;
    while (reply_pending_bytes(replica->client) < 4 * PIECE_BYTES && replica->file_at < file->size) {
        size_t  wanted = (size_t)MIN(file->size - replica->file_at, (uint64_t)PIECE_BYTES);
        char   *piece = mem_alloc(wanted);
        ssize_t size = pread(file->fd, piece, wanted, (off_t)replica->file_at);
        if (size < 0 && errno == EINTR) size = 0;
        else if (size <= 0) {
            LOG_WRITE(LOG_WARNING, "The dump file for a replica can't be read: %s", size ? strerror(errno) : "it became shorter");
            mem_free(piece);
            client_close_asap(replica->client);
            return;
        }
        replica->file_at += (uint64_t)size;
        reply_raw_shared(replica->client, slice_make(piece, (size_t)size), free_piece, piece);
    }
    if (replica->file_at < file->size) return;
    release_file(replica);
    put_online(full_sync, replica, false);
}

/* ---- by pipe: in the child ---- */

struct pipe_out {
    int      fd, failure;
    bool     checksum;
    uint64_t crc;
};

static void write_pipe(void *context, struct slice bytes) {
    struct pipe_out *out = context;
    if (out->failure) return;
    if (out->checksum) out->crc = crc64_update(out->crc, bytes);
    while (bytes.size) {
        ssize_t size = write(out->fd, bytes.data, bytes.size);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) {
            out->failure = size < 0 ? errno : EIO;
            return;
        }
        bytes.data += size;
        bytes.size -= (size_t)size;
    }
}

static bool tell(void *context, uint64_t keys) {
    child_tell(context, keys);
    return true;
}

static bool write_dump(void *context, struct child_pipe *pipe, struct error *err) {
    struct full_sync *full_sync = context;
    const struct replication *replication = full_sync->replication;
    const struct persist_settings *settings = &replication->persistence->settings;
    struct pipe_out to = {.fd = full_sync->fds[1], .checksum = settings->checksum};
    struct rdb_save save = {.usage = RDB_SAVE_NO_USAGE,
                            .server_version = replication->server->version,
                            .wall_s = clock_wall_ms() / 1000,
                            .used_memory = mem_used(),
                            .without_keys = full_sync->without_keys,
                            .progress = tell,
                            .context = pipe};
    replication_get_place(replication, &save.place);
    struct rdb_out out;
    rdb_out_init(&out, OUT_BYTES, settings->compress);
    out.drain = write_pipe;
    out.context = &to;
    bool good = rdb_save_all(&out, replication->databases, &save);
    rdb_out_flush(&out);
    rdb_out_u64(&out, to.crc);
    rdb_out_flush(&out);
    if (to.failure) return error_set(err, "can't write to the pipe: %s", strerror(to.failure));
    return good || error_set(err, "it was stopped");
}

/* ---- by pipe: in the parent ---- */

struct piece { /* one read of the pipe, shared by all who are sent it */
    unsigned users;
    char     data[];
};

static void release_piece(void *context) {
    struct piece *piece = context;
    if (--piece->users == 0) mem_free(piece);
}

static void give_piece(struct full_sync *full_sync, struct piece *piece, size_t size) {
    EACH_REPLICA(full_sync, replica) {
        if (replica->state != REPLICA_SAVING) continue;
        piece->users++;
        reply_raw_shared(replica->client, slice_make(piece->data, size), release_piece, piece);
    }
    release_piece(piece);
}

/* Both the pipe and the child have ended. */
static void end_pipe(struct full_sync *full_sync) {
    if (!full_sync->is_read || !full_sync->has_ended) return;
    if (full_sync->is_good) {
        EACH_REPLICA(full_sync, replica) {
            if (replica->state != REPLICA_SAVING) continue;
            reply_raw(replica->client, slice_make(full_sync->mark, MARK_SIZE));
            put_online(full_sync, replica, true);
        }
    } else {
        drop_all(full_sync, "the child process that wrote it failed");
    }
    finish_turn(full_sync);
    full_sync_consider(full_sync);
}

/* Those who take what they are sent set the pace, but nobody falls behind without bounds. */
static bool may_read(const struct full_sync *full_sync) {
    size_t least = SIZE_MAX, most = 0;
    EACH_REPLICA(full_sync, replica) {
        if (replica->state != REPLICA_SAVING) continue;
        size_t waiting = reply_pending_bytes(replica->client);
        least = MIN(least, waiting);
        most = MAX(most, waiting);
    }
    return least < LOW_BYTES && most < AHEAD_BYTES;
}

static void on_pipe(struct loop_io *io, unsigned ready) {
    struct full_sync *full_sync = container_of(io, struct full_sync, io);
    if (!may_read(full_sync)) {
        full_sync->is_paused = true;
        loop_io_watch(io, 0);
        return;
    }
    struct piece *piece = mem_alloc(sizeof *piece + PIECE_BYTES);
    piece->users = 1;
    ssize_t size = read(full_sync->fds[0], piece->data, PIECE_BYTES);
    if (size > 0) {
        give_piece(full_sync, piece, (size_t)size);
        return;
    }
    int reason = errno;
    release_piece(piece);
    if (size < 0 && (reason == EINTR || reason == EAGAIN)) return;
    loop_io_watch(io, 0);
    full_sync->is_read = true;
    full_sync->is_paused = false;
    if (size < 0) full_sync->is_good = false;
    end_pipe(full_sync);
}

void full_sync_before_sleep(struct full_sync *full_sync) {
    if (LIKELY(!full_sync->is_paused) || !may_read(full_sync)) return;
    full_sync->is_paused = false;
    loop_io_watch(&full_sync->io, LOOP_READ);
}

static void on_child_end(void *context, enum child_verdict verdict, long pid, const char *why) {
    struct full_sync *full_sync = context;
    full_sync->has_ended = true;
    full_sync->is_good = verdict == CHILD_SUCCEEDED;
    if (verdict == CHILD_SUCCEEDED) LOG_WRITE(LOG_NOTICE, "The child process has written everything for replicas");
    else full_sync->is_read = true; /* what is still in the pipe is worth nothing */
    if (verdict == CHILD_FAILED) LOG_WRITE(LOG_WARNING, "Background transfer to replicas failed: %s", why);
    end_pipe(full_sync);
}

static bool start_pipe(struct full_sync *full_sync, struct error *err) {
    if (pipe2(full_sync->fds, O_CLOEXEC) != 0) {
        full_sync->fds[0] = full_sync->fds[1] = -1;
        return error_set(err, "can't open a pipe: %s", strerror(errno));
    }
    (void)fcntl(full_sync->fds[0], F_SETPIPE_SZ, PIPE_BYTES); /* where the user's limit allows it */
    if (fcntl(full_sync->fds[0], F_SETFL, O_NONBLOCK) != 0) return error_set(err, "can't set up a pipe: %s", strerror(errno));
    struct child_job job = {.purpose = CHILD_SYNCS,
                            .title = "kvd-rdb-to-slaves",
                            .fd = full_sync->fds[1],
                            .total = databases_keys(full_sync->replication->databases),
                            .work = write_dump,
                            .on_end = on_child_end,
                            .context = full_sync};
    if (!child_start(child_of(full_sync), &job, err)) return false;
    close_end(&full_sync->fds[1]);
    random_os_hex(full_sync->mark, MARK_SIZE);
    full_sync->is_read = full_sync->has_ended = full_sync->is_good = full_sync->is_paused = false;
    loop_io_start(full_sync->replication->server->loop, &full_sync->io, full_sync->fds[0], LOOP_READ, on_pipe);
    return true;
}

/* ---- a turn ---- */

/* Those who want the same as the first that waits. */
static bool is_of_turn(const struct full_sync *full_sync, const struct replica *replica) {
    return replica->state == REPLICA_WAITS && replica->without_keys == full_sync->without_keys &&
           !(replica->client->flags & CLIENT_CLOSE_ASAP);
}

static void refuse(struct full_sync *full_sync) {
    EACH_REPLICA(full_sync, replica) {
        if (!is_of_turn(full_sync, replica)) continue;
        replica->client->flags &= ~CLIENT_IS_REPLICA; /* it does not follow: this error is none of the stream */
        reply_error(replica->client, "ERR BGSAVE failed, replication can't continue");
        client_close_after_reply(replica->client);
    }
}

static void start(struct full_sync *full_sync, bool by_pipe) {
    struct replication *replication = full_sync->replication;
    struct error        err;
    full_sync->offset = replication->history.offset;
    replication->stream_db = -1; /* they do not know which database was chosen */
    LOG_WRITE(LOG_NOTICE, "Starting BGSAVE for SYNC with target: %s", by_pipe ? "replicas sockets" : "disk");
    bool good = by_pipe ? start_pipe(full_sync, &err)
                        : saving_start_for(replication->persistence->saving, on_saved, full_sync, &err);
    if (!good) {
        LOG_WRITE(LOG_WARNING, "A full synchronization could not begin: %s", err.text);
        close_pipe(full_sync);
        refuse(full_sync);
        return;
    }
    full_sync->is_outdated = false;
    full_sync->way = by_pipe ? BY_PIPE : BY_FILE;
    CHECK(backlog_seek(replication->backlog, &full_sync->cursor, full_sync->offset));
    EACH_REPLICA(full_sync, replica) if (is_of_turn(full_sync, replica)) begin(full_sync, replica);
}

static void on_delay(struct loop_timer *timer) {
    full_sync_consider(container_of(timer, struct full_sync, delay));
}

void full_sync_consider(struct full_sync *full_sync) {
    const struct replication          *replication = full_sync->replication;
    const struct replication_settings *settings = &replication->settings;
    const struct replica              *first = NULL;
    size_t count = 0;
    bool   takes_eof = true;
    if (full_sync->way != NOBODY || child_is_running(child_of(full_sync))) return;
    EACH_REPLICA(full_sync, replica) {
        if (replica->state != REPLICA_WAITS || replica->client->flags & CLIENT_CLOSE_ASAP) continue;
        if (!first) {
            first = replica;
            full_sync->without_keys = replica->without_keys;
        }
        if (!is_of_turn(full_sync, replica)) continue;
        count++;
        takes_eof &= replica->takes_eof;
    }
    if (!first) return;
    bool by_pipe = takes_eof && (settings->diskless || full_sync->without_keys);
    if (by_pipe) {
        int64_t begin_ms = first->progress_ms + settings->diskless_delay_s * 1000;
        bool    is_enough = settings->diskless_max_replicas > 0 && count >= (size_t)settings->diskless_max_replicas;
        if (begin_ms > replication->server->now_ms && !is_enough) {
            loop_timer_start_at(replication->server->loop, &full_sync->delay, begin_ms, on_delay);
            return;
        }
    }
    loop_timer_stop(&full_sync->delay);
    start(full_sync, by_pipe);
}

void full_sync_want(struct full_sync *full_sync, struct replica *replica) {
    replica->state = REPLICA_WAITS;
    replica->progress_ms = full_sync->replication->server->now_ms;
    replicas_add(full_sync->replication->replicas, replica);
    bool may_join = full_sync->way == BY_FILE && !full_sync->is_outdated && replica->without_keys == full_sync->without_keys;
    if (may_join) begin(full_sync, replica);
    else full_sync_consider(full_sync);
}

void full_sync_outdate(struct full_sync *full_sync) {
    full_sync->is_outdated = true;
}

void full_sync_forget(struct full_sync *full_sync, struct replica *replica) {
    release_file(replica);
    if (full_sync->way == BY_PIPE && replica->state == REPLICA_SAVING && count_in(full_sync, REPLICA_SAVING) == 0) {
        LOG_WRITE(LOG_NOTICE, "The last replica that was to be sent everything is gone: the child process is ended");
        child_kill(child_of(full_sync));
        full_sync->is_read = full_sync->has_ended = true; /* it may have ended by itself before */
        if (full_sync->way == BY_PIPE) end_pipe(full_sync);
    }
}

void full_sync_clean_up(struct full_sync *full_sync) {
    struct replication *replication = full_sync->replication;
    if (!full_sync->has_made_file || !replication->settings.removes_files || full_sync->way != NOBODY) return;
    if (saving_has_points(replication->persistence->saving) || replication->persistence->settings.appendonly) return;
    if (count_in(full_sync, REPLICA_WAITS) || count_in(full_sync, REPLICA_SENDING)) return;
    full_sync->has_made_file = false;
    const char *path = saving_path(replication->persistence->saving);
    LOG_WRITE(LOG_NOTICE, "Removing the dump file that was only made for replicas");
    if (unlink(path) != 0 && errno != ENOENT) LOG_WRITE(LOG_WARNING, "%s can't be removed: %s", path, strerror(errno));
}
