"""DUMP and RESTORE between kvd and redis-server: payloads of both sides, options, old encodings, damage."""
import random

import pytest

import differ
import rdb
from differ import elements


@pytest.fixture
def pair(servers):
    pair = differ.Pair(*servers, 2)
    pair.reset()
    yield pair
    pair.reset()
    pair.close()


def same(pair, *words, how="exact"):
    difference = pair.same(0, [word if isinstance(word, bytes) else str(word).encode() for word in words], how)
    assert difference is None, "%r\n%s" % (words, difference)


VALUES = {
    "int8": ["SET", "v", "12"], "int16": ["SET", "v", "-3000"], "int32": ["SET", "v", "70000000"], "int64": ["SET", "v", 2 ** 60],
    "text": ["SET", "v", "hello"], "empty": ["SET", "v", ""], "zeros": ["SET", "v", "007"], "repeated": ["SET", "v", "abc" * 100000],
    "random": ["SET", "v", random.Random(5).randbytes(100000)],
    "list": ["RPUSH", "v", *range(10), "a", ""], "long list": ["RPUSH", "v", *("%d" % i * 30 for i in range(1500))],
    "large elements": ["RPUSH", "v", "q" * 20000, "z", "y" * 9000],
    "intset": ["SADD", "v", 5, -3, 2 ** 40], "large set of integers": ["SADD", "v", *range(100000, 100700)],
    "set": ["SADD", "v", "a", 1, "", "x" * 100], "large set": ["SADD", "v", *("member %d" % i for i in range(3000))],
    "hash": ["HSET", "v", "a", 1, "b", "two", "", ""], "large hash": ["HSET", "v", *("f%d" % i for i in range(2400))],
    "hash with a long value": ["HSET", "v", "f", "x" * 100000, "g", "-5"],
    "packed set": ["SADD", "v", *("m%d" % i for i in range(100))], "set that outgrew its packing": ["SADD", "v", *("m%d" % i for i in range(130))],
    "sorted set": ["ZADD", "v", 1, "a", 2.5, "b", "-inf", "c", "1e300", "d", 2.5, ""], "large sorted set": ["ZADD", "v", *(x for i in range(3000) for x in (i * 0.1, "member %d" % i))],
    "sorted set with a long member": ["ZADD", "v", "inf", "x" * 100, -3, "y"],
    "hyperloglog": ["PFADD", "v", *range(5000)],
}


def make(pair, name):
    """The value in both; kvd may lack the command that makes it."""
    words = VALUES[name]
    if not pair.kvd[0].ask([b"COMMAND", b"INFO", words[0].encode()]).endswith(b"-1\r\n"):
        same(pair, *words)
        return
    pair.redis[0].ask(words)
    assert pair.kvd[0].ask([b"RESTORE", b"v", b"0", payload_of(pair)]) == b"+OK\r\n"


@pytest.mark.parametrize("name", VALUES)
def test_each_side_restores_what_the_other_dumps(pair, name):
    make(pair, name)
    same(pair, "DEBUG", "DIGEST-VALUE", "v", "absent")
    same(pair, "DEBUG", "DIGEST")
    assert pair.exchange(b"v") is None
    same(pair, "PEXPIRE", "v", 1000000)
    same(pair, "DEBUG", "DIGEST")


def payload_of(pair):
    return elements(b"*1\r\n" + pair.redis[0].ask([b"DUMP", b"v"]))[0]


@pytest.mark.parametrize("options", [
    [], ["REPLACE"], ["replace", "ABSTTL"], ["IDLETIME", 5], ["IDLETIME", -1], ["IDLETIME", "x"], ["IDLETIME"], ["FREQ", 3], ["FREQ", 256], ["FREQ", -1],
    ["FREQ", "x"], ["FREQ", 3, "IDLETIME", 5], ["IDLETIME", 5, "FREQ", 3], ["REPLACE", "REPLACE"], ["x"], ["REPLACE", "x"]])
@pytest.mark.parametrize("ttl", [0, 100000, -1, "x", 2 ** 62])
@pytest.mark.parametrize("exists", [True, False])
def test_options(pair, options, ttl, exists):
    same(pair, "SET", "v", "something long enough to be something")
    if exists:
        same(pair, "SET", "w", "old", "EX", 7777)
    same(pair, "RESTORE", "w", ttl, payload_of(pair), *options)
    same(pair, "GET", "w")
    if ttl != 2 ** 62:
        same(pair, "PTTL", "w", how="near 3000")
    same(pair, "OBJECT", "IDLETIME", "w", how="near 2")


def test_deadlines_that_are_over(pair):
    same(pair, "SET", "v", "x")
    for exists in (True, False):
        if exists:
            same(pair, "SET", "w", "old")
        same(pair, "RESTORE", "w", 5, payload_of(pair), "ABSTTL", "REPLACE")
        same(pair, "EXISTS", "w")
    same(pair, "DUMP", "absent")
    same(pair, "RESTORE", "w", 5, payload_of(pair), "ABSTTL")
    same(pair, "EXISTS", "w")


def test_what_is_not_a_payload(pair):
    same(pair, "SET", "v", "x")
    good = payload_of(pair)
    for bad in (b"", b"x", good[:-1], good + b"x", b"x" + good[1:], rdb.seal(b"\0\xc0\x05", 99), rdb.seal(b""), rdb.seal(b"\x63\xc0\x05"),
                rdb.seal(b"\x06\x05"), rdb.seal(b"\x02\0"), rdb.seal(b"\x01\0"), rdb.seal(b"\x04\0")):
        same(pair, "RESTORE", "w", 0, bad, "REPLACE")
        same(pair, "EXISTS", "w")


@pytest.mark.parametrize("body", [b"\0\x05abc", b"\0\x02abc"], ids=["too short", "too long"])
def test_value_that_is_not_the_whole_body(pair, body):
    """redis-server reads on into the checksum, or does not look at the rest."""
    assert pair.kvd[0].ask([b"RESTORE", b"w", b"0", rdb.seal(body)]) == b"-ERR Bad data format\r\n"


OLD = {
    "list": b"\x01\x03" + rdb.text(b"a") + rdb.text(b"") + b"\xc0\x05",
    "list ziplist": b"\x0a" + rdb.text(rdb.ziplist([b"a", 5, -100, 2 ** 50, b"x" * 300, b"after a long one"])),
    "quicklist": b"\x0e\x02" + rdb.text(rdb.ziplist([b"a", 5])) + rdb.text(rdb.ziplist([b"b"])),
    "quicklist 2, a plain node": b"\x12\x02\x01" + rdb.text(b"plain") + b"\x02" + rdb.text(rdb.listpack([b"b", 7])),
    "hash ziplist": b"\x0d" + rdb.text(rdb.ziplist([b"a", 5, b"xyz", b"v" * 60])),
    "hash zipmap": b"\x09" + rdb.text(rdb.zipmap([(b"foo", b"bar"), (b"n", b"12")])),
    "hash": b"\x04\x02" + rdb.text(b"f") + rdb.text(b"v") + rdb.text(b"g") + b"\xc0\x07",
    "sorted set with scores as text": b"\x03\x03" + rdb.text(b"a") + b"\x031.5" + rdb.text(b"b") + b"\xfe" + rdb.text(b"c") + b"\xff",
    "sorted set ziplist": b"\x0c" + rdb.text(rdb.ziplist([b"a", 5, b"xyz", b"7.5"])),
    "set": b"\x02\x03" + rdb.text(b"1") + rdb.text(b"2") + b"\xc1\x00\x10",
}


@pytest.mark.parametrize("name", OLD)
def test_old_encodings(pair, name):
    same(pair, "RESTORE", "w", 0, rdb.seal(OLD[name], 9))
    same(pair, "DEBUG", "DIGEST-VALUE", "w")
    assert pair.exchange(b"w") is None


def test_packed_sets_of_later_versions(pair):
    """redis-server 7.0 does not know them; kvd keeps them as its own sets."""
    kvd = pair.kvd[0]
    assert kvd.ask([b"RESTORE", b"w", b"0", rdb.seal(b"\x14" + rdb.text(rdb.listpack([b"a", 5, b"b"])), 11)]) == b"+OK\r\n"
    assert sorted(elements(kvd.ask([b"SMEMBERS", b"w"]))) == [b"5", b"a", b"b"]


@pytest.mark.parametrize("name", ["text", "repeated", "list", "long list", "intset", "set", "hash", "large hash", "sorted set", "large sorted set"])
def test_damaged_payloads_are_refused_or_whole(pair, name):
    """Any byte changed, with a checksum that is right again: kvd answers, and what it took can be used."""
    make(pair, name)
    body = payload_of(pair)[:-10]
    dice = random.Random(name)
    kvd = pair.kvd[0]
    for _ in range(300):
        damaged = bytearray(body)
        for _ in range(dice.choice([1, 1, 2, 5])):
            damaged[min(int(dice.expovariate(0.05)), len(damaged) - 1) if dice.random() < 0.7 else dice.randrange(len(damaged))] = dice.randrange(256)
        answer = kvd.ask([b"RESTORE", b"w", b"0", rdb.seal(bytes(damaged[:dice.choice([len(damaged), dice.randrange(len(damaged))])])), b"REPLACE"])
        assert answer in (b"+OK\r\n", b"-ERR Bad data format\r\n")
        if answer == b"+OK\r\n":
            assert kvd.ask([b"DUMP", b"w"]).startswith(b"$")
            assert kvd.ask([b"DEBUG", b"DIGEST-VALUE", b"w"]).startswith(b"*1\r\n+")
    assert kvd.ask([b"PING"]) == b"+PONG\r\n"
