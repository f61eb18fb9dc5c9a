"""kvd as a primary, followed by redis-server: full and partial synchronization, load, WAIT, limits, timeouts, the end."""
import os
import random
import socket
import threading
import time

import pytest

from processes import wait_for
from resp import encode
from test_rdb import fill
from test_replication_replica import load, offset_of

YAML = "repl-diskless-sync-delay: 0\nenable-debug-command: yes\n"


@pytest.fixture(params=["yes", "no"], ids=["diskless", "by_file"])
def primary(group, request):
    return group.kvd(YAML + "repl-diskless-sync: %s\n" % request.param)


def follower(group, primary, *args, **options):
    return group.redis("--replicaof", "127.0.0.1", primary.port, "--repl-timeout", "20", *args, **options)


def is_up(replica):
    return replica.info("replication").get("master_link_status") == "up"


def offset(server):
    info = server.info("replication")
    return int(info["slave_repl_offset" if info["role"] == "slave" else "master_repl_offset"])


def wait_equal(primary, *replicas):
    for replica in replicas:
        wait_for(lambda: is_up(replica) and offset(replica) == offset(primary), what="%s has all of it" % replica.name)
        assert digest(replica) == digest(primary)


def digest(server):
    with server.connect(timeout=120) as connection:  # of much data by a slow build
        return connection.do("DEBUG", "DIGEST")


def online(primary, count=1):
    info = primary.info("replication")
    return sum("state=online" in value for key, value in info.items() if key.startswith("slave")) == count


def test_all_that_there_is_and_what_comes_then(group, primary):
    fill(primary)
    replica = follower(group, primary)
    wait_equal(primary, replica)
    wait_for(lambda: online(primary), what="the replica is online")
    for seed in range(3):
        load(primary, seed)
    wait_equal(primary, replica)
    line = primary.info("replication")["slave0"]
    assert line.startswith("ip=127.0.0.1,port=%d,state=online,offset=" % replica.port)
    assert primary.do("ROLE")[0] == b"master" and primary.do("ROLE")[2][0][:2] == [b"127.0.0.1", b"%d" % replica.port]
    stats = primary.info("stats")
    assert stats["sync_full"] == "1" and int(stats["total_net_repl_output_bytes"]) > 1000


def test_synchronized_under_load(group, primary):
    """Writes go on while the data is saved and sent, and while a second and a third replica come."""
    primary.do("DEBUG", "POPULATE", 20000, "key", 200)
    done = threading.Event()

    def write():
        seed = 100
        while not done.is_set():
            load(primary, seed, 50)
            seed += 1

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        replicas = [follower(group, primary) for _ in range(3)]
        wait_for(lambda: online(primary, 3), timeout=60, what="three replicas are online")
    finally:
        done.set()
        for writer in writers:
            writer.join()
    wait_equal(primary, *replicas)


def test_a_broken_link_is_resumed(group, primary):
    replica = follower(group, primary)
    wait_for(lambda: online(primary), what="the replica is online")
    for seed in range(4):
        load(primary, seed, 100)
        assert primary.do("CLIENT", "KILL", "TYPE", "replica") == 1
        load(primary, seed + 10, 100)
        wait_equal(primary, replica)
    stats = primary.info("stats")
    assert (stats["sync_full"], stats["sync_partial_ok"], stats["sync_partial_err"]) == ("1", "4", "0")


def test_what_is_not_kept_any_more_cannot_be_resumed(group):
    primary = group.kvd(YAML + "repl-backlog-size: 16kb\n")
    replica = follower(group, primary)
    wait_for(lambda: online(primary), what="the replica is online")
    replica.pause()
    try:
        primary.do("CLIENT", "KILL", "TYPE", "replica")
        for _ in range(40):
            primary.do("SET", "big", "x" * 4096)
        info = primary.info("replication")
        assert 16384 <= int(info["repl_backlog_histlen"]) <= 65536
        assert int(info["repl_backlog_first_byte_offset"]) == int(info["master_repl_offset"]) - int(info["repl_backlog_histlen"]) + 1
    finally:
        replica.resume()
    wait_equal(primary, replica)
    stats = primary.info("stats")
    assert (stats["sync_full"], stats["sync_partial_err"]) == ("2", "1")


def test_keys_that_end_by_themselves(group, primary):
    primary.do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    replica = follower(group, primary)
    wait_for(lambda: online(primary), what="the replica is online")
    with primary.connect() as connection:
        for i in range(300):
            connection.do("SET", "short%d" % i, "v", "PX", random.randrange(1, 200))
            connection.do("SET", "long%d" % i, "v" * 1000, "EX", 1000)
        connection.do("HSET", "h", "a", 1)
        wait_for(lambda: connection.do("DBSIZE") == 301, what="the short ones are gone")
        used = int(primary.info("memory")["used_memory"])
        connection.do("CONFIG", "SET", "maxmemory", used - 100000)
        wait_for(lambda: connection.call("SET", "one more", "x") is not None and connection.do("DBSIZE") < 301, what="keys were evicted")
        connection.do("CONFIG", "SET", "maxmemory", 0)
    wait_equal(primary, replica)


def test_waiting_clients_and_transactions(group, primary):
    replica = follower(group, primary)
    wait_for(lambda: online(primary), what="the replica is online")
    with primary.connect() as waiter, primary.connect() as other:
        waiter.send("BLPOP", "queue", 0)
        wait_for(lambda: int(primary.info("clients")["blocked_clients"]) == 1, what="it waits")
        other.do("MULTI")
        other.do("RPUSH", "queue", "a", "b")
        other.do("INCR", "n")
        other.do("EXEC")
        assert waiter.read() == [b"queue", b"a"]
        other.do("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
        waiter.send("XREADGROUP", "GROUP", "g", "me", "BLOCK", 0, "STREAMS", "s", ">")
        wait_for(lambda: int(primary.info("clients")["blocked_clients"]) == 1, what="it waits")
        other.do("XADD", "s", "*", "f", "v")
        assert waiter.read()
    wait_equal(primary, replica)
    assert replica.do("XPENDING", "s", "g")[0] == 1


def test_wait(group, primary):
    replicas = [follower(group, primary) for _ in range(2)]
    wait_for(lambda: online(primary, 2), what="both are online")
    with primary.connect() as connection:
        connection.do("SET", "a", 1)
        assert connection.do("WAIT", 2, 0) == 2
        replicas[0].pause()
        try:
            connection.do("SET", "a", 2)
            assert connection.do("WAIT", 1, 0) == 1
            start = time.monotonic()
            assert connection.do("WAIT", 2, 300) == 1
            assert time.monotonic() - start >= 0.3
            connection.do("MULTI")
            connection.do("SET", "a", 3)
            connection.do("WAIT", 2, 0)
            assert connection.do("EXEC")[0] == b"OK"
        finally:
            replicas[0].resume()
        assert connection.do("WAIT", 2, 0) == 2
        for words, error in ((("WAIT", "x", 0), "value is not an integer"), (("WAIT", 1, -1), "timeout is negative")):
            assert error in str(connection.call(*words))


def test_too_few_replicas(group):
    primary = group.kvd(YAML + "min-replicas-to-write: 1\nmin-replicas-max-lag: 10\n")
    assert str(primary.call("SET", "a", 1)).startswith("NOREPLICAS")
    assert primary.call("GET", "a") is None
    follower(group, primary)
    wait_for(lambda: primary.call("SET", "a", 1) == b"OK", what="a write is taken")
    assert primary.info("replication")["min_slaves_good_slaves"] == "1"


def test_a_short_lag_is_asked_for(group, primary):
    """Nobody writes and no PING is due: what the stream grows by then are the questions how far the replicas are."""
    replica = follower(group, primary)
    wait_for(lambda: online(primary), what="it is online")
    for name, value in (("repl-ping-replica-period", 3600), ("min-replicas-to-write", 1), ("min-replicas-max-lag", 1)):
        primary.do("CONFIG", "SET", name, value)
    before = offset_of(primary)
    wait_for(lambda: offset_of(primary) >= before + 3 * len(encode("REPLCONF", "GETACK", "*")), what="it is asked")
    wait_for(lambda: primary.call("SET", "a", 1) == b"OK", what="a write is taken")
    replica.pause()
    try:
        wait_for(lambda: str(primary.call("SET", "a", 2)).startswith("NOREPLICAS"), what="no write is taken any more")
        assert primary.info("replication")["min_slaves_good_slaves"] == "0"
    finally:
        replica.resume()
    wait_for(lambda: primary.call("SET", "a", 3) == b"OK", what="a write is taken again")


def test_chained_replicas(group, primary):
    middle = follower(group, primary)
    wait_for(lambda: is_up(middle), what="the first is up")
    last = group.redis("--replicaof", "127.0.0.1", middle.port)
    load(primary, 1)
    wait_equal(primary, middle)
    wait_for(lambda: is_up(last) and last.do("DEBUG", "DIGEST") == primary.do("DEBUG", "DIGEST"), what="the second has all of it")


def hand_made(primary, *words):
    """A replica that reads only what it is told to."""
    peer = socket.create_connection(("127.0.0.1", primary.port))
    peer.sendall(encode("REPLCONF", "capa", "eof", "capa", "psync2"))
    assert peer.recv(5) == b"+OK\r\n"
    peer.sendall(encode("PSYNC", "?", "-1"))
    return peer


def test_a_slow_replica_costs_the_others_nothing(group, primary):
    primary.do("CONFIG", "SET", "client-output-buffer-limit", "replica 4mb 0 0")
    quick = follower(group, primary)
    wait_for(lambda: online(primary), what="the quick one is online")
    slow = hand_made(primary)
    wait_for(lambda: int(primary.info("replication")["connected_slaves"]) == 2, what="two replicas")
    with primary.connect() as connection:
        for i in range(3000):
            connection.do("SET", "k%d" % (i % 10), os.urandom(16384).hex())
            wait_for(lambda: connection.do("WAIT", 1, 0) >= 1, what="the quick one has it")
            if int(primary.info("replication")["connected_slaves"]) == 1:
                break
    assert int(primary.info("replication")["connected_slaves"]) == 1
    assert "output buffer limits" in primary.log()
    slow.close()
    wait_equal(primary, quick)
    assert primary.info("stats")["sync_full"] == "2"


def test_the_child_is_killed(group, primary):
    primary.do("DEBUG", "POPULATE", 100000, "key", 300)
    primary.do("CONFIG", "SET", "rdbcompression", "no")
    replica = follower(group, primary, start=False)
    replica.start(wait=False)
    wait_for(lambda: children(primary) or is_up(replica), what="a child writes")
    for child in children(primary):
        try:
            os.kill(child, 9)
        except ProcessLookupError:
            pass
    wait_for(lambda: is_up(replica), timeout=60, what="it was tried again")
    wait_equal(primary, replica)


def children(process):
    with open("/proc/%d/task/%d/children" % (process.process.pid, process.process.pid)) as file:
        return [int(word) for word in file.read().split()]


def test_a_replica_that_hangs_is_cut_off(group):
    primary = group.kvd(YAML + "repl-timeout: 1\n")
    replica = follower(group, primary)
    wait_for(lambda: online(primary), what="the replica is online")
    replica.pause()
    try:
        wait_for(lambda: primary.info("replication")["connected_slaves"] == "0", what="it is cut off")
    finally:
        replica.resume()
    assert "timedout" in primary.log()


def test_a_shutdown_waits_for_replicas(group, primary):
    replica = follower(group, primary)
    wait_for(lambda: online(primary), what="the replica is online")
    replica.pause()
    with primary.connect() as connection:
        connection.do("SET", "last", "x" * 100000)
        primary.process.terminate()
        wait_for(lambda: "waiting for the others" in primary.log(), what="it waits")
        assert primary.alive()
        replica.resume()
    assert primary.process.wait(60) == 0
    wait_for(lambda: replica.do("STRLEN", "last") == 100000, what="the last write is there")


def test_what_tools_ask_for(group, primary):
    primary.do("SET", "a", 1)
    with primary.connect() as connection:
        assert "Unrecognized REPLCONF option" in str(connection.call("REPLCONF", "nonsense", 1))
        assert "syntax error" in str(connection.call("REPLCONF", "capa"))
        assert "rdb-filter-only" in str(connection.call("REPLCONF", "rdb-filter-only", "keys"))
        assert "not an integer" in str(connection.call("PSYNC", "?", "x"))
        assert connection.call("REPLCONF", "listening-port", 7, "ip-address", "example", "capa", "whatever") == b"OK"
        assert primary.info("replication")["connected_slaves"] == "0"
    peer = socket.create_connection(("127.0.0.1", primary.port))
    peer.settimeout(20)
    peer.sendall(encode("REPLCONF", "rdb-only", 1))
    assert peer.recv(5) == b"+OK\r\n"
    peer.sendall(b"SYNC\r\n")
    text = b""
    while piece := peer.recv(65536):
        text += piece
    assert b"REDIS0010" in text and b"repl-id" in text  # it was hung up on when all was sent


def test_no_replica_no_backlog(group):
    primary = group.kvd(YAML + "repl-backlog-ttl: 1\n")
    load(primary, 3)
    info = primary.info("replication")
    assert (info["repl_backlog_active"], info["master_repl_offset"]) == ("0", "0")
    replica = follower(group, primary)
    wait_for(lambda: online(primary), what="the replica is online")
    name = primary.info("replication")["master_replid"]
    replica.kill()
    wait_for(lambda: primary.info("replication")["repl_backlog_active"] == "0", what="nothing is kept")
    assert primary.info("replication")["master_replid"] != name
