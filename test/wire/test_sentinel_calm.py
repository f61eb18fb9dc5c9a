"""Down-after of a tenth of a second is stable: what is failed over is failed over once.

A machine at its limit may really leave a server without a processor for that long, and then a failover is right. So every server has a
witness, who pings it all the time: a failover counts as one too many only when the witness was answered all along.
"""
import threading
import time

from failover import HighlyAvailableSet
from processes import master_address, wait_for
from resp import RespError

DOWN_AFTER_MS = 100
FAILOVERS = 10
QUIET_S = 3.0


class Witness(threading.Thread):
    """When a server was asked and when it answered: [(asked, answered)], in seconds on the monotonic clock."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.answers, self.stopping = server, [], False

    def run(self):
        connection = None
        while not self.stopping:
            try:
                connection = connection or self.server.connect(timeout=2)
                asked = time.monotonic()
                connection.do("PING")
                self.answers.append((asked, time.monotonic()))
                time.sleep(0.005)
            except (OSError, EOFError, RespError):
                connection = None
                time.sleep(0.005)

    def longest_silence(self, since, until):
        """Seconds without an answer; a silence is counted from the question, as sentinels do."""
        longest, last = 0.0, since
        for asked, answered in list(self.answers):
            if answered < since:
                continue
            longest = max(longest, min(answered, until) - last)
            if asked > until:
                break
            last = max(last, asked)
        return max(longest, until - last)


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
        # Who switched from where to where, once for each switch however many sentinels told of it.
        switches = {}
        for when, _, _, text in ha.events.named("+switch-master", began):
            _, _, old, _, new = text.split()
            switches[old, new] = min(when, switches.get((old, new), when))
        switches = sorted((when, int(old)) for (old, _), when in switches.items())
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
