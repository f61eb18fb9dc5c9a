"""Random commands on places, mixed into the generator. No two members that are searched share a place: which of two at the
same distance comes first when not all are wanted is nobody's promise."""

GEOS = [b"g1", b"g2", b"g3"]
CORNERS = [[b"180", b"85.05112878"], [b"-180", b"-85.05112878"], [b"0", b"0"], [b"179.9999", b"1"], [b"-179.9999", b"1"], [b"10", b"85"], [b"90", b"-84.9"]]
UNITS = [b"m", b"km", b"KM", b"ft", b"mi"]


class Geo:
    def geo_commands(self):
        return [(self.geoadd, 8), (self.geo_look, 5), (self.geosearch, 10), (self.georadius, 5), (self.geo_short, 0.7), (self.geo_keyspec, 0.5)]

    def geo_key(self):
        return self.key() if self.random.random() < 0.04 else self.random.choice(GEOS)

    def place_name(self):
        return b"p%d" % self.random.randrange(60) if self.random.random() < 0.95 else self.text()

    def place(self):
        roll = self.random.random()
        if roll < 0.03:
            return self.random.choice([[b"181", b"10"], [b"-180.1", b"0"], [b"10", b"85.06"], [b"10", b"-86"], [b"x", b"1"], [b"1", b"x"], [b"nan", b"1"], [b"1", b"inf"]])
        if roll < 0.07:
            return self.random.choice(CORNERS)
        if roll < 0.5:
            return [b"%.9f" % (13 + self.random.random()), b"%.9f" % (38 + self.random.random())]
        return [b"%.7f" % self.random.uniform(-180, 180), b"%.7f" % self.random.uniform(-85, 85)]

    def geoadd(self):
        options = [self.word(self.pick(b"NX", b"XX", b"CH", b"CH", b"GT")) for _ in range(self.pick(0, 0, 0, 0, 1, 2))]
        count = self.pick(1, 1, 2, 5, 20) if self.random.random() < 0.95 else self.pick(0, 150)
        places = [self.place() for _ in range(count)]
        words = sum((place + [b"corner%d" % CORNERS.index(place) if place in CORNERS else self.place_name() if count < 100 else b"far%d" % i] for i, place in enumerate(places)), [])
        if self.random.random() < 0.03:
            words = words[:-1]
        return self.random.choice([[self.word(b"GEOADD"), self.geo_key()] + options + words] * 6 + [[b"ZREM", self.geo_key(), self.place_name()], [b"DEL", self.geo_key()]]), "exact"

    def geo_look(self):
        names = [self.place_name() for _ in range(self.random.randrange(4))]
        unit = [self.random.choice(UNITS)] if self.random.random() < 0.95 else [b"yd"]
        if self.random.random() < 0.2:
            return [self.pick(b"GEOPOS", b"GEOHASH"), self.zset_key()] + [self.zmember() for _ in range(5)], "exact"
        return self.random.choice([[b"GEOPOS", self.geo_key()] + names, [b"GEOHASH", self.geo_key()] + names,
                                   [b"GEODIST", self.geo_key(), self.place_name(), self.place_name()] + self.random.choice([[], unit, unit, unit + [b"x"]])]), "exact"

    def length(self):
        roll = self.random.random()
        if roll < 0.03:
            return self.random.choice([b"-1", b"x", b"", b"nan"])
        return self.random.choice([b"0", b"0.001", b"1", b"50", b"100", b"300", b"1000", b"5000", b"20000", b"1e7", b"5e7", b"inf"]) if roll < 0.5 else b"%.3f" % self.random.uniform(0, 3000)

    def geo_unit(self):
        return self.random.choice(UNITS) if self.random.random() < 0.97 else b"parsec"

    def geo_options(self, store):
        options = []
        for _ in range(self.pick(0, 1, 1, 2, 3)):
            options += self.random.choice([[self.word(b"ASC")], [b"DESC"], [b"COUNT", self.pick(b"1", b"3", b"10", b"100")]] + ([] if store else [[b"WITHDIST"], [b"withcoord"], [b"WITHHASH"]]))
        if self.random.random() < 0.1:
            options += self.random.choice([[b"ANY"], [b"COUNT", b"3", b"ANY"], [b"COUNT", b"0"], [b"COUNT", b"x"], [b"COUNT"], [b"foo"], [b"WITHDIST"], [b"STORE", b"z1"]])
        return options

    def geosearch(self):
        store = self.random.random() < 0.25
        center = self.pick([b"FROMLONLAT"] + self.place(), [b"FROMMEMBER", self.place_name()], [b"frommember", self.place_name()])
        shape = self.pick([b"BYRADIUS", self.length(), self.geo_unit()], [b"ByBox", self.length(), self.length(), self.geo_unit()])
        parts = [center, shape, self.geo_options(store)] + ([[b"STOREDIST"]] if store and self.random.random() < 0.3 else [])
        if self.random.random() < 0.04:
            parts += [self.pick([b"FROMLONLAT"] + self.place(), [b"BYBOX", b"1", b"1", b"m"], [b"BYRADIUS", b"1", b"m"], [b"FROMMEMBER", b"p1"])]
        if self.random.random() < 0.04:
            parts.pop(self.random.randrange(2))
        self.random.shuffle(parts)
        head = [b"GEOSEARCHSTORE", self.zset_key() if [b"STOREDIST"] in parts else self.geo_key(), self.geo_key()] if store else [b"GEOSEARCH", self.geo_key()]
        return head + sum(parts, []), "exact"

    def georadius(self):
        store = self.pick([b"STORE", self.geo_key()], [b"storedist", self.zset_key()]) if self.random.random() < 0.25 else []
        tail = [self.length(), self.geo_unit()] + self.geo_options(bool(store)) + store
        name = self.pick(b"GEORADIUS", b"GEORADIUS", b"GEORADIUS_RO", b"GEORADIUSBYMEMBER", b"GEORADIUSBYMEMBER_RO")
        return [name, self.geo_key()] + ([self.place_name()] if b"MEMBER" in name else self.place()) + tail, "exact"

    def geo_short(self):
        return [self.pick(b"GEOADD", b"GEOPOS", b"GEODIST", b"GEOHASH", b"GEOSEARCH", b"GEOSEARCHSTORE", b"GEORADIUS", b"GEORADIUSBYMEMBER", b"GEORADIUS_RO")] + [b"zz"] * self.pick(0, 1, 2, 3, 6), "exact"

    def geo_keyspec(self):
        command, _ = self.random.choice([self.geoadd, self.geosearch, self.georadius])()
        return [b"COMMAND", self.pick(b"GETKEYS", b"GETKEYSANDFLAGS")] + command, "exact"
