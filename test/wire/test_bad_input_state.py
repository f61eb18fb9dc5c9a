"""A sentinel's disk and clock: files that are cut or damaged, disks that are full or cannot be written, clocks that jump."""
import contextlib
import os
import signal
import subprocess
import time

import pytest
from failover import HighlyAvailableSet
from processes import fields, introduce, master_address, wait_for
from resp import RespError

MASTER = "mymaster"


def state_path(sentinel):
    return os.path.join(sentinel.directory, sentinel.name, "sentinel-state.yaml")


def settings(primary, **more):
    return {MASTER: dict({"host": "127.0.0.1", "port": primary.port, "quorum": 1, "down-after-milliseconds": 1000}, **more)}


def ask(sentinel, primary, epoch, candidate):
    return sentinel.do("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", primary.port, epoch, candidate * 40)


def written(group):
    """A stopped sentinel with a state of several records, its primary and the bytes of its state."""
    primary = group.redis()
    sentinel = group.kvd_sentinel(settings(primary))
    introduce(sentinel, {MASTER: primary.port})
    for epoch in 1, 2, 3:
        assert ask(sentinel, primary, epoch, "abc"[epoch - 1]) == [0, b"abc"[epoch - 1:epoch] * 40, epoch]
    sentinel.kill()
    with open(state_path(sentinel), "rb") as file:
        return sentinel, primary, file.read()


def put(sentinel, data):
    with open(state_path(sentinel), "wb") as file:
        file.write(data)


def records(data):
    """Where each record begins, and the end."""
    at, found = 0, []
    while (at := data.find(b"--- # ", at)) >= 0:
        found.append(at)
        at += 1
    return found + [len(data)]


def test_a_file_cut_anywhere_is_read_as_far_as_it_is_whole_or_refused(group):
    """Cut within the last record: its change was never acted on, the rest counts. Cut within the first, which is put in place whole:
    that is no torn write but damage, and votes may be lost, so it is refused and left as it is. Never a third thing."""
    sentinel, primary, data = written(group)
    begins = records(data)
    assert len(begins) >= 4
    cuts = {1, 10, begins[0] - 1, begins[0], begins[0] + 3, begins[1] - 1, begins[1], begins[1] + 1, begins[-2], begins[-2] + 7, len(data) - 1, len(data) - 2}
    for cut in sorted(cuts):
        put(sentinel, data[:cut])
        sentinel.start(wait=False)
        whole = sum(1 for end in begins[1:] if end <= cut)
        if whole == 0:
            assert sentinel.process.wait(60) == 1, cut
            assert "sentinel-state.yaml" in sentinel.log() and "damaged" in sentinel.log(), sentinel.log()[-500:]
            assert open(state_path(sentinel), "rb").read() == data[:cut], "it must stay as it is"
            continue
        wait_for(sentinel.answers)
        epoch = int(sentinel.info("sentinel")["sentinel_current_epoch"])
        assert epoch <= 3
        if cut not in begins:
            assert "not a complete record and are dropped" in sentinel.log(), cut
        # What is left still binds: no second vote in an epoch that is known.
        if epoch:
            assert ask(sentinel, primary, epoch, "f")[1] == b"abc"[epoch - 1:epoch] * 40
        sentinel.kill()
        os.truncate(sentinel.log_path, 0)


def test_an_empty_file_is_no_state(group):
    """An operator's `touch`, or a volume that was just made."""
    sentinel = group.kvd_sentinel(settings(group.redis()), start=False)
    put(sentinel, b"")
    sentinel.start()
    assert "starts without memory" in sentinel.log()
    assert os.path.getsize(state_path(sentinel)) > 0


@pytest.mark.parametrize("content", [os.urandom(5000), b"\0" * 10000, b"# kvd sentinel state, format 99999999999999999999999\n", b"\xef\xbb\xbf# kvd sentinel state, format 1\n",
                                     b"# kvd sentinel state, format 1\r\n", b"[" * 100000, b"# kvd sentinel state, format 1\n" + b"x" * 1000000],
                         ids=["random", "zeroes", "far format", "bom", "crlf", "brackets", "long line"])
def test_a_file_of_something_else_is_refused(group, content):
    sentinel = group.kvd_sentinel(settings(group.redis()), start=False)
    put(sentinel, content)
    sentinel.start(wait=False)
    assert sentinel.process.wait(60) == 1
    assert "sentinel-state.yaml" in sentinel.log()
    assert open(state_path(sentinel), "rb").read() == content


def test_a_directory_in_its_place_is_said(group):
    sentinel = group.kvd_sentinel(settings(group.redis()), start=False)
    os.mkdir(state_path(sentinel))
    sentinel.start(wait=False)
    assert sentinel.process.wait(60) == 1
    assert "Is a directory" in sentinel.log() and "sentinel-state.yaml" in sentinel.log()


def test_bits_that_flipped_are_never_believed(group):
    """One flipped bit anywhere: refused, or the tail is dropped; never another content."""
    sentinel, primary, data = written(group)
    begins = records(data)
    for at in range(begins[0], len(data), max(1, len(data) // 25)):
        damaged = bytearray(data)
        damaged[at] ^= 1
        put(sentinel, bytes(damaged))
        sentinel.start(wait=False)
        if at < begins[-2]:
            assert sentinel.process.wait(60) == 1, at
            assert "damaged" in sentinel.log()
        else:
            wait_for(sentinel.answers)
            assert sentinel.info("sentinel")["sentinel_current_epoch"] in ("2", "3")
            sentinel.kill()
        os.truncate(sentinel.log_path, 0)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "kvd-test", str(tmp_path)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)])


def fill(directory):
    with open(directory / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return directory / "filler"


def is_failing(sentinel, words):
    info = sentinel.info("sentinel")
    return info["sentinel_state_status"] == "failing" and words in info["sentinel_state_error"]


def test_a_full_disk(group, small_disk):
    primary = group.redis()
    sentinel = group.kvd_sentinel(settings(primary), sentinel="state-file: %s/state.yaml\n" % small_disk)
    events = group.watch(sentinel)
    introduce(sentinel, {MASTER: primary.port})
    assert ask(sentinel, primary, 1, "a") == [0, b"a" * 40, 1]
    filler = fill(small_disk)
    epoch = 1
    while True:  # its page may have room for some more votes, which are durable then
        epoch += 1
        try:
            reply = ask(sentinel, primary, epoch, "b")
        except (EOFError, OSError):
            break  # a vote that could not be saved is never told: who waits for it is disconnected
        if reply[1] != b"b" * 40:
            assert reply[1:] in ([b"*", 0], [b"b" * 40, epoch - 1], [b"a" * 40, epoch - 1]), "no vote that is not on disk"
            break
        assert epoch < 200
    wait_for(lambda: is_failing(sentinel, "No space left on device"), what="INFO says so")
    events.wait("-state-save-failed")
    assert "-state-save-failed" in sentinel.log() and "No space left on device" in sentinel.log()
    assert len([line for line in sentinel.log().splitlines() if "No space left" in line]) < 20, "the log must not fill it more"
    assert isinstance(sentinel.call("SENTINEL", "FLUSHCONFIG"), RespError)
    os.unlink(filler)
    events.wait("+state-saved")
    assert sentinel.info("sentinel")["sentinel_state_status"] == "ok"
    after = epoch + 5
    assert ask(sentinel, primary, after, "c") == [0, b"c" * 40, after]
    sentinel.kill()
    sentinel.start()
    assert ask(sentinel, primary, after, "d") == [0, b"c" * 40, after]


def test_a_disk_that_is_full_from_the_start(group, small_disk):
    primary = group.redis()
    filler = fill(small_disk)
    sentinel = group.kvd_sentinel(settings(primary), sentinel="state-file: %s/state.yaml\n" % small_disk)
    assert "will not vote" in sentinel.log()
    assert ask(sentinel, primary, 1, "a") == [0, b"*", 0]
    assert is_failing(sentinel, "No space left on device")
    os.unlink(filler)
    wait_for(lambda: sentinel.info("sentinel")["sentinel_state_status"] == "ok", what="it can be written")
    introduce(sentinel, {MASTER: primary.port})
    assert ask(sentinel, primary, 2, "a") == [0, b"a" * 40, 2]


def test_a_disk_that_turns_read_only(group, small_disk):
    primary = group.redis()
    sentinel = group.kvd_sentinel(settings(primary), sentinel="state-file: %s/state.yaml\n" % small_disk)
    introduce(sentinel, {MASTER: primary.port})
    assert ask(sentinel, primary, 1, "a") == [0, b"a" * 40, 1]
    sentinel.kill()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    sentinel.start()
    assert "will not vote" in sentinel.log() and "Read-only file system" in sentinel.log()
    assert ask(sentinel, primary, 2, "b") == [0, b"a" * 40, 1], "what it promised it still knows"
    assert is_failing(sentinel, "Read-only file system")
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    wait_for(lambda: sentinel.info("sentinel")["sentinel_state_status"] == "ok", what="it can be written")
    assert ask(sentinel, primary, 3, "b") == [0, b"b" * 40, 3]


def test_a_file_that_is_taken_away_is_written_anew(group):
    """What was appended to a file that somebody moved or removed would be lost with it."""
    primary = group.redis()
    sentinel = group.kvd_sentinel(settings(primary))
    introduce(sentinel, {MASTER: primary.port})
    events = group.watch(sentinel)
    assert ask(sentinel, primary, 1, "a") == [0, b"a" * 40, 1]
    os.unlink(state_path(sentinel))
    with contextlib.suppress(EOFError, OSError):  # a vote that could not be saved is never told
        ask(sentinel, primary, 2, "b")
    events.wait("-state-save-failed")
    events.wait("+state-saved")
    assert ask(sentinel, primary, 3, "c") == [0, b"c" * 40, 3]
    os.unlink(state_path(sentinel))
    assert sentinel.do("SENTINEL", "FLUSHCONFIG") == b"OK"
    sentinel.kill()
    sentinel.start()
    assert ask(sentinel, primary, 3, "d") == [0, b"c" * 40, 3]


def test_a_directory_that_vanishes(group):
    primary = group.redis()
    sentinel = group.kvd_sentinel(settings(primary), sentinel="state-file: %s/state.yaml\n" % group.subdirectory("elsewhere"))
    events = group.watch(sentinel)
    os.rename(group.path("elsewhere"), group.path("moved"))
    # The open file is still there; a whole new one cannot be written.
    assert isinstance(sentinel.call("SENTINEL", "FLUSHCONFIG"), RespError)
    events.wait("-state-save-failed")
    assert is_failing(sentinel, "No such file or directory")
    os.rename(group.path("moved"), group.path("elsewhere"))
    events.wait("+state-saved")
    introduce(sentinel, {MASTER: primary.port})
    assert ask(sentinel, primary, 3, "b") == [0, b"b" * 40, 3]


# ---- clocks --------------------------------------------------------------------------------------------------------

SHIM = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift(void) { /* seconds, from the file that KVD_CLOCK names */
    const char *path = getenv("KVD_CLOCK");
    FILE *file = path ? fopen(path, "r") : NULL;
    long seconds = 0;
    if (!file) return 0;
    if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
    fclose(file);
    return seconds;
}

static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI; }

int clock_gettime(clockid_t clock, struct timespec *out) {
    int result = (int)syscall(SYS_clock_gettime, clock, out);
    if (result == 0 && is_wall(clock)) out->tv_sec += shift();
    return result;
}

int gettimeofday(struct timeval *out, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


class Clock:
    """A wall clock that the test turns, for the processes started with env=clock.env."""

    def __init__(self, group):
        self.path = group.path("clock")
        library = group.path("clock.so")
        source = group.write("clock.c", SHIM)
        if subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source], capture_output=True).returncode:
            pytest.skip("no compiler")
        self.env = {"LD_PRELOAD": library, "KVD_CLOCK": self.path}
        self.set(0)

    def set(self, seconds):
        with open(self.path + ".new", "w") as file:
            file.write("%d\n" % seconds)
        os.rename(self.path + ".new", self.path)


@pytest.fixture
def clock(group):
    if "address" in os.environ.get("KVD_SANITIZERS", ""):
        pytest.skip("the sanitizers must be loaded first")
    return Clock(group)


@pytest.mark.parametrize("jump", [3600, -3600], ids=["forward", "backward"])
def test_a_sentinel_whose_wall_clock_jumps(group, clock, jump):
    primary, (replica,) = group.replicated(1)
    sentinel = group.kvd_sentinel(settings(primary), env=clock.env)
    wait_for(lambda: "slave" in str(sentinel.do("SENTINEL", "REPLICAS", MASTER)), what="the replica is known")
    events = group.watch(sentinel)
    # The machine may stand still for more than the second that is enough further down.
    assert sentinel.do("SENTINEL", "SET", MASTER, "down-after-milliseconds", 60000) == b"OK"
    assert int(fields(sentinel.do("SENTINEL", "MASTER", MASTER))["last-ping-reply"]) < 60000
    before = sentinel.do("PING") and time.time()
    clock.set(jump)
    told = []
    stop = time.monotonic() + 3
    while time.monotonic() < stop:
        master = fields(sentinel.do("SENTINEL", "MASTER", MASTER))
        told.append(master["flags"])
        assert int(master["last-ok-ping-reply"]) < 60000
    assert set(told) == {"master"}
    assert not events.named("+sdown"), events.events
    assert not events.named("+tilt") or int(sentinel.info("sentinel")["sentinel_stalls"]), events.events
    assert before
    assert sentinel.do("SENTINEL", "SET", MASTER, "down-after-milliseconds", 1000) == b"OK"
    primary.kill()
    wait_for(lambda: master_address(sentinel) == ("127.0.0.1", replica.port), what="the failover")


def test_a_sentinel_that_stood_still_accuses_nobody(group):
    """SIGSTOP for five seconds, more than twice down-after: afterwards nobody is found down, and a failover is still possible."""
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=2000)
    paused = ha.sentinels[1]
    paused.pause()
    ha.events.wait("+sdown", contains="sentinel ")  # the others find it down, as they should
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 5, 60, "five seconds", every=0.1)
    resumed = time.monotonic()
    paused.resume()
    ha.settle()
    wrong = [event for event in ha.events.named("+sdown", resumed) if event[1] is paused]
    assert not wrong, wrong
    assert not ha.events.named("+odown") and not ha.events.named("+try-failover")
    assert int(paused.info("sentinel")["sentinel_stalls"]) >= 1
    wait_for(lambda: paused.info("sentinel")["sentinel_tilt"] == "0", 60, "TILT ends")
    ha.fail("kill")


@pytest.mark.parametrize("kind", ["kvd", "redis"])
def test_expiry_when_the_wall_clock_jumps(group, clock, kind):
    """Expiry is a point in wall time, as in the real server: a jump forward ends keys, one backward prolongs them."""
    make = group.kvd if kind == "kvd" else group.redis
    server = make(env=clock.env)
    server.do("SET", "short", "1", "EX", "100")
    server.do("SET", "long", "1", "EX", "10000")
    server.do("SET", "kept", "1")
    clock.set(3600)
    wait_for(lambda: server.do("GET", "short") is None, what="a key ends")
    assert 6390 < server.do("TTL", "long") <= 6400
    wait_for(lambda: server.do("DBSIZE") == 2, what="it is removed")
    clock.set(-3600)
    wait_for(lambda: 13590 < server.do("TTL", "long") <= 13600, what="it lives longer")
    assert server.do("GET", "kept") == b"1" and abs(int(server.do("TIME")[0]) - (time.time() - 3600)) < 600
    if kind == "kvd":  # redis-server counts its uptime by the wall clock
        assert 0 <= int(server.info("server")["uptime_in_seconds"]) < 600
    server.do("SET", "new", "1", "PX", "200")
    wait_for(lambda: server.do("GET", "new") is None, 60, "keys still end")
