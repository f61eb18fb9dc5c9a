"""What surrounds a synchronization: failures that cost nothing, what INFO tells meanwhile, who may follow, tools, chains, errors."""
import os
import subprocess
import threading

import pytest

from disk_faults import Disk
from processes import free_port, wait_for
from test_replication_replica import EMPTY, FAST, FULL, ID, KINDS, RDB, Hostile, Writer, is_up, load, primary_of, replica_of, wait_equal
from test_sentinel_links import HAS_TLS, certificates


def stats(server, *names):
    info = server.info("stats")
    return tuple(int(info[name]) for name in names)


# ---- failures that cost nothing ----

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["disabled", "swapdb"])
@pytest.mark.parametrize("size", ["marked", "counted"])
def test_a_synchronization_that_fails_costs_no_place_in_the_stream(group, kind, way, size):
    """Nothing was replaced yet, so the old primary is resumed from, and who follows us never noticed."""
    primary = primary_of(group, kind)
    load(primary, 1)
    replica = replica_of(group, primary, "repl-diskless-load: %s\nrepl-diskless-sync-delay: 0\n" % way)
    wait_equal(primary, replica)
    third = replica_of(group, replica)
    wait_equal(primary, replica, third)
    head = b"$EOF:" + ID + b"\r\n" if size == "marked" else b"$100000\r\n"
    with Hostile(FULL + head + RDB[:9] + b"\xfe\x00\x00\x03new\x03val") as hostile:
        replica.do("REPLICAOF", "127.0.0.1", hostile.port)
        wait_for(lambda: hostile.served > 1)
    load(primary, 2)
    wait_for(lambda: replica.do("REPLICAOF", "127.0.0.1", primary.port), what="it does not load")
    wait_equal(primary, replica, third)
    assert stats(primary, "sync_full", "sync_partial_ok") == (1, 1)
    assert stats(replica, "sync_full", "sync_partial_ok") == (1, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_large_arguments_are_counted_to_the_byte(group, kind):
    """They are read into blocks of their own; the offset, a cut amid them, and those behind us in a chain show who counted wrong."""
    primary = primary_of(group, kind)
    primary.do("CONFIG", "SET", "repl-backlog-size", 128 << 20)
    replica = replica_of(group, primary, "repl-diskless-sync-delay: 0\nrepl-backlog-size: 128mb\n")
    wait_equal(primary, replica)
    third = replica_of(group, replica)
    wait_equal(primary, replica, third)
    for size in 16000, 32766, 32768, 40000, 300000, 3 << 20:
        primary.do("SET", "large", os.urandom(size // 2).hex())
        primary.do("MSET", "one", "x" * size, "two", "y" * (size + 1), "three", "z")
    wait_equal(primary, replica, third)
    with primary.connect() as connection:
        connection.pipeline([("MULTI",), ("SET", "a", "x" * 100000), ("APPEND", "a", "y" * 50000), ("EXEC",)])
    wait_equal(primary, replica, third)
    for _ in range(3):
        replica.pause()
        primary.do("SET", "large", os.urandom(4 << 20).hex())  # more than the sockets take
        replica.resume()
        primary.do("CLIENT", "KILL", "TYPE", "replica")
        primary.do("APPEND", "one", "more")
    wait_equal(primary, replica, third)
    assert stats(primary, "sync_full") == (1,) and stats(replica, "sync_full") == (1,)


# ---- what INFO tells ----

@pytest.mark.parametrize("size", [0, 5000])
def test_how_far_the_loading_is(group, size):
    head = b"REDIS0009\xfa\x08used-mem\xc2\x40\x42\x0f\x00\xfe\x00\x00\x03new\x03val"
    mark = b"$%d\r\n" % size if size else b"$EOF:" + ID + b"\r\n"
    with Hostile(FULL + mark + head, stays=True) as hostile:
        replica = group.kvd(FAST + "repl-diskless-load: flush-before-load\nreplicaof: 127.0.0.1 %d\n" % hostile.port)
        info = wait_for(lambda: (info := replica.info("persistence")) and int(info.get("loading_loaded_bytes", 0)) > 0 and info,
                        what="the key is there")
        assert (info["loading"], info["loading_total_bytes"], info["loading_rdb_used_mem"]) == ("1", str(size), "1000000")
        assert int(info["loading_start_time"]) > 1700000000
        assert int(info["loading_loaded_bytes"]) == len(head)
        assert info["loading_loaded_perc"] == ("%.2f" % (100 * len(head) / size) if size else "0.00")
        replication = replica.info("replication")
        assert (replication["master_sync_in_progress"], replication["master_sync_read_bytes"]) == ("1", str(len(head)))
    wait_for(lambda: replica.do("REPLICAOF", "NO", "ONE"), what="it does not load any more")
    assert "loading_start_time" not in replica.info("persistence")
    assert replica.do("DBSIZE") == 0


def test_rates_and_bytes_of_replication(group):
    primary = group.kvd(FAST + "repl-diskless-sync-delay: 0\n")
    primary.do("SET", "a", os.urandom(50000).hex())
    replica = replica_of(group, primary)
    wait_equal(primary, replica)
    assert stats(replica, "total_net_repl_input_bytes")[0] > 50000  # the payload is part of it
    wait_for(lambda: float(replica.info("stats")["instantaneous_input_repl_kbps"]) > 0)
    wait_for(lambda: float(primary.info("stats")["instantaneous_output_repl_kbps"]) > 0)
    for server in primary, replica:
        server.do("CONFIG", "RESETSTAT")
    assert stats(replica, "total_net_repl_input_bytes")[0] < 50000 and stats(primary, "total_net_repl_output_bytes")[0] < 50000
    with primary.connect() as connection:
        def written(server, way):
            connection.do("SET", "b", "x" * 10000)
            return float(server.info("stats")["instantaneous_%sput_repl_kbps" % way]) > 0
        wait_for(lambda: written(primary, "out"))
        wait_for(lambda: written(replica, "in"))
    wait_equal(primary, replica)


# ---- errors that must not be ----

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behaviour", ["ignore", "panic", "panic-on-replicas"])
def test_a_command_of_the_primary_that_fails(group, kind, behaviour):
    primary = group.redis()
    options = {"replicaof": "127.0.0.1 %d" % primary.port, "propagation-error-behavior": behaviour, "replica-read-only": "no"}
    if kind == "kvd":
        replica = group.kvd("".join("%s: %s\n" % option for option in options.items()))
    else:
        replica = group.redis(*(word for name, value in options.items() for word in ("--" + name, value)))
    wait_for(lambda: is_up(replica))
    replica.do("SET", "a", "no set")
    primary.do("SADD", "a", 1)  # it is writable: its data may differ
    primary.do("SET", "b", 1)
    wait_for(lambda: replica.do("GET", "b") == b"1")
    assert stats(replica, "unexpected_error_replies") == (1,)
    replica.do("CONFIG", "SET", "replica-read-only", "yes")
    primary.do("SADD", "a", 2)
    primary.do("SET", "b", 2)
    if behaviour == "ignore":
        wait_for(lambda: replica.do("GET", "b") == b"2")
        assert stats(replica, "unexpected_error_replies") == (2,)
    else:
        wait_for(lambda: not replica.alive(), what="the process stops")
    assert "WRONGTYPE" in replica.log()


@pytest.mark.parametrize("behaviour", ["ignore", "panic", "panic-on-replicas"])
def test_a_command_of_the_file_that_fails(group, behaviour):
    server = group.kvd("appendonly: yes\npropagation-error-behavior: %s\n" % behaviour)
    server.do("SET", "a", "no set")
    assert server.stop() == 0
    folder = os.path.join(group.subdirectory(server.name), "appendonlydir")
    with open(os.path.join(folder, "appendonly.aof.1.incr.aof"), "ab") as file:
        file.write(b"*3\r\n$4\r\nSADD\r\n$1\r\na\r\n$1\r\n1\r\n")
    server.start(wait=False)
    if behaviour == "panic":
        wait_for(lambda: not server.alive(), what="the process stops")
    else:
        wait_for(lambda: server.do("GET", "a") == b"no set")
        assert stats(server, "unexpected_error_replies") == (1,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ignores", ["no", "yes"])
def test_a_replica_whose_disk_fails(group, kind, ignores):
    primary = group.redis()
    options = {"replicaof": "127.0.0.1 %d" % primary.port, "replica-ignore-disk-write-errors": ignores, "save": "3600 100000"}
    if kind == "kvd":
        replica = group.kvd("".join("%s: \"%s\"\n" % option if " " in option[1] and option[0] == "save" else "%s: %s\n" % option
                                    for option in options.items()))
    else:
        replica = group.redis(*(word for name, value in options.items() for word in ("--" + name, value)))
    wait_for(lambda: is_up(replica))
    directory = group.subdirectory(replica.name)
    for name in os.listdir(directory):
        os.remove(os.path.join(directory, name))
    os.rmdir(directory)
    replica.do("BGSAVE")
    wait_for(lambda: replica.info("persistence")["rdb_last_bgsave_status"] == "err")
    primary.do("SET", "a", 1)
    if ignores == "no":
        wait_for(lambda: not replica.alive(), what="the process stops")
        assert "unable to write command to disk" in replica.log()
    else:
        wait_for(lambda: "Replica is applying a command even though it is unable to write to disk" in replica.log())
        replica.do("CONFIG", "SET", "save", "")
        wait_for(lambda: replica.do("GET", "a") == b"1")


# ---- who may follow ----

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("follower", KINDS)
def test_a_user_that_may_do_nothing_but_follow(group, kind, follower):
    if kind == follower == "redis":
        pytest.skip("no kvd in it")
    primary = primary_of(group, kind)
    load(primary, 1)
    primary.do("ACL", "SETUSER", "follower", "on", ">secret", "+psync", "+replconf", "+ping")
    primary.do("ACL", "SETUSER", "default", "resetpass", ">other")
    primary.password = "other"
    replica = group.kvd(FAST) if follower == "kvd" else group.redis("--enable-debug-command", "yes")
    replica.do("CONFIG", "SET", "masteruser", "follower")
    replica.do("CONFIG", "SET", "masterauth", "wrong")
    replica.do("REPLICAOF", "127.0.0.1", primary.port)
    wait_for(lambda: "WRONGPASS" in replica.log())
    assert not is_up(replica) and primary.info("replication")["connected_slaves"] == "0"
    replica.do("CONFIG", "SET", "masterauth", "secret")
    wait_equal(primary, replica)
    primary.do("ACL", "SETUSER", "follower", "-psync")
    primary.do("CLIENT", "KILL", "TYPE", "replica")
    wait_for(lambda: replica.log().count("NOPERM") or not is_up(replica), what="it may not any more")
    primary.do("ACL", "SETUSER", "follower", "+psync")
    load(primary, 2)
    wait_equal(primary, replica)


@pytest.mark.skipif(not HAS_TLS, reason="built without TLS")
@pytest.mark.parametrize("kind", KINDS)
def test_tls_to_replicas(group, kind):
    key, certificate = certificates(group)
    port = free_port()
    tls = {"tls-cert-file": certificate, "tls-key-file": key, "tls-ca-cert-file": certificate}
    yaml = "".join("%s: %s\n" % option for option in tls.items())
    primary = group.kvd(FAST + "repl-diskless-sync-delay: 0\nrepl-backlog-size: 64mb\ntls-port: %d\n" % port + yaml)
    load(primary, 1)
    primary.do("SET", "large", os.urandom(3 << 20).hex())
    if kind == "kvd":
        replica = group.kvd(FAST + "tls-replication: yes\nreplicaof: 127.0.0.1 %d\n" % port + yaml)
    else:
        replica = group.redis("--tls-replication", "yes", "--replicaof", "127.0.0.1", port,
                              *(word for name, value in tls.items() for word in ("--" + name, value)))
    wait_equal(primary, replica)
    primary.do("CLIENT", "KILL", "TYPE", "replica")
    load(primary, 2)
    primary.do("SET", "large", os.urandom(3 << 20).hex())
    wait_equal(primary, replica)
    assert stats(primary, "sync_full", "sync_partial_ok") == (1, 1)
    plain = replica_of(group, primary)  # the other port serves, too
    wait_equal(primary, plain, replica)


# ---- when and how everything is sent ----

def starts(primary):
    return primary.log().count("Starting BGSAVE for SYNC")


def test_files_of_synchronizations_are_removed(group):
    primary = group.kvd(FAST + "repl-diskless-sync: no\nrdb-del-sync-files: yes\n")
    load(primary, 1)
    replica = replica_of(group, primary, "rdb-del-sync-files: yes\n")
    kept = replica_of(group, primary, "rdb-del-sync-files: yes\nsave: \"3600 100000\"\n")
    wait_equal(primary, replica, kept)
    dump = {server: os.path.join(group.subdirectory(server.name), "dump.rdb") for server in (primary, replica, kept)}
    wait_for(lambda: not os.path.exists(dump[primary]), what="the primary's is gone")
    assert not os.path.exists(dump[replica]) and os.path.exists(dump[kept])
    assert "Removing the dump file that was only made for replicas" in primary.log()


def test_a_turn_begins_when_enough_have_come(group):
    primary = group.kvd(FAST + "repl-diskless-sync-delay: 10000\nrepl-diskless-sync-max-replicas: 2\n")
    load(primary, 1)
    first = replica_of(group, primary)
    wait_for(lambda: primary.info("replication").get("slave0", "").count("state=wait_bgsave"), what="it waits")
    assert starts(primary) == 0
    second = replica_of(group, primary)
    wait_equal(primary, first, second)
    assert starts(primary) == 1 and stats(primary, "sync_full") == (2,)


def test_a_turn_begins_after_the_delay_for_all_who_came(group):
    primary = group.kvd(FAST + "repl-diskless-sync-delay: 10000\n")
    load(primary, 1)
    replicas = [replica_of(group, primary) for _ in range(3)]
    wait_for(lambda: str(primary.info("replication")).count("state=wait_bgsave") == 3, what="all wait")
    assert starts(primary) == 0
    primary.do("CONFIG", "SET", "repl-diskless-sync-delay", 0)
    wait_for(lambda: starts(primary) == 1, what="the new delay counts at once")
    wait_equal(primary, *replicas)
    assert starts(primary) == 1


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_no_child_can_be_made(group, diskless):
    """A fork that fails is told to who waits; it asks again, and gets everything as soon as that is possible."""
    disk = Disk(group, "primary")
    primary = group.kvd(FAST + "repl-diskless-sync-delay: 0\nrepl-diskless-sync: %s\n" % diskless, env=disk.env)
    load(primary, 1)
    disk.happens("fork", "child", "1+", "ENOMEM")
    replica = replica_of(group, primary)
    wait_for(lambda: primary.log().count("can't fork") >= 2, what="it was tried twice")
    wait_for(lambda: "BGSAVE failed, replication can't continue" in replica.log(), what="the replica was told")
    assert stats(primary, "unexpected_error_replies") == (0,)
    assert primary.do("PING") == b"PONG" and not is_up(replica)
    disk.works()
    wait_equal(primary, replica)


# ---- tools ----

def test_redis_cli_fetches_a_dump(group):
    primary = group.kvd(FAST + "repl-diskless-sync-delay: 0\n")
    load(primary, 1)
    path = os.path.join(group.subdirectory("fetched"), "dump.rdb")
    fetched = subprocess.run(["redis-cli", "-p", str(primary.port), "--rdb", path], capture_output=True, timeout=60)
    assert fetched.returncode == 0, fetched.stderr
    other = group.redis("--dir", os.path.dirname(path))
    assert other.do("DEBUG", "DIGEST") == primary.do("DEBUG", "DIGEST")
    assert primary.info("replication")["connected_slaves"] == "0"


def test_redis_cli_as_a_replica(group):
    primary = group.kvd(FAST + "repl-diskless-sync-delay: 0\n")
    load(primary, 1)
    tool = subprocess.Popen(["redis-cli", "-p", str(primary.port), "--replica"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seen, come = bytearray(), threading.Event()

    def read():
        while piece := tool.stdout.read1(65536):
            seen.extend(piece)
            if b'"told"' in seen:
                come.set()
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        wait_for(lambda: "state=online" in primary.info("replication").get("slave0", ""), what="it follows")
        primary.do("SET", "told", "to the tool")
        assert come.wait(30), seen
    finally:
        tool.kill()
        tool.wait()
        reader.join()


# ---- chains ----

@pytest.mark.parametrize("kinds", [("redis", "kvd", "redis"), ("kvd", "redis", "kvd"), ("redis", "kvd", "kvd")], ids="-".join)
def test_a_chain_whose_links_break(group, kinds):
    """Each link is cut again and again under load: nobody gets everything twice."""
    def follower(kind, primary):
        if kind == "kvd":
            return group.kvd(FAST + "repl-diskless-sync-delay: 0\nreplicaof: 127.0.0.1 %d\n" % primary.port)
        return group.redis("--replicaof", "127.0.0.1", primary.port, "--repl-timeout", 5)
    first = primary_of(group, kinds[0])
    load(first, 1)
    middle = follower(kinds[1], first)
    wait_equal(first, middle)
    last = follower(kinds[2], middle)
    wait_equal(first, middle, last)
    writer = Writer(first)
    for n in range(1, 5):
        rounds = writer.rounds
        wait_for(lambda: writer.rounds > rounds)
        cut = (first, middle)[n % 2]
        before = stats(cut, "sync_partial_ok")[0]
        cut.do("CLIENT", "KILL", "TYPE", "replica")
        wait_for(lambda: stats(cut, "sync_partial_ok")[0] > before, what="resumed")
    writer.stop()
    wait_equal(first, middle, last)
    assert stats(first, "sync_full") == (1,) and stats(middle, "sync_full") == (1,)


# ---- harm ----

def resident_kib(server):
    with open("/proc/%d/status" % server.process.pid) as file:
        return int(next(line for line in file if line.startswith("VmRSS:")).split()[1])


@pytest.mark.parametrize("way", ["disabled", "swapdb", "flush-before-load"])
@pytest.mark.parametrize("lie", ["payload", "reserve", "text", "argument", "arguments"])
def test_lengths_are_not_believed(group, way, lie):
    """What a primary only names takes no memory: sizes of the payload, of tables, of values, of arguments in the stream."""
    answer = FULL + {
        "payload": b"$9000000000000000000\r\nREDIS0009",
        "reserve": b"$EOF:" + ID + b"\r\nREDIS0009\xfe\x00\xfb\x81" + b"\x00\x00\x00\x7f" + b"\xff" * 4 + b"\x00" + b"\x00\x03new\x03val",
        "text": b"$EOF:" + ID + b"\r\nREDIS0009\xfe\x00\x00\x03new\x81" + b"\x00\x00\x00\x7f" + b"\xff" * 4 + b"value",
        "argument": EMPTY + b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nvalue",
        "arguments": EMPTY + b"*1048576\r\n$3\r\nDEL\r\n$536870912\r\nvalue",
    }[lie]
    replica = group.kvd(FAST + "repl-diskless-load: %s\n" % way)
    before = resident_kib(replica)
    with Hostile(answer, stays=True) as hostile:
        wait_for(lambda: replica.do("REPLICAOF", "127.0.0.1", hostile.port))
        wait_for(lambda: hostile.served >= 1)
        wait_for(lambda: (info := replica.info("replication"))["master_sync_in_progress"] == "1" or info["master_link_status"] == "up")
        assert resident_kib(replica) - before < 100 * 1024
    primary = group.redis()
    load(primary, 1)
    wait_for(lambda: replica.do("REPLICAOF", "127.0.0.1", primary.port), what="it does not load any more")
    wait_equal(primary, replica)
