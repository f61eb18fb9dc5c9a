"""Append-only files that redis-server wrote load in kvd, and the other way: every type, several databases, deadlines,
transactions, before and after a rewrite, with a dump as the base and without."""
import os
import shutil

import pytest

from processes import wait_for

CONFIG = "appendonly: yes\nenable-debug-command: yes\naof-use-rdb-preamble: %s\n"


def fill(server):
    with server.connect() as connection:
        do = connection.do
        for database in (0, 3, 15):
            do("SELECT", database)
            do("MSET", "int", 5, "text", "hello", "empty", "", "binary", bytes(range(256)), "large", "x" * 70000)
            do("APPEND", "text", " world")
            do("RPUSH", "list", *range(200))
            do("LPOP", "list", 3)
            do("SADD", "intset", *range(-5, 50, 7))
            do("SADD", "set", *("member %d" % i for i in range(300)))
            do("SREM", "set", "member 7")
            do("HSET", "hash", *("x%d" % i for i in range(300)))
            do("HINCRBYFLOAT", "hash", "number", 1.5)
            do("ZADD", "sorted set", 1, "a", "-inf", "b", 2.5, "c", "inf", "d")
            do("ZADD", "large sorted set", *(x for i in range(300) for x in (i * 0.1, "member %d" % i)))
            do("PFADD", "hyperloglog", *range(100))
            for i in range(1, 120):
                do("XADD", "stream", "%d-1" % i, "field", i)
            do("XDEL", "stream", "7-1", "119-1")
            do("XGROUP", "CREATE", "stream", "group", "0")
            do("XGROUP", "CREATE", "stream", "other", "5-1")
            do("XGROUP", "CREATECONSUMER", "stream", "other", "lonely")
            do("XREADGROUP", "GROUP", "group", "consumer", "COUNT", 10, "STREAMS", "stream", ">")
            do("XACK", "stream", "group", "3-1")
            do("XADD", "emptied", "5-5", "f", "v")
            do("XDEL", "emptied", "5-5")
            do("SET", "ends", "x", "PXAT", 4000000000123)
            do("PEXPIREAT", "hash", 4000000000123)
            do("SET", "gone", "x", "PX", 1)
            do("MULTI")
            do("INCR", "counter")
            do("RPUSH", "in a transaction", 1, 2)
            do("EXEC")


def state(server):
    """What the data are, also where DEBUG DIGEST does not look: what is pending in groups, deadlines."""
    with server.connect() as connection:
        connection.do("SELECT", 3)
        pending = connection.do("XPENDING", "stream", "group", "-", "+", 100)
        return (connection.do("DEBUG", "DIGEST"), [entry[:2] + entry[3:] for entry in pending], connection.do("XPENDING", "stream", "other"),
                connection.do("PEXPIRETIME", "hash"), connection.do("PEXPIRETIME", "ends"), connection.do("DBSIZE"))


def has_gone(server):
    """Whether the key that ends at once is still there, in any database: who looks makes it go, and that is written."""
    with server.connect() as connection:
        found = 0
        for database in (0, 3, 15):
            connection.do("SELECT", database)
            found += connection.do("EXISTS", "gone")
        return found


def folder(group, server):
    return group.path(server.name, "appendonlydir")


def rewrite(server):
    assert server.do("BGREWRITEAOF").startswith(b"Background append only file rewriting")
    wait_for(lambda: all(server.info("persistence")[field] == "0" for field in ("aof_rewrite_in_progress", "aof_rewrite_scheduled")))
    assert server.info("persistence")["aof_last_bgrewrite_status"] == "ok"


@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("rewrites", [0, 1, 2])
@pytest.mark.parametrize("to_kvd", [True, False], ids=["to kvd", "to redis"])
def test_one_writes_the_other_loads(group, preamble, rewrites, to_kvd):
    kvd = group.kvd(CONFIG % preamble, start=not to_kvd)
    if to_kvd:
        writer = group.redis("--appendonly", "yes", "--aof-use-rdb-preamble", preamble)
    else:
        writer = kvd
    for turn in range(max(1, rewrites)):
        if turn:
            writer.do("FLUSHALL")
        fill(writer)
        if rewrites:
            rewrite(writer)
    writer.do("SET", "after", "the rewrite")
    wait_for(lambda: not has_gone(writer))
    expected = state(writer)
    writer.stop()
    if to_kvd:
        shutil.copytree(folder(group, writer), folder(group, kvd))
        reader = kvd.start()
    else:
        reader = group.redis("--appendonly", "yes", start=False)
        os.makedirs(group.path(reader.name), exist_ok=True)
        shutil.copytree(folder(group, writer), folder(group, reader))
        reader.start()
    assert state(reader) == expected
    assert reader.do("GET", "after") == b"the rewrite"
    # ... and goes on where the other ended.
    reader.do("SET", "more", 1)
    rewrite(reader)
    assert state(reader)[1:5] == expected[1:5]


def test_the_single_file_of_redis_6(group):
    kvd = group.kvd(CONFIG % "yes", start=False)
    redis = group.redis()
    redis.do("MSET", "a", 1, "b", "text")
    redis.do("SAVE")
    with open(group.path(redis.name, "dump.rdb"), "rb") as file:
        dump = file.read()
    os.makedirs(group.path(kvd.name), exist_ok=True)
    with open(group.path(kvd.name, "appendonly.aof"), "wb") as file:
        file.write(dump + b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n")
    kvd.start()
    assert kvd.do("MGET", "a", "b") == [b"2", b"text"]
    assert not os.path.exists(group.path(kvd.name, "appendonly.aof"))
    assert sorted(os.listdir(folder(group, kvd)))[0] == "appendonly.aof"
    kvd.do("INCR", "a")
    kvd.stop()
    kvd.start()
    assert kvd.do("MGET", "a", "b") == [b"3", b"text"]
