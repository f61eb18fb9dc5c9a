"""Leases and fences: what sentinels allow and forbid a server with repl-sync-replicas. The sentinels here are scripted."""
from fake_server import FakeServer
from processes import wait_for
from resp import RespError
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
        assert connection.call("GUARD", "FENCE", 7, "e" * 40) == RespError("FENCED 7")  # whoever is beaten releases nothing
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


def test_what_a_fenced_replica_has_on_its_disk(group):
    primary, (replica,) = primary_with(group, ["kvd"], "")
    assert replica.do("CONFIG", "SET", "appendfsync", "always", "appendonly", "yes") == b"OK"
    wait_for(lambda: replica.info("persistence")["aof_rewrite_in_progress"] == "0", what="the file is whole")
    assert primary.do("SET", "a", 1) == b"OK"
    wait_for(lambda: replica.do("GET", "a") == b"1" and confirmed_all(primary))
    answer = fence(replica, 3)
    assert answer[2] == int(fields(replica)["master_repl_offset"]) and answer[3] == answer[2]


def test_a_fence_at_any_time_of_the_link(group):
    """While it dials, while it is sent everything, while that is read, and before it ever had anything."""
    debug = "enable-debug-command: yes\n"
    primary = group.kvd("repl-diskless-sync-delay: 0\n" + debug)
    nobody = group.kvd("replicaof: 127.0.0.1 1\n")  # nobody listens there
    assert fence(nobody, 1)[2] == -1
    assert nobody.do("REPLICAOF", "127.0.0.1", primary.port) == b"OK"
    wait_for(lambda: link(nobody) == "up")
    primary.do("DEBUG", "POPULATE", 20000, "key", 100)
    for load in ["disabled", "swapdb", "flush-before-load"]:
        replica = group.kvd(debug + "repl-diskless-load: %s\n" % load)
        assert replica.do("SET", "own", 1) == b"OK"
        own = fields(replica)["master_replid"].encode()
        primary.pause()
        assert replica.do("REPLICAOF", "127.0.0.1", primary.port) == b"OK"
        assert fence(replica, 1)[1] == own  # it waits for an answer: what it has is of its own history
        assert replica.do("GET", "own") == b"1"
        assert replica.do("GUARD", "RELEASE", 1) == b"OK"
        primary.resume()
        wait_for(lambda: fields(replica).get("master_sync_in_progress") == "1" or link(replica) == "up")
        fence(replica, 2)
        info = fields(replica)
        assert info["master_link_status"] == "down" and info["master_sync_in_progress"] == "0" and info["repl_fence_epoch"] == "2"
        assert fence(replica, 2)[4].decode() == replica.info("server")["run_id"]
        assert replica.do("GUARD", "RELEASE", 2) == b"OK"
        wait_for(lambda: link(replica) == "up" and confirmed_all(primary), timeout=60)
        assert replica.do("DEBUG", "DIGEST") == primary.do("DEBUG", "DIGEST")
        replica.kill()


def test_what_a_full_synchronization_has_not_replaced_is_there(group):
    """A primary sends everything; the data, which was confirmed to another, is there until that has come."""
    primary, (replica,) = primary_with(group, ["kvd"], "")
    assert primary.do("SET", "a", 1) == b"OK"
    wait_for(lambda: confirmed_all(primary))
    primary.pause()  # no PING moves the offset
    history, offset = fields(replica)["master_replid"].encode(), int(fields(replica)["master_repl_offset"])
    sender = FakeServer()
    sender.replies["PSYNC"] = b"+FULLRESYNC " + b"e" * 40 + b" 5000\r\n$1000\r\nREDIS0010"
    assert replica.do("REPLICAOF", "127.0.0.1", sender.port) == b"OK"
    wait_for(lambda: fields(replica)["master_sync_in_progress"] == "1", what="it is sent everything")
    assert fence(replica, 2)[1:3] == [history, offset]
    assert replica.do("GET", "a") == b"1"
    primary.resume()
    assert replica.do("REPLICAOF", "127.0.0.1", primary.port) == b"OK"
    wait_for(lambda: link(replica) == "up" and confirmed_all(primary), timeout=60)
    assert primary.info("stats")["sync_full"] == "1"  # it has gone on where it was
    sender.close()


def test_a_fenced_primary_acknowledges_nothing(group):
    primary, (replica,) = primary_with(group, ["kvd"], SYNC)
    with primary.connect() as client, primary.connect() as free, primary.connect() as popper:
        assert free.call("CLIENT", "SYNC-REPLICAS", 0) == b"OK"
        popper.send("BLPOP", "l", 0)
        wait_for(lambda: primary.info("clients")["blocked_clients"] == "1")
        replica.pause()
        for number in range(3):
            client.send("SET", "a", number)
        client.send("GET", "a")
        held(primary, 3)
        answer = fence(primary, 5)
        assert answer[2] == int(fields(primary)["master_repl_offset"])
        replies = [error(client) for _ in range(3)]
        assert all("fenced" in reply and UNKNOWN in reply for reply in replies)
        assert client.read() == b"2"
        client.send("SET", "a", 3)
        assert error(client) == "NOREPLICAS A sentinel fenced this server: it is not the primary any more: it was not executed."
        assert free.call("SET", "a", 4) == b"OK"  # who waits for nobody is not concerned
        assert free.call("RPUSH", "l", "x") == 1
        assert "fenced" in error(popper)
        info = fields(primary)
        assert (info["repl_sync_held"], info["repl_sync_abandoned"], info["repl_fence_epoch"]) == ("0", "4", "5")
        replica.resume()
        assert primary.do("REPLICAOF", "NO", "ONE") == b"OK"
        client.send("SET", "a", 5)
        assert "fenced" in error(client)  # that says nothing of who else is one
        assert primary.do("GUARD", "RELEASE", 5) == b"OK"
        assert client.call("SET", "a", 6) == b"OK" and fields(primary)["repl_fence_epoch"] == "0"
        fence(primary, 6)
        assert replica.do("REPLICAOF", "NO", "ONE") == b"OK"
        assert primary.do("REPLICAOF", "127.0.0.1", replica.port) == b"OK"
        wait_for(lambda: link(primary) == "up")
        assert fields(primary)["repl_fence_epoch"] == "0"


def test_a_fence_and_a_handover(group):
    primary, (replica, other) = primary_with(group, ["kvd", "kvd"], SYNC)
    # One that waits for its replica is called off.
    replica.pause()
    assert primary.do("CLIENT", "SYNC-REPLICAS", 1) == b"OK"
    with primary.connect() as client:
        assert client.call("CLIENT", "SYNC-REPLICAS", 0) == b"OK" and client.call("SET", "a", 1) == b"OK"
        assert client.call("FAILOVER", "TO", "127.0.0.1", replica.port) == b"OK"
        assert fields(primary)["master_failover_state"] == "waiting-for-sync"
        fence(primary, 4)
        info = fields(primary)
        assert (info["master_failover_state"], info["role"], info["repl_fence_epoch"]) == ("no-failover", "master", "4")
        assert client.call("SET", "a", 2) == b"OK"
        assert primary.do("GUARD", "RELEASE", 4) == b"OK"
    replica.resume()
    # A fenced replica takes nothing over.
    fence(other, 5)
    wait_for(lambda: fields(primary)["connected_slaves"] == "1")
    with other.connect() as connection:
        history = fields(other)["master_replid"]
        assert connection.call("PSYNC", history, 1, "FAILOVER") == RespError("FENCED 5")
    assert fields(other)["role"] == "slave"


def test_hostile_arguments(group):
    primary, replicas = primary_with(group, ["kvd"], "")
    good = "a" * 40
    bad = [("LEASE",), ("LEASE", good, 1, 1), ("LEASE", "x", 1, 1, 0), ("LEASE", "A" * 40, 1, 1, 0), ("LEASE", b"a" * 39 + b"\0", 1, 1, 0),
           ("LEASE", good, 0, 1, 0), ("LEASE", good, 257, 1, 0), ("LEASE", good, 2 ** 63, 1, 0), ("LEASE", good, 1, -1, 0),
           ("LEASE", good, 1, "", 0), ("LEASE", good, 1, 1, -1), ("LEASE", good, 1, 1, 2 ** 64), ("LEASE", good, 1, 1, 0, ""),
           ("LEASE", good, 1, 1, 0, "a" * 301), ("LEASE", good, 1, 1, 0, "a:1\nb:2"), ("LEASE", good, 1, 1, 0, *["a:1"] * 257),
           ("FENCE", 0, good), ("FENCE", -1, good), ("FENCE", "x", good), ("FENCE", 2 ** 63, good), ("FENCE", 1), ("FENCE", 1, "x"),
           ("RELEASE", 0), ("RELEASE", 1), ("RELEASE", "x"), ("RELEASE",), ("NOTHING",), ()]
    with primary.connect() as connection:
        for arguments in bad:
            assert isinstance(connection.call("GUARD", *arguments), RespError), arguments
        for stamp in [1, 2 ** 62, 2 ** 63 - 1]:
            assert connection.call("GUARD", "LEASE", good, 1, 2 ** 63 - 1, stamp)[2] == 0
        stamp = connection.call("GUARD", "LEASE", good, 1, 2 ** 63 - 1, 0, *["%d:1" % n for n in range(256)])[0]
        assert connection.call("GUARD", "LEASE", good, 1, 2 ** 63 - 1, stamp, *["b" * 300] * 256)[2] == 1
        assert int(fields(primary)["repl_lease_ms_left"]) <= 600000
        for number in range(1, 256):
            assert len(connection.call("GUARD", "LEASE", "%040x" % number, 256, 60000, stamp)) == 3
        assert fields(primary)["repl_lease_sentinels"] == "256" and fields(primary)["repl_lease"] == "held"
        assert isinstance(connection.call("GUARD", "LEASE", "%040x" % 256, 256, 60000, stamp), RespError)
        assert connection.call("GUARD", "FENCE", 2 ** 63 - 1, good)[0] == 2 ** 63 - 1
        assert connection.call("GUARD", "RELEASE", 2 ** 63 - 1) == b"OK"
        assert any(b"FENCE" in line for line in connection.call("GUARD", "HELP"))
        assert connection.call("ACL", "SETUSER", "sentinel", "on", "nopass", "-@all", "+guard|lease") == b"OK"
        assert connection.call("AUTH", "sentinel", "x") == b"OK"
        assert isinstance(connection.call("GUARD", "LEASE", good, 1, 1, 0), list)
        assert str(connection.call("GUARD", "FENCE", 1, good)).startswith("NOPERM")


def test_the_number_that_a_failover_must_find(group):
    """repl_sync_min: what was acknowledged with fewer confirmations counts until more have it."""
    primary, (replica, other) = primary_with(group, ["kvd", "kvd"], SYNC)
    smallest = lambda: fields(primary)["repl_sync_min"]
    other.pause()
    assert primary.do("SET", "a", 1) == b"OK"
    assert primary.do("CONFIG", "SET", "repl-sync-replicas", 2) == b"OK"
    assert smallest() == "1"  # that write is on one
    other.resume()
    wait_for(lambda: smallest() == "2")
    assert primary.do("CONFIG", "SET", "repl-sync-replicas", 0) == b"OK" and smallest() == "0"
    assert primary.do("CLIENT", "SYNC-REPLICAS", 2) == b"OK" and smallest() == "2"
    assert primary.do("CLIENT", "SYNC-REPLICAS", 1) == b"OK" and smallest() == "1"
    assert primary.do("CLIENT", "SYNC-REPLICAS", 0) == b"OK" and smallest() == "1"  # since the start


def test_fences_find_every_acknowledged_write(group):
    """Two of three replicas must be fenced where two confirm: the one furthest ahead of any two has all that was acknowledged."""
    primary, replicas = primary_with(group, ["kvd", "kvd", "kvd"], "repl-sync-replicas: 2\nrepl-sync-timeout: 60000\n")
    for epoch in range(1, 4):
        assert grant(primary, sentinels_of(replicas))
        writers = [Writer(primary, "set %d" % number, depth) for number, depth in enumerate([1, 10, 50])]
        wait_for(lambda: all(len(writer.acknowledged) > 100 for writer in writers), timeout=60)
        fenced = [replica for replica in replicas if replica is not replicas[epoch % 3]]
        places = {replica: fence(replica, epoch) for replica in fenced}
        assert len({place[1] for place in places.values()}) == 1
        best = max(fenced, key=lambda replica: places[replica][2])
        wait_for(lambda: sync(primary, "good_replicas") == 1)
        acknowledged = [list(writer.acknowledged) for writer in writers]  # nothing more can come but what two had confirmed
        assert best.do("REPLICAOF", "NO", "ONE") == b"OK"
        for writer, numbers in zip(writers, acknowledged):
            there = {int(number) for number in best.do("SMEMBERS", writer.name)}
            assert there.issuperset(numbers)
        for server in [primary, *replicas]:
            if server is not best:
                assert server.do("REPLICAOF", "127.0.0.1", best.port) == b"OK"
        primary.do("CLIENT", "KILL", "TYPE", "normal")
        for writer in writers:
            writer.join()
            there = {int(number) for number in best.do("SMEMBERS", writer.name)}
            assert there.issuperset(writer.acknowledged)
        others = [server for server in [primary, *replicas] if server is not best]
        wait_for(lambda: all(link(server) == "up" for server in others), timeout=60)
        primary, replicas = best, others
        assert primary.do("CONFIG", "SET", "repl-sync-replicas", 2) == b"OK"
        assert grant(primary, sentinels_of(replicas))
        wait_for(lambda: sync(primary, "good_replicas") == 3, timeout=60)
