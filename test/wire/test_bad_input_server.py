"""Hostile clients: whatever bytes come, in both modes, nothing crashes, memory stays bounded, and other clients are served."""
import os
import random
import socket
import time

import pytest
from processes import wait_for
from resp import Connection, RespError, encode

MODES = ["server", "sentinel"]


@pytest.fixture(params=MODES)
def kvd(group, request):
    return start(group, request.param)


def start(group, mode, top=""):
    if mode == "server":
        return group.kvd(top)
    return group.kvd_sentinel({"mymaster": {"host": "127.0.0.1", "port": 1, "quorum": 2}}, top=top)


def resident_kb(process):
    with open("/proc/%d/status" % process.process.pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def last_words(connection, timeout=60):
    connection.settimeout(timeout)
    data = b""
    try:
        while True:
            chunk = connection.socket.recv(65536)
            if not chunk:
                return data
            data += chunk
    except ConnectionError:
        return data


def open_raw(server):
    return Connection(server.port)


# Each breaks the protocol: one error that says what, and the connection ends.
MALFORMED = {
    b"*x\r\n": "invalid multibulk length", b"*99999999999999999999\r\n": "invalid multibulk length", b"*-99999999999999999999\r\n": "invalid multibulk length",
    b"*2147483648\r\n": "invalid multibulk length", b"* 1\r\n": "invalid multibulk length", b"*1 \r\n": "invalid multibulk length",
    b"*+1\r\n": "invalid multibulk length", b"*01\r\n": "invalid multibulk length", b"*1\0\r\n": "invalid multibulk length",
    b"*1\r\n$x\r\n": "invalid bulk length", b"*1\r\n$-1\r\n": "invalid bulk length", b"*1\r\n$536870913\r\n": "invalid bulk length",
    b"*1\r\n$9223372036854775807\r\n": "invalid bulk length", b"*1\r\n$18446744073709551615\r\n": "invalid bulk length", b"*1\r\n$ 4\r\n": "invalid bulk length",
    b"*1\r\n:4\r\n": "expected '$', got ':'", b"*1\r\n*1\r\n": "expected '$', got '*'", b"*1\r\n\r\n": "expected '$', got",
    b"*1\r\n\x00\r\n": "expected '$', got", b"*1\r\n\x1b[2J\r\n": "expected '$', got", b"PING \"x\r\n": "unbalanced quotes", b"PING 'x\r\n": "unbalanced quotes",
    b"PING \"x\"y\r\n": "unbalanced quotes", b"\0" * 70000: "too big inline request", b"*" * 70000: "", b"*1\r\n$" + b"0" * 70000: "too big bulk count string",
}


@pytest.mark.parametrize("raw", MALFORMED, ids=lambda raw: repr(raw[:16]))
def test_malformed_requests(kvd, raw):
    with kvd.connect() as other, open_raw(kvd) as bad:
        bad.send_raw(raw)
        words = last_words(bad)
        assert words.startswith(b"-ERR Protocol error: ") and words.endswith(b"\r\n") and words.count(b"\r\n") == 1, words
        assert MALFORMED[raw].encode() in words
        assert other.do("PING") == b"PONG"


@pytest.mark.parametrize("pieces", [1, 7])
def test_bytes_that_come_one_by_one(kvd, pieces):
    whole = encode("PING", "x" * 50) * 3 + b"PING\r\n" + encode("ECHO" if kvd.name.startswith("kvd-s") is False else "PING", "y")
    with kvd.connect() as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(whole), pieces):
            connection.send_raw(whole[at:at + pieces])
        assert [connection.read() for _ in range(5)] == [b"x" * 50] * 3 + [b"PONG", b"y"]


def test_hostile_lengths_take_no_memory(kvd):
    """A length is a claim: nothing is set aside for it before its bytes are there."""
    kvd.do("PING")
    before = resident_kb(kvd)
    connections = []
    for claim in b"*1\r\n$536870912\r\n", b"*1048576\r\n", b"*2147483647\r\n", b"*1\r\n$536870912\r\nabc", b"*1000000\r\n$1\r\na\r\n":
        for _ in range(100):
            connection = open_raw(kvd)
            connection.send_raw(claim)
            connections.append(connection)
    assert kvd.do("PING") == b"PONG"
    assert resident_kb(kvd) < before + 60 * 1024, "for %d connections" % len(connections)
    for connection in connections:
        connection.close()
    wait_for(lambda: int(kvd.info("clients")["connected_clients"]) == 1, what="they are gone")
    assert kvd.do("PING") == b"PONG"


def test_many_arguments_are_bounded_by_the_query_buffer(group):
    server = start(group, "server", "client-query-buffer-limit: 2mb\n")
    before = resident_kb(server)
    with open_raw(server) as bad:
        with pytest.raises((ConnectionError, EOFError, TimeoutError)):
            bad.send_raw(b"*1000000\r\n")
            for _ in range(1000):
                bad.send_raw(b"$1\r\na\r\n" * 1000)
            bad.read()
    assert resident_kb(server) < before + 80 * 1024
    assert server.do("PING") == b"PONG"


@pytest.mark.parametrize("password", [False, True], ids=["open", "password"])
def test_half_requests_that_stay(group, password):
    """Connections that never finish their request hold little and are ended by `timeout`."""
    server = start(group, "server", "timeout: 1\nmaxclients: 2000\n" + ("requirepass: secret\n" if password else ""))
    if password:
        server.password = "secret"
    connections = []
    for i in range(500):
        connection = open_raw(server)
        connection.send_raw(b"*2\r\n$4\r\nPING\r\n$10\r\nab"[:1 + i % 20])
        connections.append(connection)
    assert server.do("PING") == b"PONG"
    wait_for(lambda: int(server.info("clients")["connected_clients"]) == 1, 60, "they are ended")
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("mode", MODES)
def test_connections_up_to_maxclients_and_beyond(group, mode):
    most = 3000
    server = start(group, mode, "maxclients: %d\n" % most)
    connections, refused = [], 0
    for _ in range(most + 50):
        connections.append(Connection(server.port))
    for connection in connections[-50:]:
        words = last_words(connection)
        refused += words == b"-ERR max number of clients reached\r\n" or words == b""
    assert refused >= 40
    served = connections[:most - 10]
    for connection in served:
        connection.send("PING")
    assert all(connection.read() == b"PONG" for connection in served)
    for connection in connections:
        connection.close()
    wait_for(lambda: int(server.info("clients")["connected_clients"]) == 1, what="they are gone")
    assert int(server.info("stats")["rejected_connections"]) >= 40
    assert server.do("PING") == b"PONG"


def test_connections_that_vanish_at_once(kvd):
    for _ in range(500):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        raw.connect(("127.0.0.1", kvd.port))
        raw.send(b"*1\r\n$4\r\nPI")
        raw.close()
    assert kvd.do("PING") == b"PONG"
    wait_for(lambda: int(kvd.info("clients")["connected_clients"]) == 1, what="they are gone")


def test_a_pipeline_without_reading(kvd):
    """Replies that nobody reads are bounded by the output limit (where one is set) and do not stop others."""
    kvd.do("PING")
    with open_raw(kvd) as deaf:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        deaf.socket.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and sent < 50 << 20:
            try:
                sent += deaf.socket.send(b"PING\r\n" * 10000)
            except BlockingIOError:
                break
        assert kvd.do("PING") == b"PONG"
    assert kvd.do("PING") == b"PONG"


def test_other_protocols(kvd):
    for raw in [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a b\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 500,
                b"SSH-2.0-OpenSSH_9.2\r\n", bytes(range(256)) * 20, b"\r\n" * 30000, b"\n" * 60000, b"\0\r\n" * 100]:
        with open_raw(kvd) as bad:
            bad.send_raw(raw)
            bad.socket.shutdown(socket.SHUT_WR)
            last_words(bad)
        assert kvd.do("PING") == b"PONG"
    assert "Possible SECURITY ATTACK" in kvd.log()


NAMES = ["PING", "ECHO", "GET", "SET", "MGET", "SETRANGE", "APPEND", "INCRBYFLOAT", "MULTI", "EXEC", "WATCH", "SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "HELLO", "CLIENT",
         "CONFIG", "COMMAND", "INFO", "ACL", "OBJECT", "MEMORY", "LATENCY", "SLOWLOG", "MONITOR", "RESET", "SENTINEL", "PUBLISH", "SCAN", "LCS", "BITFIELD", "SORT", "EXPIRE",
         "ROLE", "AUTH", "SELECT", "RANDOMKEY", "DUMP", "RESTORE", "LOLWUT", "TIME", "GETEX", "SPUBLISH", "RENAME", "COPY", "\0", "é", ""]
WORDS = ["", "0", "-1", "1", "9223372036854775807", "-9223372036854775808", "18446744073709551616", "1e400", "nan", "inf", "-inf", "*", "[", "\\", "a", "key", "\0", "\r\n", "%s%n",
         "é", "x" * 100, "y" * 20000, "GET", "SET", "HELP", "LIST", "INFO", "DOCS", "MASTER", "MASTERS", "IS-MASTER-DOWN-BY-ADDR", "MONITOR", "RESET", "CKQUORUM", "mymaster", "EX",
         "KEEPTTL", "NOSAVE", "ON", "OFF", "ID", "LOG", "WHOAMI", "DRYRUN", "default", "BYTE", "LIMIT", "3", "2", "AUTH", "SETNAME", "TRACKING", "REPLY", "REWRITE"]
NEVER = {"SHUTDOWN", "DEBUG"}


def mutated(chance):
    """One hostile piece of input: a request of random words, most of the time broken somewhere."""
    words = [chance.choice(NAMES)] + [chance.choice(WORDS) for _ in range(chance.randrange(6))]
    data = bytearray(encode(*words) if chance.random() < 0.8 else " ".join(words).encode() + b"\r\n")
    for _ in range(chance.choice([0, 0, 1, 1, 2, 5])):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            data[at:at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del data[at:at + chance.randrange(1, 8)]
        elif kind == 2:
            data[at:at] = chance.choice([b"\r\n", b"*", b"$", b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"\0", b"$99999\r\n", b"*1000\r\n", b"%2\r\n", b">1\r\n", b"|1\r\n"])
        elif kind == 3:
            data[at:at] = data[chance.randrange(len(data) + 1):][:50]
        else:
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("mode", MODES)
def test_seeded_noise(group, mode, protocol):
    """SEED and ROUNDS choose other histories."""
    seed, rounds = int(os.environ.get("SEED", "1")), int(os.environ.get("ROUNDS", "600"))
    chance = random.Random("%d %s %d" % (seed, mode, protocol))
    server = start(group, mode)
    other = server.connect()
    other.do("CLIENT", "SETNAME", "other")
    before = resident_kb(server)
    for turn in range(rounds):
        with open_raw(server) as bad:
            bad.socket.setblocking(False)
            try:
                if protocol == 3:
                    bad.socket.send(encode("HELLO", 3))
                for _ in range(chance.randrange(1, 20)):
                    bad.socket.send(mutated(chance))
                    if chance.random() < 0.3:
                        bad.socket.recv(100000)
            except (BlockingIOError, ConnectionError):
                pass
        if turn % 20 == 0:
            assert server.process.poll() is None, "seed %d turn %d: %s" % (seed, turn, server.log()[-4000:])
            try:
                assert other.do("PING") == b"PONG"
            except (EOFError, OSError, RespError):  # a CLIENT KILL or CONFIG SET got through, which is no crime
                other.close()
                other = server.connect()
                assert other.call("PING") == b"PONG"
    other.close()
    assert server.alive(), server.log()[-4000:]
    assert resident_kb(server) < before + 64 * 1024
    assert server.stop() == 0
