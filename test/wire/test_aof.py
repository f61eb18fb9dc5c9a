"""The append-only file while the server runs: what it writes and when, rewriting, switching on and off, a disk that fails."""
import os
import subprocess
import threading
import time

import pytest

from disk_faults import Disk
from processes import wait_for
from resp import RespError

ON = "appendonly: yes\nenable-debug-command: yes\n"
MISCONF = "MISCONF Errors writing to the AOF file: "


def folder(group, server):
    return group.path(server.name, "appendonlydir")


def read(group, server, name):
    with open(os.path.join(folder(group, server), name), "rb") as file:
        return file.read()


def files(group, server):
    return sorted(os.listdir(folder(group, server)))


def info(server, field):
    return server.info("persistence").get(field)


def request(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def wait_for_rewrite(server):
    def is_done():
        fields = server.info("persistence")  # of one moment: what is scheduled may begin between two questions
        return fields["aof_rewrite_in_progress"] == fields["aof_rewrite_scheduled"] == "0"
    wait_for(is_done, what="the rewrite has ended")


def kill_when_written(server):
    """With everysec writing may wait while an fsync runs: what was answered then is in the buffer."""
    wait_for(lambda: info(server, "aof_buffer_length") == "0")
    server.kill()


def rewrite(server):
    before = int(info(server, "aof_rewrites"))
    assert server.do("BGREWRITEAOF").startswith(b"Background append only file rewriting")
    wait_for(lambda: int(info(server, "aof_rewrites")) > before and info(server, "aof_rewrite_in_progress") == "0")


def test_debug_loadaof(group):
    kvd = group.kvd(ON + "appendfsync: no\n")
    with kvd.connect() as connection:
        connection.do("RPUSH", "list", *range(300))
        connection.do("SET", "a", 1)
        rewrite(kvd)
        connection.do("INCR", "a")
        connection.do("SET", "gone", 1, "PXAT", 1000)  # it has ended: a DEL, in both
        before = connection.do("DEBUG", "DIGEST")
        assert connection.do("DEBUG", "LOADAOF") == b"OK"
        assert connection.do("DEBUG", "DIGEST") == before
        assert connection.do("GET", "a") == b"2" and connection.do("LLEN", "list") == 300
        connection.do("INCR", "a")  # and it goes on behind what was loaded
        assert connection.do("DEBUG", "LOADAOF") == b"OK"
        assert connection.do("GET", "a") == b"3"
    kill_when_written(kvd)
    kvd.start()
    assert kvd.do("GET", "a") == b"3"


def test_debug_loadaof_loses_nothing_that_could_not_be_written(group):
    kvd = group.kvd("enable-debug-command: yes\n")
    kvd.do("SET", "a", 1)
    assert "no append-only file" in str(kvd.call("DEBUG", "LOADAOF"))
    with kvd.connect() as connection:
        assert connection.pipeline([("MULTI",), ("SET", "a", 3), ("DEBUG", "LOADAOF"), ("EXEC",)])[3][1] == RespError(
            "ERR DEBUG LOADAOF is not allowed in transactions and scripts")
    disk = Disk(group, "faulty")
    kvd = group.kvd(ON + "appendfsync: no\n", env=disk.env)
    kvd.do("SET", "a", 1)
    wait_for(lambda: info(kvd, "aof_buffer_length") == "0")
    disk.happens("write", "incr.aof", "1+", "ENOSPC")
    kvd.do("SET", "a", 2)
    assert "can't be written" in str(kvd.call("DEBUG", "LOADAOF"))
    assert kvd.do("GET", "a") == b"2"
    disk.works()
    wait_for(lambda: info(kvd, "aof_last_write_status") == "ok")
    assert kvd.do("DEBUG", "LOADAOF") == b"OK" and kvd.do("GET", "a") == b"2"


# ---- what is written ----

def test_files_are_byte_for_byte_those_of_redis(group):
    kvd = group.kvd(ON + "appendfsync: no\naof-use-rdb-preamble: no\n")
    redis = group.redis("--appendonly", "yes", "--appendfsync", "no", "--aof-use-rdb-preamble", "no")
    for server in (kvd, redis):
        with server.connect() as connection:
            do = connection.do
            do("SET", "a", "1")
            do("SELECT", 5)
            do("RPUSH", "list", "x", "y" * 5000)
            do("MULTI")
            do("INCR", "n")
            do("SELECT", 0)
            do("INCR", "n")
            do("EXEC")
            do("GET", "a")
        rewrite(server)
        server.do("SET", "b", 2)
        server.do("DEL", "nothing")
        server.do("CONFIG", "SET", "appendonly", "no")
        server.do("SET", "c", 3)
        server.do("CONFIG", "SET", "appendonly", "yes")
        wait_for_rewrite(server)
        server.do("SET", "d", 4)
        rewrite(server)
        server.do("SET", "e", 5)
    wait_for(lambda: files(group, kvd) == files(group, redis))
    assert len(files(group, kvd)) == 3
    for name in files(group, redis):
        mine, theirs = read(group, kvd, name), read(group, redis, name)
        if "base" in name:  # the order of keys is a table's
            assert sorted(mine.split(b"*")) == sorted(theirs.split(b"*"))
        else:
            assert mine == theirs, name


def test_the_time_is_noted(group):
    kvd = group.kvd(ON + "aof-timestamp-enabled: yes\nappendfsync: no\n")
    kvd.do("SET", "a", 1)
    kvd.do("SET", "b", 1)
    text = read(group, kvd, "appendonly.aof.1.incr.aof")
    head, rest = text.split(b"\r\n", 1)
    assert head.startswith(b"#TS:") and abs(int(head[4:]) - time.time()) < 60
    assert rest.startswith(request(b"SELECT", b"0") + request(b"SET", b"a", b"1"))
    kvd.do("CONFIG", "SET", "aof-use-rdb-preamble", "no")
    rewrite(kvd)
    assert read(group, kvd, "appendonly.aof.2.base.aof").startswith(b"#TS:")
    kill_when_written(kvd)
    assert kvd.start().do("DBSIZE") == 2


def test_names_and_parameters(group):
    kvd = group.kvd(ON + "appendfilename: mine\nappenddirname: parts\n")
    assert sorted(os.listdir(group.path(kvd.name, "parts"))) == ["mine.1.base.rdb", "mine.1.incr.aof", "mine.manifest"]
    assert kvd.call("CONFIG", "SET", "appendfilename", "x") == RespError(
        "ERR CONFIG SET failed (possibly related to argument 'appendfilename') - can't set immutable config")
    from processes import kvd_binary
    for wrong in ("appendfilename: a/b", "appenddirname: ../x", "appenddirname: \"\"", "appendfsync: sometimes"):
        path = group.write("wrong.yaml", wrong + "\n")
        assert subprocess.run([kvd_binary(), "--check-config", path], capture_output=True).returncode == 1, wrong


def test_begins_with_the_dump_where_there_is_no_file_yet(group):
    kvd = group.kvd("")
    kvd.do("SET", "a", 1)
    kvd.do("SAVE")
    kvd.kill()
    kvd.argv += ["--appendonly", "yes"]
    kvd.start()
    assert kvd.do("GET", "a") == b"1"
    os.remove(group.path(kvd.name, "dump.rdb"))
    kill_when_written(kvd)
    assert kvd.start().do("GET", "a") == b"1"


# ---- rewriting ----

def test_rewrites_when_it_has_grown(group):
    kvd = group.kvd(ON + "auto-aof-rewrite-min-size: 20kb\nauto-aof-rewrite-percentage: 50\n")
    for n in range(300):
        kvd_value = "%d" % n + "x" * 100
        kvd.do("SET", "k", kvd_value)
    wait_for(lambda: int(info(kvd, "aof_rewrites")) >= 1 and info(kvd, "aof_rewrite_in_progress") == "0")
    assert "Starting automatic rewriting of AOF on" in kvd.log()
    assert int(info(kvd, "aof_base_size")) < 20 * 1024
    assert kvd.do("GET", "k") == kvd_value.encode()


def test_waits_for_a_child_that_saves(group):
    kvd = group.kvd(ON)
    with kvd.connect() as connection:
        connection.do("DEBUG", "POPULATE", 200000, "key", 100)
        connection.send("BGSAVE")
        connection.send("BGREWRITEAOF")
        connection.send("BGREWRITEAOF")
        assert connection.read() == b"Background saving started"
        assert connection.read() == b"Background append only file rewriting scheduled"
        connection.read()
    wait_for(lambda: int(info(kvd, "aof_rewrites")) == 1 and info(kvd, "aof_rewrite_in_progress") == "0", timeout=60)
    assert info(kvd, "aof_last_bgrewrite_status") == "ok" and info(kvd, "aof_rewrite_scheduled") == "0"


def test_a_rewrite_that_fails_changes_nothing(group):
    disk = Disk(group, "faulty")
    kvd = group.kvd(ON, name="faulty", env=disk.env)
    kvd.do("SET", "a", 1)
    for call, match in ("write", "temp-"), ("fsync", "temp-"), ("rename", "temp-rewriteaof"):
        disk.happens(call, match, "1+", "ENOSPC")
        failures = int(info(kvd, "aof_rewrites_consecutive_failures"))
        kvd.do("BGREWRITEAOF")
        wait_for(lambda: int(info(kvd, "aof_rewrites_consecutive_failures")) > failures)
        assert info(kvd, "aof_last_bgrewrite_status") == "err"
        assert not [name for name in os.listdir(group.path("faulty")) if name.startswith("temp-")]
        kvd.do("INCR", "a")
    disk.works()
    kill_when_written(kvd)
    assert kvd.start().do("GET", "a") == b"4"
    rewrite(kvd)
    assert info(kvd, "aof_last_bgrewrite_status") == "ok"
    kill_when_written(kvd)
    assert kvd.start().do("GET", "a") == b"4"


# ---- on and off ----

def test_switching_on_waits_for_the_first_rewrite(group):
    kvd = group.kvd("enable-debug-command: yes\n")
    kvd.do("SET", "before", 1)
    assert info(kvd, "aof_enabled") == "0" and info(kvd, "aof_current_size") is None
    kvd.do("CONFIG", "SET", "appendonly", "yes")
    kvd.do("SET", "meanwhile", 1)
    wait_for_rewrite(kvd)
    kvd.do("SET", "after", 1)
    kvd.argv += ["--appendonly", "yes"]
    kill_when_written(kvd)
    assert kvd.start().do("DBSIZE") == 3
    assert files(group, kvd) == ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"]


def test_switching_off_and_on_counts_on(group):
    kvd = group.kvd(ON)
    kvd.do("SET", "a", 1)
    kvd.do("CONFIG", "SET", "appendonly", "no")
    kvd.do("SET", "b", 1)
    with kvd.connect() as connection:
        connection.do("MULTI")
        connection.do("CONFIG", "SET", "appendonly", "yes")
        connection.do("SET", "c", 1)
        connection.do("EXEC")
    wait_for_rewrite(kvd)
    assert files(group, kvd) == ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"]
    kill_when_written(kvd)
    assert kvd.start().do("DBSIZE") == 3


def test_shutdown_leaves_nothing_unwritten(group):
    kvd = group.kvd(ON)
    with kvd.connect() as connection:
        connection.send("SET", "a", 1)
        connection.send("SHUTDOWN")
        connection.read()
    kvd.process.wait(60)
    assert kvd.start().do("GET", "a") == b"1"


# ---- a disk that fails ----

@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
@pytest.mark.parametrize("action", ["ENOSPC", "EIO", "short"])
def test_writes_are_refused_until_it_works_again(group, policy, action):
    disk = Disk(group, "faulty")
    kvd = group.kvd(ON + "appendfsync: %s\n" % policy, name="faulty", env=disk.env)
    kvd.do("SET", "a", 1)
    wait_for(lambda: info(kvd, "aof_buffer_length") == "0")
    whole = read(group, kvd, "appendonly.aof.1.incr.aof")
    disk.happens("write", "incr.aof", "1+", action)
    with kvd.connect() as writer:
        writer.send("SET", "b", "x" * 1000)
        wait_for(lambda: info(kvd, "aof_last_write_status") == "err")  # a write before that would wait with it
        wait_for(lambda: str(kvd.call("SET", "c", 1)).startswith(MISCONF))
        assert str(kvd.call("PING")).startswith(MISCONF) and kvd.do("GET", "a") == b"1"
        assert info(kvd, "aof_last_write_status") == "err"
        assert read(group, kvd, "appendonly.aof.1.incr.aof") == whole, "what was torn is cut off"
        if policy == "always":  # its reply is held until what it changed is on the disk
            writer.settimeout(0.5)
            with pytest.raises(OSError):
                writer.read()
        disk.works()
        wait_for(lambda: kvd.call("SET", "d", 1) == b"OK")
        if policy != "always":
            assert writer.read() == b"OK"
    assert info(kvd, "aof_last_write_status") == "ok"
    assert "The append-only file can be written again." in kvd.log()
    kill_when_written(kvd)
    kvd.start()
    assert kvd.do("MGET", "a", "d") == [b"1", b"1"] and kvd.do("STRLEN", "b") == 1000


def test_a_held_reply_comes_when_it_works_again(group):
    disk = Disk(group, "faulty")
    kvd = group.kvd(ON + "appendfsync: always\n", name="faulty", env=disk.env)
    disk.happens("fdatasync", "incr.aof", "1+", "EIO")
    with kvd.connect(timeout=30) as writer:
        writer.send("SET", "a", 1)
        wait_for(lambda: info(kvd, "aof_last_write_status") == "err")
        wait_for(lambda: str(kvd.call("SET", "c", 1)).startswith(MISCONF))
        assert read(group, kvd, "appendonly.aof.1.incr.aof") == b"", "it is written anew, so that the kernel writes it anew"
        disk.works()
        assert writer.read() == b"OK"
    assert read(group, kvd, "appendonly.aof.1.incr.aof").endswith(request(b"SET", b"a", b"1"))


def test_a_failed_sync_in_the_background_is_followed_by_a_rewrite(group):
    disk = Disk(group, "faulty")
    kvd = group.kvd(ON, name="faulty", env=disk.env)
    disk.happens("fdatasync", "incr.aof", "1+", "EIO")
    kvd.do("SET", "a", 1)
    wait_for(lambda: str(kvd.call("SET", "c", 1)).startswith(MISCONF))
    disk.works()
    wait_for(lambda: kvd.call("SET", "d", 1) == b"OK")
    wait_for(lambda: int(info(kvd, "aof_rewrites")) >= 1 and info(kvd, "aof_rewrite_in_progress") == "0")
    assert info(kvd, "aof_last_bgrewrite_status") == "ok"
    with kvd.connect() as connection:
        connection.do("SET", "e", 1)
        assert connection.do("WAITAOF", 1, 0, 20000) == [1, 0]


def test_a_rewrite_syncs_the_part_so_far_on_a_thread(group):
    """What comes meanwhile is of the new part, and is there however slow the disk was."""
    disk = Disk(group, "slow")
    kvd = group.kvd(ON + "auto-aof-rewrite-percentage: 0\n", name="slow", env=disk.env)
    with kvd.connect(timeout=60) as connection:
        for action in ("slow", "slow=2500"):  # the second takes longer than it is waited for
            disk.happens("fdatasync", "incr.aof", "1+", action)
            before = files(group, kvd)
            connection.do("INCR", "n")
            connection.do("BGREWRITEAOF")
            for _ in range(100):
                connection.do("INCR", "n")
            wait_for_rewrite(kvd)
            assert info(kvd, "aof_last_bgrewrite_status") == "ok" and files(group, kvd) != before
        disk.works()
    kill_when_written(kvd)
    assert kvd.start().do("GET", "n") == b"202"


def test_a_rewrite_whose_part_cannot_be_synced_is_dropped(group):
    disk = Disk(group, "faulty")
    kvd = group.kvd(ON + "auto-aof-rewrite-percentage: 0\nappendfsync: no\n", name="faulty", env=disk.env)
    kvd.do("SET", "a", 1)
    before = files(group, kvd)
    disk.happens("fdatasync", "incr.aof", "1+", "EIO")
    kvd.call("BGREWRITEAOF")
    kvd.call("SET", "b", 1)
    wait_for(lambda: info(kvd, "aof_last_bgrewrite_status") == "err")
    assert files(group, kvd) == before
    disk.works()
    wait_for(lambda: kvd.call("SET", "c", 1) == b"OK")
    wait_for(lambda: info(kvd, "aof_last_bgrewrite_status") == "ok")  # what may be lost is written anew
    wait_for_rewrite(kvd)
    kill_when_written(kvd)
    kvd.start()
    assert kvd.do("MGET", "a", "c") == [b"1", b"1"]


def test_writing_waits_for_a_slow_sync_but_not_for_ever(group):
    disk = Disk(group, "slow")
    kvd = group.kvd(ON, name="slow", env=disk.env)
    disk.happens("fdatasync", "incr.aof", "1+", "slow")
    deadline = time.monotonic() + 60
    seen = 0
    while time.monotonic() < deadline and not seen:
        kvd.do("INCR", "n")
        seen = int(info(kvd, "aof_buffer_length"))
    assert seen, "never was anything held back while an fsync ran"
    count = kvd.do("GET", "n")
    wait_for(lambda: info(kvd, "aof_buffer_length") == "0")
    disk.works()
    kill_when_written(kvd)
    assert kvd.start().do("GET", "n") == count


# ---- WAITAOF ----

def test_waitaof(group):
    kvd = group.kvd(ON)
    with kvd.connect() as connection:
        assert connection.do("WAITAOF", 0, 0, 0) == [1, 0]
        connection.do("SET", "a", 1)
        assert connection.do("WAITAOF", 1, 0, 20000) == [1, 0]
        assert connection.do("WAITAOF", 0, 1, 10) == [1, 0]
        connection.do("CONFIG", "SET", "appendfsync", "no")
        connection.do("SET", "a", 2)
        assert connection.do("WAITAOF", 1, 0, 10) == [0, 0]
        connection.send("WAITAOF", 1, 0, 0)
        wait_for(lambda: kvd.info("clients")["blocked_clients"] == "1")
        kvd.do("CONFIG", "SET", "appendfsync", "always")
        assert connection.read() == [1, 0]
        connection.do("CONFIG", "SET", "appendfsync", "no")
        connection.do("SET", "a", 3)
        connection.send("WAITAOF", 1, 0, 0)
        wait_for(lambda: kvd.info("clients")["blocked_clients"] == "1")
        kvd.do("CONFIG", "SET", "appendonly", "no")
        off = RespError("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
        assert connection.read() == off
        assert connection.call("WAITAOF", 1, 0, 10) == off
        assert connection.do("WAITAOF", 0, 0, 10) == [0, 0]
        assert connection.call("WAITAOF", 2, 0, 10) == RespError("ERR value is out of range, value must between 0 and 1")
        assert connection.call("WAITAOF", 0, -1, 10) == RespError("ERR value is out of range, must be positive")
        assert connection.call("WAITAOF", 0, 0, -1) == RespError("ERR timeout is negative")
        connection.do("MULTI")
        connection.do("WAITAOF", 0, 1, 0)
        assert connection.do("EXEC") == [[0, 0]]
