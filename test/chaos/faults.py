"""The faults: what can be done to a node or to the network, and undone.

A step is one fault, or several at once, written "fault:target:seconds+fault:target:seconds". Targets: primary, replica,
sentinel (one of them by chance), any, all, or a node's name. Who is the primary is decided when the step begins.
"""
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
    """All nodes are killed, and started in any order, the pauses between them adding up to the seconds."""

    whole_set = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.order = self.random.sample(self.cluster.nodes, len(self.cluster.nodes))
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


FAULTS = {"kill": Kill, "term": Terminate, "stop": Stop, "isolate": Isolate, "vanish": Vanish, "deaf": Deaf, "mute": Mute, "cut": Cut,
          "oneway": OneWay, "split": Split, "restart": Restart, "full": Full, "fullkill": FullKill, "handover": Handover,
          "coordinated": Coordinated}
OF_SERVERS_ONLY = {"cut", "oneway", "split"}


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


def plan(random):
    """Steps without end."""
    def part():
        fault = random.choices(list(FAULTS), [5, 3, 5, 4, 3, 3, 3, 2, 2, 3, 3, 3, 2, 1, 2])[0]
        if FAULTS[fault].whole_set:
            target = "all"
        elif fault in OF_SERVERS_ONLY:
            target = random.choice(("primary", "primary", "any"))
        else:
            target = random.choices(("primary", "replica", "sentinel", "any"), [6, 2, 1, 1])[0]
        seconds = random.choice((0.1, 0.5, 2.0, 2.0, 4.0, 6.0))
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
