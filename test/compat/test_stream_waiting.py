"""XREAD and XREADGROUP that wait, as conversations: what each client hears when, beside redis-server."""
import pytest

from test_conversations import hold

CONVERSATIONS = {
    "new entries": """a: xread block 0 streams s $\nb: xadd s 1-1 f v\na: xread block 0 count 1 streams s t 1-1 $
b: xadd t 5-1 a b\nb: xadd s 6-1 a b""",
    "$ is the last id of when the waiting began": """b: xadd s 1-1 a b\na: xread block 0 streams s $\nb: xadd s 2-1 a b
a: xread block 0 streams s 1-5""",
    "a key that goes is waited for again": """b: xadd s 1-1 a b\na: xread block 0 streams s $\nb: del s\nb: set s x\nb: del s
b: xadd s 1-1 low id\nb: xadd s 3-1 c d""",
    "another type meanwhile": "a: xread block 0 streams s $\nb: lpush s a\nb: del s\nb: xadd s 1-1 a b",
    "renamed to the key": "a: xread block 0 streams s 0\nb: xadd t 1-1 a b\nb: rename t s",
    "who came first is served first": """b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s >
c: xreadgroup group g c2 block 0 streams s >\nb: xadd s 1-1 f v\nb: xadd s 2-1 f v\nb: xpending s g\nb: xinfo groups s""",
    "two entries at once for two consumers": """b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 count 1 streams s >
c: xreadgroup group g c2 block 0 count 1 streams s >\nb: multi\nb: xadd s 1-1 f v\nb: xadd s 2-1 f v\nb: exec""",
    "all readers, one consumer of each group": """b: xgroup create s g $ mkstream\nb: xgroup create s h $\na: xread block 0 streams s $
c: xreadgroup group g c1 block 0 streams s >\nd: xreadgroup group h c1 noack block 0 streams s >\nb: xadd s 1-1 f v\nb: xpending s g\nb: xpending s h""",
    "the group is destroyed": "b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s >\nb: xgroup destroy s g\na: ping",
    "the key is removed": """b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s >\nc: xread block 0 streams s $
b: del s\na: ping\nb: xadd s 1-1 a b""",
    "the key is overwritten": "b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s >\nb: set s x\na: ping",
    "... in a transaction": """b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s >\nb: multi\nb: del s
b: lpush s x\nb: exec\na: ping""",
    "... by a stream without the group": """b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s >\nb: multi\nb: del s
b: xadd s 5-1 a b\nb: exec\na: ping""",
    "all keys go": "b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s >\nb: flushall\na: ping",
    "the databases change places": "b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s >\nb: swapdb 0 1\na: ping",
    "the key is renamed": "b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s >\nb: rename s t\na: ping\nb: xadd t 1-1 a b",
    "a claim meanwhile": """b: xadd s 1-1 a b\nb: xgroup create s g $ mkstream\na: xreadgroup group g c1 noack block 0 streams s >
b: xclaim s g c9 0 1-1 force justid\nb: xadd s 2-1 a b\nb: xpending s g""",
    "time is up": """a: xread block 30 streams s $\na: xread block 30 streams s 0\na: multi\na: xread block 0 streams s $\na: exec
a: xread block -1 streams s $\na: xread block x streams s $""",
    "history does not wait": """b: xgroup create s g $ mkstream\na: xreadgroup group g c1 block 0 streams s 0
a: xreadgroup group g c1 block 30 streams s >""",
    "one of several groups is destroyed": """b: xgroup create s g $ mkstream\nb: xgroup create t g $ mkstream
a: xreadgroup group g c1 block 0 streams s t > >\nb: xadd t 1-1 a b\na: xreadgroup group g c1 block 0 streams s t > >\nb: xgroup destroy t g\na: ping""",
    "RESP3": "a: hello 3\na: xread block 0 streams s t $ $\nb: xadd t 1-1 a b\na: xread streams s t 0 0\nb: del s t",
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_waiting(servers, name):
    mine, theirs = (hold(port, CONVERSATIONS[name], 0.03) for port in servers)
    if mine != theirs:  # a busy machine may have been slower than that
        mine, theirs = (hold(port, CONVERSATIONS[name], 1) for port in servers)
    for said, heard in zip(mine, theirs):
        assert said == heard
