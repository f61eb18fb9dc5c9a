"""SENTINEL and the other commands of a sentinel, answered beside redis-sentinel over the same servers."""
import re

import pytest
from processes import fields, master_address, settled, wait_for
from resp import RespError

MASTER = "mymaster"


@pytest.fixture
def pair(group):
    """A kvd and a Redis sentinel of one primary with two replicas, knowing each other."""
    primary, replicas = group.replicated(2)
    settings = {"host": "127.0.0.1", "port": primary.port, "quorum": 2, "down-after-milliseconds": 2000, "failover-timeout": 10000}
    kvd, redis = group.kvd_sentinel({MASTER: settings}), group.redis_sentinel({MASTER: settings})
    wait_for(lambda: settled([kvd, redis]), 60, "both know everything", every=0.05)
    kvd.primary, kvd.replicas = primary, replicas
    return kvd, redis


def shape(value):
    """A reply without what may differ: numbers' values, texts."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shape(item) for item in value]
    if isinstance(value, RespError):
        return "error " + str(value)
    if isinstance(value, bytes):
        return "number" if re.fullmatch(rb"-?\d+", value) else "text"
    return type(value).__name__


def field_names(reply):
    return [key.decode() for key in (reply.keys() if isinstance(reply, dict) else reply[::2])]


@pytest.mark.parametrize("protocol", [2, 3])
def test_instance_maps_have_the_same_fields_in_the_same_order(pair, protocol):
    kvd, redis = pair
    with kvd.connect() as ours, redis.connect() as theirs:
        for connection in ours, theirs:
            connection.do("HELLO", protocol)
        for command in ["MASTER", MASTER], ["MASTERS"], ["REPLICAS", MASTER], ["SLAVES", MASTER], ["SENTINELS", MASTER]:
            mine, other = ours.do("SENTINEL", *command), theirs.do("SENTINEL", *command)
            if command[0] == "MASTER":
                mine, other = [mine], [other]
            assert len(mine) == len(other)
            for one, two in zip(mine, other):
                assert type(one) is type(two)
                assert field_names(one) == field_names(two), command
                assert shape(one) == shape(two), command


def test_values_that_must_agree(pair):
    kvd, redis = pair
    same = {"name", "ip", "port", "runid", "flags", "link-refcount", "down-after-milliseconds", "role-reported", "config-epoch",
            "num-slaves", "num-other-sentinels", "quorum", "failover-timeout", "parallel-syncs", "master-link-status",
            "master-host", "master-port", "slave-priority", "replica-announced", "link-pending-commands"}
    for command in ["MASTERS"], ["REPLICAS", MASTER]:
        mine = {f["name"]: f for f in map(fields, kvd.do("SENTINEL", *command))}
        other = {f["name"]: f for f in map(fields, redis.do("SENTINEL", *command))}
        assert set(mine) == set(other)
        for name in mine:
            for key in same & set(mine[name]) - {"link-pending-commands"}:
                assert mine[name][key] == other[name][key], (name, key)
    mine, = map(fields, kvd.do("SENTINEL", "SENTINELS", MASTER))
    other, = map(fields, redis.do("SENTINEL", "SENTINELS", MASTER))
    assert mine["name"] == mine["runid"] == redis.do("SENTINEL", "MYID").decode()
    assert other["name"] == other["runid"] == kvd.do("SENTINEL", "MYID").decode()
    assert (mine["port"], other["port"]) == (str(redis.port), str(kvd.port))
    assert mine["flags"] == other["flags"] == "sentinel" and mine["voted-leader"] == other["voted-leader"]


SAME_REPLIES = """
SENTINEL
SENTINEL foo
SENTINEL master nope
SENTINEL masters extra
SENTINEL slaves nope
SENTINEL replicas nope
SENTINEL sentinels nope
SENTINEL get-master-addr-by-name nope
SENTINEL get-master-addr-by-name mymaster
SENTINEL is-master-down-by-addr 1.2.3.4 x 0 *
SENTINEL is-master-down-by-addr 1.2.3.4 5 x *
SENTINEL is-master-down-by-addr 1.2.3.4 5 0 *
SENTINEL is-master-down-by-addr 127.0.0.1
SENTINEL monitor a 1.2.3.4 x 1
SENTINEL monitor a 1.2.3.4 1 x
SENTINEL monitor a 1.2.3.4 1 0
SENTINEL monitor a nohost 1 1
SENTINEL monitor mymaster 1.2.3.4 1 1
SENTINEL monitor a 1.2.3.4 70000 1
SENTINEL remove nope
SENTINEL set nope quorum 1
SENTINEL set mymaster quorum
SENTINEL set mymaster foo 1
SENTINEL set mymaster quorum 0
SENTINEL set mymaster quorum x
SENTINEL set mymaster down-after-milliseconds -1
SENTINEL set mymaster notification-script /bin/x
SENTINEL set mymaster client-reconfig-script /bin/x
SENTINEL set mymaster rename-command a
SENTINEL set mymaster quorum 2 parallel-syncs
SENTINEL failover nope
SENTINEL ckquorum mymaster
SENTINEL ckquorum nope
SENTINEL config
SENTINEL config get
SENTINEL config foo a
SENTINEL config get announce-*
SENTINEL config get nothing
SENTINEL config set foo 1
SENTINEL config set resolve-hostnames maybe
SENTINEL config set announce-port x
SENTINEL config set announce-ip
SENTINEL debug
SENTINEL debug foo 1
SENTINEL debug info-period x
SENTINEL debug info-period 0
SENTINEL debug info-period
SENTINEL simulate-failure
SENTINEL simulate-failure foo
SENTINEL simulate-failure help
SENTINEL info-cache
SENTINEL info-cache nope
SENTINEL info-cache mymaster
SENTINEL pending-scripts
SENTINEL reset
SENTINEL reset zz*
SENTINEL flushconfig
SENTINEL myid
SENTINEL myid extra
PUBLISH foo bar
PUBLISH __sentinel__:hello garbage
ROLE
ROLE x
GET a
SET a b
CONFIG GET x
DEBUG SLEEP 0
SELECT 1
CLUSTER INFO
MONITOR
SCRIPT FLUSH
QUIT now
ACL WHOAMI
PING
""".strip().splitlines()


@pytest.fixture(scope="module")
def alone():
    """A kvd and a Redis sentinel, each of its own primary, shared by all cases."""
    from processes import Group
    with Group("kvd-wire-") as group:
        sentinels = []
        for make in group.kvd_sentinel, group.redis_sentinel:
            primary = group.redis()
            sentinels.append(make({MASTER: {"host": "127.0.0.1", "port": primary.port, "quorum": 2}}))
        for sentinel in sentinels:
            wait_for(lambda: fields(sentinel.do("SENTINEL", "MASTER", MASTER))["flags"] == "master", what="connected")
            wait_for(lambda: fields(sentinel.do("SENTINEL", "MASTER", MASTER))["info-refresh"] != "0", what="INFO came")
        yield sentinels


@pytest.mark.parametrize("line", SAME_REPLIES)
def test_same_reply(alone, line):
    ours, theirs = (sentinel.call(*line.split()) for sentinel in alone)
    if isinstance(theirs, RespError) or isinstance(ours, RespError):
        assert str(ours) == str(theirs)
    else:
        assert shape(ours) == shape(theirs)
        if line == "SENTINEL debug":
            assert ours[::2] == theirs[::2]


def test_monitor_set_reset_and_remove(group):
    primary = group.redis()
    sentinel = group.kvd_sentinel({MASTER: {"host": "127.0.0.1", "port": primary.port, "quorum": 1}})
    events = group.watch(sentinel)
    assert sentinel.do("SENTINEL", "MONITOR", "second", "127.0.0.1", primary.port, 3) == b"OK"
    events.wait("+monitor", contains="master second 127.0.0.1 %d quorum 3" % primary.port)
    assert sentinel.do("SENTINEL", "SET", "second", "quorum", 2, "down-after-milliseconds", 700, "auth-pass", "x") == b"OK"
    events.wait("+set", contains="master second 127.0.0.1 %d quorum 2" % primary.port)
    assert "auth-pass x" not in str(events.events)
    known = fields(sentinel.do("SENTINEL", "MASTER", "second"))
    assert known["quorum"] == "2" and known["down-after-milliseconds"] == "700"
    # All options or none.
    assert isinstance(sentinel.call("SENTINEL", "SET", "second", "quorum", 5, "parallel-syncs", "x"), RespError)
    assert fields(sentinel.do("SENTINEL", "MASTER", "second"))["quorum"] == "2"
    assert sentinel.do("SENTINEL", "RESET", "sec*") == 1
    events.wait("+reset-master", contains="master second ")
    assert sentinel.do("SENTINEL", "REMOVE", "second") == b"OK"
    events.wait("-monitor", contains="master second ")
    assert str(sentinel.call("SENTINEL", "MASTER", "second")) == "ERR No such master with that name"
    assert sentinel.do("ROLE") == [b"sentinel", [b"mymaster"]]


def test_primary_spellings(alone):
    kvd = alone[0]
    assert field_names(kvd.do("SENTINEL", "PRIMARY", MASTER)) == field_names(kvd.do("SENTINEL", "MASTER", MASTER))
    assert len(kvd.do("SENTINEL", "PRIMARIES")) == 1
    assert kvd.do("SENTINEL", "GET-PRIMARY-ADDR-BY-NAME", MASTER) == kvd.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
    assert kvd.do("SENTINEL", "IS-PRIMARY-DOWN-BY-ADDR", "1.2.3.4", 5, 0, "*") == [0, b"*", 0]


def test_config_set_is_all_or_nothing(alone):
    kvd = alone[0]

    def config():
        return fields(kvd.do("SENTINEL", "CONFIG", "GET", "*"))

    assert kvd.do("SENTINEL", "CONFIG", "SET", "announce-port", 1234, "loglevel", "verbose") == b"OK"
    assert config()["announce-port"] == "1234" and config()["loglevel"] == "verbose"
    assert isinstance(kvd.call("SENTINEL", "CONFIG", "SET", "loglevel", "notice", "announce-port", "x"), RespError)
    assert isinstance(kvd.call("SENTINEL", "CONFIG", "SET", "announce-port", 0, "loglevel", "loud"), RespError)
    assert config()["announce-port"] == "1234" and config()["loglevel"] == "verbose"
    assert kvd.do("SENTINEL", "CONFIG", "SET", "announce-port", 0, "loglevel", "notice") == b"OK"


def test_only_a_sentinels_commands(alone):
    offered = [{name.decode() for name in sentinel.do("COMMAND", "LIST")} for sentinel in alone]
    newer = {"sentinel|primaries", "sentinel|primary", "sentinel|get-primary-addr-by-name", "sentinel|is-primary-down-by-addr"}
    # Client-side caching needs keys, which no sentinel has.
    assert {name for name in offered[1] - offered[0]} <= {"client|tracking", "client|trackinginfo", "client|caching", "client|getredir"}
    assert newer <= offered[0]
    tops = [{name for name in names if "|" not in name} for names in offered]
    assert tops[0] - tops[1] <= {"quit", "reset"}
    hello = dict(zip(*[iter(alone[0].do("HELLO", 2))] * 2))
    assert hello[b"mode"] == b"sentinel"


def test_info_has_the_established_section_and_ours(pair):
    kvd, redis = pair
    ours, theirs = (sentinel.do("INFO", "sentinel").decode().split("\r\n") for sentinel in pair)
    assert ours[0] == theirs[0] == "# Sentinel"
    names = [line.split(":")[0] for line in ours]
    established = [line.split(":")[0] for line in theirs if ":" in line]
    assert [name for name in names if name in established] == established
    master = next(line for line in ours if line.startswith("master0:"))
    assert master == "master0:name=mymaster,status=ok,address=127.0.0.1:%d,slaves=2,sentinels=2" % kvd.primary.port
    info = kvd.info("sentinel")
    primary = dict(item.split("=") for item in info["primary0"].split(","))
    assert primary["state"] == "ok" and primary["quorum_reachable"] == primary["majority_reachable"] == "1"
    assert primary["voters"] == "2" and primary["majority"] == "2" and primary["electable"] == "2"
    assert "primary0_replica0" in info and "electable=1" in info["primary0_replica1"]
    assert info["sentinel_state_status"] == "ok"
    sections = [line[2:] for line in kvd.do("INFO").decode().split("\r\n") if line.startswith("# ")]
    assert [s for s in sections if s in ("Server", "Clients", "Stats", "CPU", "Sentinel")] == [
        s[2:] for s in redis.do("INFO").decode().split("\r\n") if s.startswith("# ")]


def test_address_of_a_primary_is_the_same_everywhere(pair):
    assert {master_address(sentinel) for sentinel in pair} == {("127.0.0.1", pair[0].primary.port)}
