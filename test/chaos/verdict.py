"""What the clients saw, held against the data that is left: which acknowledged writes are missing, and whether that is allowed.

Replication is asynchronous, so a server that was cut off, stopped or killed may have acknowledged what nobody else got. A missing
write is excused when a server acknowledged it that a fault touched, between BEFORE_S before the fault and the moment when the set was
whole again. With repl-sync-replicas nothing is excused. Never excused: what was there at an earlier check, values that were refused
or never written, a value twice, a client's acknowledged values out of order, and a register that went back in calm times.
"""
import re

from nodes import Violation
from workload import ACKNOWLEDGED, REFUSED, UNKNOWN

BEFORE_S = 1.0
KEEP_STEPS = 4


class Window:
    """A fault in time: servers that it touched, begin, and when all was whole again (seconds on the monotonic clock)."""

    def __init__(self, touched, begin, end):
        self.touched, self.begin, self.end = touched, begin, end

    def excuses(self, write):
        return write.node in self.touched and write.done >= self.begin - BEFORE_S and write.sent <= self.end


class Lost:
    """Writes that are missing and excused, of one step."""

    def __init__(self, writes, begin):
        self.writes, self.begin = writes, begin

    def text(self):
        if not self.writes:
            return "lost 0"
        parts = []
        for node in sorted({write.node for write in self.writes}):
            times = sorted(write.done - self.begin for write in self.writes if write.node == node)
            parts.append("%d acknowledged by %s %+.2f to %+.2f s after the fault" % (len(times), node, times[0], times[-1]))
        return "lost " + ", ".join(parts)


class Verdict:
    """Knows every write since keys were last forgotten."""

    def __init__(self, sync=0):
        self.sync = sync
        self.steps = {}      # step: {(key, value): Write}
        self.survivors = {}  # step: set of (key, value) seen at a check; of registers only the last value
        self.totals = {ACKNOWLEDGED: 0, REFUSED: 0, UNKNOWN: 0, "lost": 0, "reads": 0}

    def judge(self, step, writes, reads, connection, windows, calm_since):
        """Checks the data behind the connection (the primary's); returns Lost. The writes and reads are those of the step, the windows its
        faults; calm_since: when the set was whole."""
        known = self.steps.setdefault(step, {})
        for write in writes:
            known[write.key, write.value()] = write
            self.totals[write.outcome] += 1
        self.totals["reads"] += len(reads)
        missing = []
        for each in list(self.steps):
            present = self.read(each, connection)
            self.check_old(each, present)
            if each == step:
                missing = self.missing(known, present)
            self.survivors[each] = present
        self.check_reads(known, reads, windows, calm_since)
        unexcused = missing if self.sync else [write for write in missing if not any(window.excuses(write) for window in windows)]
        if unexcused:
            raise Violation("%d acknowledged writes are missing that no fault excuses, among them:\n%s" %
                            (len(unexcused), "\n".join("  " + write.text() for write in unexcused[:20])))
        self.totals["lost"] += len(missing)
        self.forget(connection)
        return Lost(missing, windows[0].begin if windows else calm_since)

    def read(self, step, connection):
        """The values of a step's keys. Checks that each was written, and that none is there twice or out of order."""
        known, present = self.steps[step], set()
        for key in sorted({key for key, _ in known}):
            kind = key.split(":")[0]
            if kind == "register":
                value = connection.do("GET", key)
                values = [] if value is None else [value]
            else:
                values = connection.do(*(("SMEMBERS", key) if kind == "set" else ("LRANGE", key, 0, -1)))
            newest = {}
            for value in values:
                write = known.get((key, value))
                if write is None or write.outcome == REFUSED:
                    raise Violation("%s has %s, %s" % (key, value.decode(), "which was refused: " + write.text() if write else "which nobody wrote"))
                if (key, value) in present:
                    raise Violation("%s has %s twice" % (key, value.decode()))
                if kind == "list" and write.outcome == ACKNOWLEDGED:
                    if newest.get(write.writer, -1) > write.number:
                        raise Violation("%s has %s after %d of the same client" % (key, value.decode(), newest[write.writer]))
                    newest[write.writer] = write.number
                present.add((key, value))
        return present

    def check_old(self, step, present):
        gone = [self.steps[step][pair] for pair in self.survivors.get(step, set()) - present]
        # A command whose outcome is unknown may have been on its way all the time, and have set the register since.
        gone = [write for write in gone if write.kind != "register" or not any(
            key == write.key and self.steps[step][key, value].outcome == UNKNOWN for key, value in present)]
        if gone:
            raise Violation("%d values that an earlier check found are gone, among them:\n%s" %
                            (len(gone), "\n".join("  " + write.text() for write in gone[:20])))

    def missing(self, known, present):
        found = {}  # register: the write that it holds
        for key, value in present:
            if key.startswith("register"):
                found[key] = known[key, value]
        missing = []
        for pair, write in known.items():
            if write.outcome != ACKNOWLEDGED or pair in present:
                continue
            last = found.get(write.key)
            if write.kind == "register" and last is not None and (last.number > write.number or last.outcome == UNKNOWN):
                continue
            missing.append(write)
        return missing

    def check_reads(self, known, reads, windows, calm_since):
        """A register's value was written; and read from the primary in calm times it is not older than what was acknowledged then."""
        began = min((window.begin for window in windows), default=float("inf"))
        registers = {}
        for write in known.values():
            if write.kind == "register":
                registers.setdefault(write.writer, []).append(write)
        for writes in registers.values():
            writes.sort(key=lambda write: write.number)
        by_number = {(write.writer, write.number): write for write in known.values() if write.kind == "register"}
        for read in reads:
            if read.number >= 0:
                write = by_number.get((read.writer, read.number))
                if write is None or write.outcome == REFUSED or write.sent > read.done:
                    raise Violation("register %d was read as %d at %.6f, which %s" % (read.writer, read.number, read.sent,
                                    "was refused or not yet written: " + write.text() if write else "nobody wrote"))
        for read in (read for read in reads if read.from_primary):
            since = calm_since if read.sent >= calm_since else 0
            if not since and read.done >= began:
                continue
            newest = max((write.number for write in registers.get(read.writer, [])
                          if write.outcome == ACKNOWLEDGED and since <= write.sent and write.done < read.sent), default=-1)
            late = [write for write in registers.get(read.writer, []) if write.outcome == UNKNOWN]
            if read.number < newest and not late:
                raise Violation("register %d was read as %d from %s at %.6f, after %d was acknowledged, without a fault" %
                                (read.writer, read.number, read.node, read.sent, newest))

    def forget(self, connection):
        """Old steps' keys are deleted, so that a long run does not grow."""
        for step in sorted(self.steps)[:-KEEP_STEPS]:
            keys = sorted({key for key, _ in self.steps[step]})
            if keys:
                connection.do("DEL", *keys)
            del self.steps[step], self.survivors[step]


def check_elections(sentinels):
    """As their logs tell: a sentinel votes once in an epoch, one is elected in an epoch, and it promotes one replica."""
    elected, promoted = {}, {}
    for sentinel in sentinels:
        voted, newest, trying = {}, 0, None
        for line in sentinel.log().splitlines():
            found = re.search(r"[#*] (\+(?:new-epoch|vote-for-leader|try-failover|elected-leader|promoted-slave))(.*)", line)
            if not found:
                continue
            event, words = found[1], found[2].split()
            if event == "+new-epoch":
                newest = int(words[0])
            elif event == "+vote-for-leader":
                candidate, epoch = words[0], int(words[1])
                if voted.setdefault(epoch, candidate) != candidate:
                    raise Violation("%s voted for two in epoch %d: %s and %s" % (sentinel.name, epoch, voted[epoch], candidate))
            elif event == "+try-failover":
                trying = newest
            elif event == "+elected-leader":
                if elected.setdefault(trying, sentinel.name) != sentinel.name:
                    raise Violation("two were elected in epoch %s: %s and %s" % (trying, elected[trying], sentinel.name))
            elif promoted.setdefault(trying, words[1]) != words[1]:
                raise Violation("two were promoted in epoch %s: %s and %s" % (trying, promoted[trying], words[1]))
