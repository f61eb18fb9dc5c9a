"""Random commands on bitmaps and HyperLogLogs, mixed into the generator."""

OFFSETS = [b"0", b"1", b"7", b"8", b"9", b"15", b"63", b"64", b"100", b"1023", b"8191", b"-1", b"4294967295", b"4294967296", b"x", b"",
           b"9223372036854775807", b"#0", b"#1", b"#3", b"#63", b"#-1", b"#", b"#x", b"#4294967296"]
TYPES = [b"u1", b"i1", b"u2", b"i5", b"u8", b"i8", b"u16", b"i16", b"u31", b"i32", b"i33", b"u63", b"i63", b"i64", b"u64", b"i65", b"u0", b"i0", b"x8",
         b"", b"u", b"i08", b"U8", b"u8 "]
RANGE = [b"0", b"1", b"2", b"5", b"7", b"8", b"13", b"100", b"-1", b"-2", b"-5", b"-9", b"-100", b"9223372036854775807", b"-9223372036854775808"]
BITMAPS = [b"b1", b"b2", b"b3"]
LOGS = [b"h1", b"h2", b"h3"]


class Bits:
    def bit_commands(self):
        return [(self.setbit, 6), (self.bit_reading, 8), (self.bitop, 4), (self.bitfield, 8), (self.bit_junk, 2), (self.pfadd, 5), (self.pf, 4)]

    def bit_key(self):
        return self.key() if self.random.random() < 0.15 else self.random.choice(BITMAPS)

    def log_key(self):
        return self.key() if self.random.random() < 0.1 else self.random.choice(LOGS)

    def offset(self):
        offset = self.random.choice(OFFSETS) if self.random.random() < 0.3 else b"%d" % self.random.randrange(300)
        return b"4294967296" if offset == b"4294967295" else offset  # do not fill half a gigabyte

    def edge(self):
        return self.integer() if self.random.random() < 0.1 else self.random.choice(RANGE)

    def setbit(self):
        return [b"SETBIT", self.bit_key(), self.offset(), self.pick(b"0", b"1", b"1", b"0", b"1", b"2", b"-1", b"x")], "exact"

    def bit_reading(self):
        unit = self.pick(b"BIT", b"BYTE", b"bit", b"byte", b"BIT", b"BYTE", b"foo")
        words = self.random.choice([
            [b"GETBIT", self.bit_key(), self.offset()],
            [b"BITCOUNT", self.bit_key()], [b"BITCOUNT", self.bit_key(), self.edge(), self.edge()],
            [b"BITCOUNT", self.bit_key(), self.edge(), self.edge(), unit], [b"BITCOUNT", self.bit_key(), self.edge()],
            [b"BITCOUNT", self.bit_key(), self.edge(), self.edge(), unit, b"x"],
            [b"BITPOS", self.bit_key(), self.pick(b"0", b"1")], [b"BITPOS", self.bit_key(), self.pick(b"0", b"1"), self.edge()],
            [b"BITPOS", self.bit_key(), self.pick(b"0", b"1"), self.edge(), self.edge()],
            [b"BITPOS", self.bit_key(), self.pick(b"0", b"1", b"2", b"-1", b"x"), self.edge(), self.edge(), unit],
            [b"BITPOS", self.bit_key(), b"0", self.edge(), self.edge(), unit, b"x"]])
        return words, "exact"

    def bitop(self):
        operator = self.pick(b"AND", b"OR", b"XOR", b"NOT", b"and", b"or", b"xor", b"not", b"NAND", b"ANDX", b"")
        keys = [self.bit_key() for _ in range(1 if operator.upper() == b"NOT" and self.random.random() < 0.8 else self.random.randrange(1, 5))]
        return [b"BITOP", operator, self.bit_key()] + keys, "exact"

    def bitfield(self):
        words = [self.pick(b"BITFIELD", b"BITFIELD", b"BITFIELD", b"BITFIELD_RO"), self.bit_key()]
        for _ in range(self.random.randrange(5)):
            kind, at = self.random.choice(TYPES[:14] if self.random.random() < 0.93 else TYPES), self.offset() if self.random.random() < 0.15 else self.pick(b"0", b"1", b"3", b"8", b"#1", b"#2", b"60")
            if at in (b"4294967295",):
                at = b"0"
            number = self.integer(0.05) if self.random.random() < 0.6 else b"%d" % self.random.randrange(-300, 300)
            if number.startswith(b"-922337203685477580"):
                number = b"-3000000000"  # BITFIELD SET with OVERFLOW SAT: Redis saturates these at the upper end, we at the lower
            words += self.random.choice([[b"GET", kind, at], [b"get", kind, at], [b"SET", kind, at, number], [b"INCRBY", kind, at, number], [b"INCRBY", kind, at, number],
                                         [b"OVERFLOW", self.pick(b"WRAP", b"SAT", b"FAIL", b"sat", b"fail", b"SAT", b"FAIL", b"WRAP", b"sat", b"bad")]])
        if self.random.random() < 0.05:
            words += [self.pick(b"GET", b"SET", b"INCRBY", b"OVERFLOW", b"foo")] + [self.text() for _ in range(self.random.randrange(2))]
        if self.random.random() < 0.06:
            return [b"COMMAND", self.pick(b"GETKEYS", b"GETKEYSANDFLAGS")] + words, "exact"
        return words, "exact"

    def bit_junk(self):
        return self.random.choice([[b"SET", self.bit_key(), self.text()], [b"SET", self.bit_key(), b"\xff" * self.pick(0, 1, 7, 8, 9, 40, 1024, 1030)],
                                   [b"SETRANGE", self.bit_key(), b"3", b"\xff\xf0"], [b"GET", self.bit_key()], [b"DEL", self.bit_key()],
                                   [self.pick(b"SETBIT", b"GETBIT", b"BITCOUNT", b"BITPOS", b"BITOP", b"BITFIELD", b"PFADD", b"PFCOUNT", b"PFMERGE")] + [b"zz"] * self.pick(0, 1, 2, 7)]), "exact"

    def pfadd(self):
        roll = self.random.random()
        count = 0 if roll < 0.05 else self.random.randrange(1, 6) if roll < 0.9 else self.random.randrange(300)
        key = self.log_key()
        if key not in LOGS:  # others may be damaged by SETBIT: see "damaged" below
            count = min(count, 1)
        return [b"PFADD", key] + [self.text() if self.random.random() < 0.2 else b"e%d" % self.random.randrange(100000) for _ in range(count)], "exact"

    def pf(self):
        keys = [self.log_key() for _ in range(self.random.randrange(1, 4))]
        return self.random.choice([[b"PFCOUNT"] + keys, [b"PFCOUNT", keys[0]], [b"PFMERGE"] + keys, [b"GET", keys[0]], [b"STRLEN", keys[0]], [b"GETRANGE", keys[0], b"0", b"40"],
                                   # Redis keeps the first elements of a PFADD that meets damage later, unpropagated; kvd keeps none: one at a time
                                   [b"PFADD", b"damaged", b"e%d" % self.random.randrange(1000)], [b"PFCOUNT", b"damaged", keys[0]], [b"PFCOUNT", b"damaged"],
                                   [b"GET", b"damaged"], [b"PFMERGE", b"damaged", keys[0]], [b"PFMERGE", keys[0], b"damaged"],
                                   [b"SETRANGE", b"damaged", self.pick(b"0", b"4", b"5", b"15", b"16", b"17", b"20", b"30", b"100"), self.pick(b"\x80", b"\x00", b"\xff", b"\x7f", b"HYLL", b"\x01")] if self.random.random() < 0.3 else [b"PFCOUNT", keys[0]],
                                   [b"DEL", keys[0]] if self.random.random() < 0.2 else [b"PFCOUNT"] + keys]), "exact"
