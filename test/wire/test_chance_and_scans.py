"""What is drawn at random is drawn fairly, and scans miss nothing that stays: HRANDFIELD, SRANDMEMBER, SPOP, HSCAN, SSCAN."""
from collections import Counter

import pytest

FORMS = {"packed": b"m%d", "table": b"a member that is too long to be packed, whatever else is beside it, no %d", "numbers": b"%d"}
MEMBERS = 40


@pytest.fixture(scope="module")
def server():
    from processes import Group
    group = Group("kvd-wire-")
    yield group.kvd("")
    group.close()


@pytest.fixture(params=sorted(FORMS))
def names(request):
    return [FORMS[request.param] % i for i in range(MEMBERS)]


@pytest.fixture
def redis(server, names):
    with server.connect() as connection:
        connection.do("FLUSHALL")
        connection.do("SADD", "s", *names)
        connection.do("HSET", "h", *sum(([name, name] for name in names), []))
        yield connection


def expect_fair(drawn, names):
    """39 degrees of freedom: fair dice exceed 140 once in 10^13 runs, and a member that is never drawn adds its expectation."""
    seen = Counter(drawn)
    assert set(seen) <= set(names)
    expected = len(drawn) / len(names)
    assert expected >= 200
    assert sum((seen[name] - expected) ** 2 / expected for name in names) < 140


def test_one_at_a_time(redis, names):
    expect_fair(redis.pipeline([("HRANDFIELD", "h")] * 8000), names)
    expect_fair(redis.pipeline([("SRANDMEMBER", "s")] * 8000), names)


def test_with_repetitions(redis, names):
    expect_fair(redis.do("HRANDFIELD", "h", "-8000"), names)
    expect_fair(redis.do("SRANDMEMBER", "s", "-8000"), names)


@pytest.mark.parametrize("count", [2, 8, 30])
def test_different_ones(redis, names, count):
    for command in (("HRANDFIELD", "h"), ("SRANDMEMBER", "s")):
        draws = redis.pipeline([command + (str(count),)] * (16000 // count))
        assert all(len(set(draw)) == count for draw in draws)
        expect_fair(sum(draws, []), names)


def test_spop(redis, names):
    popped = []
    for _ in range(800):
        one, some = redis.pipeline([("SPOP", "s"), ("SPOP", "s", "9"), ("SADD", "s", *names)])[:2]
        assert one not in some and len(set(some)) == 9
        popped += [one] + some
    expect_fair(popped, names)
    assert sorted(redis.do("SPOP", "s", "100")) == sorted(names) and redis.do("EXISTS", "s") == 0


def scan(redis, command, key, between):
    cursor, found = "0", []
    while True:
        cursor, part = redis.do(command, key, cursor, "COUNT", "7")
        found += part
        if cursor == b"0":
            return found
        between()


@pytest.mark.parametrize("command", ["HSCAN", "SSCAN"])
def test_scans_meet_all_that_stays(redis, command):
    """... while others come, so that the table grows to many times its size, and go."""
    stay = [b"stays %d" % i for i in range(2000)]
    put, remove, key = ("HSET", "HDEL", "large") if command == "HSCAN" else ("SADD", "SREM", "large")
    width = 2 if command == "HSCAN" else 1
    redis.do(put, key, *[name for name in stay for _ in range(width)])
    come = iter([b"comes %d" % i for i in range(40000)])
    gone = iter([b"comes %d" % i for i in range(40000)])
    steps = [0]

    def between():
        steps[0] += 1
        if steps[0] < 40:
            redis.do(put, key, *[name for name in [next(come) for _ in range(1000)] for _ in range(width)])
        elif steps[0] < 80:
            redis.do(remove, key, *[next(gone) for _ in range(990)])
    found = scan(redis, command, key, between)
    assert set(stay) <= set(found[::width])
    quiet = scan(redis, command, key, lambda: None)[::width]
    assert sorted(quiet) == sorted(set(quiet))  # where nothing changes nothing is met twice
