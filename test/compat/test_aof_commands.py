"""What is appended for each command: the same as redis-server appends, compared command by command.

Times (PEXPIREAT, stream ids) may differ by what lies between the two calls. Differences on purpose are listed with reasons.
"""
import os
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from processes import Group, wait_for  # noqa: E402

TOLERANCE_MS = 30000

# A step: a line of words; "b: ..." is sent by a second client that may have to wait for its reply; "wait: ..." is repeated
# until it answers nothing; "{...}" is a word with blanks.
CONVERSATIONS = {
    "strings": """
        SET a 1
        SET a 2 EX 100
        SET a 3 PX 100000
        SET a 4 EXAT 4000000000
        SET a 5 PXAT 4000000000123
        SET a 6 KEEPTTL
        SET a 7 NX
        SET a 8 XX GET
        SET a 9 EX 100 GET
        SETEX b 100 x
        PSETEX b 100000 x
        SETNX c x
        SETNX c y
        GETSET c z
        MSET d 1 e 2
        MSETNX d 1 f 2
        MSETNX g 1 h 2
        APPEND a x
        SETRANGE a 3 abc
        INCR d
        DECR d
        INCRBY d 5
        DECRBY d 5
        INCRBYFLOAT d 1.5
        INCRBYFLOAT b2 3.0e3
        GETDEL c
        GETDEL c
        GETEX a
        GETEX a PERSIST
        GETEX a PERSIST
        GETEX a EX 100
        GETEX a PX 100000
        GETEX a EXAT 4000000000
        GETEX a PXAT 4000000000000
        GETEX d EXAT 1
        SETBIT bits 7 1
        BITFIELD bits SET u8 0 5 GET u8 0
        BITFIELD bits GET u8 0
        BITOP AND dest bits bits
        BITOP AND dest missing
        PFADD hll a b c
        PFADD hll a
        PFMERGE hll2 hll
        PFCOUNT hll
        SET x y EX 0
        SET past x PXAT 1
    """,
    "expiry": """
        SET a 1
        EXPIRE a 100
        PEXPIRE a 100000
        EXPIREAT a 4000000000
        PEXPIREAT a 4000000000000
        EXPIRE a 50 GT
        EXPIRE a 50 NX
        PERSIST a
        PERSIST a
        EXPIRE missing 100
        EXPIRE a -1
        SET a 1
        EXPIREAT a 1
        SET a 1
        PEXPIRE a 0
        SET b 1 PX 1
        wait: GET b
        SET c 1 PX 1
        wait: EXISTS c
        SET d 1 PX 1
        wait: GET d
        SET e 1
        EXPIRE e 100 XX
        EXPIRE e 100 LT
    """,
    "keys": """
        MSET a 1 b 2 c 3 d 4
        DEL a missing
        DEL missing
        UNLINK b
        RENAME c cc
        RENAME cc cc
        RENAMENX cc d
        RENAMENX cc ccc
        COPY ccc c4
        COPY ccc c4
        COPY ccc c4 REPLACE
        COPY ccc c4 DB 3
        MOVE d 2
        MOVE d 2
        SELECT 2
        SET e 5
        GET e
        SELECT 0
        TOUCH ccc
        SWAPDB 0 2
        SELECT 2
        FLUSHDB
        FLUSHDB
        FLUSHDB ASYNC
        SELECT 0
        FLUSHALL
        SET a 1 EX 100
        COPY a b
        RESTORE r 0 {%DUMP%}
    """,
    "lists": """
        RPUSH l a b c
        LPUSH l x y
        RPUSHX missing x
        LPUSHX l z
        LINSERT l BEFORE a w
        LINSERT l BEFORE nothing w
        LSET l 0 first
        LREM l 0 w
        LREM l 0 nothing
        LTRIM l 0 3
        LTRIM l 0 100
        LPOP l
        RPOP l 2
        LPOP l 0
        LPOP missing
        RPUSH l a b c d e f g h i j
        RPOPLPUSH l l2
        LMOVE l l2 LEFT RIGHT
        LMPOP 2 missing l LEFT
        LMPOP 2 missing l RIGHT COUNT 2
        BLPOP l 0
        BRPOP l 0
        BLMOVE l l2 LEFT LEFT 0
        BRPOPLPUSH l l2 0
        BLMPOP 0 2 missing l LEFT COUNT 2
        RPUSH one a
        LPOP one
        RPUSH s 3 1 2
        SORT s STORE sorted
        SORT s
        SORT missing STORE sorted
        SORT s BY nosort STORE sorted2
    """,
    "lists waited for": """
        b: BLPOP l missing 0
        RPUSH l a b
        b: BRPOP l1 0
        LPUSH l1 a b c
        b: BLMOVE l2 other LEFT RIGHT 0
        RPUSH l2 x
        b: BRPOPLPUSH l3 other 0
        RPUSH l3 x y
        b: BLMPOP 0 1 l4 RIGHT COUNT 2
        RPUSH l4 x y z
        b: BLPOP l5 0
        MULTI
        RPUSH l5 a
        RPUSH l5 b
        EXEC
        b: BZPOPMIN z1 0
        ZADD z1 1 a 2 b
        b: BZPOPMAX z2 0
        ZADD z2 1 a 2 b
        b: BZMPOP 0 1 z3 MAX COUNT 2
        ZADD z3 1 a 2 b 3 c
        b: BLPOP l6 0
        SELECT 3
        RPUSH l6 a
        SELECT 0
        RPUSH l6 b
    """,
    "sets": """
        SADD s a b c
        SADD s a
        SREM s a nothing
        SREM s nothing
        SADD one x
        SPOP one
        SADD two x
        SPOP two 5
        SADD three x
        SPOP three 1
        SPOP missing
        SPOP s 0
        SMOVE s t b
        SMOVE s t nothing
        SMOVE s s c
        SADD u 1 2 3
        SADD v 2 3 4
        SINTERSTORE i u v
        SUNIONSTORE i u v
        SDIFFSTORE i u v
        SINTERSTORE i u missing
        SRANDMEMBER u
    """,
    "hashes": """
        HSET h a 1 b 2
        HSET h a 1
        HMSET h c 3
        HSETNX h c 4
        HSETNX h d 4
        HINCRBY h a 5
        HINCRBYFLOAT h a 1.5
        HINCRBYFLOAT h new 1e3
        HDEL h a nothing
        HDEL h nothing
        HDEL h b c d new
        HRANDFIELD h
    """,
    "sorted sets": """
        ZADD z 1 a 2 b 3 c
        ZADD z 1 a
        ZADD z XX CH 5 a
        ZADD z INCR 1.5 a
        ZADD z NX INCR 1.5 a
        ZADD z GT 1 a
        ZINCRBY z 2 b
        ZINCRBY z 0.1 b
        ZREM z a nothing
        ZREM z nothing
        ZPOPMIN z
        ZPOPMAX z 1
        ZPOPMIN z
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g
        ZMPOP 1 z MIN
        ZMPOP 1 z MAX COUNT 2
        BZPOPMIN z 0
        BZPOPMAX z 0
        BZMPOP 0 1 z MIN COUNT 1
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g
        ZREMRANGEBYSCORE z 1 1
        ZREMRANGEBYRANK z 0 0
        ZREMRANGEBYLEX z [c [c
        ZREMRANGEBYSCORE z 100 200
        ZADD z2 1 d 2 x
        ZUNIONSTORE u 2 z z2
        ZINTERSTORE u 2 z z2 WEIGHTS 2 3
        ZDIFFSTORE u 2 z z2
        ZINTERSTORE u 2 z missing
        ZRANGESTORE r z 0 1
        ZRANGESTORE r z 100 200
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        GEOSEARCHSTORE gs g FROMMEMBER Palermo BYRADIUS 500 km ASC
        GEORADIUS g 15 37 200 km STORE gr
    """,
    "streams": """
        XADD s * a 1
        XADD s 99999999999999-1 a 1
        XADD s 99999999999999-* a 2
        XADD s MAXLEN 2 99999999999999-7 a 3
        XADD s MAXLEN ~ 2 99999999999999-8 a 3
        XADD missing NOMKSTREAM * a 1
        XTRIM s MAXLEN 2
        XTRIM s MAXLEN 2
        XTRIM s MAXLEN ~ 1
        XTRIM s MINID 99999999999999-8
        XDEL s 99999999999999-8
        XDEL s 99999999999999-8
        XADD t 1-1 a 1
        XADD t 1-2 a 2
        XADD t 1-3 a 3
        XADD t 1-4 a 4
        XGROUP CREATE t g 0
        XGROUP CREATE t g2 $
        XGROUP CREATE t3 g $ MKSTREAM
        XREADGROUP GROUP g c COUNT 1 STREAMS t >
        XREADGROUP GROUP g c COUNT 1 STREAMS t 0
        XREADGROUP GROUP g c2 COUNT 1 NOACK STREAMS t >
        XREADGROUP GROUP g c3 COUNT 2 STREAMS t >
        XREADGROUP GROUP g c4 COUNT 2 STREAMS t >
        XACK t g 1-1
        XACK t g 1-1
        XCLAIM t g c5 0 1-3
        XCLAIM t g c5 0 1-3 JUSTID
        XCLAIM t g c6 1000000 1-3
        XAUTOCLAIM t g c7 0 0
        XAUTOCLAIM t g c7 0 0 JUSTID
        XDEL t 1-3
        XAUTOCLAIM t g c8 0 0
        XGROUP CREATECONSUMER t g new
        XGROUP CREATECONSUMER t g new
        XGROUP DELCONSUMER t g new
        XGROUP DELCONSUMER t g nobody
        XGROUP SETID t g 1-1
        XGROUP DESTROY t g2
        XGROUP DESTROY t g2
        XSETID t 5-5
        XREAD COUNT 1 STREAMS t 0
    """,
    "streams waited for": """
        XGROUP CREATE t g $ MKSTREAM
        b: XREADGROUP GROUP g c BLOCK 0 STREAMS t >
        XADD t 1-1 a 1
        b: XREADGROUP GROUP g c2 BLOCK 0 NOACK STREAMS t >
        XADD t 1-2 a 1
        b: XREAD BLOCK 0 STREAMS t $
        XADD t 1-3 a 1
    """,
    "transactions": """
        MULTI
        SET a 1
        SET b 2
        EXEC
        MULTI
        SET a 1
        EXEC
        MULTI
        GET a
        EXEC
        MULTI
        SET a 1
        GET a
        INCRBYFLOAT a 1.5
        SELECT 3
        SET c 1
        SELECT 0
        EXPIRE a 100
        EXEC
        MULTI
        SADD one x
        SPOP one
        EXEC
        MULTI
        LPUSH a x
        SET d 1
        EXEC
        MULTI
        RPUSH list a
        BLPOP list 0
        BLPOP list 0
        EXEC
        MULTI
        SET a 1
        DISCARD
        MULTI
        FLUSHALL
        SET z 1
        EXEC
        MULTI
        PUBLISH channel message
        EXEC
        MULTI
        PUBLISH channel message
        SET z 1
        EXEC
        PUBLISH channel message
    """,
}

# (conversation, step): what kvd appends, and why it is another thing than what redis-server appends.
UNLINK = [[b"UNLINK", b"a"]], "lazyfree-lazy-expire is on unless it is switched off; redis-server would write the same then"
KNOWN = {
    ("strings", "SET a 8 XX GET"): ([[b"SET", b"a", b"8"]], "what was decided is not decided again"),
    ("expiry", "EXPIRE e 100 LT"): ([[b"PEXPIREAT", b"e", b"*"]], "what was decided is not decided again"),
    ("expiry", "EXPIRE a -1"): UNLINK,
    ("expiry", "EXPIREAT a 1"): UNLINK,
    ("expiry", "PEXPIRE a 0"): UNLINK,
    ("lists waited for", "RPUSH l2 x"): ([[b"RPUSH", b"l2", b"x"], [b"LMOVE", b"l2", b"other", b"LEFT", b"RIGHT"]],
                                        "LEFT and RIGHT are written as they are documented"),
    ("transactions", "EXEC"): ([[b"MULTI"], [b"SET", b"z", b"1"], [b"EXEC"]],
                               "what the file is not told of (PUBLISH) counts as part of the transaction whether there are "
                               "replicas or not; redis-server writes the same when there are some"),
}


def words_of(line):
    return [a if a is not None and b == "" else b for a, b in ((m.group(1), m.group(2) or "") for m in re.finditer(r"\{(.*?)\}|(\S+)", line))]


def commands_of(data):
    """The commands of a part, names in upper case."""
    commands = []
    while data:
        if data.startswith(b"#"):
            data = data.split(b"\r\n", 1)[1]
            continue
        head, data = data.split(b"\r\n", 1)
        assert head[:1] == b"*", head
        words = []
        for _ in range(int(head[1:])):
            size, data = data.split(b"\r\n", 1)
            words.append(data[:int(size[1:])])
            data = data[int(size[1:]) + 2:]
        commands.append([words[0].upper()] + words[1:])
    return commands


def same_word(mine, theirs):
    if mine == theirs:
        return True
    numbers = [re.fullmatch(rb"(\d{13})(-\d+)?", word) for word in (mine, theirs)]
    return all(numbers) and abs(int(numbers[0][1]) - int(numbers[1][1])) < TOLERANCE_MS


def same(mine, theirs):
    return len(mine) == len(theirs) and all(same_word(*pair) for pair in zip(mine, theirs))


def fits(mine, known):
    return len(mine) == len(known) and all(pattern in (word, b"*") for word, pattern in zip(mine, known))


class Side:
    def __init__(self, server, directory):
        self.server, self.directory = server, directory
        self.connection, self.second = server.connect(), server.connect()
        self.waits = 0

    def appended(self):
        folder = os.path.join(self.directory, "appendonlydir")
        with open(os.path.join(folder, "appendonly.aof.1.incr.aof"), "rb") as file:
            return file.read()

    def step(self, line, dump):
        if line.startswith("b: "):
            before = int(self.server.info("clients")["blocked_clients"])
            self.second.send(*words_of(line[3:]))
            self.waits += 1
            wait_for(lambda: int(self.server.info("clients")["blocked_clients"]) == before + 1, what=line)
        elif line.startswith("wait: "):
            wait_for(lambda: not self.connection.call(*words_of(line[6:])), what=line)
        else:
            self.connection.call(*(dump if word == "%DUMP%" else word for word in words_of(line)))
            if self.waits and int(self.server.info("clients")["blocked_clients"]) == 0:
                self.second.read()
                self.waits = 0


@pytest.fixture(scope="module")
def sides():
    group = Group("kvd-aof-commands-")
    kvd = group.kvd("appendonly: yes\nappendfsync: no\nauto-aof-rewrite-percentage: 0\n", name="kvd")
    redis = group.redis("--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0", name="redis")
    yield Side(kvd, group.path("kvd")), Side(redis, group.path("redis")), group
    group.close()


def lines_of(name):
    return [line.strip() for line in CONVERSATIONS[name].strip().splitlines()]


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_same_is_appended(sides, name):
    kvd, redis, group = sides
    redis.connection.do("SET", "for dump", "x")
    dump = redis.connection.do("DUMP", "for dump")
    for side in (kvd, redis):
        side.connection.call("DISCARD")
        side.connection.do("SELECT", 0)
        side.second.do("SELECT", 0)
        side.connection.do("FLUSHALL")
    wrong = []
    for line in lines_of(name):
        sizes = [len(side.appended()) for side in (kvd, redis)]
        for side in (kvd, redis):
            side.step(line, dump)
        mine, theirs = (commands_of(side.appended()[size:]) for side, size in zip((kvd, redis), sizes))
        if len(mine) == len(theirs) and all(same(*pair) for pair in zip(mine, theirs)):
            continue
        known = KNOWN.get((name, line), ([], ""))[0]
        if len(mine) != len(known) or not all(fits(*pair) for pair in zip(mine, known)):
            wrong.append("%s\n   kvd:   %s\n   redis: %s" % (line, mine, theirs))
    assert not wrong, "\n".join(wrong)
    assert kvd.waits == redis.waits == 0


def test_redis_loads_what_kvd_appended_and_the_other_way(sides):
    kvd, redis, group = sides
    for side in (kvd, redis):
        side.connection.close()
        side.second.close()
        assert side.server.stop() == 0
    folders = [os.path.join(side.directory, "appendonlydir") for side in (kvd, redis)]
    aside = group.path("aside")
    shutil.move(folders[0], aside)
    shutil.move(folders[1], folders[0])
    shutil.move(aside, folders[1])
    for side in (kvd, redis):
        side.server.start()
    assert {b: redis.server.info("keyspace")[b].split(",avg")[0] for b in redis.server.info("keyspace")} == \
           {b: kvd.server.info("keyspace")[b].split(",avg")[0] for b in kvd.server.info("keyspace")}
    check = subprocess.run(["redis-check-aof", os.path.join(folders[1], "appendonly.aof.manifest")], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
