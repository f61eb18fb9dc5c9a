"""Fields of hashes that end: the HEXPIRE and HTTL families, HPERSIST, HGETEX, HSETEX, HGETDEL.

redis-server 7.0.15 has none of them: what is expected here is what Redis 7.4 (8.0 for the last three) documents.
"""
import time

import pytest

from processes import wait_for

FORMS = {"listpackex": 2, "hashtable": 600}


@pytest.fixture(scope="module")
def server():
    from processes import Group
    group = Group("kvd-wire-")
    yield group.kvd("notify-keyspace-events: KEA\n")
    group.close()


@pytest.fixture(params=sorted(FORMS))
def redis(server, request):
    """A connection, with a hash `h` of fields f0, f1 ... in one form."""
    with server.connect() as connection:
        connection.do("FLUSHALL")
        connection.do("HSET", "h", *sum((["f%d" % i, "v%d" % i] for i in range(FORMS[request.param])), []))
        connection.form = request.param
        yield connection


def error(redis, *words):
    return str(redis.call(*words))


def about(seconds):
    """What is left of so many seconds, on a machine that is busy."""
    class About:
        def __eq__(self, other):
            return 0 < seconds - 60 < other <= seconds

        def __repr__(self):
            return "about %d" % seconds
    return About()


def test_deadlines_are_given_and_told(redis):
    now = int(time.time())
    assert redis.do("HEXPIRE", "h", "1000", "FIELDS", "3", "f0", "f1", "nope") == [1, 1, -2]
    assert redis.do("OBJECT", "ENCODING", "h") == redis.form.encode()
    assert redis.do("HTTL", "h", "FIELDS", "3", "f0", "nope", "f1") == [about(1000), -2, about(1000)]
    left = redis.do("HPTTL", "h", "FIELDS", "1", "f0")[0]
    assert 900000 < left <= 1000000
    assert 0 <= redis.do("HEXPIRETIME", "h", "FIELDS", "1", "f0")[0] - now - 1000 <= 60
    assert redis.do("HPEXPIREAT", "h", "33333333333333", "fields", "1", "f1") == [1]
    assert redis.do("HPEXPIRETIME", "h", "FIELDS", "1", "f1") == [33333333333333]
    assert redis.do("HEXPIREAT", "h", "33333333333", "FIELDS", "1", "f1") == [1]
    assert redis.do("HEXPIRETIME", "h", "FIELDS", "1", "f1") == [33333333333]
    assert redis.do("HPERSIST", "h", "FIELDS", "3", "f1", "f1", "nope") == [1, -1, -2]
    assert redis.do("HTTL", "h", "FIELDS", "2", "f1", "f0") == [-1, about(1000)]
    for name in ("HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME", "HPERSIST"):
        assert redis.do(name, "absent", "FIELDS", "2", "a", "b") == [-2, -2]
    assert redis.do("HEXPIRE", "absent", "1", "FIELDS", "1", "a") == [-2]
    assert redis.do("EXISTS", "absent") == 0


def test_conditions(redis):
    def expire(seconds, *condition):
        return redis.do("HEXPIRE", "h", seconds, *condition, "FIELDS", "1", "f0")[0]
    assert expire("1000", "XX") == 0 and expire("1000", "GT") == 0
    assert expire("1000", "NX") == 1 and expire("1000", "NX") == 0
    assert expire("900", "GT") == 0 and expire("2000", "gt") == 1
    assert expire("2001", "LT") == 0 and expire("500", "lt") == 1
    assert expire("200", "XX") == 1
    assert redis.do("HPERSIST", "h", "FIELDS", "1", "f0") == [1]
    assert expire("1000", "LT") == 1


def test_a_deadline_that_is_over_deletes(redis):
    count = redis.do("HLEN", "h")
    assert redis.do("HEXPIRE", "h", "0", "FIELDS", "2", "f0", "nope") == [2, -2]
    assert redis.do("HPEXPIREAT", "h", "1", "FIELDS", "1", "f1") == [2]
    assert redis.do("HLEN", "h") == count - 2
    assert redis.do("HEXPIREAT", "h", "1", "FIELDS", str(max(count - 2, 1)), *["f%d" % i for i in range(2, max(count, 3))])
    assert redis.do("EXISTS", "h") == 0


def test_errors(redis):
    redis.do("SET", "s", "x")
    wrong = "WRONGTYPE Operation against a key holding the wrong kind of value"
    fields = "ERR Mandatory argument FIELDS is missing or not at the right position"
    number = "ERR The `numfields` parameter must match the number of arguments"
    assert error(redis, "HEXPIRE", "s", "x", "FIELDS", "1", "a") == wrong
    assert error(redis, "HEXPIRE", "h", "x", "FIELDS", "1", "a") == "ERR value is not an integer or out of range"
    assert error(redis, "HEXPIRE", "h", "-1", "FIELDS", "1", "a") == "ERR invalid expire time, must be >= 0"
    for words in (("HEXPIRE", "h", "99999999999999"), ("HPEXPIRE", "h", "70368744177663"), ("HPEXPIREAT", "h", "70368744177664"),
                  ("HEXPIREAT", "h", "70368744178")):
        assert error(redis, *words, "FIELDS", "1", "f0") == "ERR invalid expire time in '%s' command" % words[0].lower()
    assert error(redis, "HEXPIRE", "h", "1", "FIELD", "1", "a") == fields
    assert error(redis, "HEXPIRE", "h", "1", "NX", "XX", "FIELDS", "1", "a") == fields
    assert error(redis, "HEXPIRE", "h", "1", "FIELDS", "0", "a") == "ERR Parameter `numFields` should be greater than 0"
    assert error(redis, "HEXPIRE", "h", "1", "FIELDS", "2", "a") == number
    assert error(redis, "HEXPIRE", "h", "1", "NX", "FIELDS", "1") == number
    for name in ("HTTL", "HPERSIST", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME", "HGETDEL"):
        assert error(redis, name, "s", "FIELDS", "1", "a") == wrong
        assert error(redis, name, "h", "FIELD", "1", "a") == fields
        assert error(redis, name, "h", "FIELDS", "x", "a") == "ERR Number of fields must be a positive integer"
        assert error(redis, name, "h", "FIELDS", "2", "a") == number
        assert error(redis, name, "h", "FIELDS", "1") == "ERR wrong number of arguments for '%s' command" % name.lower()


def test_commands_that_keep_and_clear(redis):
    redis.do("HSET", "h", "n", "5")
    everything = ["f0", "f1", "n"]
    redis.do("HEXPIRE", "h", "1000", "FIELDS", "3", *everything)
    assert redis.do("HINCRBY", "h", "n", "2") == 7
    redis.do("HINCRBYFLOAT", "h", "n", "0.5")
    redis.do("HSET", "h", "f0", "new")
    assert redis.do("HSETNX", "h", "f1", "x") == 0
    assert redis.do("HTTL", "h", "FIELDS", "3", *everything) == [-1, about(1000), about(1000)]
    redis.do("COPY", "h", "copy")
    redis.do("RENAME", "h", "moved")
    for key in ("copy", "moved"):
        assert redis.do("HTTL", key, "FIELDS", "3", *everything) == [-1, about(1000), about(1000)]
        assert redis.do("OBJECT", "ENCODING", key) == redis.form.encode()


def test_what_has_ended_is_not_seen(redis):
    count = redis.do("HLEN", "h")
    redis.do("HPEXPIRE", "h", "1", "FIELDS", "1", "f0")
    wait_for(lambda: redis.do("HGET", "h", "f0") is None, 60)
    assert redis.do("HEXISTS", "h", "f0") == 0 and redis.do("HSTRLEN", "h", "f0") == 0
    assert redis.do("HMGET", "h", "f0", "f1") == [None, b"v1"]
    assert len(redis.do("HKEYS", "h")) == len(redis.do("HVALS", "h")) == len(redis.do("HGETALL", "h")) // 2 == count - 1
    assert len(redis.do("HRANDFIELD", "h", "10000")) == count - 1
    assert redis.do("HTTL", "h", "FIELDS", "1", "f0") == [-2]
    assert redis.do("HINCRBY", "h", "f0", "3") == 3
    assert redis.do("HTTL", "h", "FIELDS", "1", "f0") == [-1]


def test_fields_end_by_themselves_and_the_key_with_the_last(server, redis):
    count = redis.do("HLEN", "h")
    names = ["f%d" % i for i in range(count)]
    with server.connect() as events:
        events.do("SUBSCRIBE", "__keyspace@0__:h")
        redis.do("HPEXPIRE", "h", "5", "FIELDS", str(count), *names)
        wait_for(lambda: redis.do("DBSIZE") == 0, 60)
        seen = [events.read()[2] for _ in range(2)]
        while seen[-1] != b"del":
            seen.append(events.read()[2])
    assert seen[0] == b"hexpire" and set(seen[1:-1]) == {b"hexpired"}


def test_hgetdel(redis):
    count = redis.do("HLEN", "h")
    assert redis.do("HGETDEL", "h", "FIELDS", "2", "f0", "nope") == [b"v0", None]
    assert redis.do("HLEN", "h") == count - 1
    assert redis.do("HGETDEL", "absent", "FIELDS", "1", "a") == [None]
    redis.do("HGETDEL", "h", "FIELDS", str(count - 1), *["f%d" % i for i in range(1, count)])
    assert redis.do("EXISTS", "h") == 0


def test_hgetex(redis):
    def get(*options):
        return redis.do("HGETEX", "h", *options, "FIELDS", "2", "f0", "nope")
    ttl = ("HTTL", "h", "FIELDS", "1", "f0")
    assert get() == [b"v0", None] and redis.do(*ttl) == [-1]
    assert get("EX", "1000") == [b"v0", None] and redis.do(*ttl) == [about(1000)]
    assert get() == [b"v0", None] and redis.do(*ttl) == [about(1000)]
    assert get("PX", "500000") and redis.do(*ttl) == [about(500)]
    assert get("PERSIST") == [b"v0", None] and redis.do(*ttl) == [-1]
    assert get("EXAT", "33333333333") and redis.do("HEXPIRETIME", "h", "FIELDS", "1", "f0") == [33333333333]
    assert get("PXAT", "1") == [b"v0", None] and redis.do(*ttl) == [-2]
    assert redis.do("HGETEX", "absent", "EX", "1", "FIELDS", "1", "a") == [None]
    only = "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified"
    assert error(redis, "HGETEX", "h", "EX", "1", "PX", "1", "FIELDS", "1", "a") == only
    assert error(redis, "HGETEX", "h", "PERSIST", "EX", "1", "FIELDS", "1", "a") == only
    assert error(redis, "HGETEX", "h", "EX", "-1", "FIELDS", "1", "a") == "ERR invalid expire time, must be >= 0"
    assert error(redis, "HGETEX", "h", "KEEPTTL", "FIELDS", "1", "a") == "ERR unknown argument: KEEPTTL"
    assert error(redis, "HGETEX", "h", "FIELDS", "1", "f0", "EX") == "ERR missing expire time"
    assert error(redis, "HGETEX", "h", "PX", "10", "PERSIST", "x") == only
    assert error(redis, "HGETEX", "h", "FIELDS", "0", "a") == "ERR invalid number of fields"


def test_hsetex(redis):
    count = redis.do("HLEN", "h")
    assert redis.do("HSETEX", "h", "FNX", "EX", "100", "FIELDS", "2", "f0", "x", "n", "y") == 0
    assert redis.do("HSETEX", "h", "FXX", "EX", "100", "FIELDS", "2", "f0", "x", "n", "y") == 0
    assert redis.do("HGET", "h", "f0") == b"v0" and redis.do("HLEN", "h") == count
    assert redis.do("HSETEX", "h", "EX", "1000", "FIELDS", "2", "f0", "x", "n", "y") == 1
    assert redis.do("HMGET", "h", "f0", "n") == [b"x", b"y"]
    assert redis.do("HTTL", "h", "FIELDS", "2", "f0", "n") == [about(1000), about(1000)]
    assert redis.do("HSETEX", "h", "FXX", "KEEPTTL", "FIELDS", "1", "f0", "z") == 1
    assert redis.do("HTTL", "h", "FIELDS", "1", "f0") == [about(1000)]
    assert redis.do("HSETEX", "h", "FIELDS", "1", "f0", "w") == 1
    assert redis.do("HTTL", "h", "FIELDS", "1", "f0") == [-1]
    assert redis.do("HSETEX", "h", "PXAT", "1", "FIELDS", "1", "f0", "w") == 1
    assert redis.do("HEXISTS", "h", "f0") == 0
    assert redis.do("HSETEX", "new", "PX", "1000000", "FIELDS", "1", "a", "b") == 1
    assert redis.do("HTTL", "new", "FIELDS", "1", "a") == [about(1000)]
    assert redis.do("HSETEX", "gone", "EXAT", "1", "FIELDS", "1", "a", "b") == 1
    assert redis.do("EXISTS", "gone") == 0
    assert redis.do("HSETEX", "gone", "FXX", "FIELDS", "1", "a", "b") == 0
    assert error(redis, "HSETEX", "h", "FNX", "FXX", "FIELDS", "1", "a", "b") == "ERR Only one of FXX or FNX arguments can be specified"
    assert error(redis, "HSETEX", "h", "EX", "1", "KEEPTTL", "FIELDS", "1", "a", "b") == (
        "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified")
    assert error(redis, "HSETEX", "h", "FIELDS", "2", "a", "b") == "ERR wrong number of arguments for 'hsetex' command"
    assert error(redis, "HSETEX", "h", "EX", "1", "FIELDS", "2", "a") == "ERR wrong number of arguments for 'hsetex' command"
    assert error(redis, "HSETEX", "h", "FNX", "KEEPTTL", "NX", "PERSIST") == "ERR unknown argument: NX"
    assert error(redis, "HSETEX", "h", "FNX", "KEEPTTL", "FNX", "x").startswith("ERR Only one of FXX or FNX")


def test_dump_and_restore_keep_deadlines(redis):
    redis.do("HEXPIRE", "h", "1000", "FIELDS", "1", "f1")
    redis.do("HPEXPIREAT", "h", "33333333333333", "FIELDS", "1", "f0")
    redis.do("RESTORE", "copy", "0", redis.do("DUMP", "h"))
    assert redis.do("OBJECT", "ENCODING", "copy") == redis.form.encode()
    assert redis.do("HPEXPIRETIME", "copy", "FIELDS", "2", "f0", "f1") == redis.do("HPEXPIRETIME", "h", "FIELDS", "2", "f0", "f1")
    assert redis.do("HPEXPIRETIME", "copy", "FIELDS", "1", "f0") == [33333333333333]
    assert sorted(redis.do("HGETALL", "copy")) == sorted(redis.do("HGETALL", "h"))
    redis.do("HPERSIST", "h", "FIELDS", "2", "f0", "f1")
    assert redis.do("DUMP", "h")[0] == 4  # RDB's plain hash, which every version knows
