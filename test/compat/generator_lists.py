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

    def sort(self):
        """Only what has one right answer: elements that compare as equal keep an order of their own."""
        pick, chance = self.pick, lambda share: self.random.random() < share
        key = pick(b"l1", b"l2", b"l3", b"l4", b"n5", b"s1", b"s2", b"zs1")
        words, is_list = [key], key in (b"l1", b"l2", b"l3", b"l4", b"n5")
        alpha, by = chance(0.6), None
        if chance(0.5) and (is_list or not alpha):
            by = pick(b"w_*", b"*", b"h_*->f", b"h_*->", b"w_*x", b"->*", b"nosort")
            if by == b"nosort" and not is_list and key[:1] != b"z":
                by = b"*"
            words += [pick(b"BY", b"by"), by]
        if alpha:
            words.append(b"ALPHA")
        if chance(0.4) and not (alpha and by):
            words += [b"LIMIT", pick(b"0", b"1", b"3", b"-2", b"100", b"x" if chance(0.1) else b"2"), pick(b"0", b"1", b"5", b"-1", b"100", b"9223372036854775807")]
        for _ in range(pick(0, 0, 0, 1, 2, 3)):
            words += [pick(b"GET", b"get"), pick(b"#", b"w_*", b"h_*->f", b"nothing", b"h_*->nope", b"*")]
        if chance(0.4):
            words.append(pick(b"DESC", b"ASC", b"desc"))
        if chance(0.2):
            words += [b"STORE", pick(b"l1", b"l3", b"k1")]
        if chance(0.02):
            words.append(pick(b"foo", b"GET", b"BY", b"LIMIT", b"STORE"))
        return [b"SORT" if chance(0.8) else b"SORT_RO"] + words, "exact"

    def sort_weights(self):
        element = self.pick(b"a", b"b", b"1", b"2", b"3", b"-7", b"007")
        number = self.pick(b"1", b"2", b"-3", b"1.5", b"1e3", b"", b" 7", b"0x10", b"inf", b"-inf", b"x" if self.random.random() < 0.1 else b"9")
        return self.random.choice([[b"SET", b"w_" + element, number], [b"HSET", b"h_" + element, b"f", number], [b"DEL", b"w_" + element],
                                   [b"RPUSH", b"n5", number, element], [b"LTRIM", b"n5", b"-6", b"-1"], [b"SADD", b"s1", b"5", b"77", b"-1"],
                                   [b"ZADD", b"zs1", b"1", b"5", b"2", b"4", b"3", element]]), "exact"

    def list_commands(self):
        return [(self.list_push, 14), (self.list_pop, 9), (self.list_read, 8), (self.list_find, 4), (self.list_edit, 9), (self.list_short, 0.7),
                (self.list_setting, 0.2), (self.sort, 5), (self.sort_weights, 3)]
