"""Dump files: written by kvd and read by redis-server and the other way, old versions, damage, saving in all its ways, loading."""
import glob
import os
import random
import shutil
import signal
import subprocess

import pytest

import rdb
from disk_faults import Disk
from processes import kvd_binary, wait_for
from resp import RespError

DEBUG = "enable-debug-command: yes\n"


def fill(server):
    """Every type that both servers have the commands for, in every encoding, in three databases, with and without expiry."""
    with server.connect() as connection:
        do = connection.do
        for database in (0, 3, 15):
            do("SELECT", database)
            do("MSET", "int", 5, "large int", 2 ** 50, "text", "hello", "long", "x" * 5000, "empty", "", "random", random.Random(1).randbytes(70000))
            do("RPUSH", "list", *range(50), "text")
            do("RPUSH", "long list", *("element %d" % i * 9 for i in range(2000)), "y" * 20000)
            do("SADD", "intset", *range(-5, 50, 7))
            do("SADD", "set", "a", "b", 3)
            do("SADD", "large set", *("member %d" % i for i in range(2000)))
            do("HSET", "hash", "a", 1, "b", "two")
            do("HSET", "large hash", *("x%d" % i for i in range(3000)))
            do("PFADD", "hyperloglog", *range(1000))
            do("SET", "ends", "x", "PXAT", 4000000000123)
            do("PEXPIREAT", "large hash", 4000000000123)
        do("SELECT", 0)


def digest(server):
    return server.do("DEBUG", "DIGEST")


def file_of(group, server):
    return group.path(server.name, "dump.rdb")


def test_redis_loads_what_kvd_saves(group):
    kvd = group.kvd(DEBUG)
    redis = group.redis()
    fill(kvd)
    assert kvd.do("SAVE") == b"OK"
    shutil.copy(file_of(group, kvd), file_of(group, redis))
    redis.do("DEBUG", "RELOAD", "NOSAVE")
    assert digest(redis) == digest(kvd)
    assert redis.call("PEXPIRETIME", "ends") == 4000000000123
    check = subprocess.run(["redis-check-rdb", file_of(group, kvd)], capture_output=True, text=True)
    assert check.returncode == 0 and "RDB looks OK" in check.stdout, check.stdout


def test_kvd_loads_what_redis_saves(group):
    redis, kvd = group.redis(), group.kvd(DEBUG, start=False)
    fill(redis)
    redis.do("ZADD", "sorted set", 1, "a", "-inf", "b", 2.5, "c")
    redis.do("ZADD", "large sorted set", *(x for i in range(2000) for x in (i * 0.1, "member %d" % i)))
    redis.do("SAVE")
    shutil.copy(file_of(group, redis), file_of(group, kvd))
    kvd.start()
    assert digest(kvd) == digest(redis)
    assert kvd.info("persistence")["rdb_last_load_keys_loaded"] == str(sum(int(v.split("=")[1].split(",")[0]) for k, v in redis.info("keyspace").items() if k.startswith("db")))
    before = digest(kvd)
    for compress in ("yes", "no"):
        kvd.do("CONFIG", "SET", "rdbcompression", compress)
        assert kvd.do("DEBUG", "RELOAD") == b"OK"
        assert digest(kvd) == before


OLD = {  # version, opcodes and values, what GET, HGETALL ... answer
    1: b"\xfe\x00\x00\x01k\x01v",
    2: b"\xfe\x00\x02\x01k\x02\x01a\x01b",
    3: b"\xfe\x00\xfc" + (4000000000123).to_bytes(8, "little") + b"\x00\x01k\x01v\xfd" + (2000000000).to_bytes(4, "little") + b"\x00\x01q\x01v",
    4: b"\xfe\x00\x0d\x01k" + rdb.text(rdb.ziplist([b"f", 5])),
    5: b"\xfe\x01\x09\x01k" + rdb.text(rdb.zipmap([(b"f", b"v")])),
    6: b"\xfe\x00\x0a\x01k" + rdb.text(rdb.ziplist([b"a", 5])) + b"\x0c\x01z" + rdb.text(rdb.ziplist([b"a", 5])),
    7: b"\xfa\x09redis-ver\x053.2.0\xfe\x00\xfb\x01\x00\x0e\x01k\x01" + rdb.text(rdb.ziplist([b"a", 5])),
    8: b"\xfe\x00\x05\x01k\x01\x01a" + b"\0\0\0\0\0\0\xf8\x3f",
    9: b"\xfe\x00\xf8\x05\x00\x01k\x01v\xf9\x20\x00\x01q\x01v",
    10: b"\xfe\x00\x10\x01k" + rdb.text(rdb.listpack([b"f", 5])),
    11: b"\xfe\x00\x14\x01k" + rdb.text(rdb.listpack([b"a", b"b"])),
    12: b"\xfe\x00\x16\x01p\x01\x81" + (4000000000123).to_bytes(8, "big") + b"\x01f\x01v"
        + b"\x18\x01m" + (4000000000000).to_bytes(8, "little") + b"\x02\x3b\x01f\x01v\x00\x01g\x01w" + b"\xf4\x00\x01\x00\x00\x01k\x01v",
}


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("checksum", [True, False])
def test_every_version_loads(group, version, checksum):
    kvd, redis = group.kvd(DEBUG, start=False), group.redis()
    data = rdb.file(OLD[version], version, checksum)
    for server in (kvd, redis):
        with open(file_of(group, server), "wb") as file:
            file.write(data)
    kvd.start()
    if version <= 10:
        redis.do("DEBUG", "RELOAD", "NOSAVE")
        assert digest(kvd) == digest(redis)
    assert "keys loaded: 0" not in kvd.log()


def write_dump(group, server, data):
    with open(file_of(group, server), "wb") as file:
        file.write(data)


@pytest.mark.parametrize("data,complaint", [
    (b"", "ends after 0 bytes"), (b"REDIS00", "within something that needs 2 more"), (b"nonsense!" + b"x" * 90, "does not begin with REDIS"),
    (b"REDIS0099" + b"\xff", "a version of dump files that is not known"),
    (rdb.file(b"\xfe\x00\x00\x01k\x3fv"), "a value of type 0, key \"k\""), (rdb.file(b"\xfe\x00\x00\x01k\x01v")[:-3], "reading the checksum"),
    (rdb.file(b"\xfe\x00\x00\x01k\x01v")[:-1] + b"x", "checksum that is wrong"), (rdb.file(b"\xfe\x20\x00\x01k\x01v"), "raise the parameter databases"),
    (rdb.file(b"\xfe\x00\x00\x01k\x01v\x00\x01k\x01v"), "is there twice"), (rdb.file(b"\xfe\x00\x07\x01k"), "a value of a module"),
    (rdb.file(b"\xf7\x01"), "data of a module"), (rdb.file(b"\x80"), "not known"), (rdb.file(b"\xfe\x00\x00\x01k\x80\xff\xff\xff\xff"), "that needs 4294967"),
    (rdb.file(b"\xfe\x00\x0b\x01k\x05abcde"), "a set's intset that is damaged")],
    ids=lambda value: value.replace('"', "") if isinstance(value, str) else "")
def test_damaged_file_is_refused_with_its_place(group, data, complaint):
    kvd = group.kvd(start=False)
    write_dump(group, kvd, data)
    kvd.start(wait=False)
    assert kvd.process.wait(60) == 1
    assert complaint in kvd.log() and "at offset" in kvd.log(), kvd.log()


def test_no_flipped_bit_crashes_it(group):
    kvd = group.kvd(DEBUG + "rdbchecksum: no\n")
    with kvd.connect() as connection:
        connection.do("MSET", "a", 1, "b", "text" * 30)
        connection.do("RPUSH", "l", 1, 2, "three")
        connection.do("SADD", "s", 1, 2)
        connection.do("SADD", "t", "a", "b")
        connection.do("HSET", "h", "f", "v")
        connection.do("SAVE")
        with open(file_of(group, kvd), "rb") as file:
            good = file.read()
        dice = random.Random(3)
        for bit in dice.sample(range(72, len(good) * 8), 400):
            data = bytearray(good)
            data[bit // 8] ^= 1 << bit % 8
            write_dump(group, kvd, data[:dice.choice([len(data), dice.randrange(9, len(data))])])
            answer = connection.call("DEBUG", "RELOAD", "NOSAVE")
            assert answer == b"OK" or "is damaged: at offset" in str(answer), answer


def test_fields_that_end_need_a_newer_version(group):
    kvd = group.kvd(DEBUG)
    kvd.do("HSET", "plain", "f", "v")
    kvd.do("SAVE")
    with open(file_of(group, kvd), "rb") as file:
        assert file.read(9) == b"REDIS0010"
    kvd.do("HSET", "small", "f", "v", "g", "w", "h", 3)
    kvd.do("HPEXPIREAT", "small", 4000000000123, "FIELDS", 1, "g")
    kvd.do("HPEXPIREAT", "small", 4000000000122, "FIELDS", 1, "h")
    kvd.do("HSET", "large", *("x%d" % i for i in range(3000)))
    kvd.do("HPEXPIREAT", "large", 4000000000123, "FIELDS", 2, "x0", "x10")
    kvd.do("HPEXPIREAT", "large", 4000000000124, "FIELDS", 2, "x2", "x20")
    before, fields = digest(kvd), ["FIELDS", 5, "x0", "x10", "x2", "x20", "x4"]
    for _ in range(2):
        assert kvd.do("DEBUG", "RELOAD") == b"OK"
        assert digest(kvd) == before
        assert kvd.do("HPEXPIRETIME", "large", *fields) == [4000000000123, 4000000000123, 4000000000124, 4000000000124, -1]
        assert kvd.do("HPEXPIRETIME", "small", "FIELDS", 3, "f", "g", "h") == [-1, 4000000000123, 4000000000122]
    with open(file_of(group, kvd), "rb") as file:
        assert file.read(9) == b"REDIS0012"
    for key, looks in (("large", fields), ("small", ["FIELDS", 3, "f", "g", "h"])):
        payload = kvd.do("DUMP", key)
        assert payload[-10] == 12
        kvd.do("RESTORE", "copy", 0, payload, "REPLACE")
        assert kvd.do("HPEXPIRETIME", "copy", *looks) == kvd.do("HPEXPIRETIME", key, *looks)
    kvd.do("DEL", "small", "large", "copy")
    kvd.do("SAVE")
    with open(file_of(group, kvd), "rb") as file:
        assert file.read(9) == b"REDIS0010"


@pytest.mark.parametrize("policy,field", [("allkeys-lru", "IDLETIME"), ("allkeys-lfu", "FREQ"), ("noeviction", None)])
def test_use_of_keys_is_kept_where_it_matters(group, policy, field):
    kvd, redis = group.kvd(DEBUG + "maxmemory-policy: %s\n" % policy), group.redis("--maxmemory-policy", policy)
    kvd.do("SET", "k", "v")
    payload = kvd.do("DUMP", "k")
    kvd.do("RESTORE", "k", 0, payload, "REPLACE", *([field, 100] if field else []))
    kvd.do("SAVE")
    shutil.copy(file_of(group, kvd), file_of(group, redis))
    redis.do("DEBUG", "RELOAD", "NOSAVE")
    kvd.do("DEBUG", "RELOAD", "NOSAVE")
    with open(file_of(group, kvd), "rb") as file:
        data = file.read()
    assert (b"\xf8\x40\x64\x00\x01k" in data) == (field == "IDLETIME") and (b"\xf9\x64\x00\x01k" in data) == (field == "FREQ")
    for server in (kvd, redis) if field else ():
        assert 99 <= server.do("OBJECT", "IDLETIME" if field == "IDLETIME" else "FREQ", "k") <= 103


def test_keys_that_are_over_and_without_elements_are_left_out(group):
    kvd = group.kvd(DEBUG, start=False)
    write_dump(group, kvd, rdb.file(b"\xfe\x00\xfc" + (1000).to_bytes(8, "little") + b"\x00\x01k\x01v" + b"\x01\x01l\x00" + b"\x00\x01q\x01v"))
    kvd.start()
    assert kvd.do("KEYS", "*") == [b"q"]
    assert kvd.info("persistence")["rdb_last_load_keys_expired"] == "1"


def check(*argv, executable=None):
    run = subprocess.run(argv, executable=executable, capture_output=True, text=True)
    return run.returncode, run.stdout


def test_checker(group):
    kvd = group.kvd(DEBUG)
    fill(kvd)
    kvd.do("SAVE")
    path = file_of(group, kvd)
    for argv, executable in (([kvd_binary(), "--check-rdb", path], None), (["kvd-check-rdb", path], kvd_binary())):
        status, text = check(*argv, executable=executable)
        assert status == 0 and "RDB looks OK! \\o/ (version 10)" in text and "[info] 45 keys read" in text and "[info] 6 expires" in text, text
        assert "field redis-ver = '7.0.15'" in text and "database 15" in text
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - 30)
    status, text = check(kvd_binary(), "--check-rdb", path)
    assert status == 1 and "RDB ERROR DETECTED" in text and "at offset" in text, text
    assert check(kvd_binary(), "--check-rdb", path + "x") == (1, "There is no such file.\n")


# ---- saving ----

def persistence(server, field):
    return server.info("persistence")[field]


def saved(server, times):
    wait_for(lambda: persistence(server, "rdb_bgsave_in_progress") == "0" and int(persistence(server, "rdb_saves")) >= times)


def test_shutdown_saves_where_there_are_save_points(group):
    for save, options, is_saved in (("3600 1", [], True), ('""', [], False), ("3600 1", ["NOSAVE"], False), ('""', ["SAVE"], True)):
        kvd = group.kvd("save: %s\n" % save)
        kvd.do("SET", "k", "v")
        with kvd.connect() as connection:
            connection.send("SHUTDOWN", *options)
            assert kvd.process.wait(60) == 0
        assert os.path.exists(file_of(group, kvd)) == is_saved
        if is_saved:
            assert kvd.start().do("GET", "k") == b"v"


def test_bgsave(group):
    kvd = group.kvd(DEBUG)
    fill(kvd)
    assert int(persistence(kvd, "rdb_changes_since_last_save")) > 0
    before = kvd.do("LASTSAVE")
    assert kvd.do("BGSAVE") == b"Background saving started"
    saved(kvd, 1)
    info = kvd.info("persistence")
    assert info["rdb_last_bgsave_status"] == "ok" and info["rdb_changes_since_last_save"] == "0" and info["rdb_last_bgsave_time_sec"] != "-1"
    assert kvd.do("LASTSAVE") >= before
    assert os.listdir(group.path(kvd.name)) == ["dump.rdb"]
    mine = digest(kvd)
    kvd.kill()
    assert digest(kvd.start()) == mine
    assert kvd.call("BGSAVE", "x") == RespError("ERR syntax error")
    assert kvd.call("BGSAVE", "SCHEDULE", "x") == RespError("ERR syntax error")
    assert kvd.call("BGSAVE", "CANCEL") == RespError("ERR Background saving is currently not in progress or scheduled")
    with kvd.connect() as connection:
        connection.do("MULTI")
        connection.do("BGSAVE")
        assert connection.do("EXEC") == [b"Background saving scheduled"]
    saved(kvd, 1)


def children(server):
    with open("/proc/%d/task/%d/children" % (server.process.pid, server.process.pid)) as file:
        return [int(pid) for pid in file.read().split()]


@pytest.fixture
def saving(group):
    """A server whose child is stopped while it saves: (server, pid of the child)."""
    kvd = group.kvd(DEBUG)
    kvd.do("DEBUG", "POPULATE", 200000, "key", 100)
    pattern = os.path.join(kvd.do("CONFIG", "GET", "dir")[1].decode(), "temp-*.rdb")
    for _ in range(50):
        kvd.do("BGSAVE")
        # Once it writes it has done all that a child does first.
        wait_for(lambda: glob.glob(pattern) or persistence(kvd, "rdb_bgsave_in_progress") == "0")
        for pid in children(kvd):
            os.kill(pid, signal.SIGSTOP)
        if persistence(kvd, "rdb_bgsave_in_progress") == "1":
            yield kvd, children(kvd)[0]
            return
    pytest.fail("no child could be stopped while it saves")


def test_one_child_at_a_time_and_its_progress(group, saving):
    kvd, pid = saving
    assert kvd.call("BGSAVE") == RespError("ERR Background save already in progress")
    assert kvd.call("SAVE") == RespError("ERR Background save already in progress")
    assert persistence(kvd, "current_save_keys_total") == "200000"
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: persistence(kvd, "rdb_bgsave_in_progress") == "0")
    assert persistence(kvd, "rdb_last_bgsave_status") == "ok"


def test_child_that_is_killed(group, saving):
    kvd, pid = saving
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: persistence(kvd, "rdb_bgsave_in_progress") == "0")
    assert persistence(kvd, "rdb_last_bgsave_status") == "err"
    assert "signal 9" in kvd.log()
    assert not [name for name in os.listdir(group.path(kvd.name)) if name.startswith("temp-")]


def gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_child_that_is_not_wanted_any_more(group, saving):
    kvd, pid = saving
    assert kvd.call("BGSAVE", "CANCEL") == b"Background saving cancelled"
    assert gone(pid)
    assert persistence(kvd, "rdb_last_bgsave_status") == "ok" and persistence(kvd, "rdb_bgsave_in_progress") == "0"
    assert not [name for name in os.listdir(group.path(kvd.name)) if name.startswith("temp-")]


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_child_does_not_outlive_its_parent(saving, how):
    kvd, pid = saving
    kvd.kill() if how == "kill" else kvd.stop()
    wait_for(lambda: gone(pid))


def test_flushall_ends_the_child_and_saves_nothing(group, saving):
    kvd, pid = saving
    kvd.do("FLUSHALL")
    assert gone(pid)
    kvd.do("CONFIG", "SET", "save", "3600 1")
    kvd.do("SET", "k", "v")
    kvd.do("SAVE")
    kvd.do("FLUSHALL")
    kvd.kill()
    assert kvd.start().do("DBSIZE") == 0


def test_save_points(group):
    kvd = group.kvd('save: ["1 2", "3600 100"]\n')
    assert kvd.do("CONFIG", "GET", "save") == [b"save", b"1 2 3600 100"]
    assert kvd.call("CONFIG", "SET", "save", "1") != b"OK"
    assert kvd.call("CONFIG", "SET", "save", "0 1") != b"OK"
    kvd.do("SET", "a", 1)
    kvd.do("SET", "b", 1)
    wait_for(lambda: "2 changes in 1 seconds. Saving..." in kvd.log())
    wait_for(lambda: persistence(kvd, "rdb_changes_since_last_save") == "0")


@pytest.mark.parametrize("call,match,action", [
    ("write", "temp-", "ENOSPC"), ("write", "temp-", "EIO"), ("write", "temp-", "short"), ("fsync", "temp-", "EIO"), ("rename", "temp-", "ENOSPC")])
def test_a_disk_that_fails_leaves_the_old_file(group, call, match, action):
    disk = Disk(group, "faulty")
    kvd = group.kvd(DEBUG, name="faulty", env=disk.env)
    kvd.do("DEBUG", "POPULATE", 20000)  # several writes
    kvd.do("SAVE")
    with open(file_of(group, kvd), "rb") as file:
        before = file.read()
    kvd.do("SET", "new", 1)
    disk.happens(call, match, "1+", action)
    reply = str(kvd.call("SAVE"))
    assert "can't" in reply and ("No space left" in reply or "Input/output error" in reply)
    kvd.do("BGSAVE")
    wait_for(lambda: persistence(kvd, "rdb_last_bgsave_status") == "err")
    with open(file_of(group, kvd), "rb") as file:
        assert file.read() == before
    assert [name for name in os.listdir(group.path("faulty")) if name.startswith("temp-")] == []
    disk.works()
    kvd.do("BGSAVE")
    wait_for(lambda: persistence(kvd, "rdb_last_bgsave_status") == "ok")
    kvd.kill()
    assert kvd.start().do("DBSIZE") == 20001


def test_writes_are_refused_while_saving_fails(group):
    kvd = group.kvd('save: "3600 100"\ndbfilename: taken\n')
    os.mkdir(group.path(kvd.name, "taken"))
    kvd.do("SET", "k", "v")
    kvd.do("BGSAVE")
    saved(kvd, 1)
    assert persistence(kvd, "rdb_last_bgsave_status") == "err"
    assert "can't rename the temporary dump file" in kvd.log()
    for command in (["SET", "k", "w"], ["PING"], ["DEL", "k"]):
        assert str(kvd.call(*command)).startswith("MISCONF Redis is configured to save RDB snapshots")
    assert kvd.do("GET", "k") == b"v"
    with kvd.connect() as connection:
        connection.do("MULTI")
        assert str(connection.call("SET", "k", "w")).startswith("MISCONF")
        assert str(connection.call("EXEC")).startswith("EXECABORT")
    kvd.do("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
    assert kvd.do("SET", "k", "w") == b"OK"
    kvd.do("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
    assert str(kvd.call("SAVE")).startswith("ERR can't rename")
    assert kvd.call("SHUTDOWN") == RespError("ERR Errors trying to SHUTDOWN. Check logs.")
    assert os.listdir(group.path(kvd.name)) == ["taken"]
    os.rmdir(group.path(kvd.name, "taken"))
    kvd.do("BGSAVE")
    saved(kvd, 3)
    assert kvd.do("SET", "k", "w") == b"OK"


# ---- loading ----

def test_clients_are_served_while_it_loads(group):
    kvd = group.kvd(DEBUG)
    kvd.do("DEBUG", "POPULATE", 5000)
    kvd.do("SET", "ends", "x", "PX", 3600000)
    kvd.do("SAVE")
    mine = digest(kvd)
    kvd.kill()
    kvd.argv += ["--key-load-delay", "5000"]
    kvd.start(wait=False)
    wait_for(lambda: kvd.info("persistence")["loading"] == "1")
    info = kvd.info("persistence")
    assert int(info["loading_total_bytes"]) == os.path.getsize(file_of(group, kvd)) and "loading_eta_seconds" in info
    assert kvd.call("GET", "key:1") == RespError("LOADING Redis is loading the dataset in memory")
    assert str(kvd.call("SAVE")).startswith("LOADING")
    assert str(kvd.call("PING")).startswith("LOADING")
    kvd.do("CONFIG", "SET", "key-load-delay", "0")
    wait_for(kvd.answers)
    assert digest(kvd) == mine
    assert "loading_eta_seconds" not in kvd.info("persistence")


def test_shutdown_while_it_loads_leaves_the_file_alone(group):
    kvd = group.kvd(DEBUG)
    kvd.do("DEBUG", "POPULATE", 5000)
    kvd.do("SAVE")
    with open(file_of(group, kvd), "rb") as file:
        before = file.read()
    kvd.kill()
    kvd.argv += ["--key-load-delay", "5000", "--save", "1 1"]
    kvd.start(wait=False)
    wait_for(lambda: kvd.info("persistence")["loading"] == "1")
    assert kvd.stop() == 0
    with open(file_of(group, kvd), "rb") as file:
        assert file.read() == before


def test_debug_reload(group):
    kvd = group.kvd(DEBUG)
    kvd.do("SET", "a", 1)
    assert kvd.call("DEBUG", "RELOAD", "x") == RespError("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    assert "no dump file" in str(kvd.call("DEBUG", "RELOAD", "NOSAVE"))
    kvd.do("SET", "a", 1)
    kvd.do("SAVE")
    kvd.do("MSET", "a", 2, "b", 3)
    assert "there twice" in str(kvd.call("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))
    assert kvd.do("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE") == b"OK"
    assert kvd.do("MGET", "a", "b") == [b"1", b"3"]
    assert kvd.do("DEBUG", "RELOAD", "NOSAVE") == b"OK"
    assert kvd.do("MGET", "a", "b") == [b"1", None]
    with kvd.connect() as connection:
        connection.do("WATCH", "a")
        kvd.do("DEBUG", "RELOAD")
        connection.do("MULTI")
        connection.do("PING")
        assert connection.do("EXEC") is None
