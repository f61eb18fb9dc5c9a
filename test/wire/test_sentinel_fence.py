"""The pre-failover script: it lets a failover go on, forbids it, or gives no answer; nothing else waits for it."""
import os
import stat
import time

from failover import HighlyAvailableSet
from processes import master_address, wait_for
from resp import RespError

MASTER = "mymaster"


def script(group, name, body):
    path = group.path(name)
    with open(path, "w") as file:
        file.write("#!/bin/sh\n" + body)
    os.chmod(path, stat.S_IRWXU)
    return path


def history(sentinel):
    return [{k.decode(): v for k, v in zip(r[::2], r[1::2])} for r in sentinel.do("SENTINEL", "HISTORY", MASTER)]


def test_exit_0_goes_on_and_is_told_who(group):
    said = group.path("said")
    path = script(group, "fence.sh", 'sleep 0.3\necho "$@" >> %s\n' % said)
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=500, settings={"pre-failover-script": path})
    old = ha.primary.port
    ha.primary.kill()
    wait_for(lambda: all(master_address(s)[1] != old for s in ha.sentinels), what="the failover")
    new = master_address(ha.sentinels[0])[1]
    words = open(said).read().split()
    assert words[:7] == [MASTER, "leader", "odown", "127.0.0.1", str(old), "127.0.0.1", str(new)] and int(words[7]) >= 1
    wait_for(lambda: any(h.get("script") for s in ha.sentinels for h in history(s)), what="it is recorded")
    told, = [h["script"].decode() for s in ha.sentinels for h in history(s) if "script" in h]
    assert told.startswith("exit status 0 after ") and told.endswith("go on")


def test_exit_1_is_a_veto_until_it_is_not(group):
    path = script(group, "fence.sh", "test -e %s\n" % group.path("allowed"))
    ha = HighlyAvailableSet(["kvd"], group=group, quorum=1, down_after_ms=500, settings={"pre-failover-script": path})
    sentinel, old = ha.sentinels[0], ha.primary.port
    events = group.watch(sentinel)
    ha.primary.kill()
    events.wait("-failover-abort-vetoed")
    assert master_address(sentinel)[1] == old
    assert history(sentinel)[0]["outcome"] == b"vetoed"
    open(group.path("allowed"), "w").close()
    wait_for(lambda: master_address(sentinel)[1] != old, 60, "it is tried again")


def test_a_script_that_hangs_is_killed_and_blocks_nothing(group):
    path = script(group, "fence.sh", "sleep 1000\n")
    ha = HighlyAvailableSet(["kvd"], group=group, quorum=1, down_after_ms=500,
                            settings={"pre-failover-script": path, "pre-failover-timeout": 5000})
    sentinel, old = ha.sentinels[0], ha.primary.port
    events = group.watch(sentinel)
    ha.primary.kill()
    events.wait("+pre-failover-script")
    began = time.monotonic()
    assert sentinel.call("PING") in (b"PONG", "PONG")
    assert time.monotonic() - began < 4.5 or int(sentinel.info("sentinel")["sentinel_stalls"])
    wait_for(lambda: master_address(sentinel)[1] != old, what="it goes on")
    wait_for(lambda: history(sentinel), what="it is recorded")
    assert "killed at its deadline" in history(sentinel)[0]["script"].decode()
    events.wait("-script-timeout")
    assert str(sentinel.call("SENTINEL", "SET", MASTER, "pre-failover-script", "/bin/true")).startswith("ERR Reconfiguration of scripts path is denied")
    assert sentinel.do("SENTINEL", "SET", MASTER, "pre-failover-timeout", 2000) == b"OK"
    assert isinstance(sentinel.call("SENTINEL", "SET", MASTER, "pre-failover-timeout", 0), RespError)
    assert isinstance(sentinel.call("SENTINEL", "SET", MASTER, "pre-failover-veto-on-timeout", "maybe"), RespError)
