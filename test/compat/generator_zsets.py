"""Random commands on sorted sets, mixed into the generator."""

ZSETS = [b"z1", b"z2", b"z3", b"z4"]
SCORES = [b"0", b"1", b"-1", b"2", b"3", b"1.5", b"-0.25", b"0.1", b"1e3", b"123456.75", b"3.0e-7", b"-0", b"inf", b"-inf", b"+inf", b"1e17", b"9007199254740993", b"4503599627370497",
          b"0x1p-3", b"5e-324", b"1.7976931348623157e308", b"10000000000", b"007", b"+5"]
NO_SCORES = [b"nan", b"", b" 1", b"1 ", b"abc", b"1e400", b"--1", b"1.5.2", b"\x001"]
LEX = [b"-", b"+", b"[a", b"(a", b"[m1", b"(m1", b"[m15", b"(m30", b"[", b"(", b"[zzz", b"[\xff", b"(element:0000", b"[element:00000012"]
NO_LEX = [b"", b"a", b"-x", b"+x", b"1", b"{a"]


class Zsets:
    def zset_commands(self):
        return [(self.zadd, 12), (self.zadd_alike, 3), (self.zrem, 4), (self.zset_look, 8), (self.zrange, 10), (self.zrange_old, 6), (self.zremrange, 3), (self.zpop, 4),
                (self.zset_many, 8), (self.zset_random, 2), (self.zscan, 2), (self.zset_short, 1), (self.zset_keyspec, 0.5)]

    def zset_key(self):
        return self.key() if self.random.random() < 0.06 else self.random.choice(ZSETS)

    def zmember(self):
        roll = self.random.random()
        return b"m%d" % self.random.randrange(40) if roll < 0.6 else b"%d" % self.random.randrange(-5, 30) if roll < 0.8 else b"element:%08d" % self.random.randrange(40) if roll < 0.94 else self.text()

    def score(self, hostile=0.04):
        roll = self.random.random()
        if roll < hostile:
            return self.random.choice(NO_SCORES)
        if roll < 0.4:
            return self.random.choice(SCORES)
        return b"%d" % self.random.randrange(-10, 30) if roll < 0.7 else b"%.17g" % (self.random.randrange(-1000, 1000) / self.pick(4, 10, 3))

    def zadd(self):
        options = [self.word(self.pick(b"NX", b"XX", b"GT", b"LT", b"CH", b"CH", b"INCR")) for _ in range(self.pick(0, 0, 0, 1, 1, 2, 3))]
        if self.random.random() < 0.06:
            start, kind = self.random.randrange(50), self.pick(b"m%d", b"element:%08d")
            pairs = sum(([self.pick(b"0", b"%d" % i, self.score(0)), kind % (start + i)] for i in range(self.random.randrange(60, 300))), [])
        else:
            pairs = sum(([self.score(), self.zmember()] for _ in range(self.pick(1, 1, 1, 2, 3, 8))), [])
        if self.random.random() < 0.03:
            pairs.pop()
        key = self.zset_key()
        return self.random.choice([[self.word(b"ZADD"), key] + options + pairs] * 4 + [[b"ZINCRBY", key] + pairs[:2], [b"ZADD", key, b"INCR"] + pairs[:2]]), "exact"

    def zadd_alike(self):
        """Members of one score, for ranges of texts."""
        members = [self.zmember() for _ in range(self.pick(1, 3, 10, 40))]
        return [b"ZADD", b"zl"] + sum(([b"0", member] for member in members), []), "exact"

    def zrem(self):
        return self.random.choice([[b"ZREM", self.zset_key()] + [self.zmember() for _ in range(self.random.randrange(1, 8))]] * 3 +
                                  [[b"ZREM", self.pick(b"zl", self.zset_key())] + [b"m%d" % i for i in range(self.random.randrange(40))] + [b"x"], [b"DEL", self.zset_key()]]), "exact"

    def zset_look(self):
        key = self.pick(self.zset_key(), self.zset_key(), b"zl")
        members = [self.zmember() for _ in range(self.random.randrange(1, 5))]
        return self.random.choice([[b"ZCARD", key], [b"ZSCORE", key, members[0]], [b"ZMSCORE", key] + members, [b"ZRANK", key, members[0]], [b"ZREVRANK", key, members[0]],
                                   [b"ZCOUNT", key, self.score_end(), self.score_end()], [b"ZLEXCOUNT", b"zl", self.lex_end(), self.lex_end()], [b"OBJECT", b"ENCODING", key],
                                   [b"TYPE", key], [b"COPY", key, self.zset_key()], [b"COPY", key, self.zset_key(), b"REPLACE"], [b"RENAME", key, self.zset_key()]]), "exact"

    def score_end(self):
        return self.pick(b"", b"", b"(") + (self.random.choice([b"-inf", b"+inf", b"inf"]) if self.random.random() < 0.3 else self.score())

    def lex_end(self):
        return self.random.choice(NO_LEX if self.random.random() < 0.04 else LEX)

    def rank(self):
        return self.random.choice([b"x", b"", b"1.5"]) if self.random.random() < 0.03 else self.random.choice([b"%d" % self.random.randrange(-12, 25), b"0", b"-1", b"-100", b"9223372036854775807",
                                                                                                         b"-9223372036854775808"])

    def limit(self):
        number = lambda: self.pick(b"0", b"1", b"2", b"5", b"100", b"-1", b"-5", b"9223372036854775807", b"x")
        return self.random.choice([[], [], [b"LIMIT", b"0", b"3"], [b"limit", number(), number()], [b"LIMIT", b"1"], [b"LIMIT"]])

    def zrange(self):
        kind = self.pick(b"", b"BYSCORE", b"BYSCORE", b"BYLEX")
        key = b"zl" if kind == b"BYLEX" else self.pick(self.zset_key(), self.zset_key(), b"zl")
        end = {b"": self.rank, b"BYSCORE": self.score_end, b"BYLEX": self.lex_end}[kind]
        options = [self.word(kind)] if kind else []
        if self.random.random() < 0.4:
            options.append(b"REV")
        if self.random.random() < 0.4:
            options.append(b"WITHSCORES")
        if kind or self.random.random() < 0.05:
            options += self.limit()
        if self.random.random() < 0.03:
            options.append(self.pick(b"foo", b"BYLEX", b"BYSCORE"))
        command = [b"ZRANGE", key] if self.random.random() < 0.75 else [b"ZRANGESTORE", self.zset_key(), key]
        if command[0] == b"ZRANGESTORE":
            options = [option for option in options if option != b"WITHSCORES" or self.random.random() < 0.05]
        if kind == b"BYLEX" and command[0] == b"ZRANGESTORE":
            command[1] = self.pick(b"zl2", self.zset_key())
        return command + [end(), end()] + options, "exact"

    def zrange_old(self):
        kind = self.pick(b"ZREVRANGE", b"ZRANGEBYSCORE", b"ZREVRANGEBYSCORE", b"ZRANGEBYLEX", b"ZREVRANGEBYLEX")
        lex = kind.endswith(b"LEX")
        end = self.lex_end if lex else self.score_end if kind.endswith(b"SCORE") else self.rank
        options = [b"WITHSCORES"] if self.random.random() < (0.1 if lex else 0.4) else []
        return [self.word(kind), b"zl" if lex else self.zset_key(), end(), end()] + options + (self.limit() if self.random.random() < 0.6 else []), "exact"

    def zremrange(self):
        low, high = self.random.randrange(-10, 20), self.random.randrange(4)
        return self.random.choice([[b"ZREMRANGEBYRANK", self.zset_key(), b"%d" % low, b"%d" % (low + high)], [b"ZREMRANGEBYRANK", self.zset_key(), self.rank(), b"2"],
                                   [b"ZREMRANGEBYSCORE", self.zset_key(), b"(%d" % low, b"%d" % (low + high)], [b"ZREMRANGEBYSCORE", self.zset_key(), self.score_end(), b"-3"],
                                   [b"ZREMRANGEBYLEX", b"zl", self.lex_end(), self.lex_end()]]), "exact"

    def zpop(self):
        key, keys = self.zset_key(), [self.zset_key() for _ in range(self.random.randrange(1, 4))]
        count = self.random.choice([[], [], [self.pick(b"0", b"1", b"3", b"10")], [self.pick(b"-1", b"x", b"9223372036854775807")], [b"1", b"2"]])
        numbers = self.pick(b"%d" % len(keys), b"%d" % len(keys), b"%d" % len(keys), b"0", b"-1", b"x", b"99")
        many = self.random.choice([[], [b"COUNT", self.pick(b"1", b"4", b"0", b"-1", b"x")], [b"COUNT"], [b"COUNT", b"1", b"COUNT", b"2"], [b"foo"]])
        return self.random.choice([[self.pick(b"ZPOPMIN", b"ZPOPMAX"), key] + count, [b"ZMPOP", numbers] + keys + [self.pick(b"MIN", b"MAX", b"min", b"mid")] + many]), "exact"

    def zset_many(self):
        keys = [self.pick(self.zset_key(), self.zset_key(), b"zl", b"s1", b"s2") for _ in range(self.random.randrange(1, 4))]
        name = self.pick(b"ZINTER", b"ZUNION", b"ZDIFF", b"ZINTERCARD")
        numbers = b"%d" % len(keys) if self.random.random() < 0.93 else self.pick(b"0", b"-1", b"x", b"9", b"1")
        options = []
        if name != b"ZDIFF" and self.random.random() < 0.3:
            options += [self.word(b"WEIGHTS")] + [self.score() for _ in keys][:self.pick(9, 9, 9, 9, 1)]
        if name != b"ZDIFF" and self.random.random() < 0.4:
            options += [b"AGGREGATE", self.pick(b"SUM", b"MIN", b"max", b"avg")] if self.random.random() < 0.95 else [b"AGGREGATE"]
        store = name != b"ZINTERCARD" and self.random.random() < 0.4
        if self.random.random() < (0.03 if store else 0.4):
            options += [b"WITHSCORES"]
        if name == b"ZINTERCARD":
            options = self.random.choice([[], [], [b"LIMIT", self.pick(b"0", b"1", b"3", b"-1", b"x")], [b"LIMIT"], options])
        return [name + (b"STORE" if store else b"")] + ([self.zset_key()] if store else []) + [numbers] + keys + options, "exact"

    def zset_random(self):
        """What is drawn differs: only what does not depend on it is compared."""
        key = self.zset_key()
        return self.random.choice([([b"ZRANDMEMBER", b"none"], "exact"), ([b"ZRANDMEMBER", b"none", b"-5", b"WITHSCORES"], "exact"), ([b"ZRANDMEMBER", key, b"0"], "exact"),
                                   ([b"ZRANDMEMBER", key, b"1000000"], "set"), ([b"ZRANDMEMBER", key, self.pick(b"x", b"9223372036854775808", b"-9223372036854775808", b"")], "exact"),
                                   ([b"ZRANDMEMBER", key, b"1", b"2"], "exact"), ([b"ZRANDMEMBER", key, b"9223372036854775807", b"WITHSCORES"], "exact"),
                                   ([b"ZRANDMEMBER", key, b"-9223372036854775807", b"WITHSCORES"], "exact"), ([b"ZRANDMEMBER", key, b"1", b"WITHSCORES", b"x"], "exact")])

    def zscan(self):
        key = self.zset_key()
        return self.random.choice([([b"ZSCAN", b"none", b"0"], "exact"), ([b"ZSCAN", key, b"x"], "exact"), ([b"ZSCAN", key, b"0", b"COUNT", self.pick(b"0", b"x")], "exact"),
                                   ([b"ZSCAN", key, b"0", b"foo"], "exact"), ([b"ZSCAN", self.random.choice(ZSETS)] + self.random.choice([[], [b"COUNT", b"3"], [b"MATCH", b"*1*"]]), "walk")])

    def zset_short(self):
        return [self.pick(b"ZADD", b"ZINCRBY", b"ZREM", b"ZCARD", b"ZSCORE", b"ZMSCORE", b"ZREVRANK", b"ZCOUNT", b"ZLEXCOUNT", b"ZRANGE", b"ZRANGESTORE", b"ZREVRANGE", b"ZRANGEBYSCORE",
                          b"ZRANGEBYLEX", b"ZREMRANGEBYRANK", b"ZREMRANGEBYSCORE", b"ZREMRANGEBYLEX", b"ZPOPMIN", b"ZPOPMAX", b"ZMPOP", b"ZRANDMEMBER", b"ZSCAN", b"ZUNION", b"ZUNIONSTORE",
                          b"ZINTER", b"ZINTERSTORE", b"ZINTERCARD", b"ZDIFF", b"ZDIFFSTORE")] + [b"zz"] * self.pick(0, 1, 2, 6), "exact"

    def zset_keyspec(self):
        command, _ = self.random.choice([self.zadd, self.zrange, self.zpop, self.zset_many, self.zset_look])()
        return [b"COMMAND", self.pick(b"GETKEYS", b"GETKEYSANDFLAGS")] + command, "exact"
