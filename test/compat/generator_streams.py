"""Random commands on streams, mixed into the generator. Ids are explicit: one that the clock makes differs."""

STREAMS = [b"x1", b"x2", b"x3"]
GROUPS = [b"g1", b"g2", b"g\x003"]
CONSUMERS = [b"alice", b"bob", b"c", b""]
BAD_IDS = [b"", b"-", b"+", b"$", b">", b"a", b"1-", b"-1", b"1-a", b"1-2-3", b"18446744073709551616", b"1-18446744073709551616", b" 1", b"+1", b"1-+2", b"01-02", b"1--0",
           b"1--5", b"1--05", b"1\x00-2", b"(1", b"((1", b"(", b"(-", b"(+", b"1" * 130, b"5-*", b"*-5", b"-*"]
EDGE_IDS = [b"0", b"0-0", b"0-1", b"0-18446744073709551615", b"18446744073709551615-18446744073709551615", b"18446744073709551615", b"9223372036854775807-9223372036854775808"]
LARGE = [b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"x", b"", b"-1"]


class Streams:
    def stream_commands(self):
        return [(self.xadd, 16), (self.xtrim, 3), (self.xdel, 4), (self.xrange, 6), (self.xread, 4), (self.xgroup, 5), (self.xreadgroup, 8), (self.xack, 3), (self.xpending, 4),
                (self.xclaim, 4), (self.xautoclaim, 3), (self.xinfo, 5), (self.xsetid, 1), (self.stream_rest, 3), (self.stream_short, 0.7)]

    def stream_key(self):
        return self.key() if self.random.random() < 0.06 else self.random.choice(STREAMS)

    def group(self):
        return self.random.choice(GROUPS) if self.random.random() < 0.95 else self.text()

    def consumer(self):
        return self.random.choice(CONSUMERS)

    def entry_id(self):
        """One that may be there."""
        roll = self.random.random()
        if roll < 0.05:
            return self.random.choice(BAD_IDS)
        if roll < 0.1:
            return self.random.choice(EDGE_IDS)
        last = getattr(self, "last_ms", 1)
        return b"%d-%d" % (self.random.randrange(max(last - 30, 0), last + 2), self.random.randrange(3)) if roll < 0.8 else b"%d" % self.random.randrange(last + 5)

    def next_id(self):
        roll = self.random.random()
        if roll < 0.04:
            return self.random.choice(BAD_IDS + EDGE_IDS[:3])
        if roll < 0.1:
            return self.entry_id() if self.random.random() < 0.98 else self.random.choice(EDGE_IDS)
        self.last_ms = getattr(self, "last_ms", 1) + self.pick(0, 0, 1, 1, 2, 1, 1000)
        return self.pick(b"%d-*", b"%d-*", b"%d", b"%d-1", b"%d-2") % self.last_ms

    def trim(self):
        strategy = self.pick([b"MAXLEN"], [b"maxlen"], [b"MINID"])
        sign = self.random.choice([[], [b"="], [b"~"], [b"~"]])
        threshold = self.pick(b"0", b"1", b"3", b"10", b"50", b"100", *LARGE) if strategy[0].upper() == b"MAXLEN" else self.entry_id()
        if self.random.random() < 0.7 and strategy[0].upper() == b"MAXLEN":
            threshold = self.pick(b"5", b"20", b"40", b"150")
        limit = self.random.choice([[], [], [], [b"LIMIT", self.pick(b"0", b"1", b"5", b"100", b"-1", b"x")], [b"LIMIT"]])
        return strategy + sign + [threshold] + limit

    def fields(self):
        roll = self.random.random()
        if roll < 0.5:
            return [b"f", b"%d" % self.random.randrange(1000)]
        if roll < 0.8:
            return [b"name", self.text(), b"age", b"%d" % self.random.randrange(100)]
        words = [self.text() for _ in range(2 * self.random.randrange(1, 5))]
        return words[:-1] if roll > 0.98 else words

    def xadd(self):
        if self.random.random() < 0.08:
            names = [b"n%d" % (i % 40) for i in range(self.pick(2, 62, 64, 66, 130, 400))]
            return [b"XADD", self.stream_key(), self.next_id()] + names, "exact"
        options = []
        while self.random.random() < 0.12:
            options += self.random.choice([[b"NOMKSTREAM"], self.trim(), self.trim(), [b"LIMIT", b"5"], [b"foo"]])
        return [self.word(b"XADD"), self.stream_key()] + options + [self.next_id()] + self.fields(), "exact"

    def xtrim(self):
        return [b"XTRIM", self.stream_key()] + self.random.choice([self.trim(), self.trim(), self.trim(), self.trim() + self.trim(), [b"foo"], [b"LIMIT", b"5"]]), "exact"

    def xdel(self):
        return [b"XDEL", self.stream_key()] + [self.entry_id() for _ in range(self.pick(1, 1, 1, 2, 3, 12))], "exact"

    def interval(self, backwards=False):
        ends = [self.pick(b"-", b"-", b"(", b"") , self.pick(b"+", b"+", b"(", b"")]
        ends = [end + self.entry_id() if end in (b"(", b"") else end for end in ends]
        return ends[::-1] if backwards else ends

    def count(self):
        return self.random.choice([[], [], [b"COUNT", self.pick(b"1", b"2", b"5", b"30")], [b"COUNT", self.pick(b"0", *LARGE)]])

    def xrange(self):
        backwards = self.random.random() < 0.5
        return [b"XREVRANGE" if backwards else b"XRANGE", self.stream_key()] + self.interval(backwards) + self.random.choice([self.count()] * 10 + [[b"COUNT"], [b"foo", b"1"]]), "exact"

    def block(self):
        return [b"BLOCK", self.pick(b"1", b"1", b"-1", b"x", b"9223372036854775808")] if self.random.random() < 0.04 else []

    def xread(self):
        keys = [self.stream_key() for _ in range(self.pick(1, 1, 2, 3))]
        ids = [self.pick(b"$", b"0", self.entry_id(), self.entry_id()) for _ in keys]
        options = self.random.choice([[]] * 20 + [[b"NOACK"], [b"GROUP", b"g1", b"bob"], [b"foo"], [b"COUNT"]])
        return [b"XREAD"] + self.count() + self.block() + options + [self.word(b"STREAMS")] + keys + (ids if self.random.random() < 0.97 else ids + [b"0"]), "exact"

    def xreadgroup(self):
        keys = [self.stream_key() for _ in range(self.pick(1, 1, 1, 1, 2))]
        ids = [self.pick(b">", b">", b">", b">", b"0", self.entry_id()) for _ in keys]
        options = self.random.choice([[]] * 6 + [[b"NOACK"], [b"NOACK"]])
        group = [b"GROUP", self.group(), self.consumer()] if self.random.random() < 0.97 else []
        return [b"XREADGROUP"] + group + self.count() + self.block() + options + [b"STREAMS"] + keys + ids, "exact"

    def xgroup(self):
        key, group = self.stream_key(), self.group()
        read = self.random.choice([[], [], [b"ENTRIESREAD", self.pick(b"0", b"1", b"5", b"-1", b"-2", b"x", b"100")], [b"MKSTREAM"], [b"MKSTREAM"], [b"foo"], [b"ENTRIESREAD"]])
        where = self.pick(b"$", b"0", b"0", self.entry_id(), self.entry_id())
        return self.random.choice([[b"XGROUP", b"CREATE", key, group, where] + read, [b"XGROUP", b"CREATE", key, group, where, b"MKSTREAM"], [b"XGROUP", b"CREATE", key, group, where],
                                   [b"XGROUP", b"SETID", key, group, where] + read, [b"XGROUP", b"DESTROY", key, group] if self.random.random() < 0.4 else [b"XGROUP", b"SETID", key, group, where],
                                   [b"XGROUP", b"CREATECONSUMER", key, group, self.consumer()], [b"XGROUP", b"DELCONSUMER", key, group, self.consumer()],
                                   [b"XGROUP", self.pick(b"foo", b"CREATE", b"DESTROY", b"SETID"), key], [b"XGROUP", b"DESTROY", key, group, b"x"]]), "exact"

    def xack(self):
        return [b"XACK", self.stream_key(), self.group()] + [self.entry_id() for _ in range(self.pick(1, 2, 3, 15))], "exact"

    def xpending(self):
        key, group = self.stream_key(), self.group()
        idle = self.random.choice([[], [], [b"IDLE", self.pick(b"0", b"100000000", b"-1", b"x")]])
        consumer = self.random.choice([[], [self.consumer()]])
        return self.random.choice([[b"XPENDING", key, group], [b"XPENDING", key, group] + idle + self.interval() + [self.pick(b"10", b"1", b"0", b"100", b"x", b"-1")] + consumer,
                                   [b"XPENDING", key, group] + idle + [b"-", b"+", b"100"] + consumer, [b"XPENDING", key, group, b"-", b"+"] + consumer]), "idle"

    def xclaim(self):
        ids = [self.entry_id() for _ in range(self.pick(1, 1, 2, 8))]
        options = []
        while self.random.random() < 0.5:
            options += self.random.choice([[b"FORCE"], [b"FORCE"], [b"JUSTID"], [b"IDLE", self.pick(b"0", b"1000000000", *LARGE)], [b"TIME", self.pick(b"1000", b"0", b"99999999999999", *LARGE)],
                                           [b"RETRYCOUNT", self.pick(b"0", b"3", *LARGE)], [b"LASTID", self.entry_id()], [b"foo"] if self.random.random() < 0.2 else [b"TIME", b"1000"], [b"IDLE"]
                                           if self.random.random() < 0.2 else [b"FORCE"]])
        return [b"XCLAIM", self.stream_key(), self.group(), self.consumer(), self.pick(b"0", b"0", b"100000000", b"-5", b"x")] + ids + options, "exact"

    def xautoclaim(self):
        options = self.random.choice([[], [], [b"JUSTID"], [b"COUNT", self.pick(b"1", b"2", b"5", b"0", b"x", b"-1", b"1000")], [b"COUNT", b"1", b"JUSTID"], [b"foo"], [b"COUNT"]])
        return [b"XAUTOCLAIM", self.stream_key(), self.group(), self.consumer(), self.pick(b"0", b"0", b"100000000", b"-5", b"x"), self.pick(b"0", b"0-0", b"-", b"+", self.entry_id(), b"(" + self.entry_id())] + \
            options, "exact"

    def xinfo(self):
        key = self.stream_key()
        return self.random.choice([[b"XINFO", b"STREAM", key], [b"XINFO", b"STREAM", key, b"FULL"], [b"XINFO", b"STREAM", key, b"FULL", b"COUNT", self.pick(b"0", b"1", b"20", b"-1", b"x")],
                                   [b"XINFO", b"GROUPS", key], [b"XINFO", b"GROUPS", key], [b"XINFO", b"CONSUMERS", key, self.group()], [b"XINFO", b"STREAM", key, b"foo"],
                                   [b"XINFO", b"STREAM", key, b"FULL", b"COUNT"], [b"XINFO", b"foo", key], [b"XINFO", b"STREAM"]]), "idle"

    def xsetid(self):
        options = []
        while self.random.random() < 0.4:
            options += self.random.choice([[b"ENTRIESADDED", self.pick(b"1000", b"500", b"0", *LARGE)], [b"MAXDELETEDID", self.entry_id()], [b"foo"]])
        self.last_ms = getattr(self, "last_ms", 1) + 1
        return [b"XSETID", self.stream_key(), self.pick(self.entry_id(), b"%d" % self.last_ms)] + options, "exact"

    def stream_rest(self):
        key = self.random.choice(STREAMS)
        return self.random.choice([[b"XLEN", key], [b"XLEN", self.key()], [b"TYPE", key], [b"OBJECT", b"ENCODING", key], [b"COPY", key, self.stream_key(), b"REPLACE"], [b"RENAME", key, self.stream_key()],
                                   [b"DEL", key] if self.random.random() < 0.1 else [b"EXISTS", key], [b"CONFIG", b"SET", b"stream-node-max-entries", self.pick(b"100", b"3", b"10", b"0", b"150")],
                                   [b"CONFIG", b"SET", b"stream-node-max-bytes", self.pick(b"4096", b"0", b"300")]]), "exact"

    def stream_short(self):
        command = self.pick(b"XADD", b"XTRIM", b"XDEL", b"XLEN", b"XRANGE", b"XREVRANGE", b"XREAD", b"XREADGROUP", b"XACK", b"XPENDING", b"XCLAIM", b"XAUTOCLAIM", b"XSETID", b"XGROUP", b"XINFO")
        return [command] + [b"zz%d" % i for i in range(self.pick(0, 1, 2, 3, 7))], "exact"
