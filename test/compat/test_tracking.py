"""Clients that keep copies of keys (CLIENT TRACKING): conversations held with kvd and with redis-server, compared byte by byte."""
import re
import shlex

import pytest

from differ import Raw

CONVERSATIONS = {
    "errors": """client tracking on prefix a\nclient tracking on bcast prefix a prefix ab\nclient tracking on bcast prefix x prefix x
client tracking on redirect 999999\nclient tracking on redirect x\nclient tracking on optin optout\nclient tracking on bcast optin
client tracking maybe\nclient tracking on foo\nclient tracking on prefix\nclient tracking on redirect\nclient tracking
client caching yes\nclient caching foo\nclient getredir\nclient trackinginfo\nclient tracking off prefix a\nclient trackinginfo x""",
    "modes": """client tracking on optin\nclient caching no\nclient caching foo\nclient tracking on optout\nclient tracking on bcast
client trackinginfo\nclient caching yes\nclient trackinginfo\nping\nclient trackinginfo\nclient tracking on\nclient trackinginfo
client tracking off\nclient tracking on optout noloop\nclient caching no\nclient trackinginfo\nclient caching yes\nclient tracking off bcast
client tracking on bcast prefix foo\nclient tracking on bcast prefix fo\nclient tracking on bcast prefix bar\nclient trackinginfo
client tracking on\nclient getredir\nreset\nclient trackinginfo""",
    "modes in RESP3": """hello 3\nclient tracking on bcast prefix foo noloop\nclient trackinginfo\nclient tracking off\nclient trackinginfo""",
    "reads are remembered": """a: hello 3\na: client tracking on\na: mset k1 1 k2 2\na: mget k1 k2 nokey\nb: set k1 2\nb: set k1 3\nb: set nokey 1
b: incr k2\na: get k1\na: set k1 9\na: get k1\na: del k1\nb: set other 1\na: hgetall h\nb: hset h a 1\na: lrange l 0 -1\nb: rpush l a
a: set k1 1 get\nb: set k1 2\na: get k1\nb: expire k1 100\nb: persist k1\na: exists k1\nb: rename k1 k5\na: get k5\nb: flushall\nb: set k5 1""",
    "flush": """a: hello 3\na: client tracking on\na: get x\nb: flushdb\nb: set x 1\na: get x\na: flushall\na: get x\na: client tracking off\nb: flushall""",
    "a transaction": """a: hello 3\na: client tracking on\na: multi\na: get k\na: get j\na: exec\nb: multi\nb: set k 1\nb: set j 2\nb: exec
a: multi\na: get k\na: set k 2\na: get k\na: exec\nb: set k 3""",
    "opt in": """a: hello 3\na: client tracking on optin\na: get k\nb: set k 1\na: client caching yes\na: get k\na: get j\nb: set k 2\nb: set j 2
a: client caching yes\na: multi\na: get k\na: get j\na: exec\nb: set k 3\nb: set j 3\na: client caching yes\na: ping\na: get k\nb: set k 1""",
    "opt out": """a: hello 3\na: client tracking on optout\na: get k\nb: set k 1\na: client caching no\na: get k\na: get j\nb: set k 2\nb: set j 2""",
    "no loop": """a: hello 3\na: client tracking on noloop\na: get k\na: set k 1\nb: set k 2\na: get k\na: set k 3\nb: set k 4""",
    "broadcast": """a: hello 3\na: client tracking on bcast prefix user: prefix obj:\nb: set user:1 x\nb: set obj:1 x\nb: set thing x\na: set user:2 y
b: del user:1\nb: flushall\na: client tracking off\nb: set user:1 x""",
    "broadcast of everything": """a: hello 3\na: client tracking on bcast noloop\nb: set k 1\na: set j 1\nb: lpush l a\nb: lpop l""",
    "modes change": """a: hello 3\na: client tracking on\na: get k\na: client tracking off\na: client tracking on bcast\nb: set k 1\na: client tracking off
a: client tracking on\nb: set k 1""",
    "invisible without RESP3": """a: client tracking on\na: get k\nb: set k 1\na: ping\na: hello 3\na: get k\nb: set k 2""",
}


class Party:
    """One connection of a conversation. What it hears is read up to a reply, never for a time."""

    def __init__(self, port):
        self.connection = Raw(port, 2)
        self.in_multi = False

    def until_reply(self):
        frames = [self.connection.frame()]
        while frames[-1][:1] == b">":
            frames.append(self.connection.frame())
        return frames

    def say(self, words):
        self.connection.send(*words)
        self.in_multi = words[0].lower() == "multi" or (self.in_multi and words[0].lower() not in ("exec", "discard"))
        return self.until_reply()

    def hear(self):
        """What has come since, up to the reply of a command that leaves CLIENT CACHING alone."""
        if self.in_multi:
            return []
        self.connection.send("client", "getname")
        return self.until_reply()


def hold(port, text):
    parties, heard = {}, []
    for line in text.split("\n"):
        who, rest = re.match(r"(?:(\w): ?)?(.*)", line).groups()
        speaker = parties.setdefault(who or "a", None) or Party(port)
        parties[who or "a"] = speaker
        said = speaker.say(shlex.split(rest))
        if rest.startswith("hello"):
            said = []  # it names the server and the client
        heard.append((line, said, {name: party.hear() for name, party in parties.items()}))
    for party in parties.values():
        party.connection.close()
    return heard


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_tracking(servers, name):
    mine, theirs = (hold(port, CONVERSATIONS[name] + "\nz: flushall\nz: reset") for port in servers)
    for said, heard in zip(mine, theirs):
        assert said == heard
