"""SENTINEL HISTORY: what each sentinel recorded of a failover, and that it survives."""
from failover import HighlyAvailableSet
from processes import fields, wait_for
from resp import RespError

MASTER = "mymaster"


def history(sentinel, *arguments):
    def record(reply):
        found = {key.decode(): value for key, value in zip(reply[::2], reply[1::2])}
        for name in "votes", "replicas":
            found[name] = [fields(element) for element in found[name]]
        return {key: value.decode() if isinstance(value, bytes) else value for key, value in found.items()}

    return [record(reply) for reply in sentinel.do("SENTINEL", "HISTORY", *arguments)]


def test_a_failover_is_recorded_by_all_and_kept(group):
    ha = HighlyAvailableSet(["kvd"] * 3, group=group, down_after_ms=500)
    for sentinel in ha.sentinels:
        assert history(sentinel) == []
    old = ha.primary.port
    ha.primary.kill()
    wait_for(lambda: all(history(s, MASTER) and history(s, MASTER)[0]["outcome"] == "done" for s in ha.sentinels), what="all have a record")
    records = [history(s)[0] for s in ha.sentinels]
    leader, = [r for r in records if r["role"] == "leader"]
    for record in records:
        assert record["name"] == MASTER and record["from"] == "127.0.0.1:%d" % old and record["to"] == leader["to"]
        assert record["epoch"] == leader["epoch"] and record["leader"] == leader["leader"]
        assert "switched-ms" in record and int(record["began-unix-ms"]) > 1500000000000
    assert leader["kind"] == "automatic" and int(leader["lost-bytes"]) >= 0 and "down for" in leader["reason"]
    steps = [int(leader[name + "-ms"]) for name in ("sdown", "odown", "try", "elected", "selected", "ordered", "promoted", "ended")]
    assert steps == sorted(steps) and steps[0] == 0
    assert sum(vote["candidate"] == leader["leader"] for vote in leader["votes"]) >= 2
    assert sorted(r["verdict"] for r in leader["replicas"]) == ["chosen", "could-be-chosen"]
    assert [r["address"] for r in leader["replicas"] if r["verdict"] == "chosen"] == [leader["to"]]
    for sentinel in ha.sentinels:
        assert sentinel.info("sentinel")["sentinel_history_records"] == "1"
    ha.sentinels[0].do("SENTINEL", "FLUSHCONFIG")
    ha.sentinels[0].kill()
    ha.sentinels[0].start()
    assert history(ha.sentinels[0]) == [records[0]]


def test_arguments(group):
    ha = HighlyAvailableSet(["kvd"], group=group, quorum=1)
    sentinel = ha.sentinels[0]
    for _ in range(3):
        count = len(history(sentinel))
        wait_for(lambda: sentinel.call("SENTINEL", "FAILOVER", MASTER) == b"OK", what="a failover is ordered")
        wait_for(lambda: len(history(sentinel)) == count + 1, what="it is recorded")
    assert [r["serial"] for r in history(sentinel, MASTER)] == ["3", "2", "1"]
    assert [r["serial"] for r in history(sentinel, MASTER, 2)] == ["3", "2"] and history(sentinel, MASTER, 0) == []
    assert history(sentinel)[0]["kind"] == "forced"
    assert isinstance(sentinel.call("SENTINEL", "HISTORY", "nobody"), RespError)
    assert isinstance(sentinel.call("SENTINEL", "HISTORY", MASTER, "-1"), RespError)
    assert isinstance(sentinel.call("SENTINEL", "HISTORY", MASTER, "1", "2"), RespError)
    assert any(b"HISTORY" in line for line in sentinel.do("SENTINEL", "HELP"))
