"""A kvd primary that is told to shut down, with shutdown-handover, has a replica take over first: through its sentinels, or by itself."""
import signal
import time

import pytest

from failover import HighlyAvailableSet
from processes import master_address, wait_for
from rate_writer import RateWriter


def kind_of_last(sentinel):
    record = sentinel.do("SENTINEL", "HISTORY", "mymaster", 1)[0]
    return {name.decode(): value for name, value in zip(record[::2], record[1::2])}


def end_of(server):
    """Waits until the process has ended; returns its status."""
    return wait_for(lambda: server.process.poll() is not None and [server.process.poll()], 60, "the process ends")[0]


def shut_down(server, how):
    if how == "SIGTERM":
        server.process.send_signal(signal.SIGTERM)
        return
    with server.connect(timeout=60) as connection:
        try:
            connection.do(*how.split())
        except (OSError, EOFError):
            pass


@pytest.mark.parametrize("how", ["SIGTERM", "SHUTDOWN NOSAVE"])
@pytest.mark.parametrize("confirmed", [0, 1], ids=["asynchronous", "confirmed"])
def test_the_sentinels_are_asked(group, how, confirmed):
    """No acknowledged write is lost and the switch is announced, although down-after is half a minute."""
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, server="kvd", down_after_ms=30000)
    for server in (ha.primary, *ha.replicas):
        assert server.do("CONFIG", "SET", "shutdown-handover", "yes", "repl-sync-replicas", confirmed, "save", "") == b"OK"
    old = ha.server_at(ha.settle())
    writer = RateWriter(ha.sentinels, rate=5000)
    try:
        wait_for(lambda: writer.count > 1000, what="the client writes")
        began = time.monotonic()
        shut_down(old, how)
        assert end_of(old) == 0
        assert ha.events.named("+handover-asked", began)
        ha.events.wait("+switch-master", began, "mymaster ", 60, count=3)
        new = ha.server_at(master_address(ha.sentinels[0])[1])
        assert new is not old
        wait_for(lambda: writer.port == new.port and writer.last > began, 60, "the client writes to the new primary")
    finally:
        writer.stop()
    with new.connect() as connection:
        assert writer.lost(connection) == 0
    promotions = [text for _, _, event, text in ha.events.named("+promoted-slave", began)]
    assert promotions and all(":%d " % new.port in text for text in promotions)
    old.start()
    wait_for(lambda: old.do("ROLE")[0] == b"slave", 60, "it comes back as a replica")


@pytest.mark.parametrize("sentinels", [[], ["redis"] * 3], ids=["no sentinels", "redis"])
def test_without_sentinels_that_understand(group, sentinels):
    """It does as FAILOVER does; the other replica is not its business without sentinels."""
    if sentinels:
        ha = HighlyAvailableSet(sentinels, group=group, server="kvd", replicas=1, down_after_ms=1000)
        primary, replica = ha.primary, ha.replicas[0]
    else:
        primary, (replica,) = group.replicated(1, server="kvd")
    with primary.connect() as connection:
        assert connection.do("CONFIG", "SET", "shutdown-handover", "yes", "save", "") == b"OK"
        for number in range(2000):
            connection.send("SET", "key:%d" % number, number)
        for number in range(2000):
            assert connection.read() == b"OK"
    shut_down(primary, "SHUTDOWN")
    assert end_of(primary) == 0
    assert replica.do("ROLE")[0] == b"master" and replica.do("DBSIZE") == 2000
    if sentinels:  # they do not demote it again
        wait_for(lambda: all(master_address(sentinel)[1] == replica.port for sentinel in ha.sentinels), 60, "all announce it")
        assert replica.do("ROLE")[0] == b"master"


def test_only_when_told_and_not_now(group):
    primary, (replica,) = group.replicated(1, server="kvd")
    shut_down(primary, "SHUTDOWN NOSAVE")
    assert end_of(primary) == 0 and replica.do("ROLE")[0] == b"slave"
    primary.start()
    wait_for(lambda: replica.do("ROLE")[3] == b"connected", 60, "it follows again")
    assert primary.do("CONFIG", "SET", "shutdown-handover", "yes") == b"OK"
    shut_down(primary, "SHUTDOWN NOSAVE NOW")
    assert end_of(primary) == 0 and replica.do("ROLE")[0] == b"slave"


def test_a_replica_that_does_not_answer_holds_it_up_for_shutdown_timeout(group):
    primary, (replica,) = group.replicated(1, server="kvd")
    assert primary.do("CONFIG", "SET", "shutdown-handover", "yes", "shutdown-timeout", "1", "save", "") == b"OK"
    replica.pause()
    with primary.connect() as connection:
        connection.do("SET", "ahead", "of the replica")
    began = time.monotonic()
    shut_down(primary, "SIGTERM")
    assert end_of(primary) == 0 and time.monotonic() - began > 0.9
    replica.resume()
    wait_for(lambda: replica.do("ROLE")[0] == b"slave", 60, "it was not promoted")


def test_a_promotion_that_no_sentinel_ordered_becomes_a_configuration(group):
    """FAILOVER by hand: the sentinels do not undo it but announce it, in a new epoch."""
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, server="kvd", down_after_ms=1000)
    old = ha.server_at(ha.settle())
    began = time.monotonic()
    assert old.do("FAILOVER") == b"OK"
    ha.events.wait("+switch-master", began, "mymaster ", 60, count=3)
    new = ha.server_at(ha.settle())
    assert new is not old and new.do("ROLE")[0] == b"master"
    assert not ha.events.named("+convert-to-slave", began)
    assert [when for when, _, _, text in ha.events.named("+switch-master", began) if text.endswith(" %d" % new.port)]
