"""Nothing that was acknowledged is lost: writers, a kill at a random moment or a chosen call, perhaps a power failure, a restart.

By hand, with any number of kills: AOF_KILLS=500 python3 -m pytest -q test/wire/test_aof_durability.py -k kills
"""
import os
import random
import shutil
import threading
import time

import pytest

from disk_faults import Disk
from processes import wait_for
from resp import RespError

KILLS = int(os.environ.get("AOF_KILLS", "6"))

# Every call of a rewrite, and of the writing beside it.
POINTS = [("write", "incr.aof", "tear"), ("write", "incr.aof", "kill"), ("write", "incr.aof", "kill-after"),
          ("fdatasync", "incr.aof", "kill"), ("fdatasync", "incr.aof", "kill-after"),
          ("write", "temp-", "tear"), ("fsync", "temp-", "kill"), ("rename", "temp-", "kill"), ("rename", "temp-", "kill-after"),
          ("rename", "temp-rewriteaof", "kill"), ("rename", "temp-rewriteaof", "kill-after"),
          ("write", "manifest", "tear"), ("fsync", "manifest", "kill"), ("fsync", "manifest", "kill-after"),
          ("rename", "manifest", "kill"), ("rename", "manifest", "kill-after"), ("fsync", "appendonlydir", "kill"),
          ("unlink", "appendonly.aof", "kill"), ("unlink", "appendonly.aof", "kill-after")]


class Writer(threading.Thread):
    """Transactions that add a number to a list and count it: the list must be 0, 1, 2 ..., as long as the count says."""

    def __init__(self, server, name, depth):
        super().__init__(daemon=True)
        self.server, self.name, self.depth = server, name, depth
        self.sent = self.acknowledged = 0
        self.times = []  # (monotonic seconds, acknowledged)
        self.stopped = False

    def run(self):
        try:
            with self.server.connect(timeout=60) as connection:
                while not self.stopped:
                    for _ in range(self.depth):
                        for command in (["MULTI"], ["RPUSH", "list " + self.name, self.sent], ["INCR", "count " + self.name], ["EXEC"]):
                            connection.send(*command)
                        self.sent += 1
                    for _ in range(self.depth):
                        replies = [connection.read() for _ in range(4)]
                        if replies[-1] != [self.acknowledged + 1, self.acknowledged + 1]:
                            return
                        self.acknowledged += 1
                    self.times.append((time.monotonic(), self.acknowledged))
        except (OSError, EOFError, RespError):
            pass

    def acknowledged_before(self, moment):
        return max([count for when, count in self.times if when <= moment], default=0)


def check(server, writer, at_least):
    count = int(server.do("GET", "count " + writer.name) or 0)
    numbers = [int(number) for number in server.do("LRANGE", "list " + writer.name, 0, -1)]
    assert numbers == list(range(count)), "half a transaction, or one twice"
    assert at_least <= count <= writer.sent, "%d acknowledged, %d there, %d sent" % (at_least, count, writer.sent)


def survives_a_rewrite(server):
    """Begins one where none runs; False: the server was killed meanwhile."""
    if not server.alive():
        return False
    try:
        server.call("BGREWRITEAOF")
    except (OSError, EOFError):
        pass
    return True


def one_life(group, chance, policy, point, power_fails, number):
    """Starts, writes, is killed, loses what was not synced perhaps, starts again."""
    name = "life-%d" % number
    disk = Disk(group, name)
    preamble = chance.choice(["yes", "no"])
    server = group.kvd('appendonly: yes\nappendfsync: %s\naof-use-rdb-preamble: %s\nenable-debug-command: yes\n' % (policy, preamble),
                       name=name, env=disk.env)
    server.do("SET", "before", "x" * 1000)
    writers = [Writer(server, "w%d" % n, chance.choice([1, 5])) for n in range(2)]
    for writer in writers:
        writer.start()
    wait_for(lambda: all(writer.acknowledged >= 20 for writer in writers))
    if point:
        call, match, action = point
        disk.happens(call, match, chance.randrange(1, 3) if match == "incr.aof" else 1, action)
        wait_for(lambda: not survives_a_rewrite(server), timeout=60, what="the call comes: %s" % (point,), every=0.02)
    else:
        survives_a_rewrite(server)
        time.sleep(chance.random() * 0.3)
        server.kill()
    moment = time.monotonic()
    server.process.wait()
    for writer in writers:
        writer.stopped = True
        writer.join()
    folder = group.path(name, "appendonlydir")
    if power_fails:
        disk.lose_what_was_not_synced(folder)
    disk.works()
    server.start()
    for writer in writers:
        if policy == "always":
            at_least = writer.acknowledged
        else:  # what was written before its reply is there unless writing waited for an fsync: two seconds at most
            at_least = 0 if power_fails else writer.acknowledged_before(moment - 3)
        check(server, writer, at_least)
    assert server.do("STRLEN", "before") == 1000 or (policy != "always" and power_fails)
    # It goes on as if nothing had happened, and leaves nothing behind.
    server.do("BGREWRITEAOF")
    wait_for(lambda: server.info("persistence")["aof_rewrite_in_progress"] == "0")
    assert server.info("persistence")["aof_last_bgrewrite_status"] == "ok", server.log()[-2000:]
    with open(os.path.join(folder, "appendonly.aof.manifest")) as file:
        listed = [line.split()[1] for line in file]
    assert {name for name in os.listdir(folder) if ".tmp-" not in name} >= set(listed) | {"appendonly.aof.manifest"}
    before = server.do("DEBUG", "DIGEST")
    server.kill()
    server.start()
    assert server.do("DEBUG", "DIGEST") == before
    server.kill()
    shutil.rmtree(group.path(name))


@pytest.mark.parametrize("policy", ["always", "everysec"])
@pytest.mark.parametrize("power_fails", [False, True], ids=["kill", "power failure"])
def test_nothing_is_lost_by_kills(group, policy, power_fails):
    seed = int(os.environ.get("AOF_SEED", random.randrange(10 ** 6)))
    print("AOF_SEED=%d" % seed)
    chance = random.Random(seed)
    for number in range(KILLS):
        point = chance.choice(POINTS + [None] * 5)
        print("life %d: %s, %s" % (number, policy, point))
        one_life(group, chance, policy, point, power_fails, number)
