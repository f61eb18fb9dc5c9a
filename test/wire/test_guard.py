"""Leases and fences: what sentinels allow and forbid a server with repl-sync-replicas. The sentinels here are scripted."""
import os
import threading

import pytest

from processes import wait_for
from resp import RespError, encode
from test_sync_replies import UNKNOWN, Writer, error, held, is_silent, primary_with, sync

LONG = 300000  # ms: no test lasts so long
SYNC = "repl-sync-replicas: 1\nrepl-sync-timeout: 60000\n"
NO_LEASE = "NOREPLICAS There is no lease of a majority of the sentinels: it was not executed."


def leased_with(group, kinds):
    """Nothing counts without a lease, so the set comes together first."""
    primary, replicas = primary_with(group, kinds, SYNC + "repl-sync-lease: no\n")
    assert primary.do("CONFIG", "SET", "repl-sync-lease", "yes") == b"OK"
    return primary, replicas


class Sentinel:
    """Says GUARD LEASE as a sentinel does: with the stamp of the last answer."""

    def __init__(self, number, names, known=3):
        self.id, self.names, self.known = "%040x" % number, list(names), known
        self.stamp, self.run_id = 0, None

    def lease(self, server, ms=LONG):
        """Returns whether the server has a lease now."""
        stamp, run_id, is_held = server.do("GUARD", "LEASE", self.id, self.known, ms, self.stamp, *self.names)
        if run_id != self.run_id and self.stamp:
            self.stamp = 0
        else:
            self.stamp = stamp
        self.run_id = run_id
        return is_held == 1


def name_of(server):
    return "127.0.0.1:%d" % server.port


def sentinels_of(replicas, count=3):
    names = [name_of(replica) for replica in replicas]
    return [Sentinel(number + 1, names, count) for number in range(count)]


def grant(primary, sentinels, ms=LONG):
    """All of them promise; the first round only gets stamps."""
    for _ in range(2):
        answers = [sentinel.lease(primary, ms) for sentinel in sentinels]
    return answers[-1]


def fields(server):
    return server.info("replication")


def test_without_sentinels_nothing_is_different(group):
    primary, (replica,) = primary_with(group, ["kvd"], SYNC)
    assert primary.do("SET", "a", 1) == b"OK"
    info = fields(primary)
    assert (info["repl_sync_min"], info["repl_lease"], info["repl_lease_sentinels"], info["repl_fence_epoch"]) == ("1", "off", "0", "0")
    assert fields(replica)["repl_sync_min"] == "0"


def test_a_majority_gives_the_lease(group):
    primary, replicas = leased_with(group, ["kvd"])
    one, two, three = sentinels_of(replicas)
    with primary.connect() as client:
        client.send("SET", "a", 1)
        assert error(client) == NO_LEASE
        assert [sentinel.lease(primary) for sentinel in [one, two, three]] == [False] * 3  # these are stamps, no promises
        assert not one.lease(primary)
        client.send("SET", "a", 1)
        assert error(client) == NO_LEASE and fields(primary)["repl_lease"] == "lost"
        assert client.call("GET", "a") is None
        assert two.lease(primary)
        assert client.call("SET", "a", 1) == b"OK"
        info = fields(primary)
        assert info["repl_lease"] == "held" and info["repl_lease_sentinels"] == "2" and int(info["repl_lease_ms_left"]) > 1000
        three.known = 5  # it knows of two more, who have promised nothing: three of five
        assert three.lease(primary)
        one.known = 6
        assert not one.lease(primary)
        client.send("SET", "a", 2)
        assert error(client) == NO_LEASE
        assert primary.do("CONFIG", "SET", "repl-sync-lease", "no") == b"OK"
        assert client.call("SET", "a", 2) == b"OK" and fields(primary)["repl_lease"] == "off"


def test_a_lease_ends(group):
    primary, replicas = primary_with(group, ["kvd"], SYNC)
    sentinels = sentinels_of(replicas)
    with primary.connect() as client:
        assert client.call("SET", "a", 1) == b"OK"  # auto: nobody promised anything yet
        for sentinel in sentinels:
            sentinel.lease(primary)
        assert client.call("SET", "a", 1) == b"OK"
        grant(primary, sentinels, 400)
        wait_for(lambda: fields(primary)["repl_lease"] == "lost")
        client.send("SET", "a", 2)
        assert error(client) == NO_LEASE  # from the first one on they are needed
        assert int(fields(primary)["repl_lease_ms_left"]) == 0 and sync(primary, "refused") == 1
        assert grant(primary, sentinels)
        assert client.call("SET", "a", 3) == b"OK"
        assert client.call("CLIENT", "SYNC-REPLICAS", 0) == b"OK"
        grant(primary, [Sentinel(9, [], 100)])
        assert fields(primary)["repl_lease"] == "lost"
        assert client.call("SET", "a", 4) == b"OK"  # who waits for nobody needs none


def test_held_replies_wait_for_the_lease(group):
    primary, replicas = leased_with(group, ["kvd"])
    sentinels = sentinels_of(replicas)
    grant(primary, sentinels)
    replicas[0].pause()
    with primary.connect() as client:
        for number in range(3):
            client.send("SET", "a", number)
        held(primary, 3)
        grant(primary, [Sentinel(9, [name_of(replicas[0])], 100)])  # three more sentinels are not enough any more
        assert fields(primary)["repl_lease"] == "lost"
        replicas[0].resume()
        wait_for(lambda: confirmed_all(primary), what="the replica has confirmed")
        assert is_silent(client) and sync(primary, "held") == 3
        grant(primary, [Sentinel(9, [name_of(replicas[0])], 3)])
        assert [client.read() for _ in range(3)] == [b"OK"] * 3
        # ... and not for ever.
        replicas[0].pause()
        client.send("SET", "a", "late")
        held(primary, 1)
        grant(primary, [Sentinel(9, [name_of(replicas[0])], 100)])
        replicas[0].resume()
        wait_for(lambda: confirmed_all(primary), what="the replica has confirmed")
        assert primary.do("CONFIG", "SET", "repl-sync-timeout", 100) == b"OK"
        reply = error(client)
        assert "lease" in reply and UNKNOWN in reply and sync(primary, "timed_out") == 1


def confirmed_all(primary):
    info = fields(primary)
    offset = int(info["master_repl_offset"])
    return all(("offset=%d," % offset) in value for key, value in info.items() if key[:5] == "slave" and key[5:].isdigit())


def test_only_named_replicas_count(group):
    primary, replicas = leased_with(group, ["kvd", "kvd"])
    both = [name_of(replica) for replica in replicas]
    one, two, three = sentinels_of(replicas)
    grant(primary, [one, two])
    assert sync(primary, "good_replicas") == 2
    two.names = both[:1]
    assert two.lease(primary) and sync(primary, "good_replicas") == 1
    with primary.connect() as client:
        replicas[0].pause()
        client.send("SET", "a", 1)
        held(primary, 1)
        wait_for(lambda: replicas[1].do("GET", "a") == b"1")
        assert is_silent(client)  # the one that has it is not known to both
        two.names = both
        assert two.lease(primary)
        wait_for(lambda: sync(primary, "held") == 0)
        assert client.read() == b"OK"
        two.names = []
        assert two.lease(primary)
        client.send("SET", "a", 2)
        assert error(client).startswith("NOREPLICAS Not enough replicas are connected")
        replicas[0].resume()


def test_a_restart_forgets(group):
    primary, replicas = leased_with(group, ["kvd"])
    sentinels = sentinels_of(replicas)
    assert grant(primary, sentinels)
    assert primary.do("CONFIG", "REWRITE") == b"OK"
    primary.kill()
    primary.start()
    wait_for(lambda: int(fields(primary)["connected_slaves"]) == 1 and "online" in fields(primary)["slave0"])
    assert [sentinel.lease(primary) for sentinel in sentinels] == [False] * 3  # with stamps of before
    assert fields(primary)["repl_lease"] == "lost" and fields(primary)["repl_lease_sentinels"] == "0"
    assert all(sentinel.stamp == 0 for sentinel in sentinels)
    assert grant(primary, sentinels)


def test_transactions_and_waiting_clients_without_a_lease(group):
    primary, replicas = leased_with(group, ["kvd"])
    sentinels = sentinels_of(replicas)
    assert grant(primary, sentinels)
    outsider = Sentinel(9, [name_of(replicas[0])], 100)
    with primary.connect() as client, primary.connect() as popper, primary.connect() as free:
        popper.send("BLPOP", "l", 0)
        wait_for(lambda: primary.info("clients")["blocked_clients"] == "1")
        assert client.call("MULTI") == b"OK" and client.call("SET", "a", 1) == b"QUEUED"
        grant(primary, [outsider])
        client.send("EXEC")
        reply = error(client)
        assert reply.startswith("EXECABORT") and "lease" in reply
        assert client.call("GET", "a") is None
        client.send("BLPOP", "l", 0)
        assert error(client) == NO_LEASE
        assert free.call("CLIENT", "SYNC-REPLICAS", 0) == b"OK"
        assert free.call("RPUSH", "l", "x") == 1  # it serves one who waits for a replica
        held(primary, 1)
        wait_for(lambda: confirmed_all(primary), what="the replica has confirmed")
        assert is_silent(popper)
        outsider.known = 3
        assert outsider.lease(primary)
        assert popper.read() == [b"l", b"x"]


# ---- the fence -----------------------------------------------------------------------------------------------------

LEADER = "f" * 40


def fence(server, epoch, leader=LEADER):
    return server.do("GUARD", "FENCE", epoch, leader)


def link(replica):
    return fields(replica).get("master_link_status")


def test_a_fenced_replica_confirms_nothing(group):
    primary, (replica, other) = primary_with(group, ["kvd", "kvd"], SYNC)
    assert primary.do("SET", "a", 1) == b"OK"
    wait_for(lambda: confirmed_all(primary))
    epoch, history, offset, fsynced, run_id = fence(replica, 7)
    info = fields(replica)
    assert (epoch, history, fsynced) == (7, fields(primary)["master_replid"].encode(), -1)
    assert offset == int(info["master_repl_offset"]) and run_id.decode() == replica.info("server")["run_id"]
    assert info["role"] == "slave" and info["master_link_status"] == "down" and info["repl_fence_epoch"] == "7"
    assert info["master_port"] == str(primary.port)
    wait_for(lambda: sync(primary, "good_replicas") == 1)
    assert primary.do("SET", "a", 2) == b"OK"
    assert fence(replica, 7) == [7, history, offset, fsynced, run_id]
    with replica.connect() as connection:
        for low in [1, 6]:
            assert connection.call("GUARD", "FENCE", low, LEADER) == RespError("FENCED 7")
        assert connection.call("GUARD", "RELEASE", 6) == RespError("FENCED 7")
        assert connection.call("GUARD", "RELEASE", 8) == RespError("FENCED 7")
    assert fence(replica, 9)[:3] == [9, history, offset]
    assert replica.do("GET", "a") == b"1" and sync(primary, "good_replicas") == 1
    assert replica.do("GUARD", "RELEASE", 9) == b"OK"
    wait_for(lambda: link(replica) == "up" and replica.do("GET", "a") == b"2")
    assert fields(replica)["repl_fence_epoch"] == "0"
    assert fields(primary)["master_replid"].encode() == history and primary.info("stats")["sync_full"] == "2"
    with replica.connect() as connection:
        assert isinstance(connection.call("GUARD", "RELEASE", 9), RespError)
    # An order ends it, the same one too, and a promotion.
    fence(replica, 1)
    assert replica.do("REPLICAOF", "127.0.0.1", primary.port) == b"OK"
    wait_for(lambda: link(replica) == "up" and fields(replica)["repl_fence_epoch"] == "0")
    fence(replica, 2)
    fence(other, 2)
    assert replica.do("REPLICAOF", "NO", "ONE") == b"OK"
    assert other.do("REPLICAOF", "127.0.0.1", replica.port) == b"OK"
    wait_for(lambda: link(other) == "up")
    assert fields(replica)["repl_fence_epoch"] == "0" and fields(replica)["role"] == "master"
    assert replica.info("stats")["sync_full"] == "0"
