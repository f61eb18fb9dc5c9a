"""Random commands on sets, mixed into the generator."""

SETS = [b"s1", b"s2", b"s3", b"s4"]


class Sets:
    def set_commands(self):
        return [(self.sadd, 8), (self.srem, 4), (self.smove, 2), (self.set_look, 6), (self.set_many, 6), (self.set_random, 3), (self.sscan, 2), (self.set_short, 1)]

    def set_key(self):
        return self.key() if self.random.random() < 0.08 else self.random.choice(SETS)

    def member(self):
        roll = self.random.random()
        return b"%d" % self.random.randrange(-20, 40) if roll < 0.7 else b"m%d" % self.random.randrange(20) if roll < 0.9 else self.text()

    def sadd(self):
        if self.random.random() < 0.05:
            start = self.random.randrange(1000)
            return [b"SADD", self.set_key()] + [b"%d" % (start + i) for i in range(self.random.randrange(700))], "exact"
        members = [self.member() for _ in range(self.random.randrange(1, 6))]
        if self.random.random() < 0.5:
            members = [b"%d" % self.random.choice([-40000, 3, 5, 70000, 5000000000, self.random.randrange(100)]) for _ in members]
        return [b"SADD", self.set_key()] + members, "exact"

    def srem(self):
        return self.random.choice([[b"SREM", self.set_key()] + [self.member() for _ in range(self.random.randrange(1, 8))], [b"DEL", self.set_key()]]), "exact"

    def smove(self):
        return [b"SMOVE", self.set_key(), self.set_key(), self.member()], "exact"

    def set_look(self):
        key = self.set_key()
        return self.random.choice([([b"SMEMBERS", key], "set"), ([b"SCARD", key], "exact"), ([b"SISMEMBER", key, self.member()], "exact"),
                                   ([b"SMISMEMBER", key] + [self.member() for _ in range(self.random.randrange(1, 5))], "exact"),
                                   ([b"OBJECT", b"ENCODING", key], "exact"), ([b"TYPE", key], "exact"), ([b"COPY", key, self.set_key()], "exact"),
                                   ([b"RENAME", key, self.set_key()], "exact")])

    def set_many(self):
        keys = [self.set_key() for _ in range(self.random.randrange(1, 4))]
        name = self.pick(b"SINTER", b"SUNION", b"SDIFF")
        if self.random.random() < 0.45:
            return [name] + keys, "set"
        if self.random.random() < 0.6:
            return [name + b"STORE", self.set_key()] + keys, "exact"
        limit = self.random.choice([[], [], [b"LIMIT", self.pick(b"0", b"1", b"3", b"-1", b"x")], [b"LIMIT"], [b"foo"]])
        return [b"SINTERCARD", self.pick(b"%d" % len(keys), b"%d" % len(keys), b"%d" % len(keys), b"0", b"-1", b"x", b"9")] + keys + limit, "exact"

    def set_random(self):
        """What is drawn differs: only what does not depend on it is compared."""
        key = self.set_key()
        return self.random.choice([([b"SRANDMEMBER", b"none"], "exact"), ([b"SRANDMEMBER", key, b"0"], "exact"), ([b"SRANDMEMBER", key, b"1000000"], "set"),
                                   ([b"SRANDMEMBER", key, self.pick(b"x", b"9223372036854775808", b"-9223372036854775808", b"")], "exact"),
                                   ([b"SRANDMEMBER", key, b"1", b"2"], "exact"), ([b"SPOP", key, b"1000000"], "set"), ([b"SPOP", key, b"0"], "exact"),
                                   ([b"SPOP", key, self.pick(b"x", b"-1", b"")], "exact"), ([b"SPOP", b"none"], "exact"), ([b"SPOP", b"none", b"3"], "exact"),
                                   ([b"SPOP", key, b"1", b"2"], "exact")])

    def sscan(self):
        key = self.set_key()
        return self.random.choice([([b"SSCAN", b"none", b"0"], "exact"), ([b"SSCAN", key, b"x"], "exact"), ([b"SSCAN", key, b"0", b"COUNT", self.pick(b"0", b"x")], "exact"),
                                   ([b"SSCAN", key, b"0", b"foo"], "exact"), ([b"SSCAN", key, b"0", b"TYPE", b"set"], "exact")])

    def set_short(self):
        return [self.pick(b"SADD", b"SREM", b"SCARD", b"SMOVE", b"SISMEMBER", b"SMISMEMBER", b"SMEMBERS", b"SPOP", b"SRANDMEMBER", b"SINTER", b"SINTERSTORE", b"SINTERCARD", b"SUNION",
                          b"SDIFFSTORE", b"SSCAN")] + [b"zz"] * self.pick(0, 1, 2, 6), "exact"
