"""Memory that is full: which keys leave, what is refused, and that it ends."""
import pytest

from processes import wait_for
from resp import RespError

VALUE = "x" * 400
KEYS = 4000


def used(server):
    return int(server.info("memory")["used_memory"])


def limited(group, policy, room=800000, more=""):
    """A server with room for that many bytes beside what it needs itself."""
    server = group.kvd(more)
    connection = server.connect()
    connection.do("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", used(server) + room)
    return server, connection


def fill(connection, keys, *options):
    return [reply for i in range(0, keys, 100)
            for reply in connection.pipeline([("SET", "key:%d" % n, VALUE) + options for n in range(i, min(i + 100, keys))])]


def assert_within_limit(server):
    memory = server.info("memory")
    wait_for(lambda: int(server.info("memory")["used_memory"]) <= int(memory["maxmemory"]) + 100000, 60, "memory is within its limit")


def test_nothing_leaves_without_a_policy(group):
    server, connection = limited(group, "noeviction")
    replies = fill(connection, KEYS)
    refused = [reply for reply in replies if reply != b"OK"]
    assert refused and str(refused[0]) == "OOM command not allowed when used memory > 'maxmemory'."
    assert connection.do("GET", "key:0") == VALUE.encode()
    assert connection.do("DBSIZE") == KEYS - len(refused)
    assert server.info("stats")["evicted_keys"] == "0"
    assert connection.do("MULTI") == b"OK"
    assert str(connection.call("GET", "key:0")).startswith("OOM ")
    assert str(connection.call("EXEC")) == "EXECABORT Transaction discarded because of previous errors."
    connection.do("CONFIG", "SET", "maxmemory", 0)
    connection.do("MULTI")
    connection.do("SET", "a", "b")
    with server.connect() as other:
        other.do("CONFIG", "SET", "maxmemory", 1)
    assert str(connection.call("EXEC")) == "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'."
    assert connection.do("DEL", "key:0") == 1
    assert int(server.info("stats")["current_eviction_exceeded_time"]) >= 0
    assert int(server.info("stats")["total_eviction_exceeded_time"]) >= 0


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"])
def test_writes_go_on(group, policy):
    server, connection = limited(group, policy)
    assert fill(connection, KEYS, "EX", "10000") == [b"OK"] * KEYS
    assert_within_limit(server)
    connection.do("CONFIG", "SET", "maxmemory", 0)  # or what asks would evict too
    evicted = int(server.info("stats")["evicted_keys"])
    assert evicted > KEYS / 3
    assert connection.do("DBSIZE") == KEYS - evicted
    assert server.info("memory")["maxmemory_policy"] == policy


def crowd_out(server, connection, keys):
    """Writes until so many keys had to leave."""
    written = 0
    while int(server.info("stats")["evicted_keys"]) < keys:
        connection.pipeline([("SET", "new:%d" % (written + n), VALUE) for n in range(10)])
        written += 10


def survivors(connection, names):
    return sum(connection.pipeline([("EXISTS", name) for name in names]))


def test_what_is_used_often_stays(group):
    server, connection = limited(group, "allkeys-lfu")
    hot = ["hot:%d" % i for i in range(100)]
    connection.pipeline([("SET", name, VALUE) for name in hot])
    for _ in range(40):
        connection.pipeline([("GET", name) for name in hot])
    assert connection.do("OBJECT", "FREQ", hot[0]) > 5
    assert str(connection.call("OBJECT", "IDLETIME", hot[0])).startswith("ERR An LFU maxmemory policy is selected")
    fill(connection, KEYS)
    assert survivors(connection, hot) >= 95


def test_what_was_used_lately_stays(group):
    server, connection = limited(group, "allkeys-lru")
    old, hot = ["old:%d" % i for i in range(300)], ["hot:%d" % i for i in range(300)]
    connection.pipeline([("SET", name, VALUE) for name in old])
    wait_for(lambda: connection.do("OBJECT", "IDLETIME", old[0]) >= 2, 60, "the clock of idle times moved on", every=0.1)
    connection.pipeline([("SET", name, VALUE) for name in hot])
    crowd_out(server, connection, 200)
    gone_old, gone_hot = 300 - survivors(connection, old), 300 - survivors(connection, hot)
    assert gone_old > 100 and gone_hot * 5 < gone_old
    left = next(name for name in hot if survivors(connection, [name]))
    assert str(connection.call("OBJECT", "FREQ", left)).startswith("ERR An LFU maxmemory policy is not selected")


def test_what_ends_first_leaves_first_and_keys_without_expiry_never(group):
    server, connection = limited(group, "volatile-ttl")
    soon, late, ever = (["%s:%d" % (kind, i) for i in range(300)] for kind in ("soon", "late", "ever"))
    connection.pipeline([("SET", name, VALUE, "EX", 5000) for name in soon])
    connection.pipeline([("SET", name, VALUE, "EX", 900000) for name in late])
    connection.pipeline([("SET", name, VALUE) for name in ever])
    crowd_out(server, connection, 200)
    gone_soon, gone_late = 300 - survivors(connection, soon), 300 - survivors(connection, late)
    assert gone_soon > 100 and gone_late == 0
    replies = fill(connection, KEYS)
    assert str(replies[-1]).startswith("OOM ")  # nothing that may leave is left
    assert survivors(connection, ever) == 300 and survivors(connection, soon + late) == 0


def test_few_keys_with_an_expiry_among_many_are_found(group):
    server, connection = limited(group, "volatile-lru", room=3000000)
    connection.pipeline([("SET", "ever:%d" % i, "1") for i in range(10000)])
    connection.pipeline([("SET", "some:%d" % i, VALUE, "EX", 5000) for i in range(50)])
    connection.do("CONFIG", "SET", "maxmemory", used(server) - 10000)
    connection.call("SET", "a", "b")
    wait_for(lambda: 0 < int(server.info("stats")["evicted_keys"]) <= 50, 60, "some of them left")
    assert survivors(connection, ["ever:%d" % i for i in range(10000)]) == 10000


def test_a_lower_limit_is_reached_without_commands(group):
    server, connection = limited(group, "allkeys-random", room=4000000)
    fill(connection, KEYS)
    assert server.info("stats")["evicted_keys"] == "0"
    with server.connect() as listener:
        connection.do("CONFIG", "SET", "notify-keyspace-events", "Ee")
        listener.do("PSUBSCRIBE", "*")
        limit = used(server) - 500000
        connection.do("CONFIG", "SET", "maxmemory", limit)
        kind, pattern, channel, key = listener.read()
        assert channel == b"__keyevent@0__:evicted" and key.startswith(b"key:")
    wait_for(lambda: int(server.info("stats")["evicted_keys"]) > 500, 60, "keys left")
    assert_within_limit(server)


def test_freed_memory_is_counted_whoever_frees_it(group):
    server = group.kvd()
    connection = server.connect()
    before = used(server)
    for i in range(0, 200000, 1000):
        connection.do("RPUSH", "big", *[b"%0100d" % n for n in range(i, i + 1000)])
    assert used(server) > before + 20000000
    assert connection.do("UNLINK", "big") == 1
    wait_for(lambda: used(server) < before + 1000000, 60, "its memory is not in use any more")
