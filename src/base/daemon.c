#include "base/daemon.h"
#include "base/log.h"
#include "base/mem.h"

#include <bsd/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

bool daemon_detach(struct error *err) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) return error_set(err, "Can't fork into the background: %s", strerror(errno));
    if (pid > 0) _exit(0);
    if (setsid() < 0) return error_set(err, "Can't start a session of its own: %s", strerror(errno));
    int null = open("/dev/null", O_RDWR);
    if (null < 0) return error_set(err, "Can't open /dev/null: %s", strerror(errno));
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0) return error_set(err, "Can't redirect descriptor %d: %s", fd, strerror(errno));
    if (null > STDERR_FILENO) close(null);
    return true;
}

enum supervision daemon_supervised_by(enum supervision wanted) {
    const char *job = getenv("UPSTART_JOB"), *notify = getenv("NOTIFY_SOCKET");
    if (wanted == SUPERVISION_AUTO) wanted = job ? SUPERVISION_UPSTART : notify ? SUPERVISION_SYSTEMD : SUPERVISION_NONE;
    if (wanted == SUPERVISION_UPSTART) {
        if (!job) {
            log_write(LOG_WARNING, "upstart supervision requested, but UPSTART_JOB not found!");
            return SUPERVISION_NONE;
        }
        log_write(LOG_NOTICE, "supervised by upstart, will stop to signal readiness.");
        raise(SIGSTOP);
        unsetenv("UPSTART_JOB");
    }
    if (wanted == SUPERVISION_SYSTEMD && !notify) {
        log_write(LOG_WARNING, "systemd supervision requested or auto-detected, but NOTIFY_SOCKET not found!");
        return SUPERVISION_NONE;
    }
    return wanted;
}

/* The protocol of sd_notify(3): one datagram of assignments to the socket in NOTIFY_SOCKET. */
void daemon_notify(enum supervision supervision, const char *message) {
    if (supervision != SUPERVISION_SYSTEMD) return;
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path) return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') address.sun_path[0] = 0;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
        log_write(LOG_WARNING, "Can't send notification to systemd: %s", strerror(errno));
    close(fd);
}

bool daemon_write_pid_file(const char *path, struct error *err) {
    FILE *file = fopen(path, "we");
    if (!file) return error_set(err, "Can't write the pid file %s: %s", path, strerror(errno));
    bool written = fprintf(file, "%d\n", (int)getpid()) > 0;
    if (fclose(file) != 0 || !written) return error_set(err, "Can't write the pid file %s: %s", path, strerror(errno));
    return true;
}

void daemon_title_init(int argc, char **argv, char **envp) {
    setproctitle_init(argc, argv, envp);
}

void daemon_set_title(const char *title) {
    setproctitle("-%s", title);
}

uint64_t daemon_raise_open_files(uint64_t wanted) {
    enum { STEP = 16 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        log_write(LOG_WARNING, "Unable to obtain the current NOFILE limit (%s), assuming that it suffices", strerror(errno));
        return wanted;
    }
    uint64_t before = limit.rlim_cur;
    for (uint64_t tried = wanted; tried > before; tried = tried > before + STEP ? tried - STEP : before) {
        /* Beyond the hard limit only with the right to raise that, and not beyond the system's own. */
        struct rlimit raised = {.rlim_cur = tried, .rlim_max = MAX(limit.rlim_max, tried)};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return tried;
    }
    return before;
}

/* Reads a small file of the kernel into text; false where there is none. */
static bool read_setting(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    if (got < 0) return false;
    text[got] = 0;
    return true;
}

bool daemon_kernel_warning(unsigned *state, int backlog, const char **name, char *text, size_t size) {
    char setting[128];
    if (*state == 0) {
        *state = 1;
        *name = "overcommit-memory";
        if (read_setting("/proc/sys/vm/overcommit_memory", setting, sizeof setting) && atoi(setting) != 1) {
            snprintf(text, size,
                     "WARNING Memory overcommit must be enabled! Without it, a background save or replication may fail "
                     "under low memory condition. To fix this issue add 'vm.overcommit_memory = 1' to /etc/sysctl.conf "
                     "and then reboot or run the command 'sysctl vm.overcommit_memory=1' for this to take effect.");
            return true;
        }
    }
    if (*state == 1) {
        *state = 2;
        *name = "transparent-huge-pages";
        if (read_setting("/sys/kernel/mm/transparent_hugepage/enabled", setting, sizeof setting) &&
            strstr(setting, "[always]")) {
            snprintf(text, size,
                     "WARNING You have Transparent Huge Pages (THP) support enabled in your kernel. This will create "
                     "latency and memory usage issues. To fix this issue run the command 'echo madvise > "
                     "/sys/kernel/mm/transparent_hugepage/enabled' as root, and add it to your /etc/rc.local in order "
                     "to retain the setting after a reboot (set to 'madvise' or 'never').");
            return true;
        }
    }
    if (*state == 2) {
        *state = 3;
        *name = "tcp-backlog";
        if (read_setting("/proc/sys/net/core/somaxconn", setting, sizeof setting) && atoi(setting) > 0 &&
            atoi(setting) < backlog) {
            snprintf(text, size,
                     "WARNING: The TCP backlog setting of %d cannot be enforced because "
                     "/proc/sys/net/core/somaxconn is set to the lower value of %d.",
                     backlog, atoi(setting));
            return true;
        }
    }
    return false;
}

void daemon_disable_thp(void) {
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        log_write(LOG_WARNING, "Can't switch off transparent huge pages for this process: %s", strerror(errno));
}

/* The value at the first call, so that it can be added to and given back. */
static bool  oom_known;
static int   oom_at_start;
static const char oom_path[] = "/proc/self/oom_score_adj";

static bool write_oom_score(int value, struct error *err) {
    FILE *file = fopen(oom_path, "we");
    if (!file) return error_set(err, "Can't open %s: %s", oom_path, strerror(errno));
    bool written = fprintf(file, "%d", MAX(-1000, MIN(1000, value))) > 0;
    if (fclose(file) != 0 || !written) return error_set(err, "Can't write %s: %s", oom_path, strerror(errno));
    return true;
}

bool daemon_set_oom_score(int value, bool relative, struct error *err) {
    char text[32];
    if (!oom_known) {
        if (!read_setting(oom_path, text, sizeof text)) return error_set(err, "Can't read %s: %s", oom_path, strerror(errno));
        oom_at_start = atoi(text);
        oom_known = true;
    }
    return write_oom_score(relative ? oom_at_start + value : value, err);
}

void daemon_restore_oom_score(void) {
    struct error err;
    if (oom_known && !write_oom_score(oom_at_start, &err)) log_write(LOG_WARNING, "%s", err.text);
}

bool daemon_set_cpus(const char *list, struct error *err) {
    cpu_set_t set;
    CPU_ZERO(&set);
    const char *at = list;
    while (*at) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first, step = 1;
        if (end == at) return error_set(err, "'%s' is no list of processors", list);
        if (*end == '-') last = strtoul(end + 1, &end, 10);
        if (*end == ':') step = strtoul(end + 1, &end, 10);
        if ((*end && *end != ',') || last < first || step == 0 || last >= CPU_SETSIZE)
            return error_set(err, "'%s' is no list of processors", list);
        for (unsigned long cpu = first; cpu <= last; cpu += step) CPU_SET(cpu, &set);
        at = *end ? end + 1 : end;
    }
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        return error_set(err, "Can't bind to the processors %s: %s", list, strerror(errno));
    return true;
}
