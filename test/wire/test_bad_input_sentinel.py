"""A sentinel among liars: whatever servers and peers say, it does not crash, does not fail over wrongly, and says what was wrong."""
import os
import random
import threading
import time

import pytest
from fake_server import CLOSE, FakeSentinel, FakeServer, array, bulk, number
from processes import fields, master_address, wait_for
from resp import RespError

MASTER = "mymaster"
PEER = "c0ffee" + "0" * 34


def resident_kb(process):
    with open("/proc/%d/status" % process.process.pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def watch(group, server, quorum=1, down_after_ms=1000, **more):
    return group.kvd_sentinel({MASTER: {"host": "127.0.0.1", "port": server.port, "quorum": quorum, "down-after-milliseconds": down_after_ms,
                                        "failover-timeout": 5000}}, **more)


def asked_again(server, name, count=3):
    """Until the server was asked `count` more times."""
    before = len(server.commands(name))
    wait_for(lambda: len(server.commands(name)) >= before + count, what="%s is asked again" % name)


def is_well(sentinel, fake, events=None):
    """Nothing of what was said has harmed it: it answers, still names the same primary, and its log has no line that is not its own."""
    assert sentinel.alive(), sentinel.log()[-3000:]
    assert sentinel.do("PING") == b"PONG"
    assert master_address(sentinel) == ("127.0.0.1", fake.port)
    if events:
        assert not events.named("+switch-master") and not events.named("+try-failover"), events.events
    for line in sentinel.log().splitlines():
        assert line.startswith("%d:X " % sentinel.process.pid) or not line.strip() or line[:1] in " _", "a forged line: %r" % line


def complaints(sentinel):
    return [line for line in sentinel.log().splitlines() if "-bad-input" in line]


@pytest.fixture
def fake():
    with FakeServer() as server:
        yield server


WRONG = [b"*0\r\n", b":1\r\n", b"$-1\r\n", b"*-1\r\n", b"+\r\n", b"-\r\n", b"-ERR\r\n", b"%1\r\n+a\r\n+b\r\n", b"_\r\n", b",1.5\r\n", b"#t\r\n",
         b"~1\r\n:1\r\n", b"(12345678901234567890\r\n", b"=8\r\ntxt:PONG\r\n", b"!9\r\nERR\nfake\n\r\n",
         b"*2\r\n*2\r\n*1\r\n:1\r\n$1\r\n\0\r\n+\r\n", b"$5\r\n\r\n\0\n\r\r\n", b"+PONG\0\r\n", b"$0\r\n\r\n"]


@pytest.mark.parametrize("command", ["PING", "INFO", "PUBLISH", "EXEC", "MULTI", "CLIENT", "SUBSCRIBE", "HELLO"])
def test_replies_of_the_wrong_type(group, command, fake):
    """The other commands are answered properly, so the primary is up unless PING is what is answered wrongly."""
    sentinel = watch(group, fake, quorum=2)
    events = group.watch(sentinel)
    wait_for(lambda: fake.commands("INFO"), what="INFO")
    for reply in WRONG:
        fake.replies[command] = reply
        sentinel.do("SENTINEL", "DEBUG", "INFO-PERIOD", 100, "PUBLISH-PERIOD", 100, "PING-PERIOD", 50)
        asked_again(fake, {"PING": "PING", "PUBLISH": "PUBLISH"}.get(command, "INFO"), 2)
        if command in ("CLIENT", "SUBSCRIBE"):
            for client in fake.clients:
                client.close()
        assert sentinel.alive()
    is_well(sentinel, fake, events)
    if command in ("PING", "INFO", "PUBLISH"):
        assert any("%s was answered with" % command in line for line in complaints(sentinel)), sentinel.log()[-2000:]
        assert len(complaints(sentinel)) < 5, "the log must not be filled"
    del fake.replies[command]
    wait_for(lambda: fields(sentinel.do("SENTINEL", "MASTER", MASTER))["flags"] == "master", what="it is found up again")


def test_a_lie_to_the_order_of_promotion(group):
    """EXEC and all else of the promotion is answered with nonsense: nothing was promoted, so nothing is switched."""
    with FakeServer() as primary, FakeServer() as liar:
        liar.follow("127.0.0.1", primary.port)
        liar.info["slave_priority"] = "1"
        liar.info["slave_repl_offset"] = "999999999999"
        primary.info_tail = b"slave0:ip=127.0.0.1,port=%d,state=online,offset=1,lag=0\r\n" % liar.port
        for name in "MULTI", "EXEC", "SLAVEOF", "REPLICAOF", "CONFIG":
            liar.replies[name] = b":1\r\n"
        sentinel = watch(group, primary)
        events = group.watch(sentinel)
        wait_for(lambda: liar.commands("INFO"), what="the replica is known")
        primary.close()
        events.wait("+try-failover")
        wait_for(lambda: liar.commands("EXEC"), what="the promotion is ordered")
        wait_for(lambda: any("EXEC was answered with an integer" in line for line in complaints(sentinel)), what="it says so")
        assert not events.named("+switch-master") and not events.named("+promoted-slave")
        assert master_address(sentinel) == ("127.0.0.1", primary.port)


def test_an_info_that_never_ends_is_cut(group, fake):
    def endless(server, client, words):
        yield b"$400000000\r\n"
        while True:
            yield b"role:master\r\n" * 4096

    def endless_status(server, client, words):
        yield b"+"
        while True:
            yield b"x" * 65536

    def endless_array(server, client, words):
        yield b"*2000000000\r\n"
        while True:
            yield b":1\r\n" * 4096

    sentinel = watch(group, fake, quorum=2)
    events = group.watch(sentinel)
    wait_for(lambda: fake.commands("INFO"), what="INFO")
    sentinel.do("SENTINEL", "DEBUG", "INFO-PERIOD", 100)
    before = resident_kb(sentinel)
    for lie in endless, endless_status, endless_array:
        cut = sum(client.cut is not None for client in fake.clients)
        fake.replies["INFO"] = lie
        wait_for(lambda: sum(client.cut is not None for client in fake.clients) >= cut + 3, what="the line is cut")
        assert resident_kb(sentinel) < before + 40 * 1024
    assert max(client.sent for client in fake.clients) < 16 << 20, "it read more than its bound"
    connections = len(fake.clients)
    began = time.monotonic()
    wait_for(lambda: len(fake.clients) > connections + 10, what="it dials again")
    assert time.monotonic() - began > 0.5, "it must not dial in a tight loop"
    assert any("line was cut" in line for line in complaints(sentinel))
    del fake.replies["INFO"]
    wait_for(lambda: fields(sentinel.do("SENTINEL", "MASTER", MASTER))["flags"] == "master")
    is_well(sentinel, fake, events)


def test_a_server_that_hangs_up_at_every_word(group, fake):
    sentinel = watch(group, fake, quorum=2)
    wait_for(lambda: fake.commands("INFO"), what="INFO")
    fake.replies.update({"PING": CLOSE, "INFO": CLOSE, "SUBSCRIBE": CLOSE})
    for client in fake.clients:
        client.close()
    connections, began = len(fake.clients), time.monotonic()
    wait_for(lambda: len(fake.clients) > connections + 20, what="it dials again")
    assert time.monotonic() - began > 0.5, "it must not dial in a tight loop"
    wait_for(lambda: "s_down" in fields(sentinel.do("SENTINEL", "MASTER", MASTER))["flags"], what="it is found down")


INFOS = {
    "huge numbers": "role:master\r\nmaster_repl_offset:99999999999999999999999999\r\nslave_priority:18446744073709551616\r\nconnected_slaves:9e99\r\n",
    "negative": "role:master\r\nmaster_repl_offset:-1\r\nslave_priority:-5\r\nmaster_link_down_since_seconds:-9223372036854775808\r\nconnected_slaves:-1\r\n",
    "duplicates": "role:master\r\n" * 5000 + "run_id:" + "a" * 40 + "\r\n" + "run_id:" + "b" * 40 + "\r\n",
    "no role": "redis_version:7\r\nrole:king\r\n",
    "only colons": ":::::\r\n:\r\nrole\r\nrole:\r\n",
    "nuls": "role:mas\0ter\r\nrun_id:" + "\0" * 40 + "\r\n\0\0\0:\0\r\n",
    "run id too short": "role:master\r\nrun_id:abc\r\n",
    "run id too long": "role:master\r\nrun_id:" + "a" * 5000 + "\r\n",
    "run id with a line": "role:master\r\nrun_id:" + "a" * 20 + "\r1:X # +switch-master" + "\r\n",
    "one long line": "x" * 3000000,
    "many lines": "a:b\n" * 700000 + "role:master\r\n",
    "bad replicas": "role:master\r\n" + "".join("slave%d:%s\r\n" % (i, line) for i, line in enumerate([
        "ip=,port=1", "ip=1.2.3.4,port=0", "ip=1.2.3.4,port=65536", "ip=1.2.3.4,port=-1", "ip=" + "1" * 1000 + ",port=1", "ip=a b,port=5", "ip=\x1b[31m,port=5",
        "ip=1.2.3.4", "port=5", "", ",,,,", "1.2.3.4,x,online", "ip=evil.example.com,port=6379", "ip=1.2.3.4\n,port=9", "ip=999.1.1.1,port=7", "ip=::::1,port=9"])),
}


@pytest.mark.parametrize("text", INFOS.values(), ids=INFOS)
def test_info_of_nonsense(group, fake, text):
    sentinel = watch(group, fake, quorum=2)
    events = group.watch(sentinel)
    wait_for(lambda: fake.commands("INFO"), what="INFO")
    sentinel.do("SENTINEL", "DEBUG", "INFO-PERIOD", 100)
    fake.replies["INFO"] = bulk(text)
    asked_again(fake, "INFO", 3)
    is_well(sentinel, fake, events)
    for replica in map(fields, sentinel.do("SENTINEL", "REPLICAS", MASTER)):
        assert replica["ip"] == "1.2.3.4" and 1 <= int(replica["port"]) <= 65535, replica
    assert fields(sentinel.do("SENTINEL", "MASTER", MASTER))["flags"] == "master"
    sentinel.info("everything")
    del fake.replies["INFO"]


def test_a_list_of_a_hundred_thousand_replicas(group, fake):
    sentinel = watch(group, fake, quorum=2)
    events = group.watch(sentinel)
    wait_for(lambda: fake.commands("INFO"), what="INFO")
    sentinel.do("SENTINEL", "DEBUG", "INFO-PERIOD", 1000)
    before = resident_kb(sentinel)
    # Nobody listens there: ports of this host that answer with a refusal.
    fake.info_tail = "".join("slave%d:ip=127.%d.%d.%d,port=1,state=online\r\n" % (i, i % 200 + 1, i // 200 % 250, i // 50000 + 1)
                             for i in range(100000)).encode()
    assert len(fake.info_tail) > 4 << 20
    asked_again(fake, "INFO", 3)
    for _ in range(20):
        assert sentinel.do("PING") == b"PONG"
    replicas = sentinel.do("SENTINEL", "REPLICAS", MASTER)
    assert len(replicas) <= 1000
    assert resident_kb(sentinel) < before + 100 * 1024
    is_well(sentinel, fake, events)
    fake.info_tail = b""
    wait_for(lambda: "s_down" not in fields(sentinel.do("SENTINEL", "MASTER", MASTER))["flags"], what="it is not found down")


def test_a_role_that_flaps(group, fake):
    """A primary that calls itself a replica every other time is neither believed nor failed over for it."""
    replica = group.redis("--replicaof", "127.0.0.1", fake.port)
    fake.info_tail = b"slave0:ip=127.0.0.1,port=%d,state=online,offset=1,lag=0\r\n" % replica.port
    sentinel = watch(group, fake)
    events = group.watch(sentinel)
    wait_for(lambda: fake.commands("INFO"), what="INFO")
    sentinel.do("SENTINEL", "DEBUG", "INFO-PERIOD", 50)

    def flapping(server, client, words):
        flapping.count += 1
        role = b"role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:1\r\n" if flapping.count % 2 else b"role:master\r\n"
        return bulk(role + b"run_id:" + b"%040x" % flapping.count + b"\r\n" + server.info_tail)

    flapping.count = 0
    fake.replies["INFO"] = flapping
    asked_again(fake, "INFO", 100)
    is_well(sentinel, fake, events)


def hello(fake, payload):
    wait_for(lambda: fake.hello(payload) > 0, what="somebody listens to hellos")


HELLOS = {
    "garbage": b"\xff\xfe\x00garbage",
    "empty": b"",
    "commas": b"," * 100,
    "seven fields": b"127.0.0.1,26379,%s,1,mymaster,127.0.0.1,6379" % PEER.encode(),
    "nine fields": b"127.0.0.1,26379,%s,1,mymaster,127.0.0.1,6379,1,1" % PEER.encode(),
    "epoch 2^63": b"127.0.0.1,26379,%s,9223372036854775808,mymaster,127.0.0.1,6379,9223372036854775808" % PEER.encode(),
    "epoch 2^64": b"127.0.0.1,26379,%s,18446744073709551616,mymaster,127.0.0.1,6379,18446744073709551616" % PEER.encode(),
    "epoch -1": b"127.0.0.1,26379,%s,-1,mymaster,127.0.0.1,6379,-1" % PEER.encode(),
    "huge": b"x" * 3000000,
    "a forged line": b"127.0.0.1,26379,%s,1,my\r\n1:X 24 Nov 2026 08:00:00.000 # +switch-master mymaster 1 1 2 2\r\n,127.0.0.1,6379,1" % PEER.encode(),
    "an escape": b"127.0.0.1\x1b[2J,26379,%s,1,mymaster,127.0.0.1,6379,1" % PEER.encode(),
    "a nul": b"127.0.0.1,26379,%s,1,mymaster\0,127.0.0.1,6379,1" % PEER.encode(),
    "id not hex": b"127.0.0.1,26379," + b"z" * 40 + b",1,mymaster,127.0.0.1,6379,1",
    "unknown primary": b"127.0.0.1,26379,%s,1,somebody,127.0.0.1,6379,1" % PEER.encode(),
    "a name to look up": b"evil.example.com,26379,%s,1,mymaster,evil.example.com,6379,1" % PEER.encode(),
    "port 0": b"127.0.0.1,0,%s,1,mymaster,127.0.0.1,0,1" % PEER.encode(),
    "port 65536": b"127.0.0.1,65536,%s,1,mymaster,127.0.0.1,65536,1" % PEER.encode(),
}


@pytest.mark.parametrize("payload", HELLOS.values(), ids=HELLOS)
@pytest.mark.parametrize("way", ["heard", "published"])
def test_hellos_of_nonsense(group, fake, payload, way):
    sentinel = watch(group, fake, quorum=2)
    events = group.watch(sentinel)
    epoch = sentinel.info("sentinel")["sentinel_current_epoch"]
    heard = int(sentinel.info("sentinel")["sentinel_hellos_heard"])
    for _ in range(50):
        if way == "heard":
            hello(fake, payload)
        else:
            sentinel.do("PUBLISH", "__sentinel__:hello", payload)
    wait_for(lambda: int(sentinel.info("sentinel")["sentinel_hellos_heard"]) >= heard + 50, what="they were heard")
    is_well(sentinel, fake, events)
    assert sentinel.do("SENTINEL", "SENTINELS", MASTER) == []
    assert sentinel.info("sentinel")["sentinel_current_epoch"] == epoch
    if payload != HELLOS["a name to look up"]:
        told = complaints(sentinel)
        assert len(told) == 1 and "a hello" in told[0], told
        assert len(told[0]) < 400
        assert not set(told[0]) & set("\x1b\r\n\0")


def test_messages_that_are_none(group, fake):
    """Pushes of the wrong shape on the pub/sub line."""
    sentinel = watch(group, fake, quorum=2)
    events = group.watch(sentinel)
    wait_for(lambda: fake.commands("SUBSCRIBE"), what="SUBSCRIBE")
    for raw in [array(), array(bulk("message")), array(bulk("message"), bulk("__sentinel__:hello")), array(number(1), number(2), number(3)),
                array(bulk("message"), array(), array()), array(bulk("pmessage"), bulk("*"), bulk("__sentinel__:hello"), bulk("x")), b"+OK\r\n", b"-ERR x\r\n",
                b":1\r\n", b"$-1\r\n", array(bulk("unsubscribe"), bulk("__sentinel__:hello"), number(0)), b">0\r\n", b"nonsense\r\n", b"*3\r\n$7\r\nmessage\r\n*999999\r\n",
                b"$999999999999\r\n"]:
        wait_for(lambda: fake.push(raw) > 0, what="somebody listens")
    heard = int(sentinel.info("sentinel")["sentinel_hellos_heard"])
    wait_for(lambda: fake.hello(b"x") and int(sentinel.info("sentinel")["sentinel_hellos_heard"]) > heard, what="it subscribed again")
    is_well(sentinel, fake, events)


def test_our_own_id_from_elsewhere(group, fake):
    sentinel = watch(group, fake, quorum=2)
    events = group.watch(sentinel)
    own = sentinel.do("SENTINEL", "MYID")
    for _ in range(10):
        hello(fake, b"127.0.0.1,1,%s,5,mymaster,127.0.0.1,7,5" % own)
    events.wait("-duplicate-id")
    assert len(events.named("-duplicate-id")) == 1
    assert sentinel.do("SENTINEL", "SENTINELS", MASTER) == [] and sentinel.info("sentinel")["sentinel_current_epoch"] == "0"
    is_well(sentinel, fake, events)


def test_epochs_cannot_be_used_up(group):
    """Whatever epochs are said in hellos, votes and replies, a failover is possible afterwards."""
    primary, (replica,) = group.replicated(1)
    sentinel = watch(group, primary)
    with FakeSentinel(PEER) as peer:
        wait_for(lambda: len(sentinel.do("SENTINEL", "REPLICAS", MASTER)) == 1, what="the replica is known")
        for epoch in 2**62, 2**62 - 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**61, 2**40:
            for current, config in (epoch, 0), (0, epoch), (epoch, epoch):
                sentinel.do("PUBLISH", "__sentinel__:hello", peer.payload(primary.port, current, config))
            sentinel.call("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", primary.port, epoch, "f" * 40)
        assert int(sentinel.info("sentinel")["sentinel_current_epoch"]) < 2**33
        assert any("too far ahead" in line for line in complaints(sentinel))
    # The liar is gone, but known: it must be forgotten before one sentinel alone is the majority.
    sentinel.do("SENTINEL", "RESET", MASTER)
    wait_for(lambda: len(sentinel.do("SENTINEL", "REPLICAS", MASTER)) == 1, what="the replica is known")
    wait_for(lambda: b"slave_repl_offset" in replica.do("INFO", "replication"), what="it replicates")
    primary.kill()
    wait_for(lambda: master_address(sentinel) == ("127.0.0.1", replica.port), what="the failover")


LIES = {
    "status": b"+OK\r\n", "error": b"-ERR no\r\n", "integer": b":1\r\n", "null": b"$-1\r\n", "empty": b"*0\r\n",
    "two": array(number(1), bulk("*")), "four": array(number(1), bulk("*"), number(0), number(0)),
    "texts": array(bulk("1"), bulk("*"), bulk("0")), "nested": array(array(number(1)), array(), array()),
    "epoch below zero": array(number(1), bulk("f" * 40), number(-5)), "epoch huge": array(number(1), bulk("f" * 40), number(2**63 - 1)),
    "leader short": array(number(1), bulk("abc"), number(1)), "leader not hex": array(number(1), bulk("\r\n" * 20), number(1)),
    "leader empty": array(number(1), bulk(""), number(1)), "endless": b"$500000000\r\n",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_peer_that_lies_about_the_primary(group, lie):
    """Two must agree and there are an honest sentinel and a liar: no lie that is no opinion makes a leader."""
    primary, (replica,) = group.replicated(1)
    sentinel = watch(group, primary, quorum=2, down_after_ms=300)
    events = group.watch(sentinel)
    with FakeSentinel(PEER) as peer:
        def honest(server, client, words):
            if len(words) == 3:  # SENTINEL MASTER name: two are all there are
                return array(bulk("num-other-sentinels"), bulk("1"))
            return array(number(1), bulk(words[5]), number(int(words[4])))

        peer.replies["SENTINEL"] = honest
        sentinel.do("PUBLISH", "__sentinel__:hello", peer.payload(primary.port))
        wait_for(lambda: len(sentinel.do("SENTINEL", "SENTINELS", MASTER)) == 1 and peer.commands("PING"), what="the liar is known")
        wait_for(lambda: "memory=1" in sentinel.info("sentinel")["primary0"], what="the sentinel votes")
        peer.replies["SENTINEL"] = lie
        primary.pause()
        events.wait("+sdown", contains="master mymaster")
        asked_again(peer, "SENTINEL", 5)
        assert not events.named("+elected-leader") and not events.named("+switch-master")
        primary.resume()
        events.wait("-sdown", contains="master mymaster")
        assert master_address(sentinel) == ("127.0.0.1", primary.port)
        assert int(sentinel.info("sentinel")["sentinel_current_epoch"]) < 1000
        # Once it is honest, the two fail over: nothing that it said before is in the way.
        peer.replies["SENTINEL"] = honest
        primary.kill()
        wait_for(lambda: master_address(sentinel) == ("127.0.0.1", replica.port), what="the failover")


def test_bad_arguments_of_votes(group, fake):
    sentinel = watch(group, fake, quorum=2)
    own = sentinel.do("SENTINEL", "MYID")
    for candidate in "\r\n" * 20, "short", "z" * 40, "a" * 41, "", "x" * 100000, "\0" * 40:
        reply = sentinel.call("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", fake.port, 1, candidate)
        assert isinstance(reply, RespError) or reply[1:] == [b"*", 0], reply
    for epoch in "-1", "x", "", "99999999999999999999", str(2**63 - 1):
        reply = sentinel.call("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", fake.port, epoch, "f" * 40)
        assert isinstance(reply, RespError) or reply[1:] == [b"*", 0], reply
    assert sentinel.do("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", fake.port, 1, own.decode())[0] == 0
    assert len(complaints(sentinel)) == 2
    is_well(sentinel, fake)


def test_random_replies(group, fake):
    """A server that answers everything with seeded noise."""
    seed = int(os.environ.get("SEED", "1"))
    noise = random.Random(seed)
    pieces = WRONG + [b"+PONG\r\n", b"+OK\r\n", b"+QUEUED\r\n", b"*", b"$", b"\r\n", b"-1", b"99999999", b":", b"\0", b"$4\r\nPONG\r\n", bulk("role:slave\r\n"),
                      bulk("role:master\r\nslave0:ip=127.0.0.1,port=1,state=online\r\n"), array(bulk("message"), bulk("__sentinel__:hello"), bulk("x"))]

    def anything(server, client, words):
        return b"".join(noise.choice(pieces) for _ in range(noise.randrange(4))) or None

    sentinel = watch(group, fake, quorum=2)
    for command in "PING", "INFO", "PUBLISH", "SUBSCRIBE", "CLIENT", "MULTI", "EXEC", "AUTH":
        fake.replies[command] = anything
    sentinel.do("SENTINEL", "DEBUG", "INFO-PERIOD", 50, "PING-PERIOD", 20, "PUBLISH-PERIOD", 50)
    for _ in range(5):
        asked_again(fake, "PING", 20)
        for client in fake.clients:
            client.close()
    for _ in range(3):
        is_well(sentinel, fake)
    assert len(complaints(sentinel)) < 12


def test_many_sentinels_are_announced(group, fake):
    """A thousand made-up peers: bounded, and they only make the majority larger, never a failover possible."""
    sentinel = watch(group, fake, quorum=1)
    before = resident_kb(sentinel)
    with sentinel.connect() as connection:
        connection.pipeline([("PUBLISH", "__sentinel__:hello", "127.0.0.1,%d,%040x,0,mymaster,127.0.0.1,%d,0" % (1 + i % 100, i, fake.port))
                             for i in range(1, 3000)])
    assert len(sentinel.do("SENTINEL", "SENTINELS", MASTER)) <= 1000
    assert resident_kb(sentinel) < before + 64 * 1024
    is_well(sentinel, fake)


def test_a_client_that_reads_no_events(group, fake):
    """Subscribers that do not read are cut at their limit while events go on."""
    sentinel = watch(group, fake, quorum=2, top='client-output-buffer-limit: {pubsub: "1mb 0 0"}\n')
    before = resident_kb(sentinel)
    with sentinel.connect() as deaf:
        deaf.do("PSUBSCRIBE", "*")
        stop = time.monotonic() + 120
        while time.monotonic() < stop and int(sentinel.info("stats")["client_output_buffer_limit_disconnections"]) == 0:
            with sentinel.connect() as connection:
                connection.pipeline([("SENTINEL", "SET", MASTER, "quorum", 2 + i % 2) for i in range(2000)])
        assert int(sentinel.info("stats")["client_output_buffer_limit_disconnections"]) == 1
    assert resident_kb(sentinel) < before + 32 * 1024
    is_well(sentinel, fake)


def test_threads_of_the_harness_end():
    """The fake server itself leaves nothing running."""
    server = FakeServer()
    server.close()
    wait_for(lambda: not any(thread.name.startswith("fake") for thread in threading.enumerate()), what="its threads end")
