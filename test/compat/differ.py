#!/usr/bin/python3
"""Sends the same random commands to kvd and to redis-server and compares the replies byte by byte.

  test/compat/differ.py --seeds 1-200 --steps 3000        many runs; --resp 2 or 3; --seconds N: until then
  test/compat/differ.py --seeds 8123 --trace               one run, with every command

KVD_BIN names kvd (default: build/check/kvd). Ports of servers that run already: --kvd PORT --redis PORT.
A difference ends the run with the seed, the commands before it, and both replies; known.py lists those that are meant.
"""
import argparse
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import known  # noqa: E402
from generator import Generator  # noqa: E402
from processes import Group  # noqa: E402
from resp import Connection, encode  # noqa: E402


class Difference(AssertionError):
    pass


class Raw(Connection):
    """Replies as the bytes they came in."""

    def __init__(self, port, resp):
        super().__init__(port)
        if resp == 3:
            self.send(b"HELLO", b"3")
            self.frame()

    def ask(self, words):
        self.send_raw(encode(*words))
        return self.frame()

    def frame(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("connection closed")
        kind = line[:1]
        if kind in b"+-:,#_(":
            return line
        size = int(line[1:])
        if size < 0:
            return line
        if kind in b"$=!":
            return line + self.file.read(size + 2)
        if kind in b"*~>":
            return line + b"".join(self.frame() for _ in range(size))
        if kind in b"%|":
            return line + b"".join(self.frame() for _ in range(2 * size))
        raise ValueError("not RESP: %r" % line)


def elements(frame):
    """The bulk strings of a flat array."""
    items, rest = [], frame.split(b"\r\n", 1)[1]
    while rest:
        head, rest = rest.split(b"\r\n", 1)
        size = int(head[1:])
        items.append(rest[:size])
        rest = rest[size + 2:]
    return items


def pairs(frame):
    items = elements(frame)
    return sorted(zip(items[::2], items[1::2]))


def walk(connection, words):
    """All that SCAN, or HSCAN and its like with a key, finds; or an error's bytes."""
    before, options = (words[:1], words[1:]) if words[0].upper() == b"SCAN" else (words[:2], words[2:])
    cursor, found = b"0", set()
    while True:
        frame = connection.ask(before + [cursor] + options)
        if not frame.startswith(b"*2\r\n"):
            return frame
        rest = frame[4:]
        head, rest = rest.split(b"\r\n", 1)
        cursor, rest = rest[:int(head[1:])], rest[int(head[1:]) + 2:]
        found.update(elements(rest))
        if cursor == b"0":
            return found


class Events(Connection):
    """Hears the keyspace events of a server."""

    def __init__(self, port):
        super().__init__(port)
        self.do(b"CONFIG", b"SET", b"notify-keyspace-events", b"KAn")
        self.do(b"PSUBSCRIBE", b"__key*")
        self.do(b"SUBSCRIBE", b"the end")

    def until_now(self, other):
        """Those that were published before this call; `other` is a connection that may publish."""
        other.ask([b"PUBLISH", b"the end", b""])
        heard = []
        while True:
            message = self.read()
            if message[0] == b"message":
                return heard
            if message[3] != b"expired":  # when a key ends depends on who looks at it
                heard.append(message[2] + b" " + message[3])


def without_times(reply):
    """What XPENDING and XINFO say, without times and without how the real one's radix tree looks."""
    reply = re.sub(rb":\d+\r\n(?=:\d+\r\n)", b":T\r\n", reply)
    return re.sub(rb"(\r\n(?:idle|seen-time|radix-tree-nodes)\r\n):\d+", rb"\1:T", reply)


class Pair:
    """The two servers, with two connections to each, and one that hears the events."""

    def __init__(self, kvd_port, redis_port, resp):
        self.kvd = [Raw(kvd_port, resp) for _ in range(2)]
        self.redis = [Raw(redis_port, resp) for _ in range(2)]
        self.events = [Events(kvd_port), Events(redis_port)]
        self.publishers = [Raw(kvd_port, resp), Raw(redis_port, resp)]

    def close(self):
        for connection in self.kvd + self.redis + self.events + self.publishers:
            connection.close()

    def same_events(self):
        """None, or a text that tells the difference."""
        mine, theirs = (events.until_now(publisher) for events, publisher in zip(self.events, self.publishers))
        if mine == theirs:
            return None
        same = len(os.path.commonprefix([mine, theirs]))
        return "events after %d that are the same, the last %r:\nkvd   %r\nredis %r" % (
            same, mine[max(same - 3, 0):same], mine[same:same + 5], theirs[same:same + 5])

    def same(self, at, words, how):
        """None, or a text that tells the difference."""
        kvd, redis = self.kvd[at], self.redis[at]
        if how == "walk":
            mine, theirs = walk(kvd, words), walk(redis, words)
            return None if mine == theirs else "kvd %r\nredis %r" % (mine, theirs)
        mine, theirs = kvd.ask(words), redis.ask(words)
        if mine == theirs or known.explained(words, mine, theirs):
            return None
        if how.startswith("near") and mine[:1] == theirs[:1] == b":":
            if abs(int(mine[1:]) - int(theirs[1:])) <= int(how.split()[1]) and (int(mine[1:]) < 0) == (int(theirs[1:]) < 0):
                return None
        if how == "idle" and without_times(mine) == without_times(theirs):
            return None
        if how == "number" and mine[:1] == theirs[:1] == b":":
            return None
        if how == "set" and mine[:1] == theirs[:1] and mine[:1] in b"*~" and sorted(elements(mine)) == sorted(elements(theirs)):
            return None
        if how == "pairs" and mine[:1] == theirs[:1] and mine[:1] in b"*%" and pairs(mine) == pairs(theirs):
            return None
        if how == "head" and mine[:1] == theirs[:1] and mine[:1] in b"*$":
            if mine[:1] == b"$" and (mine == b"$-1\r\n") == (theirs == b"$-1\r\n") or mine.split(b"\r\n")[0] == theirs.split(b"\r\n")[0]:
                return None
        if how == "random key" and mine[:1] == theirs[:1] == b"$" and mine != b"$-1\r\n" and theirs != b"$-1\r\n":
            key = elements(b"*1\r\n" + mine)[0]
            there = redis.ask([b"EXISTS", key])
            if there == b":1\r\n":
                return None
            return "RANDOMKEY %r: EXISTS says %r" % (key, there)
        same = len(os.path.commonprefix([mine, theirs]))
        begin = max(same - 60, 0)
        return "from byte %d on:\nkvd   %r\nredis %r" % (begin, mine[begin:same + 200], theirs[begin:same + 200])

    def reset(self):
        for connection in self.kvd + self.redis:
            connection.ask([b"DISCARD"])
            connection.ask([b"UNWATCH"])
            connection.ask([b"SELECT", b"0"])
        self.kvd[0].ask([b"FLUSHALL"])
        self.redis[0].ask([b"FLUSHALL"])
        for events, publisher in zip(self.events, self.publishers):
            events.until_now(publisher)

    def exchange(self, key):
        """Each server restores what the other dumps. None, or what is wrong with that."""
        kvd, redis = self.kvd[0], self.redis[0]
        payloads = [elements(b"*1\r\n" + server.ask([b"DUMP", key]))[0] for server in (kvd, redis)]
        found = []
        for server, payload in ((kvd, payloads[1]), (redis, payloads[0]), (redis, payloads[1]), (kvd, payloads[0])):
            answer = server.ask([b"RESTORE", b"restored", b"0", payload, b"REPLACE"])
            found.append([answer, server.ask([b"DEBUG", b"DIGEST-VALUE", b"restored"]), server.ask([b"OBJECT", b"ENCODING", b"restored"])])
            server.ask([b"DEL", b"restored"])
        if found[0][:2] == found[1][:2] == found[3][:2] and found[1] == found[2]:
            return None
        return "kvd of redis %r\nredis of kvd %r\nredis of redis %r\nkvd of kvd %r" % tuple(found)

    def audit(self):
        """Every key of every database: value, encoding, time left."""
        for connection in self.kvd + self.redis:
            connection.ask([b"DISCARD"])
        for database in range(16):
            for connection in (self.kvd[0], self.redis[0]):
                connection.ask([b"SELECT", b"%d" % database])
            difference = self.same(0, [b"KEYS", b"*"], "set")
            if difference:
                return "KEYS of database %d\n%s" % (database, difference)
            for key in elements(self.redis[0].ask([b"KEYS", b"*"])):
                for words, how in (([b"TYPE", key], "exact"), ([b"GET", key], "exact"), ([b"HGETALL", key], "pairs"), ([b"SMEMBERS", key], "set"),
                                   ([b"LRANGE", key, b"0", b"-1"], "exact"), ([b"XRANGE", key, b"-", b"+"], "exact"),
                                   ([b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"], "idle"),
                                   ([b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"], "exact"),
                                   ([b"OBJECT", b"ENCODING", key], "exact"), ([b"PTTL", key], "near 3000"),
                                   ([b"DEBUG", b"DIGEST-VALUE", key], "exact")):
                    difference = self.same(0, words, how)
                    if difference:
                        return "%r in database %d\n%s" % (words, database, difference)
                difference = self.exchange(key)
                if difference:
                    return "DUMP %r in database %d: %s" % (key, database, difference)
        difference = self.same(0, [b"DEBUG", b"DIGEST"], "exact")
        if difference:
            return "DEBUG DIGEST\n%s" % difference
        return None


def exec_is_unordered(history):
    """Whether the transaction that EXEC ends may hold a command whose reply is not compared byte by byte."""
    return any(how != "exact" for _, _, how in history[:-1])


def run(pair, seed, steps, trace=False):
    pair.reset()
    generator = Generator(seed)
    histories = ([], [])
    log = []
    for step in range(steps):
        at, words, how = generator.next()
        history = histories[at]
        if how == "walk" and history and any(w[0].upper() == b"MULTI" for _, w, _ in history[-40:]):
            continue  # a walk is several commands
        history.append((at, words, how))
        log.append("%d> %s" % (at, b" ".join(repr(word)[1:].encode() for word in words)[:400].decode()))
        if trace:
            print(log[-1])
        if words[0].upper() == b"EXEC" and exec_is_unordered(history):
            heads = [connection.ask(words).split(b"\r\n")[0] for connection in (pair.kvd[at], pair.redis[at])]
            if heads[0] != heads[1] and not known.explained(words, heads[0] + b"\r\n"):
                raise Difference("seed %d, step %d:\n%s\nEXEC: %r" % (seed, step, "\n".join(log[-60:]), heads))
            history.clear()
            continue
        difference = pair.same(at, words, how)
        if not difference and (trace or step % 20 == 19):
            difference = pair.same_events()
        if not difference and step % 500 == 499:
            difference = pair.audit()
            for connection in pair.kvd + pair.redis:
                connection.ask([b"SELECT", b"0"])
        if difference:
            raise Difference("seed %d, step %d:\n%s\n%s" % (seed, step, "\n".join(log[-25:]), difference))
        if words[0].upper() in (b"EXEC", b"DISCARD"):
            history.clear()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1-20")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--resp", type=int, choices=(2, 3))
    parser.add_argument("--kvd", type=int)
    parser.add_argument("--redis", type=int)
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    group = Group("kvd-compat-")
    end = time.monotonic() + options.seconds if options.seconds else None
    try:
        kvd = options.kvd or group.kvd("enable-debug-command: yes\n").port
        redis = options.redis or group.redis().port
        seed = int(first)
        while seed <= int(last or first) if end is None else time.monotonic() < end:
            for resp in (options.resp,) if options.resp else (2, 3):
                pair = Pair(kvd, redis, resp)
                run(pair, seed, options.steps, options.trace)
                pair.close()
            seed += 1
        print("%d seeds, no difference" % (seed - int(first)))
    except Difference as difference:
        print(difference)
        sys.exit(1)
    finally:
        group.close()


if __name__ == "__main__":
    main()
