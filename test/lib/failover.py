"""One highly available set and what happens to it: starts it, breaks its primary, and measures the failover phase by phase."""
import threading
import time

from processes import Group, master_address, wait_for, wait_settled
from resp import Connection, RespError

# Phase, the event that marks it, and what its payload starts with.
PHASES = [
    ("+sdown", "+sdown", "master "),
    ("+odown", "+odown", "master "),
    ("elected", "+elected-leader", "master "),
    ("promoted", "+promoted-slave", "slave "),
    ("switched", "+switch-master", ""),
]


class Writer(threading.Thread):
    """A client that follows the sentinels: writes numbered values as fast as they are acknowledged, one at a time, and remembers
    when each was."""

    def __init__(self, sentinels, name="mymaster", timeout=0.2, pause=0.001):
        super().__init__(daemon=True)
        self.sentinels, self.master, self.timeout, self.pause = sentinels, name, timeout, pause
        self.acknowledged = []  # (monotonic seconds, number, port)
        self.refused = 0
        self.stopping = False

    def address(self):
        for sentinel in self.sentinels:
            if not sentinel.alive():
                continue
            try:
                with Connection(sentinel.port, timeout=self.timeout) as connection:
                    reply = connection.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.master)
                    if reply:
                        return reply[0].decode(), int(reply[1])
            except (OSError, EOFError, RespError):
                continue
        return None

    def run(self):
        connection, number = None, 0
        while not self.stopping:
            try:
                if connection is None:
                    address = self.address()
                    if address is None:
                        time.sleep(self.pause)
                        continue
                    connection = Connection(address[1], address[0], timeout=self.timeout)
                    if connection.do("ROLE")[0] != b"master":
                        raise EOFError("not a primary")
                connection.do("SET", "written:%d" % number, number)
                self.acknowledged.append((time.monotonic(), number, address[1]))
                number += 1
                time.sleep(self.pause)
            except (OSError, EOFError, RespError):
                self.refused += 1
                if connection is not None:
                    connection.close()
                connection = None
                number += 1
                time.sleep(self.pause)
        if connection is not None:
            connection.close()

    def stop(self):
        self.stopping = True
        self.join()

    def longest_gap(self):
        times = [when for when, _, _ in self.acknowledged]
        return max((b - a for a, b in zip(times, times[1:])), default=0.0)


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


def switches_of(events, since):
    """(when, port of the primary that was left) of each switch, however many sentinels told of it."""
    first = {}
    for when, _, _, text in events.named("+switch-master", since):
        _, _, old, _, new = text.split()
        first[old, new] = min(when, first.get((old, new), when))
    return sorted((when, int(old)) for (old, _), when in first.items())


class HighlyAvailableSet:
    """A primary, its replicas, and sentinels that watch them."""

    def __init__(self, sentinels, replicas=2, down_after_ms=1000, quorum=None, group=None, failover_timeout_ms=10000, settings=None,
                 server="redis", all_may_vote=True):
        """sentinels: a list of "kvd" and "redis". settings: more of the primary's, of kvd's sentinels. server: "redis" or "kvd".
        all_may_vote: wait until those who have no memory have met the others (docs/sentinel.md)."""
        self.group = group or Group()
        self.primary, self.replicas = self.group.replicated(replicas, server=server)
        self.replica_count = replicas
        self.down_after_ms, self.failover_timeout_ms = down_after_ms, failover_timeout_ms
        settings = {"host": "127.0.0.1", "port": self.primary.port, "quorum": quorum or len(sentinels) // 2 + 1,
                    "down-after-milliseconds": down_after_ms, "failover-timeout": failover_timeout_ms, **(settings or {})}
        make = {"kvd": self.group.kvd_sentinel, "redis": self.group.redis_sentinel}
        self.sentinels = [make[kind]({"mymaster": settings}) for kind in sentinels]
        wait_settled(self.sentinels, replicas=replicas)
        if all_may_vote and len(sentinels) >= 3 and set(sentinels) == {"kvd"}:
            wait_for(lambda: all("memory=1" in sentinel.do("INFO", "sentinel").decode() for sentinel in self.sentinels), what="all may vote")
        self.events = self.group.watch(*self.sentinels)

    def server_at(self, port):
        return next(server for server in [self.primary, *self.replicas] if server.port == port)

    def settle(self, timeout=60):
        return wait_settled(self.sentinels, replicas=self.replica_count, timeout=timeout)

    def settle_others(self, victim):
        """Until the servers beside the victim replicate from the new primary."""
        new = master_address(self.sentinels[0])[1]
        others = [server for server in (self.primary, *self.replicas) if server.port not in (victim.port, new)]
        wait_for(lambda: all(server.do("ROLE")[2:4] == [new, b"connected"] for server in others), 60, "the others follow")

    def fail(self, how="kill", timeout=60):
        """Kills (or pauses: how="hang") the primary. Returns (timeline in ms after the fault, the failed process)."""
        victim = self.server_at(master_address(self.sentinels[0])[1])
        writer = Writer(self.sentinels)
        writer.start()
        wait_for(lambda: len(writer.acknowledged) >= 20, what="the client writes")
        began = time.monotonic()
        if how == "hang":
            victim.pause()
        else:
            victim.kill()
        self.events.wait("+switch-master", began, "mymaster ", timeout, count=len(self.sentinels))
        wait_for(lambda: writer.acknowledged and writer.acknowledged[-1][2] != victim.port and writer.acknowledged[-1][0] > began,
                 timeout, "a write is accepted again")
        writer.stop()
        timeline = {"killed" if how == "kill" else "hung": 0.0}
        for phase, event, start in PHASES:
            found = [e for e in self.events.named(event, began) if e[3].startswith(start)]
            if found:
                timeline[phase] = (found[0][0] - began) * 1000
                if phase == "switched":
                    timeline["switched everywhere"] = (found[len(self.sentinels) - 1][0] - began) * 1000
        timeline["first write"] = (next(when for when, _, port in writer.acknowledged if port != victim.port and when > began) - began) * 1000
        self.last_writer, self.last_fault = writer, began
        return timeline, victim

    def repair(self, victim, how="kill"):
        """Brings the failed server back and waits until it is a replica of the new primary."""
        if how == "hang":
            victim.resume()
        else:
            victim.start()
        wait_for(lambda: victim.do("ROLE")[0] == b"slave", 60, "the old primary is a replica")
        return self.settle()

    def close(self, keep=False):
        self.group.close(keep)


class ManySets:
    """Many primaries with their replicas (pretended ones: test/fleet), watched by the same sentinels."""

    def __init__(self, group, primaries, sentinels, replicas=1, down_after_ms=1000, failover_timeout_ms=10000):
        self.group, self.count, self.down_after_ms = group, primaries, down_after_ms
        self.fleet = group.fleet(primaries, replicas)
        self.step = replicas + 1
        masters = {name: {"host": ip, "port": port, "quorum": len(sentinels) // 2 + 1, "down-after-milliseconds": down_after_ms,
                          "failover-timeout": failover_timeout_ms} for name, (ip, port) in self.fleet.heads().items()}
        make = {"kvd": group.kvd_sentinel, "redis": group.redis_sentinel}
        self.sentinels = [make[kind](masters) for kind in sentinels]
        wait_for(lambda: all(self.knows_all(sentinel) for sentinel in self.sentinels), 120, "all sentinels know all", every=0.2)
        self.events = group.watch(*self.sentinels)

    def knows_all(self, sentinel):
        lines = [value for key, value in sentinel.info("sentinel").items() if key.startswith("master") and key[6:].isdigit()]
        wanted = ("slaves=%d" % (self.step - 1), "sentinels=%d" % len(self.sentinels))
        return len(lines) == self.count and all("status=ok" in line and all(word in line for word in wanted) for line in lines)

    def fail_all(self, timeout=120):
        """Kills every primary at once and waits until every sentinel has switched all. Figures in ms after the kill."""
        before = len(self.fleet.events())
        began = time.monotonic()
        with self.fleet.connect() as control:
            for number in range(0, self.count * self.step, self.step):
                control.do("KILL", number)
        self.events.wait("+switch-master", began, timeout=timeout, count=self.count * len(self.sentinels))
        promoted = sorted(when for when, _, what in self.fleet.events()[before:] if what == "promoted")
        switched = sorted(event[0] for event in self.events.named("+switch-master", began))
        elected = sorted(event[0] for event in self.events.named("+elected-leader", began))
        self.began = began
        return {"promoted_first": (promoted[0] - began) * 1000, "promoted_median": (promoted[len(promoted) // 2] - began) * 1000,
                "promoted_last": (promoted[-1] - began) * 1000, "switched_last": (switched[-1] - began) * 1000,
                "promotions": len(promoted), "elections": len(elected), "candidacies": len(self.events.named("+try-failover", began))}
