"""SENTINEL FAILOVER name COORDINATED over real Redis servers: the primary hands over, and no acknowledged write is lost."""
import threading
import time

import pytest
from failover import HighlyAvailableSet, Writer
from processes import master_address, wait_for
from resp import Connection, RespError

MASTER = "mymaster"


@pytest.mark.parametrize("kinds", [["kvd"] * 3, ["kvd"]])
def test_no_acknowledged_write_is_lost(group, kinds):
    ha = HighlyAvailableSet(kinds, group=group, down_after_ms=20000)
    writers = [Writer(ha.sentinels, pause=0) for _ in range(1)]
    writer = writers[0]
    writer.start()
    wait_for(lambda: len(writer.acknowledged) > 500, what="the client writes")
    began = time.monotonic()
    assert ha.sentinels[0].do("SENTINEL", "FAILOVER", MASTER, "COORDINATED") == b"OK"
    ha.events.wait("+switch-master", began, count=len(kinds))
    new = master_address(ha.sentinels[0])[1]
    assert new != ha.primary.port
    wait_for(lambda: writer.acknowledged[-1][2] == new and len(writer.acknowledged) > 1000, what="it writes to the new primary")
    writer.stop()
    assert ha.settle() == new
    with ha.server_at(new).connect() as connection:
        for _, number, _ in writer.acknowledged:
            assert connection.do("GET", "written:%d" % number) == b"%d" % number
    for server in [ha.primary, *ha.replicas]:
        role = server.do("ROLE")
        if server.port == new:
            assert role[0] == b"master" and len(role[2]) == 2
        else:
            assert role[0] == b"slave" and role[2] == new
    info = ha.sentinels[0].info("sentinel")
    assert ",kind=coordinated," in info["primary0_last_failover"] and "result=done" in info["primary0_last_failover"]
    assert not ha.events.named("+sdown", began) and len(ha.events.named("+elected-leader", began)) == 1
    print("longest gap %.1f ms" % (writer.longest_gap() * 1000))


def test_a_replica_that_cannot_catch_up_aborts_it_and_the_primary_stays_writable(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, replicas=1, down_after_ms=1000)
    replica = ha.replicas[0]
    replica.pause()
    with ha.primary.connect() as connection:
        connection.do("SET", "ahead", "of the replica")
    began = time.monotonic()
    assert ha.sentinels[0].do("SENTINEL", "FAILOVER", MASTER, "COORDINATED") == b"OK"
    ha.events.wait("-failover-abort-master-timeout", began)
    wait_for(lambda: ha.primary.info("replication")["master_failover_state"] == "no-failover", 60, "the primary gave up")
    with ha.primary.connect() as connection:
        connection.do("SET", "after", "the abort")
    replica.resume()
    assert ha.settle() == ha.primary.port
    wait_for(lambda: replica.do("GET", "after") == b"the abort", what="the replica has caught up")
    assert ha.primary.do("ROLE")[0] == b"master"
    assert not ha.events.named("+switch-master", began)
    assert "result=primary_timeout" in ha.sentinels[0].info("sentinel")["primary0_last_failover"]
