"""repl-sync-replicas: replies of writes are held until so many replicas have confirmed them, and errors say when that is unknown."""
import threading
import time

import pytest

from processes import wait_for
from resp import RespError
from test_replication_primary import follower, online

YAML = "repl-diskless-sync-delay: 0\nenable-debug-command: yes\n"
UNKNOWN = "outcome is unknown"
KINDS = ["redis", "kvd"]


def replica_of(group, primary, kind, yaml="", *args, **options):
    if kind == "redis":
        return follower(group, primary, *args, **options)
    return group.kvd("replicaof: 127.0.0.1 %d\nrepl-timeout: 20\n" % primary.port + yaml, *args, **options)


def primary_with(group, kinds, yaml=""):
    primary = group.kvd(YAML + yaml)
    replicas = [replica_of(group, primary, kind) for kind in kinds]
    wait_for(lambda: online(primary, len(kinds)), what="the replicas are online")
    wait_for(lambda: sync(primary, "good_replicas") == len(kinds), what="they count")
    return primary, replicas


def sync(primary, field):
    return int(primary.info("replication")["repl_sync_" + field])


def held(primary, count):
    wait_for(lambda: sync(primary, "held") == count, what="%d replies are held" % count)


def is_silent(connection):
    """Nothing has come, although the server has answered others since."""
    connection.socket.setblocking(False)
    try:
        return not connection.socket.recv(1)
    except BlockingIOError:
        return True
    finally:
        connection.socket.settimeout(10)


def error(connection):
    reply = connection.read()
    assert isinstance(reply, RespError), reply
    return str(reply)


@pytest.mark.parametrize("kind", KINDS)
def test_an_acknowledged_write_is_on_the_replica(group, kind):
    primary, (replica,) = primary_with(group, [kind], "repl-sync-replicas: 1\nrepl-sync-timeout: 20000\n")
    with primary.connect() as writer, primary.connect() as other:
        for number in range(50):
            assert writer.call("SET", "k", number) == b"OK"
            assert replica.do("GET", "k") == b"%d" % number
        replica.pause()
        writer.send("SET", "k", "held")
        writer.send("GET", "k")
        held(primary, 1)
        assert other.call("GET", "k") == b"held"  # others go on, and see it
        assert other.call("PING") == b"PONG" and is_silent(writer)
        replica.resume()
        assert [writer.read(), writer.read()] == [b"OK", b"held"]
        assert replica.do("GET", "k") == b"held"
    assert sync(primary, "held") == 0 and sync(primary, "timed_out") == 0


@pytest.mark.parametrize("kinds", [["redis", "kvd"], ["kvd", "kvd"]], ids="-".join)
def test_as_many_as_were_asked_for(group, kinds):
    primary, replicas = primary_with(group, kinds, "repl-sync-replicas: 2\nrepl-sync-timeout: 20000\n")
    with primary.connect() as two, primary.connect() as one, primary.connect() as none:
        assert one.call("CLIENT", "SYNC-REPLICAS", 1) == b"OK" and none.call("CLIENT", "SYNC-REPLICAS", 0) == b"OK"
        assert two.call("SET", "a", 1) == b"OK"
        assert [replica.do("GET", "a") for replica in replicas] == [b"1", b"1"]
        replicas[0].pause()
        two.send("SET", "a", 2)
        held(primary, 1)
        assert one.call("SET", "b", 2) == b"OK" and replicas[1].do("GET", "b") == b"2"
        assert none.call("SET", "c", 2) == b"OK"
        assert is_silent(two) and sync(primary, "held") == 1
        # One connection may mix: what wants less waits behind what wants more.
        two.send("CLIENT", "SYNC-REPLICAS", 1)
        two.send("SET", "b", 3)
        wait_for(lambda: replicas[1].do("GET", "b") == b"3")
        held(primary, 1)
        assert is_silent(two)
        replicas[0].resume()
        assert [two.read() for _ in range(3)] == [b"OK"] * 3


def test_the_outcome_is_unknown_when_time_is_up(group):
    primary, (replica,) = primary_with(group, ["kvd"], "repl-sync-replicas: 1\nrepl-sync-timeout: 300\n")
    replica.pause()
    with primary.connect() as client, primary.connect() as other:
        begin = time.monotonic()
        for command in [["SET", "a", 1], ["GET", "a"], ["MULTI"], ["INCR", "n"], ["GET", "a"], ["EXEC"], ["LPUSH", "l", 1, 2], ["PING"]]:
            client.send(*command)
        assert UNKNOWN in error(client) and time.monotonic() - begin >= 0.29
        assert client.read() == b"1"
        assert [client.read() for _ in range(3)] == [b"OK", b"QUEUED", b"QUEUED"]
        assert error(client).startswith("NOREPLICAS ")  # all of EXEC's
        assert UNKNOWN in error(client) and client.read() == b"PONG"
        assert sync(primary, "timed_out") == 3 and sync(primary, "held") == 0
        assert other.call("GET", "n") == b"1"
        assert "errorstat_NOREPLICAS" in primary.info("errorstats")
        replica.resume()
        wait_for(lambda: client.call("SET", "a", 2) == b"OK")
        assert replica.do("GET", "n") == b"1"
        assert primary.do("CONFIG", "RESETSTAT") == b"OK" and sync(primary, "timed_out") == 0


def test_too_few_replicas_are_there(group):
    """Nothing is executed then, and reads are not concerned."""
    primary = group.kvd(YAML + "repl-sync-replicas: 1\n")
    with primary.connect() as client:
        for command in [["SET", "a", 1], ["BLPOP", "l", 0]]:
            client.send(*command)
            assert error(client).startswith("NOREPLICAS Not enough replicas are connected")
        assert client.call("GET", "a") is None
        assert client.call("MULTI") == b"OK"
        client.send("SET", "a", 1)
        assert "NOREPLICAS" in error(client)
        client.send("EXEC")
        assert "EXECABORT" in error(client)
        assert sync(primary, "refused") == 3 and sync(primary, "good_replicas") == 0
        replica = follower(group, primary)
        wait_for(lambda: sync(primary, "good_replicas") == 1, what="the replica counts")
        assert client.call("SET", "a", 1) == b"OK"
        assert client.call("CLIENT", "SYNC-REPLICAS", 2) == b"OK"
        client.send("SET", "a", 2)
        assert "NOREPLICAS" in error(client)
        assert client.call("CLIENT", "SYNC-REPLICAS", "default") == b"OK" and client.call("SET", "a", 2) == b"OK"
        assert client.call("CLIENT", "SYNC-REPLICAS", 2) == b"OK" and client.call("RESET") == b"RESET"
        assert client.call("SET", "a", 3) == b"OK"
        for bad in ["-1", "x", "3000000000"]:
            client.send("CLIENT", "SYNC-REPLICAS", bad)
            assert error(client).startswith("ERR ")
        replica.stop()
        wait_for(lambda: sync(primary, "good_replicas") == 0)
        client.send("SET", "a", 4)
        assert "NOREPLICAS" in error(client) and client.call("GET", "a") == b"3"


def test_who_waits_for_a_key_waits_for_replicas_too(group):
    primary, (replica,) = primary_with(group, ["redis"], "repl-sync-timeout: 20000\n")
    with primary.connect() as popper, primary.connect() as pusher:
        assert popper.call("CLIENT", "SYNC-REPLICAS", 1) == b"OK"
        popper.send("BLPOP", "l", 0)
        wait_for(lambda: primary.info("clients")["blocked_clients"] == "1")
        replica.pause()
        assert pusher.call("RPUSH", "l", "x") == 1
        held(primary, 1)
        assert is_silent(popper)
        replica.resume()
        assert popper.read() == [b"l", b"x"]
        assert replica.do("LLEN", "l") == 0


def test_wait_agrees(group):
    primary, (replica,) = primary_with(group, ["kvd"], "repl-sync-replicas: 1\nrepl-sync-timeout: 20000\n")
    replica.pause()
    with primary.connect() as client:
        client.send("SET", "a", 1)
        client.send("WAIT", 1, 0)
        held(primary, 1)
        assert is_silent(client)
        replica.resume()
        assert [client.read(), client.read()] == [b"OK", 1]
        assert client.call("WAIT", 1, 1) == 1  # at once: whoever was answered knows


def test_with_the_append_only_file(group):
    """Both must have it: the disk here, and the replica."""
    primary, (replica,) = primary_with(group, ["kvd"], "repl-sync-replicas: 1\nrepl-sync-timeout: 300\nappendonly: yes\nappendfsync: always\n")
    with primary.connect() as client:
        client.pipeline([("SET", "k%d" % number, number) for number in range(500)])
        assert replica.do("DBSIZE") == 500
        replica.pause()
        for number in range(20):
            client.send("SET", "late", number)
        assert all(UNKNOWN in error(client) for _ in range(20))
        replica.resume()
        wait_for(lambda: client.call("SET", "late", "x") == b"OK")
    primary.kill()
    primary.process.wait()
    primary.start()
    assert primary.do("GET", "late") == b"x"


def test_fsynced_is_more(group):
    """A replica without an append-only file cannot confirm that; one that syncs each second does so then."""
    primary = group.kvd(YAML + "repl-sync-replicas: 1\nrepl-sync-level: fsynced\nrepl-sync-timeout: 20000\n")
    replica_of(group, primary, "kvd")
    wait_for(lambda: online(primary, 1), what="the replica is online")
    with primary.connect() as client:
        client.send("SET", "a", 1)
        assert "NOREPLICAS" in error(client)
        replica = replica_of(group, primary, "kvd", "appendonly: yes\nappendfsync: always\n", name="synced")
        wait_for(lambda: sync(primary, "good_replicas") == 1, what="the one with a file counts")
        for number in range(20):
            assert client.call("SET", "a", number) == b"OK"
        replica.kill()
        replica.process.wait()
        wait_for(lambda: sync(primary, "good_replicas") == 0)
        replica.start()
        wait_for(lambda: sync(primary, "good_replicas") == 1, what="it counts again")
        assert replica.do("CONFIG", "SET", "appendfsync", "everysec") == b"OK"
        begin = time.monotonic()
        assert [client.call("SET", "a", number) for number in range(3)] == [b"OK"] * 3
        assert time.monotonic() - begin > 0.5  # not before the file was synced
        assert primary.do("CONFIG", "SET", "repl-sync-level", "received") == b"OK"
        begin = time.monotonic()
        assert [client.call("SET", "a", number) for number in range(20)] == [b"OK"] * 20


def test_parameters_at_run_time(group):
    primary, (replica,) = primary_with(group, ["redis"])
    with primary.connect() as client, primary.connect() as admin:
        assert client.call("SET", "a", 1) == b"OK"
        # A transaction that begins unheld ends held.
        replica.pause()
        commands = [("MULTI",), ("CONFIG", "SET", "repl-sync-replicas", 1), ("SET", "a", 2), ("EXEC",)]
        for command in commands:
            client.send(*command)
        assert [client.read() for _ in range(3)] == [b"OK", b"QUEUED", b"QUEUED"]
        held(primary, 1)
        assert is_silent(client)
        assert admin.call("CONFIG", "SET", "repl-sync-timeout", 50) == b"OK"  # also for what waits already
        assert UNKNOWN in error(client)
        assert admin.call("CONFIG", "SET", "repl-sync-replicas", 0) == b"OK"
        assert client.call("SET", "a", 3) == b"OK"
        replica.resume()
    assert primary.do("CONFIG", "GET", "repl-sync-*") == [b"repl-sync-lease", b"auto", b"repl-sync-level", b"received", b"repl-sync-replicas", b"0",
                                                          b"repl-sync-timeout", b"50"]


def test_a_role_change_leaves_the_outcome_unknown(group):
    primary, (replica,) = primary_with(group, ["kvd"], "repl-sync-replicas: 1\nrepl-sync-timeout: 20000\n")
    replica.pause()
    with primary.connect() as client:
        for number in range(3):
            client.send("SET", "k%d" % number, number)
        client.send("PING")
        held(primary, 3)
        assert primary.do("REPLICAOF", "127.0.0.1", replica.port) == b"OK"
        assert all(UNKNOWN in error(client) for _ in range(3))
        assert client.read() == b"PONG"
        assert sync(primary, "abandoned") == 3 and sync(primary, "held") == 0
        replica.resume()


class Writer(threading.Thread):
    """Adds numbers to a set, several at a time, and remembers which were acknowledged."""

    def __init__(self, server, name, depth):
        super().__init__(daemon=True)
        self.server, self.name, self.depth, self.acknowledged = server, name, depth, []
        self.start()

    def run(self):
        number = 0
        try:
            with self.server.connect(timeout=60) as connection:
                while True:
                    numbers = range(number, number + self.depth)
                    for number in numbers:
                        connection.send("SADD", self.name, number)
                    for number in numbers:
                        if connection.read() == 1:
                            self.acknowledged.append(number)
                    number += 1
        except (OSError, EOFError):
            pass


@pytest.mark.parametrize("kinds", [["redis", "kvd"], ["kvd", "kvd", "redis"]], ids="-".join)
def test_what_was_acknowledged_is_on_enough_replicas(group, kinds):
    """The primary is killed amid writes: every acknowledged one is on at least two replicas."""
    primary, replicas = primary_with(group, kinds, "repl-sync-replicas: 2\nrepl-sync-timeout: 20000\n")
    writers = [Writer(primary, "set %d" % number, depth) for number, depth in enumerate([1, 1, 10, 50])]
    wait_for(lambda: all(len(writer.acknowledged) > 200 for writer in writers), timeout=60)
    replicas[-1].pause()  # of three one may stand still, and two are still enough
    if len(replicas) == 3:
        before = [len(writer.acknowledged) for writer in writers]
        wait_for(lambda: all(len(writer.acknowledged) > count + 100 for writer, count in zip(writers, before)), timeout=60)
    primary.kill()
    primary.process.wait()
    replicas[-1].resume()
    for writer in writers:
        writer.join()
    for replica in replicas:
        wait_for(lambda: replica.info("replication")["master_link_status"] == "down")
    for writer in writers:
        there = [{int(number) for number in replica.do("SMEMBERS", writer.name)} for replica in replicas]
        lost = [number for number in writer.acknowledged if sum(number in numbers for numbers in there) < 2]
        assert not lost, "%d of %d acknowledged" % (len(lost), len(writer.acknowledged))


def test_a_planned_failover_under_held_writes(group):
    primary, (replica,) = primary_with(group, ["kvd"], "repl-sync-replicas: 1\nrepl-sync-timeout: 20000\n")
    writers = [Writer(primary, "set %d" % number, depth) for number, depth in enumerate([1, 1, 20])]
    wait_for(lambda: all(len(writer.acknowledged) > 100 for writer in writers), timeout=60)
    assert primary.do("FAILOVER") == b"OK"
    wait_for(lambda: replica.info("replication")["role"] == "master", what="it was handed over")
    wait_for(lambda: primary.info("replication").get("master_link_status") == "up", what="the old one follows")
    primary.kill()
    for writer in writers:
        writer.join()
        there = {int(number) for number in replica.do("SMEMBERS", writer.name)}
        assert there.issuperset(writer.acknowledged)


def test_a_primary_that_does_not_know_fack(group):
    """What a replica tells of its disk does not disturb Redis 7.0."""
    primary = group.redis()
    replica = group.kvd("replicaof: 127.0.0.1 %d\nappendonly: yes\nappendfsync: always\n" % primary.port)
    wait_for(lambda: replica.info("replication")["master_link_status"] == "up")
    wait_for(lambda: replica.info("persistence")["aof_rewrite_in_progress"] == "0", what="the file is whole")
    with primary.connect() as client:
        for number in range(20):
            assert client.call("SET", "a", number) == b"OK" and client.call("WAIT", 1, 10000) == 1
    assert primary.info("stats")["unexpected_error_replies"] == "0"
    assert replica.info("replication")["master_link_status"] == "up"
