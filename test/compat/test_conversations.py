"""Conversations of several connections, held with kvd and with redis-server, and compared byte by byte.

A line is "WHO: words" (WHO names a connection, `a` by default); "WHO~ text" sends the text as it is, with \\r\\n escapes. After
each line everything that arrived on every connection must be the same. Numbers that differ by nature are blanked out.
"""
import re
import select
import shlex
import socket

import pytest

from resp import encode

CONVERSATIONS = {
    "signs of life": "ping\nping a\nping a b\necho hi\necho\nnosuch\nnosuch a b\ntime x",
    "client errors": """client\nclient nosuch\nclient getname\nclient setname "a b"\nclient setname foo\nclient getname
client setname ""\nclient id 3\nclient no-evict x\nclient reply x\nclient kill 1.2.3.4:5\nclient kill id 0\nclient kill id abc
client kill id 123456\nclient kill type foo\nclient kill user nosuch\nclient kill skipme maybe\nclient kill addr
client list type foo\nclient list id abc\nclient list id\nclient list foo\nclient list type pubsub\nclient unblock x
client unblock 1 foo\nclient unblock 99999\nclient pause x\nclient pause -1\nclient pause 10 foo\nclient info x""",
    "replies off and on": "client reply off\nping\nclient reply on\nping\nclient reply skip\nping\nping",
    "hello and auth": """hello 4\nhello x\nhello 2 foo\nhello 2 setname\nhello 2 setname "a b"\nhello 2 auth a\nhello 2 auth a b
auth\nauth a\nauth a b\nauth a b c\nreset\nquit""",
    "a subscriber of RESP2": """subscribe a\nping\nping x\nget a\nclient list\nunsubscribe a\nping\npsubscribe a*
punsubscribe c\npunsubscribe\nssubscribe x\nget foo\nsunsubscribe\nsunsubscribe\nunsubscribe\nsubscribe\nreset\nping""",
    "publishing": """a: subscribe ch\nb: psubscribe c*\nc: publish ch hello\nc: publish nope x\nc: pubsub channels c*
c: pubsub channels a b\nc: pubsub numsub ch x\nc: pubsub numsub\nc: pubsub numpat\nc: pubsub shardchannels\nc: pubsub nosuch
c: ssubscribe s1\nd: spublish s1 m\nd: pubsub shardnumsub s1\nd: publish\na: quit""",
    "a subscriber of RESP3": """a: hello 3 setname x\na: subscribe ch\na: ping\na: publish ch m\na: psubscribe *\na: publish ch m2
a: unsubscribe\na: punsubscribe\na: unsubscribe\na: client reply off\na: subscribe q\na: publish q 1\na: ping\na: reset""",
    "inline": '~PING\\r\\n\n~ping hello\\r\\n\n~\\r\\n\\r\\nPING\\r\\n\n~"unbalanced\\r\\n',
    "pipelined": "~*1\\r\\n$4\\r\\nPING\\r\\n*2\\r\\n$4\\r\\nECHO\\r\\n$2\\r\\nhi\\r\\n\n~*0\\r\\n*-1\\r\\n*1\\r\\n$4\\r\\nPING\\r\\n",
    "broken count": "~*a\\r\\n",
    "broken bulk": "~*1\\r\\n!4\\r\\n",
    "negative bulk": "~*1\\r\\n$-4\\r\\n",
    "too many arguments": "~*1048577000\\r\\n",
    "too long an argument": "~*1\\r\\n$600000000\\r\\n",
    "http": "~POST / HTTP/1.1\\r\\n",
    "shutdown errors": "shutdown foo\nshutdown save nosave\nshutdown abort\nshutdown abort save",
    "transactions": """multi\nping\nnosuch\nexec\nmulti\nget a\nexec\nmulti\nsubscribe x\nexec\nunsubscribe\nmulti\nquit""",
    "a pause": "a: client pause 60000 write\na: get k\nb: set k v\na: client unpause\nb: get k",
    "rights": """a: acl setuser bob on >x +get ~a* resetchannels &c* +subscribe +publish +psubscribe +client|id
b: auth bob y\nb: auth bob x\nb: get abc\nb: get xyz\nb: set abc x\nb: client id x\nb: client getname\nb: client nosuch\nb: nosuch
b: publish d m\nb: subscribe cc\nb: psubscribe c*\nb: reset\nb: acl whoami\na: acl deluser bob""",
    "a password": """a: config set requirepass sec\nb: ping\nb: hello 2\nb: quit\nd: auth x\nd: nosuch\nd: auth sec\nd: reset\nd: ping
a: config set requirepass ""\nd: ping""",
    "HyperLogLogs looked into": """pfadd h a b c d e f g\npfdebug encoding h\npfdebug decode h\npfdebug todense h\npfdebug todense h
pfdebug decode h\npfdebug encoding h\npfcount h\npfdebug foo h\npfdebug getreg nokey\npfdebug encoding\nset x y\npfdebug getreg x\npfselftest
pfadd g 1\npfdebug getreg g\nobject encoding h\ndel h x g""",
    "getkeys": """command getkeys get a\ncommand getkeys get a b\ncommand getkeys ping a\ncommand getkeys nosuch a
command getkeys set a b c\ncommand getkeysandflags get a\ncommand list filterby foo x\ncommand list x
command list filterby module x\ncommand info nosuch\ncommand docs nosuch""",
    "waiting: what is asked wrongly": """blpop k\nblpop k x\nblpop k -1\nblpop k nan\nblpop k inf\nblpop k 1e400\nblpop k " 1"\nblmove a b foo left 1
blmove a b left foo 1\nblmove a b left right x\nbrpoplpush a b -0.1\nblmpop x 1 k left\nblmpop 1 0 k left\nblmpop 1 2 k left\nblmpop 1 1 k foo
blmpop 1 1 k left count 0\nblmpop 1 1 k left count 1 count 2\nset s v\nblpop s 0\nblpop none s 0\nblmove s k left left 0\nbrpoplpush s k 0
blmpop 0 2 none s left\nrpush l a b c d e f\nblmove l s left left 0\nblpop none l s 0\nbrpop l 0\nblmpop 0 1 l left count 2\nbrpoplpush l m 0
blmove m l right left 0\nlrange l 0 -1""",
    "waiting: one after another": """a: blpop k 0\nb: brpop other k 0\nc: blmpop 0 2 x k left count 5\nd: rpush k 1 2 3 4 5\nd: exists k\na: ping
b: blpop k 0\na: blpop k 0\nd: rpush k x\nd: rpush k y\na: ping""",
    "waiting: a key named twice": "a: blpop k k 0\nb: rpush k 1 2\na: ping\na: llen k",
    "waiting: moves that serve others": """a: blmove s d left right 0\nb: blpop d 0\nc: brpoplpush d e 0\nf: blpop e 0\nd: rpush s 1 2\nd: lmove s d right left
d: keys *\na: blmove s s left right 0\nd: rpush s 1 2 3\nd: lrange s 0 -1""",
    "waiting: the target of a move is no list": "a: blmove s d left right 0\nb: blpop s 0\nd: set d x\nd: rpush s 1 2\nd: lrange s 0 -1\na: ping",
    "waiting: transactions": """a: blpop k1 k2 0\nb: multi\nb: rpush k2 2\nb: rpush k1 1\nb: exec\na: blpop k 0\nb: multi\nb: rpush k 1\nb: del k\nb: exec
b: multi\nb: rpush k 1\nb: del k\nb: set k v\nb: rpush other x\nb: exec\nb: multi\nb: del k\nb: rpush k 1\nb: lpush k 0\nb: exec
b: multi\nb: blpop x 0\nb: brpop x 0\nb: blmove x y left left 0\nb: brpoplpush x y 0\nb: blmpop 0 1 x left\nb: exec\nb: hello 3
b: multi\nb: blpop x 0\nb: blmove x y left left 0\nb: blmpop 0 1 x left\nb: exec""",
    "waiting: the type changes": "a: blpop k 0\nb: set k v\nb: append k w\nb: del k\nb: sadd k m\nb: del k\nb: rpush k 1",
    "waiting: keys that come from elsewhere": """a: blpop k 0\nb: rpush s 1 2\nb: rename s k\nb: lrange k 0 -1\nb: del k\na: blpop k 0\nb: rpush s 1 2
b: copy s k\na: blpop k 0\nb: del k\nb: select 1\nb: rpush k 1\nb: move k 0\na: blpop k 0\nb: rpush k 5 6\nb: swapdb 0 1\nb: lrange k 0 -1
b: select 0\nb: lrange k 0 -1\na: blpop s2 0\nb: renamenx s s2\na: select 3\na: blpop k 0\nb: rpush k 0\nb: select 3\nb: rpush k 3""",
    "waiting: ended from outside": """a: client reply skip\na: blpop k 0\nb: rpush k 1 2\na: ping\na: flushall\na: blpop k 0\nb: client kill type normal skipme yes
b: rpush k 1\nb: lrange k 0 -1""",
    "waiting: what came meanwhile": "~*3\\r\\n$5\\r\\nblpop\\r\\n$1\\r\\nk\\r\\n$1\\r\\n0\\r\\nPING\\r\\nBLPOP k 0\\r\\nPING x\\r\\n\nb: rpush k 1\nb: rpush k 2\nb: exists k",
    "waiting for sorted sets: what is asked wrongly": """bzpopmin k\nbzpopmin k x\nbzpopmax k -1\nbzmpop x 1 k min\nbzmpop x 1 k foo\nbzmpop 1 0 k min\nbzmpop 1 2 k min
bzmpop -1 1 k mid\nbzmpop 1 1 k min count 0\nbzmpop 1 1 k min count 1 count 2\nset s v\nbzpopmin s 0\nbzpopmin none s 0\nbzmpop 0 2 none s max
zadd z 1 a 2 b 3 c 4 d\nbzpopmin none z s 0\nbzpopmax z 0\nbzmpop 0 2 none z min count 9\nexists z\nhello 3\nzadd z 1 a 2 b\nbzpopmin z 0\nbzmpop 0 1 z max""",
    "waiting for sorted sets: one after another": """a: bzpopmin k 0\nb: bzpopmax other k 0\nc: hello 3\nc: bzmpop 0 2 x k min count 5\nd: zadd k 1 a 2 b 3 c 4 d\nd: exists k\na: ping
a: bzpopmin k k 0\nd: zadd k xx 1 a\nd: zadd k nx 1 a 2 b\nd: zcard k\na: bzmpop 0 2 x k max count 2\nd: zincrby x 1.5 m\nc: ping""",
    "waiting for sorted sets: results and other types": """a: bzpopmin k 0\nb: sadd k a\nb: del k\nb: zadd s 1 a 2 b\nb: zunionstore k 1 s\nb: zrange k 0 -1\nb: del k\na: bzpopmax k 0
b: zrangestore k s 0 0\na: bzpopmin k 0\nb: geoadd k 13 38 here\na: bzpopmin k 0\nb: rename s k\na: ping\nb: multi\nb: bzpopmin x 0\nb: bzmpop 0 1 x min\nb: exec
a: bzpopmin k2 0\nb: multi\nb: zadd k2 1 a\nb: del k2\nb: exec\nb: multi\nb: zadd k2 5 a\nb: zadd k2 1 b\nb: exec\nb: zrange k2 0 -1 withscores""",
    "waiting: a list made by SORT": "a: blpop k 0\nb: sadd s 3 1 2\nb: sort s store k\nb: lrange k 0 -1\nb: sort none store k\nb: exists k",
    "sorting: rights": """a: acl setuser bob on nopass ~l ~d %R~w_* +@all\na: acl setuser eve on nopass ~l %R~* +@all\na: rpush l 2 1\nb: auth bob x
b: sort l\nb: sort l by w_*\nb: sort l get #\nb: sort l by nosort\nb: sort l store d\nb: sort l store e\nb: sort_ro l store d\nc: auth eve x
c: sort l by w_* get #\nc: sort l store l\nc: sort l store x\na: acl deluser bob eve""",
    "sorting: errors": """sort\nsort k by\nsort k limit 1\nsort k limit a b\nsort k limit 1 b\nsort k store\nsort k foo\nset k v\nsort k\nsort k foo\nrpush l a
sort l\nsort l store d\nsort l alpha store d\nlrange d 0 -1\nsort l by w_* get # get w_* get h_*->f\nset w_a x\nsort l by w_*\nsort l by w_* alpha get w_*
hello 3\nsort l by nosort get nothing get #\nsort_ro l alpha limit 0 10\nmulti\nsort l alpha store d\nsort l\nexec""",
}


def arrived(connections, quiet):
    """What came on each connection until nothing came for `quiet` seconds."""
    got = {name: b"" for name in connections}
    open_ones = dict(connections)
    while True:
        ready = select.select(list(open_ones.values()), [], [], quiet)[0]
        if not ready:
            return got
        for name, connection in list(open_ones.items()):
            if connection not in ready:
                continue
            try:
                data = connection.recv(65536)
            except ConnectionResetError:
                data = b""
            got[name] += data or b"<closed>"
            if not data:
                del open_ones[name]


def blank(data):
    """Without what differs by nature: times, and HELLO's name of the server and id of the client."""
    data = re.sub(rb"\b\d{9,}\b", b"N", data)
    return re.sub(rb"server\r\n\$\d\r\n\w+\r\n(.*id\r\n):\d+", rb"server\1", data, flags=re.S)


def hold(port, text, quiet):
    connections, dead, heard = {}, set(), []
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as cleaner:
            cleaner.sendall(encode("FLUSHALL"))
            cleaner.recv(64)
        for line in text.split("\n"):
            who, mark, rest = re.match(r"(?:(\w)(?=[:~]))?([:~]?) ?(.*)", line).groups()
            who = who or "a"
            if who not in connections:
                connections[who] = socket.create_connection(("127.0.0.1", port), timeout=10)
            data = rest.encode().decode("unicode_escape").encode() if mark == "~" else encode(*shlex.split(rest))
            if who not in dead:
                connections[who].sendall(data)
            live = {name: connection for name, connection in connections.items() if name not in dead}
            got = arrived(live, quiet)
            dead |= {name for name, data in got.items() if data.endswith(b"<closed>")}
            heard.append((line, {name: blank(data) for name, data in got.items()}))
    finally:
        for connection in connections.values():
            connection.close()
    return heard


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(servers, name):
    for silence_s in (0.03, 1, 15):  # a busy machine may be slower than that
        mine, theirs = (hold(port, CONVERSATIONS[name], silence_s) for port in servers)
        if mine == theirs:
            break
    for said, heard in zip(mine, theirs):
        assert said == heard
