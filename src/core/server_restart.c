/* Starting anew in the same process: DEBUG RESTART and CRASH-AND-RECOVER. */
#include "core/server.h"

#include "base/log.h"
#include "core/config/config_file.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Sockets and files must not outlive the program that knew them. */
static void close_descriptors(void) {
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < most; fd++) (void)close(fd);
}

bool server_restart(struct server *server, enum server_restart_way way, int64_t delay_ms, struct error *err) {
    if (!server->argv) return error_set(err, "the configuration came from standard input and can't be read again");
    if (!server->executable || access(server->executable, X_OK) != 0)
        return error_set(err, "%s can't be executed: %s", server->executable ? server->executable : "the program",
                         strerror(errno));
    if (way == SERVER_RESTART_GENTLY) {
        if (config_path(server->params) && !config_rewrite(server->params, err)) return false;
        if (server_shutdown(server, SERVER_SHUTDOWN_NOW, err) != SERVER_SHUTDOWN_DONE) return false;
    }
    close_descriptors();
    struct timespec left = {.tv_sec = delay_ms / 1000, .tv_nsec = (long)(delay_ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
    execve(server->executable, server->argv, environ);
    _exit(1); /* nothing is left to go on with */
}
