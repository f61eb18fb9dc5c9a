"""What random commands reach too seldom, compared with redis-server: descriptions of commands, expiry, WATCH, large values."""
import time

import pytest

import differ
from resp import Connection

COMMANDS = """dump restore append decr decrby get getdel getex getrange getset incr incrby incrbyfloat lcs mget mset msetnx psetex set setex setnx
dump restore setrange strlen substr copy del exists expire expireat expiretime keys move persist pexpire pexpireat pexpiretime pttl randomkey
rename renamenx scan touch ttl type unlink discard exec multi unwatch watch dbsize flushall flushdb select swapdb object role
xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim""".split()


@pytest.fixture(params=[2, 3])
def pair(servers, request):
    pair = differ.Pair(*servers, request.param)
    pair.reset()
    yield pair
    pair.reset()
    pair.close()


def same(pair, *words, at=0, how="exact"):
    difference = pair.same(at, [word if isinstance(word, bytes) else str(word).encode() for word in words], how)
    assert difference is None, "%r\n%s" % (words, difference)


def described(port, name):
    with Connection(port) as connection:
        row = connection.do("COMMAND", "INFO", name)[0]
    row[8] = [spec[2:] if spec[0] == b"notes" else spec for spec in row[8]]  # texts for people
    name, arity, flags, first, last, step, categories, tips, specs, subcommands = row
    return {"name": name, "arity": arity, "flags": sorted(flags), "keys": (first, last, step), "categories": sorted(categories),
            "specs": specs, "subcommands": sorted(row[0] for row in subcommands)}


@pytest.mark.parametrize("name", COMMANDS)
def test_description(servers, name):
    mine, theirs = (described(port, name) for port in servers)
    mine["flags"] = [flag for flag in mine["flags"] if flag not in (b"sentinel",)]
    assert mine == theirs


def test_key_ends_when_looked_up(pair):
    for command in (["SET", "a", "1", "PX", 1], ["PSETEX", "b", 1, "x"]):
        same(pair, *command)
    same(pair, "SET", "c", "x")
    same(pair, "PEXPIRE", "c", 1)
    time.sleep(0.02)
    for key in "abc":
        same(pair, "GET", key)
        same(pair, "TTL", key)
        same(pair, "SET", key, "again", "XX")
        same(pair, "SET", key, "again", "NX", "GET")
    same(pair, "DBSIZE")


def test_expired_keys_are_not_listed(pair):
    for i in range(50):
        same(pair, "SET", "k%d" % i, "v", *(["PX", 1] if i % 2 else []))
    time.sleep(0.02)
    same(pair, "KEYS", "*", how="set")
    same(pair, "SCAN", "MATCH", "k*", how="walk")
    same(pair, "RENAME", "k1", "x")
    same(pair, "COPY", "k1", "x")
    same(pair, "MOVE", "k1", 1)
    same(pair, "EXISTS", "k1", "k2")


def test_expired_keys_go_without_being_looked_up(servers):
    with Connection(servers[0]) as kvd:
        kvd.do("FLUSHALL")
        before = int(dict(line.split(":") for line in kvd.do("INFO", "stats").decode().split() if ":" in line)["expired_keys"])
        kvd.pipeline([["SET", "e%d" % i, "v", "PX", 20 + i % 100] for i in range(5000)])
        deadline = time.monotonic() + 60
        while kvd.do("DBSIZE") > 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        after = int(dict(line.split(":") for line in kvd.do("INFO", "stats").decode().split() if ":" in line)["expired_keys"])
        assert after - before == 5000


@pytest.mark.parametrize("change", [
    ["SET", "w", "2"], ["DEL", "w"], ["EXPIRE", "w", "100"], ["PERSIST", "w"], ["APPEND", "w", "x"], ["APPEND", "w", ""], ["INCR", "w"],
    ["SETRANGE", "w", "0", ""], ["GETDEL", "w"], ["RENAME", "w", "v"], ["RENAME", "v", "w"], ["FLUSHALL"], ["SWAPDB", "0", "1"], ["SWAPDB", "1", "2"],
    ["SWAPDB", "0", "0"], ["GET", "w"], ["TOUCH", "w"], ["COPY", "v", "w"], ["COPY", "v", "w", "REPLACE"], ["MOVE", "w", "3"], ["SETNX", "w", "z"],
    ["MSET", "v", "1", "w", "2"], ["GETEX", "w", "EX", "100"], ["GETEX", "w", "PERSIST"], ["GETEX", "w"], ["EXPIRE", "w", "-1"], ["SET", "other", "1"]])
@pytest.mark.parametrize("exists", [True, False])
def test_watch(pair, change, exists):
    same(pair, "SET", "v", "from v")
    if exists:
        same(pair, "SET", "w", "1")
    same(pair, "WATCH", "w", "w")
    same(pair, *change, at=1)
    same(pair, "MULTI")
    same(pair, "PING")
    same(pair, "EXEC")
    same(pair, "MULTI")
    same(pair, "EXEC")


def test_watched_key_that_ends(pair):
    same(pair, "SET", "w", "1", "PX", 3000)  # long enough to be watched alive on a busy machine
    same(pair, "WATCH", "w")
    time.sleep(3.1)
    same(pair, "MULTI")
    same(pair, "PING")
    same(pair, "EXEC")


def test_transactions_fail_as_they_should(pair):
    same(pair, "SET", "s", "text")
    for first in (["INCR", "s"], ["INCRBY", "s"], ["nosuch"], ["GET"], ["WATCH", "x"], ["MULTI"], ["SELECT", "99"], ["EXEC"], ["DISCARD"]):
        same(pair, "MULTI")
        same(pair, *first)
        same(pair, "SET", "t", "1")
        same(pair, "EXEC")
        same(pair, "GET", "t")
        same(pair, "DEL", "t")
    same(pair, "MULTI")
    same(pair, "SELECT", "3")
    same(pair, "SET", "in3", "1")
    same(pair, "EXEC")
    same(pair, "KEYS", "*", how="set")


def test_reset_leaves_the_transaction(pair):
    same(pair, "SELECT", "2")
    same(pair, "WATCH", "a")
    same(pair, "MULTI")
    same(pair, "SET", "a", "1")
    same(pair, "RESET")
    same(pair, "EXEC")
    same(pair, "DBSIZE")


@pytest.mark.parametrize("size", [1023, 1024, 1025, 16384, 32767, 32768, 65535, 65536, 1000000, 3000000])
def test_large_values(pair, size):
    value = bytes(range(256)) * (size // 256 + 1)
    value = value[:size]
    same(pair, "SET", "big", value)
    same(pair, "GET", "big")
    same(pair, "OBJECT", "ENCODING", "big")
    same(pair, "GETRANGE", "big", size - 10, -1)
    same(pair, "APPEND", "big", "tail")
    same(pair, "SETRANGE", "big", size // 2, "middle")
    same(pair, "GET", "big")
    same(pair, "COPY", "big", "copy")
    same(pair, "APPEND", "copy", "x")
    same(pair, "STRLEN", "big")
    same(pair, "GETSET", "big", value)
    same(pair, "GETDEL", "big")
    same(pair, "STRLEN", "copy")


def test_a_value_that_is_being_sent_may_change(servers):
    """The reply's bytes are those of the time of the command, though they are not copied."""
    with Connection(servers[0]) as kvd:
        value = b"a" * 4000000
        kvd.do("SET", "big", value)
        replies = kvd.pipeline([["GET", "big"], ["SETRANGE", "big", "0", "b"], ["GET", "big"], ["DEL", "big"], ["GET", "big"]])
        assert replies[0] == value and replies[2] == b"b" + value[1:] and replies[4] is None


def test_scan_sees_everything_while_the_table_changes(servers):
    with Connection(servers[0]) as kvd:
        kvd.do("FLUSHALL")
        kvd.pipeline([["SET", "stay:%d" % i, "v"] for i in range(3000)])
        for grows in (True, False):
            found, cursor, step = set(), b"0", 0
            while True:
                cursor, keys = kvd.do("SCAN", cursor, "COUNT", "50")
                found.update(keys)
                numbers = range(step * 30, step * 30 + 30)
                kvd.pipeline([["SET", "extra:%d" % i, "v"] if grows else ["DEL", "extra:%d" % i] for i in numbers])
                step += 1
                if cursor == b"0":
                    break
            assert sum(key.startswith(b"stay:") for key in found) == 3000
        kvd.do("FLUSHALL")


def test_no_touch_leaves_the_idle_time(servers):
    with Connection(servers[0]) as kvd:
        kvd.do("SET", "idle", "v")
        assert kvd.do("CLIENT", "NO-TOUCH", "ON") == b"OK"
        assert kvd.do("GET", "idle") == b"v"
        assert kvd.do("OBJECT", "IDLETIME", "idle") in (0, 1)


def test_set_ifeq(servers):
    with Connection(servers[0]) as kvd:
        kvd.do("DEL", "q")
        assert kvd.call("SET", "q", "new", "IFEQ", "old") is None
        kvd.do("SET", "q", "10")
        assert kvd.call("SET", "q", "new", "IFEQ", "11") is None
        assert kvd.call("SET", "q", "new", "IFEQ", "10") == b"OK"
        assert kvd.call("SET", "q", "newer", "IFEQ", "new", "GET") == b"new"
        assert kvd.call("SET", "q", "newest", "IFEQ", "no", "GET") == b"newer"
        assert str(kvd.call("SET", "q", "x", "IFEQ", "y", "NX")) == "ERR syntax error"
        assert kvd.do("GET", "q") == b"newer"


@pytest.mark.parametrize("arguments", [
    ["HTSTATS", "0"], ["OBJECT", "d"], ["POPULATE", "10", "p", "20"], ["PROTOCOL", "map"], ["SET-ACTIVE-EXPIRE", "1"], ["SLEEP", "0"]])
def test_debug(servers, arguments):
    with Connection(servers[0]) as kvd:
        kvd.do("SET", "d", "v")
        kvd.do("DEBUG", *arguments)
