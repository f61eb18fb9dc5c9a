"""Random commands for the differential tester: mostly sensible, often hostile, always the same for the same seed."""
import random

from generator_bits import Bits
from generator_geo import Geo
from generator_hashes import Hashes
from generator_lists import Lists
from generator_sets import Sets
from generator_streams import Streams
from generator_zsets import Zsets

KEYS = [b"k1", b"k2", b"k3", b"k4", b"k5", b"", b"key with spaces", b"\x00\xff\r\n", b"n1", b"n2", b"n3", b"x" * 300, b"k[1]", b"k*", b"h1", b"h2", b"l1"]

INTEGERS = [b"0", b"1", b"-1", b"2", b"5", b"7", b"10", b"100", b"-100", b"9999", b"10000", b"9223372036854775807",
            b"-9223372036854775808", b"9223372036854775806", b"-9223372036854775807"]

NOT_INTEGERS = [b"", b" ", b"a", b"1.5", b"01", b"+1", b"-0", b" 1", b"1 ", b"0x10", b"1e3", b"9223372036854775808",
                b"-9223372036854775809", b"99999999999999999999", b"\x00", b"1\x00", b"nan", b"inf", b"--1", b"-"]

FLOATS = [b"0", b"1", b"-1", b"1.5", b"-2.25", b"3.0e3", b"1e-5", b"0.1", b"0.2", b"1e300", b"5e-324", b"1e17", b"123456789.123456789",
          b"inf", b"-inf", b"+inf", b"infinity", b"nan", b"-nan", b"", b" 1", b"1 ", b"0x1p3", b"1e400", b"1e5000", b"--1", b"1.", b".5", b"abc",
          b"1e", b"\x001"]

TEXTS = [b"", b"a", b"hello", b"Hello World", b"ohmytext", b"mynewtext", b"\x00\x01\x02", b"\r\n", b"x" * 44, b"x" * 45,
         b"y" * 1000, b"z" * 1024, b"z" * 1025, b"w" * 5000, b"12345", b"-7", b"007", b"3.14", b"9223372036854775807",
         b"9223372036854775808", b"\xff\xfe", b"caf\xc3\xa9", b"abcabcabc", b"v" * 40000]

# Not "**": redis-server does not match the empty key with it, though it does with "*".
PATTERNS = [b"*", b"k*", b"k?", b"k[12]", b"k[^12]", b"k[1-3]", b"", b"n*", b"*\x00*", b"k\\*", b"k[1", b"?", b"k**", b"[a-z]*", b"k1", b"\\"]

FAR = [b"1000", b"5000", b"100000"]            # seconds from now: nothing ends while a run lasts
PAST = [b"0", b"-1", b"-1000", b"1", b"-9223372036854775808"]  # only where they mean a time that is over or an error
FUTURE_AT = [b"4000000000", b"9999999999"]
DATABASES = [b"0", b"1", b"2", b"15", b"16", b"-1", b"a", b"", b"99999999999", b"1.0"]


class Generator(Bits, Geo, Hashes, Lists, Sets, Streams, Zsets):
    """next() returns (connection number, words, how to compare)."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.commands = [
            (self.set, 14), (self.get, 8), (self.numbers, 10), (self.floats, 3), (self.edit, 10), (self.several, 6),
            (self.getting, 5), (self.expire, 10), (self.ttl, 6), (self.delete, 6), (self.look, 8), (self.rename, 4),
            (self.move, 4), (self.walk, 4), (self.lcs, 2), (self.select, 2), (self.transaction, 10), (self.flush, 0.4),
            (self.swap, 1), (self.junk, 3), (self.short, 1), (self.keyspec, 2),
        ] + self.bit_commands() + self.hash_commands() + self.list_commands() + self.set_commands() + self.zset_commands() + self.geo_commands() + \
            self.stream_commands()

    # -- pieces --

    def pick(self, *choices):
        return self.random.choice(choices)

    def key(self):
        return self.random.choice(KEYS)

    def number_key(self):
        return self.random.choice(KEYS) if self.random.random() < 0.2 else self.pick(b"n1", b"n2", b"n3")

    def text(self):
        roll = self.random.random()
        if roll < 0.6:
            return self.random.choice(TEXTS)
        if roll < 0.8:
            return self.random.choice(INTEGERS)
        return bytes(self.random.randrange(256) for _ in range(self.random.randrange(60)))

    def integer(self, hostile=0.15):
        return self.random.choice(NOT_INTEGERS if self.random.random() < hostile else INTEGERS)

    def some_float(self):
        return self.random.choice(FLOATS)

    def word(self, word):
        """The same word in another case."""
        return self.pick(word, word.lower(), word.title() if isinstance(word, bytes) else word)

    def next(self):
        functions, weights = zip(*self.commands)
        words, how = self.random.choices(functions, weights)[0]()
        return (1 if self.random.random() < 0.15 else 0), words, how

    # -- commands --

    def expiry(self):
        kind = self.pick(b"EX", b"PX", b"EXAT", b"PXAT")
        if self.random.random() < 0.25:
            value = self.random.choice(NOT_INTEGERS + PAST[:3] + INTEGERS[-4:])
            if kind in (b"EX", b"PX") and value in (b"1", b"2"):
                value = b"0"
        elif kind == b"EX":
            value = self.random.choice(FAR)
        elif kind == b"PX":
            value = self.random.choice(FAR) + b"000"
        else:
            value = self.random.choice(FUTURE_AT) + (b"000" if kind == b"PXAT" else b"")
        return [self.word(kind), value]

    def set(self):
        words = [self.word(b"SET"), self.key(), self.text()]
        while self.random.random() < 0.35:
            words += self.random.choice([[b"NX"], [b"XX"], [b"GET"], [b"KEEPTTL"], self.expiry(), self.expiry(), [b"PERSIST"], [b"EX"], [b"bogus"]])
        return words, "exact"

    def get(self):
        return self.random.choice([[b"GET", self.key()], [b"STRLEN", self.key()], [b"GET", self.number_key()],
                                   [b"GETRANGE", self.key(), self.integer(), self.integer()],
                                   [b"SUBSTR", self.key(), self.integer(), self.integer()]]), "exact"

    def numbers(self):
        key = self.number_key()
        return self.random.choice([[b"INCR", key], [b"DECR", key], [b"INCRBY", key, self.integer()], [b"DECRBY", key, self.integer()],
                                   [b"SET", key, self.integer(0.2)]]), "exact"

    def floats(self):
        return [b"INCRBYFLOAT", self.number_key(), self.random.choice(FLOATS)], "exact"

    def edit(self):
        offset = self.pick(b"0", b"1", b"5", b"44", b"100", b"1020", b"2000", b"-1", b"536870911", b"536870912", b"9223372036854775807", b"x")
        if offset == b"536870911":
            offset = b"536870912"  # do not fill half a gigabyte
        return self.random.choice([[b"APPEND", self.key(), self.text()], [b"SETRANGE", self.key(), offset, self.pick(b"", b"abc", b"z" * 50)]]), "exact"

    def several(self):
        pairs = [self.key() if i % 2 == 0 else self.text() for i in range(2 * self.random.randrange(1, 4) - (self.random.random() < 0.1))]
        keys = [self.key() for _ in range(self.random.randrange(1, 5))]
        return self.random.choice([[b"MSET"] + pairs, [b"MSETNX"] + pairs, [b"MGET"] + keys, [b"SETNX", self.key(), self.text()]]), "exact"

    def getting(self):
        return self.random.choice([[b"GETSET", self.key(), self.text()], [b"GETDEL", self.key()], [b"GETEX", self.key()],
                                   [b"GETEX", self.key()] + self.expiry(), [b"GETEX", self.key(), b"PERSIST"],
                                   [b"GETEX", self.key(), b"PERSIST"] + self.expiry(), [b"GETEX", self.key(), b"EXAT", b"1"],
                                   [b"SETEX", self.key(), self.random.choice(FAR + PAST[:3] + NOT_INTEGERS), self.text()],
                                   [b"PSETEX", self.key(), self.random.choice(FAR) + b"000", self.text()],
                                   [b"SETEX", self.key(), b"9223372036854775", self.text()]]), "exact"

    def expire(self):
        options = [self.random.choice([b"NX", b"XX", b"GT", b"LT", b"lt", b"foo"]) for _ in range(self.random.choice([0, 0, 0, 1, 1, 2]))]
        command = self.pick(b"EXPIRE", b"PEXPIRE", b"EXPIREAT", b"PEXPIREAT")
        if {b"GT", b"LT", b"lt"} & set(options):  # relative times would be compared to the millisecond
            command = self.pick(b"EXPIREAT", b"PEXPIREAT")
        if self.random.random() < 0.25:
            when = self.random.choice(NOT_INTEGERS + [b"0", b"-1", b"-1000", b"9223372036854775807", b"-9223372036854775808"])
        elif command == b"EXPIRE":
            when = self.random.choice(FAR)
        elif command == b"PEXPIRE":
            when = self.random.choice(FAR) + b"000"
        else:
            when = self.random.choice(FUTURE_AT) + (b"000" if command == b"PEXPIREAT" else b"")
        return [command, self.key(), when] + options, "exact"

    def ttl(self):
        command = self.pick(b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME", b"PERSIST")
        return [command, self.key()], {b"TTL": "near 2", b"PTTL": "near 2000", b"EXPIRETIME": "near 2", b"PEXPIRETIME": "near 2000"}.get(command, "exact")

    def delete(self):
        return [self.pick(b"DEL", b"UNLINK")] + [self.key() for _ in range(self.random.randrange(1, 4))], "exact"

    def look(self):
        if self.random.random() < 0.05:
            return [b"OBJECT", b"REFCOUNT", self.key()], "number"
        keys = [self.key() for _ in range(self.random.randrange(1, 4))]
        return self.random.choice([[b"EXISTS"] + keys, [b"TOUCH"] + keys, [b"TYPE", keys[0]], [b"OBJECT", b"ENCODING", keys[0]],
                                   [b"OBJECT", b"FREQ", keys[0]], [b"OBJECT", b"foo", keys[0]],
                                   [b"OBJECT"], [b"OBJECT", b"ENCODING"], [b"DBSIZE"]]), "exact"

    def rename(self):
        return [self.pick(b"RENAME", b"RENAMENX"), self.key(), self.key()], "exact"

    def move(self):
        options = [self.random.choice([[b"REPLACE"], [b"DB", self.random.choice(DATABASES)], [b"DB"], [b"foo"]]) for _ in range(self.random.choice([0, 0, 1, 1, 2]))]
        return self.random.choice([[b"MOVE", self.key(), self.random.choice(DATABASES)],
                                   [b"COPY", self.key(), self.key()] + sum(options, [])]), "exact"

    def walk(self):
        roll = self.random.random()
        if roll < 0.3:
            return [b"KEYS", self.random.choice(PATTERNS)], "set"
        if roll < 0.4:
            return [b"RANDOMKEY"], "random key"
        if roll < 0.6:
            return [b"SCAN", self.pick(b"a", b"1a", b"-", b"99999999999999999999", b"0x", b" 0", b"1.5")], "exact"
        if roll < 0.7:
            return [b"SCAN", b"0"] + self.random.choice([[b"COUNT", b"0"], [b"COUNT", b"-1"], [b"COUNT", b"x"], [b"COUNT"], [b"MATCH"], [b"foo", b"bar"], [b"TYPE"]]), "exact"
        options = []
        if self.random.random() < 0.5:
            options += [b"MATCH", self.random.choice(PATTERNS)]
        if self.random.random() < 0.5:
            options += [b"COUNT", self.pick(b"1", b"2", b"100", b"9223372036854775807")]
        if self.random.random() < 0.3:
            options += [b"TYPE", self.pick(b"string", b"STRING", b"list", b"hash", b"nonsense")]
        return [b"SCAN"] + options, "walk"

    def lcs(self):
        options = [self.random.choice([[b"LEN"], [b"IDX"], [b"WITHMATCHLEN"], [b"MINMATCHLEN", self.integer()], [b"MINMATCHLEN"], [b"foo"]])
                   for _ in range(self.random.randrange(4))]
        return [b"LCS", self.key(), self.key()] + sum(options, []), "exact"

    def select(self):
        return [b"SELECT", self.random.choice(DATABASES + [b"0"] * 8)], "exact"

    def transaction(self):
        return self.random.choice([[b"MULTI"], [b"EXEC"], [b"EXEC"], [b"DISCARD"], [b"UNWATCH"], [b"WATCH"] + [self.key()],
                                   [b"WATCH", self.key(), self.key()], [b"WATCH"], [b"EXEC", b"x"]]), "exact"

    def flush(self):
        return [self.pick(b"FLUSHDB", b"FLUSHALL")] + self.random.choice([[], [b"SYNC"], [b"ASYNC"], [b"foo"], [b"SYNC", b"ASYNC"]]), "exact"

    def swap(self):
        return [b"SWAPDB", self.random.choice(DATABASES), self.random.choice(DATABASES)], "exact"

    def junk(self):
        return self.random.choice([[b"nosuchcommand"], [b"nosuchcommand", self.text()], [b"", b"x"], [b"GETT", self.key()], [b"ROLE"],
                                   [b"ECHO", self.text()], [b"PING"], [b"PING", self.text()], [b"get\x00", b"k1"]]), "exact"

    def short(self):
        """Any command with too few or too many arguments."""
        command = self.pick(b"SET", b"GET", b"INCR", b"APPEND", b"GETRANGE", b"SETRANGE", b"MSET", b"MGET", b"EXPIRE", b"TTL", b"DEL", b"EXISTS",
                            b"TYPE", b"RENAME", b"COPY", b"MOVE", b"SELECT", b"SWAPDB", b"DBSIZE", b"KEYS", b"SCAN", b"RANDOMKEY", b"LCS", b"GETEX",
                            b"SETEX", b"STRLEN", b"MULTI", b"EXEC", b"DISCARD", b"WATCH", b"PERSIST", b"TOUCH", b"UNLINK", b"OBJECT", b"ROLE")
        count = self.pick(0, 1, 6)
        return [command] + [b"zz%d" % i for i in range(count)], "random key" if command == b"RANDOMKEY" else "exact"

    def keyspec(self):
        command, _ = self.random.choice([self.set, self.several, self.lcs, self.rename, self.delete, self.get, self.ttl])()
        return [b"COMMAND", self.pick(b"GETKEYS", b"GETKEYSANDFLAGS")] + command, "exact"
