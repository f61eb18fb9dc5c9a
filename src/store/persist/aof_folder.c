#include "store/persist/aof_folder.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/persist/aof_manifest_file.h"
#include "store/persist/aof_sync.h"
#include "store/persist/persistence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct aof_folder {
    const struct persist_settings *settings;
    struct aof_sync               *sync;
    struct aof_manifest           *list; /* NULL: not read yet */
};

struct aof_folder *aof_folder_new(const struct persist_settings *settings, struct aof_sync *sync) {
    struct aof_folder *folder = mem_zalloc(sizeof *folder);
    *folder = (struct aof_folder){.settings = settings, .sync = sync};
    return folder;
}

void aof_folder_free(struct aof_folder **place) {
    struct aof_folder *folder = *place;
    if (!folder) return;
    *place = NULL;
    aof_manifest_free(&folder->list);
    mem_free(folder);
}

const struct aof_manifest *aof_folder_list(const struct aof_folder *folder) {
    return folder->list;
}

void aof_folder_found(struct aof_folder *folder, struct aof_manifest **list) {
    aof_manifest_free(&folder->list);
    folder->list = *list;
    *list = NULL;
}

char *aof_folder_path(const struct aof_folder *folder, const char *name) {
    return aof_manifest_file_path(folder->settings->appenddirname, name);
}

char *aof_folder_temporary_path(const struct aof_folder *folder) {
    return mem_printf("%s/temp_%s.incr", folder->settings->appenddirname, folder->settings->appendfilename);
}

bool aof_folder_prepare(struct aof_folder *folder, struct error *err) {
    const struct persist_settings *settings = folder->settings;
    bool is_there;
    if (!aof_manifest_file_make_folder(settings->appenddirname, err)) return false;
    if (folder->list) return true;
    folder->list = aof_manifest_file_read(settings->appenddirname, settings->appendfilename, &is_there, err);
    return folder->list != NULL;
}

bool aof_folder_put(struct aof_folder *folder, struct aof_manifest **list, struct error *err) {
    const struct persist_settings *settings = folder->settings;
    if (!aof_manifest_file_write(settings->appenddirname, settings->appendfilename, *list, err)) return false;
    aof_folder_found(folder, list);
    return true;
}

bool aof_folder_move_in(struct aof_folder *folder, const char *from, const char *name, struct error *err) {
    char *path = aof_folder_path(folder, name);
    bool good = rename(from, path) == 0 || error_set(err, "can't rename %s to %s: %s", from, path, strerror(errno));
    mem_free(path);
    return good;
}

/* ---- history ---- */

/* The name goes at once; the blocks when the other thread closes what is the last way to them. */
static bool remove_file(struct aof_folder *folder, const char *name) {
    char *path = aof_folder_path(folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool good = unlink(path) == 0 || errno == ENOENT;
    if (!good) LOG_WRITE(LOG_WARNING, "Can't remove the old append-only file %s: %s", path, strerror(errno));
    else LOG_WRITE(LOG_NOTICE, "Removing the history file %s in the background", path);
    if (fd >= 0) aof_sync_close_gone(folder->sync, fd);
    mem_free(path);
    return good;
}

void aof_folder_remove_history(struct aof_folder *folder) {
    struct error err;
    size_t count = aof_manifest_history_count(folder->list);
    bool good = true;
    if (!count || folder->settings->aof_disable_auto_gc) return;
    for (size_t i = 0; i < count; i++) good &= remove_file(folder, aof_manifest_history(folder->list, i)->name);
    if (!good) return; /* still listed: the next time */
    struct aof_manifest *list = aof_manifest_copy(folder->list);
    aof_manifest_forget_history(list);
    if (!aof_folder_put(folder, &list, &err)) LOG_WRITE(LOG_WARNING, "%s", err.text);
    aof_manifest_free(&list);
}
