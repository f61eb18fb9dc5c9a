"""The faults: what can be done to a node or to the network, and undone.

A step is one fault, or several at once, written "fault:target:seconds+fault:target:seconds". Targets: primary, replica,
sentinel (one of them by chance), any, all, a node's name, or for restart all names joined by "/". Who is the primary is decided when the step begins.
"""
import itertools
import os
import threading
import time

from network import CLIENTS, fill_disk
from nodes import MASTER
from resp import RespError


class Fault:
    """Done by begin() to the node, undone by end(). `touched`: names of the servers whose acknowledged writes may be lost by it."""

    loses = True  # whether writes that the node acknowledged near the fault may be missing afterwards
    whole_set = False

    def __init__(self, cluster, node, seconds, random):
        self.cluster, self.network, self.node, self.seconds, self.random = cluster, cluster.network, node, seconds, random
        self.touched = {node.name} if self.loses and node else set()

    def others(self):
        return [name for name in self.network.names() if name not in (self.node.name, CLIENTS)]

    def begin(self):
        raise NotImplementedError

    def end(self):
        raise NotImplementedError


class Kill(Fault):
    """kill -9, started again afterwards."""

    def begin(self):
        self.node.kill()

    def end(self):
        self.node.start()


class Terminate(Kill):
    """SIGTERM, started again afterwards."""

    def begin(self):
        self.node.terminate()


class Stop(Fault):
    """SIGSTOP and SIGCONT."""

    def begin(self):
        self.node.stop()

    def end(self):
        self.node.go_on()


class Losing(Fault):
    """Packets of some pairs vanish."""

    def begin(self):
        self.pairs = self.choose()
        self.network.lose(self.pairs)

    def end(self):
        self.network.mend(self.pairs)


class Isolate(Losing):
    """The node and the other nodes do not hear each other; clients reach all."""

    def choose(self):
        return [(self.node.name, other) for other in self.others()] + [(other, self.node.name) for other in self.others()]


class Vanish(Losing):
    """Nobody hears the node, clients included, and it hears nobody."""

    def choose(self):
        others = self.others() + [CLIENTS]
        return [(self.node.name, other) for other in others] + [(other, self.node.name) for other in others]


class Deaf(Losing):
    """The node hears no other node, but is heard."""

    def choose(self):
        return [(other, self.node.name) for other in self.others()]


class Mute(Losing):
    """The node is not heard by other nodes, but hears them."""

    def choose(self):
        return [(self.node.name, other) for other in self.others()]


class Cut(Losing):
    """The node and one server do not hear each other; the sentinels reach both."""

    loses = False

    def other(self):
        return self.random.choice([server.name for server in self.cluster.servers if server is not self.node])

    def choose(self):
        other = self.other()
        return [(self.node.name, other), (other, self.node.name)]


class OneWay(Cut):
    """One server does not hear the node any more."""

    def choose(self):
        return [(self.node.name, self.other())]


class Split(Losing):
    """The node and one sentinel on one side, the other nodes on the other; clients reach all."""

    def choose(self):
        side = {self.node.name, self.random.choice([sentinel.name for sentinel in self.cluster.sentinels])}
        rest = [name for name in self.network.names() if name not in side and name != CLIENTS]
        return [(a, b) for a in side for b in rest] + [(b, a) for a in side for b in rest]


class Restart(Fault):
    """All nodes are killed, and started in any order (or the one that is given), the pauses between them adding up to the seconds."""

    whole_set = True

    def __init__(self, cluster, node, seconds, random, order=None):
        super().__init__(cluster, node, seconds, random)
        self.order = order or self.random.sample(self.cluster.nodes, len(self.cluster.nodes))
        self.pauses = [self.random.random() for _ in self.order]
        self.touched = {server.name for server in self.cluster.servers}

    def begin(self):
        for node in self.random.sample(self.cluster.nodes, len(self.cluster.nodes)):
            node.kill()
        for node, pause in zip(self.order, self.pauses):
            node.start()
            time.sleep(pause * self.seconds / sum(self.pauses))

    def end(self):
        pass


class Slow(Fault):
    """The node's packets, those to it, or both, go through a proxy, and what comes of it is up to settings()."""

    def settings(self):
        raise NotImplementedError

    def begin(self):
        others = self.others() + ([CLIENTS] if self.random.random() < 0.5 else [])
        ways = self.random.choice(("from", "to", "both", "both"))
        self.pairs = [(self.node.name, other) for other in others if ways != "to"] + [(other, self.node.name) for other in others if ways != "from"]
        self.mark = "%s %016x" % (type(self).__name__, self.random.getrandbits(64))
        self.network.slow(self.pairs, self.mark, self.settings())

    def end(self):
        self.network.quicken(self.pairs, self.mark)


class Delay(Slow):
    """A long way, more or less steady."""

    def settings(self):
        return {"delay_ms": self.random.choice((5, 40, 150, 400)), "jitter_ms": self.random.choice((0, 10, 100, 400))}


class Loss(Slow):
    """Every so many packets are lost."""

    def settings(self):
        return {"loss": self.random.choice((0.02, 0.1, 0.3)), "delay_ms": self.random.choice((0, 0, 20))}


class Narrow(Slow):
    """Few bytes a second, and a queue."""

    def settings(self):
        return {"bytes_per_s": self.random.choice((8000, 30000, 100000))}


class Stall(Slow):
    """Now and then nothing moves for a while, and then all of it comes."""

    def settings(self):
        return {"stall_every_s": self.random.choice((0.3, 1, 2)), "stall_s": self.random.choice((0.2, 0.8, 1.5))}


class Reset(Slow):
    """Connections are cut: their segments become resets now and then."""

    def settings(self):
        return {"resets": self.random.choice((0.002, 0.02, 0.1))}


class SlowDisk(Fault):
    """Writing or syncing, or both, takes longer on the node's disk."""

    def begin(self):
        self.node.faulty.all_of(self.random.choice(("write", "sync", "any")), "slow=%d" % self.random.choice((20, 200, 1000, 3000)))

    def end(self):
        self.node.faulty.works()


class BadDisk(Fault):
    """Writes end half done or fail, or syncs do."""

    loses = False

    def begin(self):
        self.node.faulty.all_of(*self.random.choice((("write", "short"), ("write", "ENOSPC"), ("write", "EIO"), ("sync", "EIO"), ("sync", "ENOSPC"),
                                                     ("any", "EIO"))))

    def end(self):
        self.node.faulty.works()


class Full(Fault):
    """The node's disk is full: files of the data and of the configuration cannot grow."""

    loses = False

    def begin(self):
        self.files = []
        self.running = True
        self.thread = threading.Thread(target=self.keep_full, daemon=True)
        self.thread.start()

    def keep_full(self):
        """What the node itself frees (it removes a file that it could not finish) is taken too."""
        while self.running:
            name = fill_disk(self.node.disk)
            if os.stat(name).st_size:
                self.files.append(name)
            else:
                os.unlink(name)
            time.sleep(0.05)

    def end(self):
        self.running = False
        self.thread.join()
        for name in self.files:
            os.unlink(name)


class FullKill(Full):
    """The disk is full, the node is killed meanwhile, and started again when there is room: files end anywhere."""

    loses = True

    def end(self):
        self.node.kill()
        super().end()
        self.node.start()


class Handover(Fault):
    """SENTINEL FAILOVER."""

    whole_set = True
    options = ()

    def begin(self):
        sentinel = self.random.choice(self.cluster.sentinels)
        primary = self.cluster.primary()
        self.touched = {primary.name} if primary and self.loses else set()
        try:
            with sentinel.connect(timeout=5) as connection:
                connection.do("SENTINEL", "FAILOVER", MASTER, *self.options)
        except (OSError, EOFError, RespError):
            pass  # another fault of this step is in the way

    def end(self):
        pass


class Coordinated(Handover):
    """SENTINEL FAILOVER COORDINATED: the primary's writes are stopped first."""

    loses = False
    options = ("COORDINATED",)


# Fault: what it is, and how often it is chosen.
FAULTS = {"kill": Kill, "term": Terminate, "stop": Stop, "isolate": Isolate, "vanish": Vanish, "deaf": Deaf, "mute": Mute, "cut": Cut,
          "oneway": OneWay, "split": Split, "restart": Restart, "full": Full, "fullkill": FullKill, "handover": Handover,
          "coordinated": Coordinated, "delay": Delay, "loss": Loss, "narrow": Narrow, "stall": Stall, "reset": Reset, "slowdisk": SlowDisk,
          "baddisk": BadDisk}
OFTEN = {"kill": 5, "term": 3, "stop": 5, "isolate": 4, "vanish": 3, "deaf": 3, "mute": 3, "cut": 2, "oneway": 2, "split": 3, "restart": 3,
         "full": 3, "fullkill": 2, "handover": 1, "coordinated": 2, "delay": 2, "loss": 2, "narrow": 2, "stall": 3, "reset": 2,
         "slowdisk": 4, "baddisk": 3}
OF_SERVERS_ONLY = {"cut", "oneway", "split"}


def need_proxy(text):
    return any(issubclass(FAULTS[fault], Slow) for fault, _, _ in parse(text))


def parse(text):
    """One step as [(fault, target, seconds)]; ValueError says what is wrong."""
    parts = []
    for word in text.split("+"):
        fields = word.split(":")
        if len(fields) != 3 or fields[0] not in FAULTS:
            raise ValueError("not fault:target:seconds with a fault of %s: %r" % (" ".join(FAULTS), word))
        parts.append((fields[0], fields[1], float(fields[2])))
    return parts


def make(cluster, part, random):
    fault, target, seconds = part
    kind = FAULTS[fault]
    primary = cluster.primary()
    if kind is Restart and "/" in target:
        return Restart(cluster, None, seconds, random, [cluster.by_name[name] for name in target.split("/")])
    if kind.whole_set or target == "all":
        if not kind.whole_set:
            raise ValueError("%s is done to one node, not to all" % fault)
        node = None
    elif target == "primary":
        node = primary
    elif target in ("replica", "sentinel", "any"):
        pool = {"replica": [server for server in cluster.servers if server is not primary], "sentinel": cluster.sentinels,
                "any": cluster.servers if fault in OF_SERVERS_ONLY else cluster.nodes}[target]
        node = random.choice(pool)
    elif target in cluster.by_name:
        node = cluster.by_name[target]
    else:
        raise ValueError("no such target: %s" % target)
    return kind(cluster, node, seconds, random)


def all_orders(names, seconds, random):
    """The steps that restart the nodes in every order, themselves in any order."""
    orders = list(itertools.permutations(names))
    random.shuffle(orders)
    return ["restart:%s:%g" % ("/".join(order), seconds) for order in orders]


def plan(random, has_proxy=True, stretch=1):
    """Steps without end; stretch: how much longer they take than where down-after is a second."""
    names = [name for name in FAULTS if has_proxy or not issubclass(FAULTS[name], Slow)]

    def part():
        fault = random.choices(names, [OFTEN[name] for name in names])[0]
        if FAULTS[fault].whole_set:
            target = "all"
        elif fault in OF_SERVERS_ONLY:
            target = random.choice(("primary", "primary", "any"))
        else:
            target = random.choices(("primary", "replica", "sentinel", "any"), [6, 2, 1, 1])[0]
        seconds = stretch * random.choice((0.1, 0.5, 2.0, 2.0, 4.0, 6.0))
        return "%s:%s:%g" % (fault, target, seconds)

    while True:
        first = part()
        text = [first]
        # A node that is stopped or killed twice by two faults would be undone twice: the second one is done to the network or a disk.
        if random.random() < 0.25:
            other = part()
            if not other.startswith(("kill", "term", "stop", "restart", "fullkill")) and not first.startswith("restart"):
                text.append(other)
        yield "+".join(text)
