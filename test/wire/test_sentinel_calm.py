"""Down-after of a tenth of a second is stable: what is failed over is failed over once.

A machine at its limit may really leave a server without a processor for that long, and then a failover is right. So every server has a
witness, who pings it all the time: a failover counts as one too many only when the witness was answered all along.
"""
import time

from failover import HighlyAvailableSet, Witness, switches_of
from processes import master_address, wait_for

DOWN_AFTER_MS = 100
FAILOVERS = 10
QUIET_S = 3.0


def test_ten_failovers_in_a_row_and_none_of_them_twice(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=DOWN_AFTER_MS)
    witnesses = {server.port: Witness(server) for server in (ha.primary, *ha.replicas)}
    for witness in witnesses.values():
        witness.start()
    too_many, excused, one_each = [], 0, 0
    for _ in range(FAILOVERS):
        victim = ha.server_at(master_address(ha.sentinels[0])[1])
        began = time.monotonic()
        victim.kill()
        wait_for(lambda: all(master_address(sentinel)[1] != victim.port for sentinel in ha.sentinels), 60, "all have another primary")
        ha.repair(victim)
        wait_for(lambda: time.monotonic() - began > QUIET_S, 60, "a while has passed")
        switches = switches_of(ha.events, began)
        one_each += len(switches) == 1
        for when, old in switches:
            if old == victim.port:
                continue  # what we asked for; it was dead, and is a replica since
            silent = witnesses[old].longest_silence(when - 1.0, when)
            if silent < DOWN_AFTER_MS / 2000:
                too_many.append("%d was left after answering within %.0f ms all along" % (old, silent * 1000))
            else:
                excused += 1
    for witness in witnesses.values():
        witness.stopping = True
    print("%d of %d failovers were alone, %d more had a reason; stalls of the sentinels: %s" %
          (one_each, FAILOVERS, excused, [sentinel.info("sentinel")["sentinel_stalls"] for sentinel in ha.sentinels]))
    assert not too_many, too_many
    ha.settle()
