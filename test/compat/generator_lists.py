"""Random commands on lists: a part of the generator."""


class Lists:
    ELEMENTS = [b"a", b"b", b"c", b"1", b"-7", b"007", b"", b"\x00\xff", b"x" * 64]

    def list_key(self):
        return self.key() if self.random.random() < 0.12 else self.pick(b"l1", b"l2", b"l3", b"l4")

    def element(self):
        return self.random.choice(self.ELEMENTS) if self.random.random() < 0.8 else self.text()

    def index(self):
        return self.pick(b"%d" % self.random.randrange(-12, 12), b"%d" % self.random.randrange(-300, 300), self.integer())

    def list_push(self):
        count = self.pick(1, 1, 2, 5, 20, 100) if self.random.random() < 0.5 else 1
        return [self.pick(b"LPUSH", b"RPUSH", b"LPUSH", b"RPUSH", b"LPUSHX", b"RPUSHX"), self.list_key()] + \
            [self.element() for _ in range(count)], "exact"

    def list_pop(self):
        count = self.random.choice([[], [], [self.pick(b"1", b"2", b"10", b"0", b"1000")], [self.integer()]])
        end = self.pick(b"LEFT", b"RIGHT", b"left", b"foo")
        keys = [self.list_key() for _ in range(self.random.randrange(1, 4))]
        options = self.random.choice([[], [], [b"COUNT", self.pick(b"1", b"3", b"0", b"x", b"100")], [b"COUNT"], [b"COUNT", b"1", b"COUNT", b"2"]])
        return self.random.choice([[self.pick(b"LPOP", b"RPOP"), self.list_key()] + count,
                                   [b"RPOPLPUSH", self.list_key(), self.list_key()],
                                   [b"LMOVE", self.list_key(), self.list_key(), end, self.pick(b"LEFT", b"RIGHT", b"right")],
                                   [b"LMPOP", self.pick(b"%d" % len(keys), b"%d" % len(keys), b"%d" % len(keys), self.integer())] + keys + [end] + options]), "exact"

    def list_read(self):
        return self.random.choice([[b"LLEN", self.list_key()], [b"LINDEX", self.list_key(), self.index()], [b"LRANGE", self.list_key(), self.index(), self.index()],
                                   [b"LRANGE", self.list_key(), b"0", b"-1"], [b"OBJECT", b"ENCODING", self.list_key()]]), "exact"

    def list_find(self):
        options = [self.random.choice([[b"RANK", self.pick(b"1", b"2", b"-1", b"-2", b"0", b"-9223372036854775807", b"9223372036854775807", b"x")], [b"COUNT", self.pick(b"0", b"1", b"2", b"-1", b"x")],
                                       [b"MAXLEN", self.pick(b"0", b"1", b"10", b"-1", b"100")], [b"RANK"], [b"foo", b"1"]])
                   for _ in range(self.random.choice([0, 1, 1, 2, 3]))]
        return [b"LPOS", self.list_key(), self.element()] + sum(options, []), "exact"

    def list_edit(self):
        return self.random.choice([[b"LSET", self.list_key(), self.index(), self.element()],
                                   [b"LINSERT", self.list_key(), self.pick(b"BEFORE", b"after", b"AFTER", b"foo"), self.element(), self.element()],
                                   [b"LINSERT", self.list_key(), self.pick(b"BEFORE", b"AFTER"), self.element(), self.text()],
                                   [b"LREM", self.list_key(), self.pick(b"0", b"1", b"-1", b"-2", b"3", self.integer()), self.element()],
                                   [b"LTRIM", self.list_key(), self.pick(b"0", b"1", b"2"), self.pick(b"-1", b"-2", b"200")],
                                   [b"LTRIM", self.list_key(), self.index(), self.index()] if self.random.random() < 0.2 else [b"LLEN", b"l1"]]), "exact"

    def list_short(self):
        command = self.pick(b"LPUSH", b"RPUSH", b"LPUSHX", b"LPOP", b"RPOP", b"LLEN", b"LRANGE", b"LINDEX", b"LSET", b"LINSERT", b"LREM", b"LTRIM", b"LPOS",
                            b"LMOVE", b"LMPOP", b"RPOPLPUSH")
        return [command] + [b"zz%d" % i for i in range(self.pick(0, 1, 7))], "exact"

    def list_setting(self):
        name, values = self.random.choice([(b"list-max-listpack-size", [b"-2", b"-2", b"-1", b"-5", b"1", b"3", b"100", b"0", b"-9", b"x"]),
                                           (b"list-compress-depth", [b"0", b"0", b"1", b"2", b"5", b"-1"])])
        return [b"CONFIG", b"SET", name, self.random.choice(values)], "head"

    def list_commands(self):
        return [(self.list_push, 14), (self.list_pop, 9), (self.list_read, 8), (self.list_find, 4), (self.list_edit, 9), (self.list_short, 0.7),
                (self.list_setting, 0.2)]
