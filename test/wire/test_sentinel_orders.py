"""What an operator orders of kvd sentinels over real Redis servers: one forgotten, one chosen, plans, maintenance, quorum."""
import time

from failover import HighlyAvailableSet
from processes import fields, master_address, wait_for

MASTER = "mymaster"


def counts(sentinel):
    master = fields(sentinel.do("SENTINEL", "MASTER", MASTER))
    return int(master["num-slaves"]), int(master["num-other-sentinels"])


def test_forget_one_replica_and_one_sentinel_everywhere(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=500)
    sentinels, gone = ha.sentinels[:2], ha.sentinels[2]
    ident = gone.do("SENTINEL", "MYID")
    gone.kill()
    ha.replicas[1].kill()
    ha.events.wait("+sdown", contains=ident.decode(), count=2)
    ha.events.wait("+sdown", contains=":%d " % ha.replicas[1].port, count=2)
    assert sentinels[0].do("SENTINEL", "FORGET", MASTER, ident) == b"OK"
    assert sentinels[0].do("SENTINEL", "FORGET", MASTER, "127.0.0.1", ha.replicas[1].port) == b"OK"
    wait_for(lambda: [counts(s) for s in sentinels] == [(1, 1), (1, 1)], 60, "both sentinels forgot both")
    for sentinel in sentinels:
        sentinel.do("SENTINEL", "DEBUG", "info-period", 100)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 3 and [counts(s) for s in sentinels] == [(1, 1), (1, 1)], 60, "they stay away")
    assert str(sentinels[0].call("SENTINEL", "FORGET", MASTER, ident)) == "ERR No such sentinel" or counts(sentinels[0]) == (1, 1)
    ha.replicas[1].start()
    wait_for(lambda: all(counts(s)[0] == 2 for s in sentinels), 60, "a replica that lives again is found again")


def test_reset_does_not_blind(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=500)
    ha.primary.pause()
    for sentinel in ha.sentinels:
        assert sentinel.do("SENTINEL", "RESET", "*") == 1
        assert counts(sentinel) == (2, 2)
    ha.events.wait("+switch-master", count=3)


def test_a_replica_chosen_by_hand_and_the_plan_of_it(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group)
    sentinel, (one, other) = ha.sentinels[0], ha.replicas
    other.do("CONFIG", "SET", "replica-priority", 1)
    sentinel.do("SENTINEL", "DEBUG", "info-period", 1000)

    def the_other():
        lines = [line.decode() for line in sentinel.do("SENTINEL", "FAILOVER", MASTER, "DRYRUN")]
        return lines if lines[0].startswith("would promote 127.0.0.1:%d " % other.port) and "chosen: priority 1," in "".join(lines) else None

    plan = wait_for(the_other, 60, "the plan knows the priority", every=0.05)
    assert any(line.startswith("127.0.0.1:%d: chosen: priority 1, offset" % other.port) for line in plan), plan
    assert any(line.startswith("127.0.0.1:%d: not chosen: priority 100, offset" % one.port) for line in plan), plan
    refusal = sentinel.call("SENTINEL", "FAILOVER", MASTER, "TO", "127.0.0.1", ha.primary.port)
    assert "is no known replica of mymaster" in str(refusal)
    assert master_address(sentinel)[1] == ha.primary.port
    assert sentinel.do("SENTINEL", "FAILOVER", MASTER, "TO", "127.0.0.1", one.port) == b"OK"
    ha.events.wait("+switch-master", count=3)
    assert ha.settle() == one.port
    other.do("CONFIG", "SET", "replica-priority", 0)
    wait_for(lambda: "its replica-priority is 0" in str(sentinel.call("SENTINEL", "FAILOVER", MASTER, "TO", "127.0.0.1", other.port, "DRYRUN")))
    assert "NOGOODSLAVE" in str(sentinel.call("SENTINEL", "FAILOVER", MASTER, "TO", "127.0.0.1", other.port))


def test_maintenance(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=300)
    for sentinel in ha.sentinels:
        assert sentinel.do("SENTINEL", "SET", MASTER, "maintenance", "yes") == b"OK"
        assert ",maintenance=1" in sentinel.info("sentinel")["primary0"]
    ha.primary.kill()
    ha.events.wait("+sdown", contains="master ", count=3)
    ha.sentinels[0].kill()
    ha.sentinels[0].start()  # it remembers
    wait_for(lambda: ha.sentinels[0].info("sentinel")["primary0"].startswith("name=mymaster,state=sdown"))
    assert not ha.events.named("+try-failover")
    for sentinel in ha.sentinels:
        sentinel.do("SENTINEL", "SET", MASTER, "maintenance", "no")
    ha.events.wait("+switch-master", count=2)


def test_the_quorum_may_be_the_majority(group):
    primary, _ = group.replicated(1)
    settings = {"host": "127.0.0.1", "port": primary.port, "quorum": "majority", "down-after-milliseconds": 1000}
    sentinels = [group.kvd_sentinel({MASTER: settings}) for _ in range(3)]
    wait_for(lambda: all(fields(s.do("SENTINEL", "MASTER", MASTER))["quorum"] == "2" for s in sentinels), 60, "two of three")
    sentinels[0].do("SENTINEL", "SET", MASTER, "quorum", 1)
    assert fields(sentinels[0].do("SENTINEL", "MASTER", MASTER))["quorum"] == "1"
    assert str(sentinels[0].call("SENTINEL", "SET", MASTER, "quorum", "few")).startswith("ERR Invalid argument 'few'")


def test_a_primary_that_comes_back_empty_does_not_wipe_its_replicas(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=10000)
    with ha.primary.connect() as connection:
        for number in range(100):
            connection.do("SET", "key:%d" % number, number)
    wait_for(lambda: all(replica.do("DBSIZE") == 100 for replica in ha.replicas), 60, "replicas have it")
    for sentinel in ha.sentinels:
        sentinel.do("SENTINEL", "DEBUG", "info-period", 200)
    wait_for(lambda: all(b"keys=100" in s.do("SENTINEL", "INFO-CACHE", MASTER)[1][0][1] for s in ha.sentinels), 60, "sentinels saw it")
    began = time.monotonic()
    ha.primary.kill()
    ha.primary.start()
    ha.events.wait("+switch-master", began, count=3)
    assert ha.events.named("-primary-emptied", began)
    new = ha.settle()
    assert new != ha.primary.port
    assert all(server.do("DBSIZE") == 100 for server in [ha.primary, *ha.replicas])
    assert "why=restarted with 0 of 100 keys" in "".join(s.info("sentinel")["primary0_last_failover"] for s in ha.sentinels)


def test_a_primary_that_comes_back_with_its_data_stays(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=10000)
    ha.primary.do("SET", "a", 1)
    for sentinel in ha.sentinels:
        sentinel.do("SENTINEL", "DEBUG", "info-period", 200)
    wait_for(lambda: all(b"keys=1," in s.do("SENTINEL", "INFO-CACHE", MASTER)[1][0][1] for s in ha.sentinels), 60, "sentinels saw it")
    began = time.monotonic()
    ha.primary.do("SAVE")
    ha.primary.kill()
    ha.primary.start()
    ha.events.wait("+reboot", began, count=3)
    assert ha.settle() == ha.primary.port
    assert not ha.events.named("+try-failover", began)
