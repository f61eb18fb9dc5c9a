"""Failovers by kvd sentinels of real Redis servers: whatever dies or hangs, one primary is left and everybody follows it."""
import os
import time

import pytest
from failover import HighlyAvailableSet, Witness, switches_of
from processes import fields, master_address, settled, wait_for
from resp import Connection

MASTER = "mymaster"


def record_of(sentinel):
    return fields(sentinel.do("SENTINEL", "HISTORY", MASTER)[0])


@pytest.mark.parametrize("how", ["kill", "hang"])
@pytest.mark.parametrize("down_after_ms", [1000, 200])
def test_three_sentinels_fail_over_once(group, how, down_after_ms):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=down_after_ms)
    witnesses = {server.port: Witness(server) for server in (ha.primary, *ha.replicas)}
    for witness in witnesses.values():
        witness.start()
    timeline, victim = ha.fail(how)
    ha.repair(victim, how)
    # On a machine at its limit a server may really get no processor for so long, and a second failover is right: its witness knows.
    switches = switches_of(ha.events, ha.last_fault)
    for when, old in switches:
        silent_ms = witnesses[old].longest_silence(when - 2, when) * 1000
        assert old == victim.port or silent_ms > down_after_ms / 2, (old, silent_ms)
    for witness in witnesses.values():
        witness.stopping = True
    # Whatever the machine does: one election for each switch, which all sentinels tell of.
    assert len(ha.events.named("+elected-leader", ha.last_fault)) == len(switches)
    assert len(ha.events.named("+switch-master", ha.last_fault)) == 3 * len(switches)
    # So may a sentinel, and says so itself. Where none did, nothing may wait for a poll; what is measured belongs to bench/failover.
    if len(switches) == 1 and not any(int(sentinel.info("sentinel")["sentinel_stalls"]) for sentinel in ha.sentinels):
        assert timeline["switched everywhere"] < down_after_ms + ha.failover_timeout_ms, timeline


def test_alone_with_a_quorum_of_one(group):
    ha = HighlyAvailableSet(["kvd"], group=group, quorum=1)
    _, victim = ha.fail("kill")
    ha.repair(victim)


def test_no_failover_without_a_majority(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, quorum=1, down_after_ms=500)
    for sentinel in ha.sentinels[1:]:
        sentinel.pause()
    ha.primary.kill()
    ha.events.wait("+odown")
    assert not ha.events.named("+elected-leader")
    for sentinel in ha.sentinels[1:]:
        sentinel.resume()
    ha.events.wait("+switch-master", count=3)


def test_the_events_of_a_failover_come_in_the_established_order(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group)
    ha.fail("kill")
    leader = ha.events.named("+elected-leader", ha.last_fault)[0][1]
    ha.events.wait("+failover-end", ha.last_fault)
    names = [event[2] for event in ha.events.events if event[1] is leader and event[0] >= ha.last_fault]
    order = ["+sdown", "+odown", "+new-epoch", "+try-failover", "+vote-for-leader", "+elected-leader", "+failover-state-select-slave",
             "+selected-slave", "+failover-state-send-slaveof-noone", "+failover-state-wait-promotion", "+promoted-slave",
             "+failover-state-reconf-slaves"]
    places = [names.index(name) for name in order]
    assert places == sorted(places), names
    assert "+switch-master" in names and "+slave-reconf-sent" in names and "+failover-end" in names


def test_forced_failover_and_a_second_one_while_it_runs(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group)
    began = time.monotonic()
    assert ha.sentinels[0].do("SENTINEL", "FAILOVER", MASTER) == b"OK"
    ha.events.wait("+switch-master", began, count=3)
    assert ha.settle() != ha.primary.port
    info = ha.sentinels[0].info("sentinel")
    assert ",kind=forced," in info["primary0_last_failover"] and ",failovers=1," in info["primary0"]


def test_failover_asked_for_while_the_sentinels_have_only_just_been_started(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, all_may_vote=False)
    # Once it is accepted it is carried out, though the others may not vote yet: they have no memory, and met a moment ago.
    began = time.monotonic()
    wait_for(lambda: ha.sentinels[0].call("SENTINEL", "FAILOVER", MASTER) == b"OK", 30, "it is accepted", every=0.001)
    ha.events.wait("+switch-master", began, count=3)
    new = ha.settle()
    assert new != ha.primary.port
    record = record_of(ha.sentinels[0])
    assert record["kind"] == "forced" and record["outcome"] == "done" and record["to"] == "127.0.0.1:%d" % new
    assert len(ha.sentinels[0].do("SENTINEL", "HISTORY", MASTER)) == 1  # however many rounds it took


def test_no_good_replica_is_said(group):
    ha = HighlyAvailableSet(["kvd"], group=group, quorum=1, replicas=1)
    ha.replicas[0].do("CONFIG", "SET", "replica-priority", 0)
    wait_for(lambda: fields(ha.sentinels[0].do("SENTINEL", "REPLICAS", MASTER)[0])["slave-priority"] == "0", 60, "priority is known", every=0.05)
    assert str(ha.sentinels[0].call("SENTINEL", "FAILOVER", MASTER)) == "NOGOODSLAVE No suitable replica to promote"
    assert "why=its replica-priority is 0" in ha.sentinels[0].info("sentinel")["primary0_replica0"]


@pytest.mark.parametrize("point", ["crash-after-candidacy", "crash-after-election", "crash-after-selection", "crash-after-order", "crash-after-promotion"])
def test_a_leader_that_dies_is_replaced(group, point):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group)
    for sentinel in ha.sentinels:
        assert sentinel.do("SENTINEL", "SIMULATE-FAILURE", point) == b"OK"
    ha.primary.kill()
    wait_for(lambda: [s for s in ha.sentinels if not s.alive()], 60, "the leader crashes")
    for sentinel in ha.sentinels:
        try:
            sentinel.do("SENTINEL", "SIMULATE-FAILURE", "help")  # which also clears what was asked for
        except (OSError, EOFError):
            pass  # the next leader is elected within milliseconds and may have crashed too
    dead = [sentinel for sentinel in ha.sentinels if not sentinel.alive()]
    assert [sentinel.process.returncode for sentinel in dead] == [99] * len(dead)
    if len(dead) > 1:
        for sentinel in dead[1:]:
            sentinel.start()  # a majority lives again, and nothing is asked for in it
    others = [sentinel for sentinel in ha.sentinels if sentinel is not dead[0]]
    wait_for(lambda: all(master_address(s) != ("127.0.0.1", ha.primary.port) for s in others), 60, "a new primary")
    assert len({master_address(sentinel) for sentinel in others}) == 1
    assert all(sentinel.alive() for sentinel in others)
    dead[0].start()
    wait_for(lambda: master_address(dead[0]) == master_address(others[0]), 60, "the one that crashed knows it too")
    wait_for(lambda: [server.do("ROLE")[0] for server in ha.replicas].count(b"master") == 1, 60, "one of them is the primary")
    # Never two in one epoch: each election of this life promoted one at most, those of leaders that died before they could say so included.
    elections = len(ha.events.named("+elected-leader"))
    assert promotions(ha) <= elections + len(dead), (promotions(ha), elections)


def promotions(ha):
    return sum(server.log().count("MASTER MODE enabled") for server in (ha.primary, *ha.replicas))


@pytest.mark.timing
@pytest.mark.parametrize("point", ["crash-after-election", "crash-after-order"])
def test_the_next_leader_is_done_within_500_ms_of_the_death(group, point):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group)
    # A machine that is busy just then makes it later; what it waits for by design would show in every round.
    took = []
    for _ in range(5):
        for sentinel in ha.sentinels:
            assert sentinel.do("SENTINEL", "SIMULATE-FAILURE", point) == b"OK"
        victim, before = ha.server_at(master_address(ha.sentinels[0])[1]), promotions(ha)
        lines = {sentinel: sentinel.connect() for sentinel in ha.sentinels}
        killed = time.monotonic()
        victim.kill()
        wait_for(lambda: [s for s in ha.sentinels if not s.alive()], 60, "the leader crashes", every=0.001)
        died = max(time.monotonic(), killed + ha.down_after_ms / 1000)
        for line in lines.values():
            try:
                line.do("SENTINEL", "SIMULATE-FAILURE", "help")
            except (OSError, EOFError):
                pass
            line.close()
        dead = [sentinel for sentinel in ha.sentinels if not sentinel.alive()]
        if len(dead) == 1:
            ha.events.wait("+switch-master", killed, timeout=30)
            took.append(ha.events.named("+switch-master", killed)[0][0] - died)
        for sentinel in dead:
            sentinel.start()
        victim.start()
        if took and min(took) < 0.5:
            assert promotions(ha) == before + 1  # the one that was ordered is the one that is gone on with
            break
        ha.settle()
        ha.events = group.watch(*ha.sentinels)
    if not took:
        pytest.skip("this machine was so busy that the next leader died too before it could be spared")
    if min(took) >= 0.5 and os.getloadavg()[0] > 2 * os.cpu_count():
        pytest.skip("this machine is too busy: %s" % took)
    assert min(took) < 0.5, took


def test_restarted_sentinels_remember_the_new_primary(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group)
    _, victim = ha.fail("kill")
    new = master_address(ha.sentinels[0])
    for sentinel in ha.sentinels:
        sentinel.kill()
    victim.start()
    for sentinel in ha.sentinels:
        sentinel.start()
        assert master_address(sentinel) == new
    wait_for(lambda: victim.do("ROLE")[0] == b"slave", 60, "the old primary follows")
    assert ha.settle() == new[1]


def test_passwords_and_users_on_every_link(group):
    secret = "pass word"
    acl = ["--requirepass", secret, "--masterauth", secret]
    primary = group.redis(*acl, password=secret)
    replicas = [group.redis("--replicaof", "127.0.0.1 %d" % primary.port, *acl, password=secret) for _ in range(2)]
    settings = {"host": "127.0.0.1", "port": primary.port, "quorum": 2, "down-after-milliseconds": 1000, "auth-pass": "'%s'" % secret}
    sentinels = [group.kvd_sentinel({MASTER: settings}, top="requirepass: own", password="own") for _ in range(3)]
    wait_for(lambda: settled(sentinels), 60, "everybody knows everything", every=0.05)
    events = group.watch(*sentinels)
    with Connection(sentinels[0].port) as stranger:
        assert str(stranger.call("SENTINEL", "MASTERS")).startswith("NOAUTH")
    primary.kill()
    events.wait("+switch-master", count=3)
    assert master_address(sentinels[0])[1] in [replica.port for replica in replicas]


def script(group, name, body):
    return group.write(name, "#!/bin/sh\n" + body, mode=0o755)


def test_scripts_are_told(group):
    out = group.path("out")
    notify = script(group, "notify.sh", 'echo "notify $1 $2" >> %s\n' % out)
    reconfigure = script(group, "reconfigure.sh", 'echo "reconfigure $*" >> %s\n' % out)
    primary, replicas = group.replicated(1)
    settings = {"host": "127.0.0.1", "port": primary.port, "quorum": 1, "down-after-milliseconds": 500,
                "notification-script": notify, "client-reconfig-script": reconfigure}
    sentinel = group.kvd_sentinel({MASTER: settings})
    wait_for(lambda: settled([sentinel], replicas=1), 60, "the replica is known", every=0.05)
    primary.kill()

    def lines():
        return open(out).read().splitlines() if os.path.exists(out) else []

    expected = "reconfigure mymaster leader start 127.0.0.1 %d 127.0.0.1 %d" % (primary.port, replicas[0].port)
    wait_for(lambda: expected in lines(), what="client-reconfig-script ran")
    wait_for(lambda: "notify +sdown master mymaster 127.0.0.1 %d" % primary.port in lines(), what="notification-script ran")
    wait_for(lambda: any(line.startswith("notify +switch-master mymaster ") for line in lines()), what="told of the switch")
    wait_for(lambda: sentinel.do("SENTINEL", "PENDING-SCRIPTS") == [], what="no script is left")


def test_a_sentinel_that_was_stopped_accuses_nobody(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=2000)
    stopped = ha.sentinels[0]
    began = time.monotonic()
    stopped.pause()
    ha.events.wait("+sdown", began, contains="sentinel ")
    time.sleep(4)
    stopped.resume()
    wait_for(lambda: settled(ha.sentinels), 60, "all is well again", every=0.05)
    assert not [event for event in ha.events.named("+sdown", began) if event[1] is stopped]
    assert not ha.events.named("+odown", began) and not ha.events.named("+switch-master", began)


def fast(ha, grace_ms=20):
    for sentinel in ha.sentinels:
        assert sentinel.do("SENTINEL", "SET", MASTER, "fast-failover", "yes", "fast-failover-grace-milliseconds", grace_ms) == b"OK"


def test_a_process_that_is_gone_is_failed_over_without_waiting_for_its_silence(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=60000)
    fast(ha)
    timeline, victim = ha.fail("kill")
    # The goal is 50 ms (bench/failover measures it); here only: its silence was not waited for.
    assert timeline["promoted"] < ha.down_after_ms / 2, timeline
    assert len(ha.events.named("+elected-leader", ha.last_fault)) == 1
    ha.repair(victim)


def test_the_fast_path_leaves_the_silent_and_the_quickly_restarted_alone(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=60000)
    fast(ha, 10000)
    ha.primary.kill()
    ha.primary.start()
    wait_for(lambda: all("flags=master," in s.info("sentinel")["primary0"] or fields(s.do("SENTINEL", "MASTER", MASTER))["flags"] == "master"
                         for s in ha.sentinels), 20, "it is connected again")
    fast(ha)
    ha.primary.pause()
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 3, 60, "it has been silent for a while")
    ha.primary.resume()
    assert not ha.events.named("+sdown", 0)
