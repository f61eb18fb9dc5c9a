"""kvd as a replica: of redis-server, of kvd, of primaries that mean harm; roles, refusals, expiry, promotion, FAILOVER."""
import os
import random
import re
import socket
import subprocess
import threading
import time

import pytest

from processes import free_port, wait_for
from resp import RespError
from test_rdb import fill
from test_sentinel_links import HAS_TLS, certificates

FAST = "repl-timeout: 5\nenable-debug-command: yes\n"
KINDS = ["redis", "kvd"]


def primary_of(group, kind, *args, **options):
    if kind == "redis":
        return group.redis("--repl-timeout", "5", *args, **options)
    return group.kvd(FAST + "repl-diskless-sync-delay: 0\n", *args, **options)


def replica_of(group, primary, yaml="", **options):
    return group.kvd(FAST + "replicaof: 127.0.0.1 %d\n" % primary.port + yaml, **options)


def is_up(replica):
    return replica.info("replication").get("master_link_status") == "up"


def offset_of(server):
    info = server.info("replication")
    return int(info["slave_repl_offset" if info["role"] == "slave" else "master_repl_offset"])


def wait_equal(primary, *replicas):
    """All have executed the same, and have the same data."""
    for replica in replicas:
        wait_for(lambda: is_up(replica) and offset_of(replica) == offset_of(primary), what="%s has all of it" % replica.name)
        assert replica.do("DEBUG", "DIGEST") == primary.do("DEBUG", "DIGEST")


def load(server, seed, count=300):
    """Writes of all kinds that depend on what is there: whoever misses one, or executes one twice, ends up with other data."""
    rng = random.Random(seed)
    with server.connect() as connection:
        for _ in range(count):
            key = "k%d" % rng.randrange(8)
            commands = rng.choice([
                [("INCR", "counter")], [("APPEND", "s" + key, "x%d" % rng.randrange(100))], [("RPUSH", "l" + key, rng.random())],
                [("SPOP", "set")], [("SADD", "set", rng.randrange(1000))], [("LPOP", "l" + key)],
                [("ZINCRBY", "z" + key, 1, "m")], [("HINCRBY", "h" + key, "f", 3)], [("XADD", "stream", "*", "f", rng.randrange(9))],
                [("SELECT", rng.randrange(3))], [("SET", "t" + key, "v", "EX", 1000)],
                [("MULTI",), ("INCR", "counter"), ("LPUSH", "l" + key, "m"), ("EXEC",)], [("GETDEL", "s" + key)],
            ])
            connection.pipeline(commands)


class Writer(threading.Thread):
    """load() until it is stopped."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.stopped, self.rounds = server, threading.Event(), 0
        self.start()

    def run(self):
        while not self.stopped.is_set():
            load(self.server, self.rounds, 50)
            self.rounds += 1

    def stop(self):
        self.stopped.set()
        self.join()


# ---- full and partial synchronization ----

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["disabled", "on-empty-db", "swapdb", "flush-before-load"])
@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_full_synchronization_under_load(group, kind, way, diskless):
    primary = primary_of(group, kind, "--repl-diskless-sync", diskless)
    fill(primary)
    writer = Writer(primary)
    wait_for(lambda: writer.rounds > 1)
    replica = group.kvd(FAST + "repl-diskless-load: %s\n" % way)
    replica.do("SET", "of before", 1)
    assert replica.do("REPLICAOF", "127.0.0.1", primary.port) == b"OK"
    wait_for(lambda: is_up(replica), what="in sync")
    rounds = writer.rounds
    wait_for(lambda: writer.rounds > rounds + 2)
    writer.stop()
    wait_equal(primary, replica)
    assert replica.do("EXISTS", "of before") == 0
    assert primary.info("stats")["sync_full"] == "1"


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_link_is_resumed(group, kind):
    primary = primary_of(group, kind)
    replica = replica_of(group, primary)
    wait_for(lambda: is_up(replica))
    writer = Writer(primary)
    for n in range(1, 6):
        rounds = writer.rounds
        wait_for(lambda: writer.rounds > rounds)
        primary.do("CLIENT", "KILL", "TYPE", "replica")
        wait_for(lambda: int(primary.info("stats")["sync_partial_ok"]) >= n, what="resumed")
    for _ in range(3):
        replica.do("CLIENT", "KILL", "TYPE", "master")
    writer.stop()
    wait_equal(primary, replica)
    assert primary.info("stats")["sync_full"] == "1"


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("middle", KINDS)
@pytest.mark.parametrize("last", KINDS)
def test_chain_of_three(group, first, middle, last):
    if "kvd" not in (middle, last):
        pytest.skip("no kvd replica in it")
    primary = primary_of(group, first)
    fill(primary)
    second = primary_of(group, middle)
    third = primary_of(group, last)
    second.do("REPLICAOF", "127.0.0.1", primary.port)
    third.do("REPLICAOF", "127.0.0.1", second.port)
    load(primary, 1)
    wait_equal(primary, second, third)
    primary.do("CLIENT", "KILL", "TYPE", "replica")
    second.do("CLIENT", "KILL", "TYPE", "replica")
    load(primary, 2)
    wait_equal(primary, second, third)
    assert primary.info("stats")["sync_full"] == "1"


@pytest.mark.parametrize("kind", KINDS)
def test_promotion_with_siblings_and_the_old_primary_back(group, kind):
    primary = primary_of(group, kind)
    replica = replica_of(group, primary, "repl-diskless-sync-delay: 0\n")
    sibling = primary_of(group, kind)
    sibling.do("REPLICAOF", "127.0.0.1", primary.port)
    load(primary, 1)
    wait_equal(primary, replica, sibling)
    old_id = primary.info("replication")["master_replid"]
    assert replica.do("REPLICAOF", "NO", "ONE") == b"OK"
    info = replica.info("replication")
    assert info["role"] == "master" and info["master_replid2"] == old_id and info["master_replid"] != old_id
    sibling.do("REPLICAOF", "127.0.0.1", replica.port)
    primary.do("REPLICAOF", "127.0.0.1", replica.port)
    load(replica, 2)
    wait_equal(replica, sibling, primary)
    stats = replica.info("stats")
    assert (stats["sync_full"], stats["sync_partial_ok"]) == ("0", "2")


@pytest.mark.parametrize("kind", KINDS)
def test_a_demoted_primary_resumes(group, kind):
    """kvd was the primary; its former replica goes on, and kvd follows it without a full synchronization."""
    primary = group.kvd(FAST + "repl-diskless-sync-delay: 0\n")
    replica = primary_of(group, kind)
    replica.do("REPLICAOF", "127.0.0.1", primary.port)
    load(primary, 1)
    wait_for(lambda: is_up(replica) and offset_of(replica) == offset_of(primary))
    replica.do("REPLICAOF", "NO", "ONE")
    primary.do("REPLICAOF", "127.0.0.1", replica.port)
    load(replica, 2)
    wait_equal(replica, primary)
    assert replica.info("stats")["sync_full"] == "0"


def test_another_primary_is_another_history(group):
    one, two = group.redis(), group.redis()
    one.do("SET", "of", "one")
    two.do("SET", "of", "two")
    replica = replica_of(group, one)
    wait_equal(one, replica)
    replica.do("REPLICAOF", "127.0.0.1", two.port)
    wait_for(lambda: replica.do("GET", "of") == b"two")
    wait_equal(two, replica)


def test_a_failed_synchronization_keeps_old_data_beside(group):
    """swapdb: what the new primary sends is damaged; what was there stays."""
    primary = group.redis()
    primary.do("SET", "old", "data")
    replica = replica_of(group, primary, "repl-diskless-load: swapdb\n")
    wait_equal(primary, replica)
    with Hostile(FULL + b"$EOF:" + ID + b"\r\nREDIS0009\xfe\x00\x00\x03new\x03val\xf5garbage") as hostile:
        replica.do("REPLICAOF", "127.0.0.1", hostile.port)
        wait_for(lambda: hostile.served > 1)
    assert replica.do("GET", "old") == b"data" and replica.do("EXISTS", "new") == 0


# ---- words, roles, refusals ----

def test_replicaof_words(group):
    primary = group.redis()
    replica = group.kvd(FAST)
    with replica.connect() as connection:
        call = connection.call
        assert connection.do("ROLE") == [b"master", 0, []]
        assert str(call("REPLICAOF", "127.0.0.1", "x")) == "ERR value is not an integer or out of range"
        assert str(call("REPLICAOF", "127.0.0.1", 70000)) == "ERR Invalid master port"
        assert connection.do("REPLICAOF", "NO", "ONE") == b"OK"
        assert connection.do("REPLICAOF", "127.0.0.1", primary.port) == b"OK"
        assert connection.do("SLAVEOF", "127.0.0.1", primary.port) == b"OK Already connected to specified master"
        wait_for(lambda: is_up(replica))
        role = connection.do("ROLE")
        assert role[:4] == [b"slave", b"127.0.0.1", primary.port, b"connected"] and role[4] >= 0
        assert connection.do("CONFIG", "GET", "replicaof") == [b"replicaof", b"127.0.0.1 %d" % primary.port]
        assert " flags=M " in [line for line in connection.do("CLIENT", "LIST", "TYPE", "master").decode().splitlines()][0]
        assert str(call("CONFIG", "SET", "replicaof", "1.1.1.1 1")).startswith("ERR CONFIG SET failed")
        connection.do("CONFIG", "REWRITE")
        assert "127.0.0.1 %d" % primary.port in open(replica.config_path).read()
        assert connection.pipeline([("MULTI",), ("REPLICAOF", "NO", "ONE"), ("CONFIG", "REWRITE"), ("EXEC",)])[-1] == [b"OK", b"OK"]
        assert "%d" % primary.port not in open(replica.config_path).read()
        assert connection.do("SET", "now", "a primary") == b"OK"


def test_configured_and_restarted(group):
    primary = group.redis()
    load(primary, 1)
    replica = replica_of(group, primary)
    wait_equal(primary, replica)
    replica.stop()
    load(primary, 2)
    replica.start()
    wait_equal(primary, replica)


@pytest.mark.parametrize("kind", KINDS)
def test_a_restarted_replica_resumes(group, kind):
    """Its dump file says where in the stream it is."""
    primary = primary_of(group, kind)
    load(primary, 1)
    replica = replica_of(group, primary, 'save: "3600 1"\n')
    wait_equal(primary, replica)
    load(primary, 2)
    wait_equal(primary, replica)
    primary.do("SET", "ends", 1, "PX", 50)
    wait_for(lambda: offset_of(replica) >= offset_of(primary))
    assert replica.stop() == 0
    wait_for(lambda: primary.do("EXISTS", "ends") == 0)
    load(primary, 3)
    replica.start()
    wait_equal(primary, replica)
    assert replica.do("EXISTS", "ends") == 0
    stats = primary.info("stats")
    assert (stats["sync_full"], stats["sync_partial_ok"]) == ("1", "1")


@pytest.mark.parametrize("kind", KINDS)
def test_a_restarted_replica_with_an_append_only_file_resumes(group, kind):
    """The file ends with a remark on where in the stream the data is; once something follows it says nothing any more."""
    primary = primary_of(group, kind)
    load(primary, 1)
    replica = replica_of(group, primary, "appendonly: yes\n")
    wait_equal(primary, replica)
    for round in range(1, 4):
        load(primary, 1 + round, 50)
        wait_equal(primary, replica)
        assert replica.stop() == 0
        load(primary, 5 + round, 50)
        replica.start()
        wait_equal(primary, replica)
        stats = primary.info("stats")
        assert (stats["sync_full"], stats["sync_partial_ok"]) == ("1", str(round))
    load(primary, 9, 50)
    wait_equal(primary, replica)
    replica.kill()
    replica.start()
    wait_equal(primary, replica)
    assert primary.info("stats")["sync_full"] == "2"


def test_redis_reads_an_append_only_file_with_a_place(group):
    primary = group.redis()
    replica = group.kvd("appendonly: yes\nreplicaof: 127.0.0.1 %d\n" % primary.port)
    wait_for(lambda: is_up(replica))
    wait_for(lambda: replica.info("persistence")["aof_rewrite_in_progress"] == "0")
    load(primary, 1)
    wait_for(lambda: offset_of(replica) == offset_of(primary))
    assert replica.stop() == 0
    directory = group.subdirectory(replica.name)
    folder = os.path.join(directory, "appendonlydir")
    last = sorted(name for name in os.listdir(folder) if name.endswith(".incr.aof"))[-1]
    with open(os.path.join(folder, last), "rb") as file:
        assert re.search(rb"\r\n#PLACE:[0-9a-f]{40} \d+ \d+\r\n$", file.read())
    checked = subprocess.run(["redis-check-aof", os.path.join(folder, last)], capture_output=True)
    assert checked.returncode == 0, checked.stdout
    other = group.redis("--appendonly", "yes", "--dir", directory)
    assert other.do("DEBUG", "DIGEST") == primary.do("DEBUG", "DIGEST")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("appendonly", ["no", "yes"])
def test_a_restarted_primary_is_resumed_from(group, kind, appendonly):
    primary = group.kvd(FAST + 'repl-diskless-sync-delay: 0\nsave: "3600 1"\nappendonly: %s\n' % appendonly)
    replica = primary_of(group, kind)
    replica.do("REPLICAOF", "127.0.0.1", primary.port)
    load(primary, 1)
    wait_for(lambda: is_up(replica) and offset_of(replica) == offset_of(primary))
    assert primary.stop() == 0
    primary.start()
    wait_for(lambda: is_up(replica))
    load(primary, 2)
    wait_equal(primary, replica)
    stats = primary.info("stats")
    assert (stats["sync_full"], stats["sync_partial_ok"]) == ("0", "1")


def test_redirection(group):
    """A client that says that it can follow redirections is sent to the primary, also by one that was demoted under it."""
    primary = primary_of(group, "kvd")
    replica = replica_of(group, primary)
    wait_for(lambda: is_up(replica))
    there = "REDIRECT 127.0.0.1:%d" % primary.port
    with replica.connect() as plain, replica.connect() as able, primary.connect() as client:
        for words in (("READONLY",), ("READWRITE",)):
            assert str(plain.call(*words)) == "ERR This instance has cluster support disabled"
        assert able.do("CLIENT", "CAPA", "unknown", "REDIRECT") == b"OK" and b" capa=r " in able.do("CLIENT", "INFO")
        assert b" capa= " in plain.do("CLIENT", "INFO")
        assert str(able.call("SET", "a", 1)) == str(able.call("GET", "a")) == there
        assert able.do("PING") == b"PONG" and plain.do("GET", "a") is None
        assert str(able.pipeline([("MULTI",), ("SET", "a", 1), ("EXEC",)])[2]).startswith("EXECABORT")
        assert able.do("READONLY") == b"OK" and able.do("GET", "a") is None and str(able.call("SET", "a", 1)) == there
        assert able.do("READWRITE") == b"OK" and str(able.call("GET", "a")) == there
        able.do("RESET")
        assert able.do("GET", "a") is None and str(able.call("SET", "a", 1)).startswith("READONLY ")
        assert client.do("CLIENT", "CAPA", "redirect") == b"OK" and client.do("SET", "a", 1) == b"OK"
        assert plain.do("REPLICAOF", "NO", "ONE") == b"OK" and primary.do("REPLICAOF", "127.0.0.1", replica.port) == b"OK"
        assert str(client.call("SET", "a", 2)) == str(client.call("GET", "a")) == "REDIRECT 127.0.0.1:%d" % replica.port


def test_refusals(group):
    primary = group.redis()
    replica = replica_of(group, primary)
    wait_for(lambda: is_up(replica))
    with replica.connect() as connection:
        readonly = "READONLY You can't write against a read only replica."
        assert str(connection.call("SET", "a", 1)) == readonly
        replies = connection.pipeline([("MULTI",), ("SET", "a", 1), ("EXEC",)])
        assert str(replies[1]) == readonly and str(replies[2]).startswith("EXECABORT")
        assert connection.do("GET", "a") is None
        connection.do("CONFIG", "SET", "replica-serve-stale-data", "no")
        assert connection.do("GET", "a") is None
        primary.kill()
        wait_for(lambda: not is_up(replica))
        down = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
        assert str(connection.call("GET", "a")) == down
        assert str(connection.call("PING")) == down
        assert connection.do("ROLE")[0] == b"slave"
        connection.do("CONFIG", "SET", "replica-serve-stale-data", "yes")
        assert connection.do("GET", "a") is None
        info = replica.info("replication")
        assert info["master_link_status"] == "down" and int(info["master_link_down_since_seconds"]) >= 0


def test_a_writable_replica_ends_its_own_keys(group):
    primary = group.redis()
    replica = replica_of(group, primary, "replica-read-only: no\n")
    wait_for(lambda: is_up(replica))
    with replica.connect() as connection:
        connection.do("SET", "own", 1, "PX", 50)
        connection.do("SET", "kept", 1, "PX", 50)
        connection.do("PERSIST", "kept")
        assert replica.info("stats")["slave_expires_tracked_keys"] == "2"
        wait_for(lambda: connection.do("DBSIZE") == 1, what="own has ended")
        wait_for(lambda: replica.info("stats")["slave_expires_tracked_keys"] == "0")
        assert connection.do("GET", "kept") == b"1"


def test_expiry_is_the_primarys(group):
    primary = group.redis()
    replica = replica_of(group, primary)
    wait_for(lambda: is_up(replica))
    with primary.connect() as at_primary, replica.connect() as at_replica:
        at_primary.do("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        at_primary.do("SET", "a", 1, "PX", 30)
        at_primary.do("SADD", "set", 1)
        wait_for(lambda: at_replica.do("DBSIZE") == 2)
        wait_for(lambda: at_replica.do("GET", "a") is None)
        assert at_replica.do("DBSIZE") == 2 and at_replica.do("TTL", "a") == -2
        assert at_primary.do("GET", "a") is None  # its DEL comes
        wait_for(lambda: at_replica.do("DBSIZE") == 1)
        at_primary.do("SET", "a", 1, "PX", 30)
        wait_for(lambda: at_replica.do("GET", "a") is None)
        at_primary.do("INCRBY", "a", 5)
        wait_equal(primary, replica)


def test_no_eviction_and_no_refusal_of_the_primary(group):
    primary = group.redis()
    replica = replica_of(group, primary, "maxmemory: 1\nmaxmemory-policy: allkeys-lru\n")
    wait_for(lambda: is_up(replica))
    load(primary, 1)
    wait_equal(primary, replica)
    replica.do("CONFIG", "SET", "replica-ignore-maxmemory", "no", "maxmemory-policy", "noeviction")
    load(primary, 2)
    wait_equal(primary, replica)


def test_waiting_clients_are_told(group):
    primary = group.redis()
    server = group.kvd(FAST)
    with server.connect() as waiter:
        waiter.send("BLPOP", "nothing", 0)
        wait_for(lambda: server.info("clients")["blocked_clients"] == "1")
        server.do("REPLICAOF", "127.0.0.1", primary.port)
        reply = waiter.read()
        assert str(reply) == "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"


def test_password_and_announcement(group):
    primary = group.redis("--requirepass", "secret")
    primary.password = "secret"
    replica = replica_of(group, primary, "masterauth: wrong\nreplica-announce-ip: 10.1.2.3\nreplica-announce-port: 4444\n"
                                         "replica-priority: 7\n")
    wait_for(lambda: "Unable to AUTH to MASTER" in replica.log())
    replica.do("CONFIG", "SET", "masterauth", "secret")
    wait_for(lambda: is_up(replica))
    wait_for(lambda: "ip=10.1.2.3,port=4444,state=online" in primary.info("replication").get("slave0", ""))
    assert replica.info("replication")["slave_priority"] == "7"


@pytest.mark.parametrize("way", ["disabled", "flush-before-load"])
def test_clients_while_data_is_loaded(group, way):
    """They are answered -LOADING, INFO says how far it is, and a shutdown saves no part of the data as if it were all."""
    primary = group.redis("--key-load-delay", 0)
    primary.do("DEBUG", "POPULATE", 5000, "key", 1000)
    replica = group.kvd(FAST + 'save: "3600 1"\nrepl-diskless-load: %s\nreplicaof: 127.0.0.1 %d\n' % (way, primary.port), start=False)
    replica.start(wait=False)

    def loads():
        info = replica.info("persistence")
        return info["loading"] == "1" or is_up(replica)

    wait_for(loads, every=0)
    with replica.connect() as connection:
        reply = connection.call("GET", "key:1")
        assert isinstance(reply, bytes) or str(reply) == "LOADING Redis is loading the dataset in memory"
    wait_equal(primary, replica)
    replica.do("REPLICAOF", "NO", "ONE")
    replica.do("REPLICAOF", "127.0.0.1", primary.port)
    wait_for(loads, every=0)
    replica.stop()
    replica.start()
    wait_equal(primary, replica)


def test_transactions_are_whole(group):
    """A link that breaks within a transaction executes nothing of it, and resumes before it."""
    stream = b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"
    rest = b"*2\r\n$4\r\nINCR\r\n$1\r\nb\r\n*1\r\n$4\r\nEXEC\r\n"
    first = b"*2\r\n$4\r\nINCR\r\n$1\r\nc\r\n"
    with Hostile(FULL + EMPTY + first + stream, resumed=lambda next: stream + rest if next == 1001 + len(first) else b"") as hostile:
        replica = group.kvd(FAST + "replicaof: 127.0.0.1 %d\n" % hostile.port)
        wait_for(lambda: replica.do("GET", "b") == b"1", what="resumed before the transaction")
        assert replica.do("MGET", "a", "b", "c") == [b"1", b"1", b"1"]
        assert offset_of(replica) == 1000 + len(first) + len(stream) + len(rest)


@pytest.mark.parametrize("way", ["disabled", "swapdb", "flush-before-load"])
def test_the_append_only_file_follows(group, way):
    """What came by synchronization and by the stream is in this server's own file, and what was there before is not."""
    primary = group.redis()
    fill(primary)
    replica = group.kvd(FAST + "appendonly: yes\nrepl-diskless-load: %s\n" % way)
    replica.do("SET", "of before", 1)
    replica.do("REPLICAOF", "127.0.0.1", primary.port)
    load(primary, 1)
    wait_equal(primary, replica)
    wait_for(lambda: replica.info("persistence")["aof_rewrite_in_progress"] == "0")
    load(primary, 2)
    wait_equal(primary, replica)
    replica.do("REPLICAOF", "NO", "ONE")
    replica.do("SET", "since", 1)
    primary.do("SET", "since", 1)
    replica.stop()
    replica.start()
    assert replica.do("DEBUG", "DIGEST") == primary.do("DEBUG", "DIGEST")


@pytest.mark.skipif(not HAS_TLS, reason="built without TLS")
def test_tls(group):
    key, certificate = certificates(group)
    port = free_port()
    primary = group.redis("--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate)
    load(primary, 1)
    replica = group.kvd(FAST + "tls-replication: yes\ntls-cert-file: %s\ntls-key-file: %s\ntls-ca-cert-file: %s\nreplicaof: 127.0.0.1 %d\n" % (
        certificate, key, certificate, port))
    wait_equal(primary, replica)
    primary.do("CLIENT", "KILL", "TYPE", "replica")
    load(primary, 2)
    wait_equal(primary, replica)
    assert primary.info("stats")["sync_full"] == "1"


# ---- primaries that mean harm ----

ID = b"0123456789abcdef0123456789abcdef01234567"
FULL = b"+FULLRESYNC " + ID + b" 1000\r\n"
RDB = b"REDIS0009\xff" + bytes(8)
EMPTY = b"$%d\r\n" % len(RDB) + RDB


class Hostile:
    """Listens as a primary would, shakes hands, and answers PSYNC with these bytes before it hangs up. `resumed`: what it answers
    a request to go on with, from the byte that is asked for (after +CONTINUE)."""

    def __init__(self, answer, resumed=None, shake=True, stays=False):
        self.answer, self.resumed, self.shake, self.stays = answer, resumed, shake, stays
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.served, self.is_over, self.kept = 0, False, []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while not self.is_over:
            try:
                peer, _ = self.listener.accept()
                with peer:
                    self.serve(peer)
                    if self.stays:
                        self.kept.append(peer.dup())
            except OSError:
                pass
            self.served += 1

    def serve(self, peer):
        peer.settimeout(5)
        if not self.shake:
            peer.sendall(self.answer)
            return
        came = b""
        answered = 0
        while True:
            words = re.findall(rb"\r\n(PING|AUTH|REPLCONF|PSYNC)\r\n", came)
            for word in words[answered:]:
                answered += 1
                if word != b"PSYNC":
                    peer.sendall(b"+PONG\r\n" if word == b"PING" else b"+OK\r\n")
            request = re.search(rb"PSYNC\r\n\$\d+\r\n([^\r]+)\r\n\$\d+\r\n(-?\d+)\r\n", came)
            if request:
                if self.resumed and request[1] == ID:
                    peer.sendall(b"+CONTINUE\r\n" + self.resumed(int(request[2])))
                    self.kept.append(peer.dup())
                else:
                    peer.sendall(self.answer)
                return
            data = peer.recv(4096)
            if not data:
                return
            came += data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.listener.close()


@pytest.mark.parametrize("way", ["disabled", "swapdb", "flush-before-load"])
def test_cut_at_every_byte(group, way):
    """The link ends after each byte of what a primary says: nothing is lost but the link, and the next attempt succeeds."""
    replica = group.kvd(FAST + "repl-diskless-load: %s\n" % way)
    talk = FULL + b"\n" + EMPTY + b"*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"
    for size in range(0, len(talk), 3):
        with Hostile(talk[:size]) as hostile:
            wait_for(lambda: replica.do("REPLICAOF", "127.0.0.1", hostile.port), what="it does not load any more")
            wait_for(lambda: hostile.served, what="served, %d bytes" % size)
    primary = group.redis()
    load(primary, 1)
    wait_for(lambda: replica.do("REPLICAOF", "127.0.0.1", primary.port), what="it does not load any more")
    wait_equal(primary, replica)


@pytest.mark.parametrize("answer", [
    b"\0" * 5000, b"x" * 100000, b"+FULLRESYNC\r\n", b"+CONTINUE\r\n", b"-ERR no\r\n-ERR no\r\n", b"-LOADING\r\n", FULL + b"$-5\r\n",
    FULL + b"$99999999999999999999999\r\n", FULL + b"$9223372036854775807\r\nREDIS0009", FULL + b"$EOF:x\r\n",
    FULL + EMPTY[:-3] + b"xxx" + b"garbage\r\n", FULL + b"$100\r\n" + b"garbage" * 20,
    FULL + EMPTY + b"*2147483647\r\n$4\r\n", FULL + EMPTY + b"*1\r\n$9223372036854775807\r\n", FULL + EMPTY + b"inline\r\n",
    FULL + EMPTY + b"*-5\r\n*0\r\n\r\n\n*1\r\n$4\r\nQUIT\r\n", FULL + EMPTY + b"*2\r\n$6\r\nSELECT\r\n$3\r\n999\r\n",
    FULL + EMPTY + b"*1\r\n$7\r\nNOTHING\r\n*1\r\n$5\r\nRESET\r\n*1\r\n$4\r\nEXEC\r\n",
    FULL + EMPTY + b"*3\r\n$5\r\nBLPOP\r\n$1\r\na\r\n$1\r\n0\r\n*1\r\n$7\r\nMONITOR\r\n*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n",
    FULL + EMPTY + b"*3\r\n$9\r\nREPLICAOF\r\n$2\r\nNO\r\n$3\r\nONE\r\n",
], ids=range(20))
def test_hostile_primary(group, answer):
    with Hostile(answer) as hostile:
        replica = group.kvd(FAST + "replicaof: 127.0.0.1 %d\n" % hostile.port)
        wait_for(lambda: hostile.served >= 1)
        wait_for(lambda: replica.do("PING") == b"PONG")
    primary = group.redis()
    load(primary, 1)
    wait_for(lambda: replica.do("REPLICAOF", "127.0.0.1", primary.port), what="it does not load any more")
    wait_equal(primary, replica)


def test_garbage_before_the_handshake(group):
    rng = random.Random(7)
    replica = group.kvd(FAST)
    for _ in range(20):
        with Hostile(rng.randbytes(rng.randrange(3000)), shake=False) as hostile:
            replica.do("REPLICAOF", "127.0.0.1", hostile.port)
            wait_for(lambda: hostile.served)
    assert replica.do("PING") == b"PONG"


def test_a_silent_primary_is_left(group):
    listener = socket.create_server(("127.0.0.1", 0))
    replica = group.kvd("repl-timeout: 1\nreplicaof: 127.0.0.1 %d\n" % listener.getsockname()[1])
    first, _ = listener.accept()
    second, _ = listener.accept()  # it gave up on the first
    wait_for(lambda: "Timeout connecting to the MASTER" in replica.log())
    first.close(), second.close(), listener.close()


# ---- FAILOVER ----

def set_of(group, *kinds):
    """A primary and its replicas, in sync."""
    servers = [primary_of(group, kind) for kind in kinds]
    for replica in servers[1:]:
        replica.do("REPLICAOF", "127.0.0.1", servers[0].port)
    load(servers[0], 1)
    wait_equal(*servers)
    return servers


@pytest.mark.parametrize("kinds", [("kvd", "kvd"), ("kvd", "redis"), ("redis", "kvd")])
def test_failover(group, kinds):
    """Writes go on meanwhile: they wait, and are refused or done, none is lost; nobody needs everything."""
    primary, replica = set_of(group, *kinds)
    done = 0
    with primary.connect() as connection, primary.connect() as order:
        for _ in range(100):
            done = connection.do("INCR", "written")
        assert order.do("FAILOVER", "TO", "127.0.0.1", replica.port, "TIMEOUT", 10000) == b"OK"
        reply = connection.call("INCR", "written")
        if isinstance(reply, RespError):
            assert str(reply).startswith("READONLY")
        else:
            done = reply
    wait_for(lambda: primary.info("replication")["role"] == "slave" and is_up(primary), what="roles have changed")
    assert replica.info("replication")["role"] == "master"
    assert primary.info("replication")["master_failover_state"] == "no-failover"
    wait_equal(replica, primary)
    assert int(replica.do("GET", "written")) == done
    load(replica, 3)
    wait_equal(replica, primary)
    assert replica.info("stats")["sync_full"] == "0"


def test_failover_words(group):
    alone, target = group.kvd(FAST + "repl-diskless-sync-delay: 0\n"), group.kvd(FAST)

    def error(server, *words):
        return str(server.call("FAILOVER", *words))

    assert error(alone) == "ERR FAILOVER requires connected replicas."
    assert error(alone, "ABORT") == "ERR No failover in progress."
    assert error(alone, "TO", "127.0.0.1") == "ERR syntax error"
    assert error(alone, "TIMEOUT", 0) == "ERR FAILOVER timeout must be greater than 0"
    target.do("REPLICAOF", "127.0.0.1", alone.port)
    wait_for(lambda: is_up(target))
    assert error(target) == "ERR FAILOVER is not valid when server is a replica."
    assert error(alone, "FORCE") == "ERR FAILOVER with force option requires both a timeout and target HOST and IP."
    assert error(alone, "TO", "127.0.0.1", 1) == "ERR FAILOVER target HOST and PORT is not a replica."


def test_failover_that_cannot_be(group):
    """The replica does not answer: called off when the time is up, by ABORT, or forced."""
    primary, replica = set_of(group, "kvd", "kvd")
    replica.pause()
    try:
        primary.do("SET", "what", "it lacks")
        assert primary.do("FAILOVER", "TIMEOUT", 100) == b"OK"
        wait_for(lambda: primary.info("replication")["master_failover_state"] == "no-failover")
        assert primary.do("SET", "a", 1) == b"OK"
        assert primary.do("FAILOVER") == b"OK"
        assert str(primary.call("FAILOVER")) == "ERR FAILOVER already in progress."
        assert str(primary.call("REPLICAOF", "NO", "ONE")) == "ERR REPLICAOF not allowed while failing over."
        assert primary.info("replication")["master_failover_state"] == "waiting-for-sync"
        assert primary.do("FAILOVER", "ABORT") == b"OK"
        assert primary.do("SET", "a", 2) == b"OK"
        assert primary.do("FAILOVER", "TO", "127.0.0.1", replica.port, "FORCE", "TIMEOUT", 100) == b"OK"
        wait_for(lambda: primary.info("replication")["master_failover_state"] == "failover-in-progress")
        assert primary.info("replication")["role"] == "slave"
    finally:
        replica.resume()
    wait_for(lambda: replica.info("replication")["role"] == "master" and is_up(primary))
    wait_equal(replica, primary)


@pytest.mark.parametrize("kind", ["redis", "kvd"])
def test_a_transaction_that_writes_is_a_write(group, kind):
    """EXEC is refused on who became a replica since, and waits while writes are paused."""
    server = group.redis() if kind == "redis" else group.kvd()
    with server.connect() as client, server.connect() as admin:
        for command, reply in [(("MULTI",), b"OK"), (("SET", "a", 1), b"QUEUED")]:
            assert client.call(*command) == reply
        assert admin.call("CLIENT", "PAUSE", 60000, "WRITE") == b"OK"
        client.send("EXEC")
        wait_for(lambda: re.search(rb"flags=\w*b", admin.call("CLIENT", "LIST")), what="it waits")
        assert admin.call("GET", "a") is None
        assert admin.call("CLIENT", "UNPAUSE") == b"OK"
        assert client.read() == [b"OK"]
        assert client.call("MULTI") == b"OK" and client.call("SET", "a", 2) == b"QUEUED"
        assert admin.call("REPLICAOF", "127.0.0.1", 1) == b"OK"
        assert client.call("EXEC") == RespError("EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.")
        assert client.call("MULTI") == b"OK" and client.call("GET", "a") == b"QUEUED" and client.call("EXEC") == [b"1"]
