"""Random commands on hashes: a part of the generator."""


class Hashes:
    FIELDS = [b"f1", b"f2", b"f3", b"f4", b"", b"1", b"-7", b"007", b"\x00\xff", b"x" * 64, b"x" * 65, b"field with blanks"]
    NUMBER_FIELDS = [b"n1", b"n2", b"n3"]

    def hash_key(self):
        return self.key() if self.random.random() < 0.15 else self.pick(b"h1", b"h2", b"h3", b"h4")

    def field(self):
        return self.pick(b"%d" % self.random.randrange(200), self.random.choice(self.FIELDS), self.random.choice(self.FIELDS))

    def hash_pairs(self):
        count = self.pick(1, 1, 1, 2, 3, 10)
        if self.random.random() < 0.015:
            return sum(([b"%d" % i, b"value %d" % i] for i in range(self.pick(509, 512, 513, 530))), [])
        short = self.random.random() < 0.8  # so that some hashes stay packed
        return sum(([self.field(), self.text()[:64] if short else self.text()] for _ in range(count)), [])

    def hash_set(self):
        pairs = self.hash_pairs()
        if self.random.random() < 0.05:
            pairs = pairs[:-1]
        return self.random.choice([[b"HSET", self.hash_key()] + pairs, [b"HSET", self.hash_key()] + pairs, [b"HMSET", self.hash_key()] + pairs,
                                   [b"HSETNX", self.hash_key()] + pairs[:2],
                                   [b"HSET", self.hash_key(), self.random.choice(self.NUMBER_FIELDS), self.integer(0.2)]]), "exact"

    def hash_numbers(self):
        field = self.random.choice(self.NUMBER_FIELDS) if self.random.random() < 0.8 else self.field()
        if self.random.random() < 0.6:
            return [b"HINCRBY", self.hash_key(), field, self.integer()], "exact"
        return [b"HINCRBYFLOAT", self.hash_key(), field, self.some_float()], "exact"

    def hash_get(self):
        fields = [self.field() for _ in range(self.random.randrange(1, 5))]
        return self.random.choice([[b"HGET", self.hash_key(), fields[0]], [b"HMGET", self.hash_key()] + fields, [b"HSTRLEN", self.hash_key(), fields[0]],
                                   [b"HEXISTS", self.hash_key(), fields[0]], [b"HLEN", self.hash_key()],
                                   [b"OBJECT", b"ENCODING", self.hash_key()], [b"TYPE", self.hash_key()]]), "exact"

    def hash_all(self):
        command = self.pick(b"HGETALL", b"HKEYS", b"HVALS")
        return [command, self.hash_key()], "pairs" if command == b"HGETALL" else "set"

    def hash_delete(self):
        if self.random.random() < 0.1:
            return [b"HDEL", self.hash_key()] + [b"%d" % i for i in range(530)] + self.FIELDS, "exact"
        return [b"HDEL", self.hash_key()] + [self.field() for _ in range(self.random.randrange(1, 4))], "exact"

    def hash_random(self):
        key = self.hash_key()
        words = self.random.choice([[], [self.pick(b"1", b"3", b"-3", b"0", b"-1")], [self.pick(b"2", b"-4", b"5"), b"WITHVALUES"],
                                    [b"1000"], [b"1000", b"withvalues"], [self.random.choice([b"a", b"1.5", b"-9223372036854775808", b""])],
                                    [b"9223372036854775807", b"WITHVALUES"], [b"-9223372036854775807", b"WITHVALUES"], [b"2", b"foo"],
                                    [b"2", b"WITHVALUES", b"x"]])
        return [b"HRANDFIELD", key] + words, "head"

    def hash_scan(self):
        key = self.hash_key()
        if self.random.random() < 0.3:
            return [b"HSCAN", key, self.pick(b"0", b"a", b"-", b"99999999999999999999", b" 0", b"1.5")] + \
                self.random.choice([[b"COUNT", b"0"], [b"COUNT", b"x"], [b"COUNT"], [b"MATCH"], [b"foo", b"bar"], [b"TYPE", b"hash"]]), "exact"
        options = []
        if self.random.random() < 0.5:
            options += [b"MATCH", self.random.choice([b"*", b"f*", b"?", b"1*", b"[0-9]", b""])]
        if self.random.random() < 0.5:
            options += [b"COUNT", self.pick(b"1", b"2", b"100", b"9223372036854775807")]
        return [b"HSCAN", key] + options, "walk"

    def hash_short(self):
        command = self.pick(b"HSET", b"HGET", b"HMGET", b"HMSET", b"HGETALL", b"HKEYS", b"HVALS", b"HLEN", b"HDEL", b"HEXISTS", b"HINCRBY",
                            b"HINCRBYFLOAT", b"HSTRLEN", b"HRANDFIELD", b"HSCAN", b"HSETNX")
        return [command] + [b"zz%d" % i for i in range(self.pick(0, 1, 7))], "exact"

    def hash_commands(self):
        return [(self.hash_set, 14), (self.hash_numbers, 6), (self.hash_get, 8), (self.hash_all, 4), (self.hash_delete, 5),
                (self.hash_random, 3), (self.hash_scan, 3), (self.hash_short, 0.7)]
