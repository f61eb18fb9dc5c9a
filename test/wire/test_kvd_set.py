"""Sets made of kvd servers, under kvd's sentinels and redis's: the primary dies, is handed over, comes back; no node needs everything."""
import time

import pytest

from failover import HighlyAvailableSet, Writer
from processes import wait_for
from rate_writer import RateWriter


def offset_of(server):
    info = server.info("replication")
    return int(info["slave_repl_offset" if info["role"] == "slave" else "master_repl_offset"])


def full_synchronizations(servers):
    return sum(int(server.info("stats")["sync_full"]) for server in servers)


def wait_equal(ha):
    """All servers have the same data at the same offset; returns the primary."""
    primary = ha.server_at(ha.settle())
    for server in (ha.primary, *ha.replicas):
        wait_for(lambda: offset_of(server) == offset_of(primary), what="%s has all of it" % server.name)
    return primary


@pytest.mark.parametrize("sentinels", [["kvd"] * 3, ["redis"] * 3, ["kvd", "redis", "kvd"]], ids="-".join)
def test_the_primary_is_killed(group, sentinels):
    ha = HighlyAvailableSet(sentinels, group=group, server="kvd")
    before = full_synchronizations(ha.replicas)
    _, victim = ha.fail()
    survivors = [server for server in (ha.primary, *ha.replicas) if server is not victim]
    ha.settle_others(victim)
    assert full_synchronizations(survivors) == before, "the other replica resumes"
    ha.repair(victim)
    primary = wait_equal(ha)
    last = ha.last_writer.acknowledged[-1]
    assert primary.do("GET", "written:%d" % last[1]) == b"%d" % last[1]


@pytest.mark.parametrize("sentinels", [["kvd"] * 3, ["redis"] * 3], ids="-".join)
def test_the_primary_is_handed_over(group, sentinels):
    """SENTINEL FAILOVER while a client writes: what was acknowledged since the switch is there, and all follow the new primary."""
    ha = HighlyAvailableSet(sentinels, group=group, server="kvd")
    writer = Writer(ha.sentinels)
    writer.start()
    wait_for(lambda: len(writer.acknowledged) > 20)
    old = ha.server_at(ha.settle())
    began = time.monotonic()
    assert ha.sentinels[0].do("SENTINEL", "FAILOVER", "mymaster") == b"OK"
    ha.events.wait("+switch-master", began, "mymaster ", 60, count=len(sentinels))
    wait_for(lambda: writer.acknowledged[-1][2] != old.port, 60, "the client writes to the new primary")
    writer.stop()
    primary = wait_equal(ha)
    assert primary is not old
    lost = [number for when, number, port in writer.acknowledged if port == primary.port and primary.do("GET", "written:%d" % number) is None]
    assert lost == []


def last_failover(sentinel):
    record = sentinel.do("SENTINEL", "HISTORY", "mymaster", 1)[0]
    return {name.decode(): value for name, value in zip(record[::2], record[1::2])}


def test_a_plain_order_loses_nothing_at_a_rate(group):
    """20,000 writes a second, and SENTINEL FAILOVER without more words. A machine that stands still may make the sentinel use force, or give
    up: it says so, and the order is repeated."""
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, server="kvd")
    servers = (ha.primary, *ha.replicas)
    for _ in range(20):
        old = ha.settle()
        before = full_synchronizations(servers)
        writer = RateWriter(ha.sentinels)
        try:
            wait_for(lambda: writer.count > 2000, what="the client writes")
            began = time.monotonic()
            assert ha.sentinels[0].do("SENTINEL", "FAILOVER", "mymaster") == b"OK"
            ended = ("+failover-end", "-failover-abort-master-timeout", "-failover-abort-no-good-slave", "-failover-abort-not-elected")
            wait_for(lambda: any(ha.events.named(event, began) for event in ended), 60, "it ends")
            new = ha.settle()
            wait_for(lambda: writer.port == new and writer.last > time.monotonic() - 1, 60, "the client writes on")
        finally:
            writer.stop()
        if new != old and last_failover(ha.sentinels[0])["kind"] == b"coordinated":
            break
    assert new != old and not ha.events.named("+failover-forced", began)
    primary = wait_equal(ha)
    with primary.connect() as connection:
        assert writer.lost(connection) == 0
    assert full_synchronizations(servers) == before
    assert {port for _, _, port in writer.acknowledged} == {old, new}
