"""kvd's sentinels and Redis's in one quorum: they agree and fail over whoever of them leads."""
import pytest
from failover import HighlyAvailableSet
from processes import fields, master_address, wait_for


@pytest.mark.parametrize("kinds", [["kvd", "kvd", "redis"], ["redis", "redis", "kvd"], ["kvd", "redis", "kvd", "redis", "kvd"]],
                         ids="-".join)
@pytest.mark.parametrize("how", ["kill", "hang"])
def test_mixed_quorum_fails_over(group, kinds, how):
    ha = HighlyAvailableSet(kinds, group=group)
    timeline, victim = ha.fail(how)
    ports = {master_address(sentinel)[1] for sentinel in ha.sentinels}
    assert len(ports) == 1 and ports.pop() in [replica.port for replica in ha.replicas]
    assert len({event[3].split()[-1] for event in ha.events.named("+switch-master", ha.last_fault)}) == 1
    epochs = {fields(sentinel.do("SENTINEL", "MASTER", "mymaster"))["config-epoch"] for sentinel in ha.sentinels}
    wait_for(lambda: len({fields(s.do("SENTINEL", "MASTER", "mymaster"))["config-epoch"] for s in ha.sentinels}) == 1,
             what="one configuration epoch (%r)" % epochs)
    ha.repair(victim, how)


@pytest.mark.parametrize("leader", ["kvd", "redis"])
def test_either_kind_may_lead(group, leader):
    """The leader is chosen by asking one sentinel of the kind for a failover."""
    ha = HighlyAvailableSet(["kvd", "redis", "kvd", "redis"], group=group, quorum=2)
    chosen = ha.sentinels[0 if leader == "kvd" else 1]
    assert chosen.do("SENTINEL", "FAILOVER", "mymaster") == b"OK"
    ha.events.wait("+switch-master", contains="mymaster ", count=4, timeout=60)
    new = ha.settle()
    assert new != ha.primary.port
    assert ha.server_at(new).do("ROLE")[0] == b"master"
    wait_for(lambda: ha.primary.do("ROLE")[0] == b"slave", 60, "the old primary follows")


def test_one_sentinel_after_another_is_replaced(group):
    """A rolling swap of redis-sentinel for kvd, with a failover that works in between."""
    ha = HighlyAvailableSet(["redis"] * 3, group=group)
    settings = {"mymaster": {"host": "127.0.0.1", "port": ha.primary.port, "quorum": 2, "down-after-milliseconds": 1000, "failover-timeout": 10000}}
    for place in 0, 1:
        ha.sentinels[place].kill()
        kvd = group.kvd_sentinel(settings)
        ha.sentinels[place] = kvd
        wait_for(lambda: int(fields(kvd.do("SENTINEL", "MASTER", "mymaster"))["num-slaves"]) == 2
                 and int(fields(kvd.do("SENTINEL", "MASTER", "mymaster"))["num-other-sentinels"]) >= 2, 30, "the new sentinel knows the others")
    ha.events = group.watch(*ha.sentinels)
    ha.primary.kill()
    ha.events.wait("+switch-master", count=3, timeout=60)
    assert len({master_address(sentinel)[1] for sentinel in ha.sentinels}) == 1
