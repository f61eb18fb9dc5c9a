"""What a sentinel learned survives it; a state file that cannot be trusted or written is said so and never harms."""
import os
import resource
import stat

import pytest
from failover import HighlyAvailableSet
from processes import Process, fields, introduce, kvd_binary, master_address, wait_for

MASTER = "mymaster"


def state_path(sentinel):
    return os.path.join(sentinel.directory, sentinel.name, "sentinel-state.yaml")


def restart(sentinel):
    sentinel.kill()
    return sentinel.start()


def one(group, start=True, **more):
    primary = group.redis()
    settings = {"host": "127.0.0.1", "port": primary.port, "quorum": 1, "down-after-milliseconds": 1000}
    sentinel = group.kvd_sentinel({MASTER: settings}, start=start, **more)
    sentinel.primary = primary
    if start:
        introduce(sentinel, {MASTER: primary.port})
    return sentinel


def test_id_epochs_votes_and_changes_survive_kill_9(group):
    sentinel = one(group)
    identity = sentinel.do("SENTINEL", "MYID")
    assert sentinel.do("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", sentinel.primary.port, 7, "f" * 40) == [0, b"f" * 40, 7]
    assert sentinel.do("SENTINEL", "MONITOR", "second", "127.0.0.1", 1, 2) == b"OK"
    assert sentinel.do("SENTINEL", "SET", "second", "parallel-syncs", 4) == b"OK"
    assert sentinel.do("SENTINEL", "CONFIG", "SET", "announce-port", 4321) == b"OK"
    assert sentinel.do("SENTINEL", "FLUSHCONFIG") == b"OK"
    restart(sentinel)
    assert sentinel.do("SENTINEL", "MYID") == identity
    # One vote an epoch, also across a restart.
    assert sentinel.do("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", sentinel.primary.port, 7, "e" * 40) == [0, b"f" * 40, 7]
    assert fields(sentinel.do("SENTINEL", "MASTER", "second"))["parallel-syncs"] == "4"
    assert fields(sentinel.do("SENTINEL", "CONFIG", "GET", "announce-port"))["announce-port"] == "4321"
    assert sentinel.info("sentinel")["sentinel_current_epoch"] == "7"


def test_a_vote_is_on_disk_before_it_is_answered(group):
    sentinel = one(group)
    for epoch in range(1, 50):
        candidate = "%040x" % epoch
        reply = sentinel.do("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", sentinel.primary.port, epoch, candidate)
        assert reply[1].decode() == candidate
        with open(state_path(sentinel)) as file:
            assert candidate in file.read()


def test_the_operators_file_may_be_read_only_and_is_never_written(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group)
    before = {sentinel: open(sentinel.config_path).read() for sentinel in ha.sentinels}
    for sentinel in ha.sentinels:
        os.chmod(sentinel.config_path, stat.S_IRUSR)
    ha.fail("kill")
    assert {sentinel: open(sentinel.config_path).read() for sentinel in ha.sentinels} == before
    new = master_address(ha.sentinels[0])
    for sentinel in ha.sentinels:
        restart(sentinel)
    assert {master_address(sentinel) for sentinel in ha.sentinels} == {new}


def test_the_configuration_wins_when_the_operator_edits_it(group):
    sentinel = one(group)
    sentinel.kill()
    other = group.redis()
    text = open(sentinel.config_path).read().replace("port: %d\n" % sentinel.primary.port, "port: %d\n" % other.port)
    with open(sentinel.config_path, "w") as file:
        file.write(text)
    sentinel.start()
    assert master_address(sentinel) == ("127.0.0.1", other.port)


def test_a_torn_tail_is_recovered(group):
    sentinel = one(group)
    sentinel.do("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", sentinel.primary.port, 3, "a" * 40)
    identity = sentinel.do("SENTINEL", "MYID")
    sentinel.kill()
    with open(state_path(sentinel), "ab") as file:
        file.write(b'--- # 999\n"self": "current-ep')
    sentinel.start()
    assert sentinel.do("SENTINEL", "MYID") == identity
    assert sentinel.info("sentinel")["sentinel_current_epoch"] == "3"
    assert "not a complete record and are dropped" in sentinel.log()


@pytest.mark.parametrize("content,reason", [
    (b"sentinel monitor mymaster 127.0.0.1 6379 2\n", "not a state file"),
    (b"# kvd sentinel state, format 2\n--- # 1\n", "format 2"),
], ids=["garbage", "newer"])
def test_a_strangers_file_is_refused_and_left_alone(group, content, reason):
    sentinel = one(group, start=False)
    with open(state_path(sentinel), "wb") as file:
        file.write(content)
    sentinel.start(wait=False)
    assert sentinel.process.wait(60) == 1
    assert reason in sentinel.log() and "sentinel-state.yaml" in sentinel.log()
    assert open(state_path(sentinel), "rb").read() == content


def test_damage_in_the_middle_is_refused(group):
    sentinel = one(group)
    for epoch in 3, 4, 5:
        sentinel.do("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", sentinel.primary.port, epoch, "a" * 40)
    sentinel.kill()
    data = open(state_path(sentinel), "rb").read()
    at = data.index(b"--- # ") + 20
    damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
    with open(state_path(sentinel), "wb") as file:
        file.write(damaged)
    sentinel.start(wait=False)
    assert sentinel.process.wait(60) == 1
    assert "damaged" in sentinel.log()
    assert open(state_path(sentinel), "rb").read() == damaged


def test_two_sentinels_cannot_share_a_state_file(group):
    sentinel = one(group)
    twin = group.add(Process(group.directory, "twin", [kvd_binary(), "--sentinel", sentinel.config_path, "--port", "0", "--unixsocket",
                                                       group.path("twin.sock")], 0))
    twin.start(wait=False)
    assert twin.process.wait(60) == 1
    assert "in use by another process" in twin.log()


def test_a_full_disk_is_an_alarm_and_no_vote_until_it_is_not(group):
    sentinel = one(group)
    events = group.watch(sentinel)
    ask = ["SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", sentinel.primary.port]
    assert sentinel.do(*ask, 3, "a" * 40) == [0, b"a" * 40, 3]
    assert sentinel.info("sentinel")["sentinel_state_status"] == "ok"
    limit = os.path.getsize(state_path(sentinel)) + 20
    unlimited = resource.prlimit(sentinel.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(sentinel.process.pid, resource.RLIMIT_FSIZE, (limit, unlimited[1]))
    with pytest.raises((EOFError, OSError)):  # a vote that is not on disk is never told
        sentinel.do(*ask, 4, "b" * 40)
    assert sentinel.do(*ask, 4, "b" * 40)[1] == b"*"
    events.wait("-state-save-failed")
    info = sentinel.info("sentinel")
    assert info["sentinel_state_status"] == "failing" and "File too large" in info["sentinel_state_error"]
    resource.prlimit(sentinel.process.pid, resource.RLIMIT_FSIZE, unlimited)
    events.wait("+state-saved")
    assert sentinel.info("sentinel")["sentinel_state_status"] == "ok"
    assert sentinel.do(*ask, 5, "c" * 40) == [0, b"c" * 40, 5]
    restart(sentinel)
    assert sentinel.do(*ask, 5, "d" * 40) == [0, b"c" * 40, 5]


def watches_fifty(group):
    masters = {"m%d" % i: {"host": "127.0.0.1", "port": 1 + i, "quorum": 1, "down-after-milliseconds": 60000} for i in range(50)}
    sentinel = group.kvd_sentinel(masters)
    introduce(sentinel, {name: settings["port"] for name, settings in masters.items()})
    return sentinel


def ask_for_votes(connection, epoch, candidate):
    return connection.pipeline([("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", 1 + i, epoch + i, candidate) for i in range(50)] + [("PING",)])


def test_votes_for_many_primaries_share_their_saves(group):
    sentinel = watches_fifty(group)
    counts = sentinel.info("sentinel")
    before = int(counts["sentinel_state_appends"]) + int(counts["sentinel_state_rewrites"])
    with sentinel.connect() as connection:
        replies = ask_for_votes(connection, 10, "b" * 40)
        assert replies[:50] == [[0, b"b" * 40, 10 + i] for i in range(50)] and replies[50] == b"PONG"
    counts = sentinel.info("sentinel")
    # One for the first, one for all that came meanwhile; a few more when they arrive in several reads.
    assert int(counts["sentinel_state_appends"]) + int(counts["sentinel_state_rewrites"]) - before <= 5
    restart(sentinel)
    with sentinel.connect() as connection:
        for i, reply in enumerate(ask_for_votes(connection, 10, "c" * 40)[:50]):
            assert reply == [0, b"b" * 40, 10 + i]


def test_votes_that_cannot_be_saved_are_never_told(group):
    sentinel = watches_fifty(group)
    path = state_path(sentinel)
    unlimited = resource.prlimit(sentinel.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(sentinel.process.pid, resource.RLIMIT_FSIZE, (os.path.getsize(path), unlimited[1]))
    with sentinel.connect() as connection, pytest.raises((EOFError, OSError)):
        ask_for_votes(connection, 10, "b" * 40)
    resource.prlimit(sentinel.process.pid, resource.RLIMIT_FSIZE, unlimited)
    wait_for(lambda: sentinel.info("sentinel")["sentinel_state_status"] == "ok", 60, "it can be written again")
    with sentinel.connect() as connection:
        assert ask_for_votes(connection, 100, "c" * 40)[49] == [0, b"c" * 40, 149]
