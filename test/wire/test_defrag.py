"""Active defragmentation: memory that lies scattered becomes dense while nothing of the data changes."""
import pytest

from processes import wait_for

SETTINGS = ("active-defrag-ignore-bytes", "1mb", "active-defrag-threshold-lower", "5", "active-defrag-cycle-min", "30", "active-defrag-cycle-max", "60")


def wasted(server):
    return int(server.info("memory")["allocator_frag_bytes"])


def server_with(group, yaml=""):
    server = group.kvd(yaml)
    if not server.info("memory")["mem_allocator"].startswith("jemalloc"):
        pytest.skip("only jemalloc tells how full its runs are")
    return server


def batches(words, size=1000):
    for i in range(0, len(words), size):
        yield words[i:i + size]


def fragment(connection, keys, make):
    """Makes keys and removes three of four, so that what stays lies alone in its pages."""
    for batch in batches(range(keys)):
        connection.pipeline([make(i) for i in batch])
    for batch in batches([i for i in range(keys) if i % 4]):
        connection.do("DEL", *["key:%d" % i for i in batch])


def defragment(server, connection):
    before = wasted(server)
    assert before > 2000000
    assert connection.do("CONFIG", "SET", *SETTINGS, "activedefrag", "yes") == b"OK"
    wait_for(lambda: wasted(server) < before / 3, 60, "memory is dense", every=0.1)
    stats = server.info("stats")
    assert int(stats["active_defrag_hits"]) > 1000 and int(stats["active_defrag_key_hits"]) > 1000
    wait_for(lambda: server.info("stats")["current_active_defrag_time"] == "0", 60, "it ends", every=0.1)
    assert int(server.info("stats")["total_active_defrag_time"]) > 0
    return before


def test_strings_of_all_sizes(group):
    server = server_with(group, "enable-debug-command: yes\n")
    connection = server.connect()
    fragment(connection, 60000, lambda i: ("SET", "key:%d" % i, str(i) * (1 + i % 60)) if i % 7 else ("SET", "key:%d" % i, str(i) * 600, "EX", "10000"))
    before = connection.do("DEBUG", "DIGEST")
    defragment(server, connection)
    assert connection.do("DEBUG", "DIGEST") == before
    assert connection.do("GET", "key:28") == b"28" * 600
    assert int(connection.do("TTL", "key:28")) > 9000
    assert connection.do("DBSIZE") == 15000


def interleave(connection):
    """Two lists and two streams grow side by side, and one of each goes."""
    for i in range(3000):
        connection.pipeline([("RPUSH", name) + tuple("%s:%d:%d" % (name, i, n) for n in range(20)) for name in ("list:a", "list:b")] +
                            [("XADD", name, "%d-1" % (i + 1), "field", "x" * 100) for name in ("stream:a", "stream:b")])
    connection.do("DEL", "list:b", "stream:b")


def test_small_and_large_collections(group):
    server = server_with(group, "enable-debug-command: yes\nactive-defrag-max-scan-fields: 100\n")
    connection = server.connect()

    def make(i):
        kind = i % 5
        if kind == 0:
            return ("HSET", "key:%d" % i) + tuple("f%d" % n for n in range(2 * (3 + i % 5)))
        if kind == 1:
            return ("SADD", "key:%d" % i) + tuple(str(n * i) for n in range(20))
        if kind == 2:
            return ("SADD", "key:%d" % i) + tuple("member:%d:%d" % (i, n) for n in range(200 if i % 50 == 2 else 5))
        if kind == 3:
            return ("HSET", "key:%d" % i) + tuple("field:%d:%d" % (i, n) for n in range(1200 if i % 500 == 3 else 8))
        return ("SET", "key:%d" % i, "x" * (i % 2000))

    fragment(connection, 30000, make)
    interleave(connection)
    for name in ("large:set", "large:hash"):
        for i in range(0, 40000, 1000):
            words = ["%s:%d" % (name, n) for n in range(i, i + 1000)]
            if name == "large:set":
                connection.do("SADD", name, *words)
            else:
                connection.do("HSET", name, *[text for word in words for text in (word, "v" * 200)])
    for i in range(0, 40000, 1000):
        connection.do("SREM", "large:set", *["large:set:%d" % n for n in range(i, i + 1000) if n % 10])
        connection.do("HDEL", "large:hash", *["large:hash:%d" % n for n in range(i, i + 1000) if n % 10])
    before = connection.do("DEBUG", "DIGEST")
    defragment(server, connection)
    assert connection.do("DEBUG", "DIGEST") == before
    assert connection.do("LLEN", "list:a") == 60000 and connection.do("XLEN", "stream:a") == 3000
    assert connection.do("SCARD", "large:set") == connection.do("HLEN", "large:hash") == 4000


def test_it_is_off_by_default_and_works_beside_writes(group):
    server = server_with(group)
    connection = server.connect()
    fragment(connection, 40000, lambda i: ("SET", "key:%d" % i, "x" * 200))
    assert server.info("memory")["active_defrag_running"] == "0"
    connection.do("CONFIG", "SET", *SETTINGS, "activedefrag", "yes")
    truth = {}
    wait_for(lambda: int(server.info("stats")["active_defrag_hits"]) > 0, 60, "it has begun")
    for turn in range(100):
        names = ["key:%d" % (4 * ((turn * 37 + n * 101) % 10000)) for n in range(200)]
        texts = ["%d-%d" % (turn, n) * (1 + n % 30) for n in range(200)]
        connection.pipeline([("SET", name, text) for name, text in zip(names, texts)])
        truth.update(zip(names, texts))
    wait_for(lambda: server.info("stats")["current_active_defrag_time"] == "0", 60, "it ends", every=0.1)
    names = list(truth)
    assert [reply.decode() for reply in connection.pipeline([("GET", name) for name in names])] == [truth[name] for name in names]
