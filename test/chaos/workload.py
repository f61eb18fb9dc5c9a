"""The checked workload: clients that find the primary through the sentinels and remember what was answered to every command.

Each writer owns its values ("writer:number", never written twice) and one register; sets and lists are shared. Keys carry the
number of the step, so that old ones can be forgotten.
"""
import random
import threading
import time

from nodes import MASTER, SENTINEL_PORT, SERVER_PORT
from resp import Connection, RespError

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"
# Errors that say the command was not executed.
NOT_EXECUTED = ("READONLY", "LOADING", "MISCONF", "MASTERDOWN")
SHARED_KEYS = 3
TIMEOUT_S = 1.0


class Write:
    """One command and its outcome. Times are seconds on the monotonic clock."""
    __slots__ = ("writer", "number", "kind", "key", "node", "sent", "done", "outcome", "error")

    def __init__(self, writer, number, kind, key, node):
        self.writer, self.number, self.kind, self.key, self.node = writer, number, kind, key, node
        self.sent, self.done, self.outcome, self.error = time.monotonic(), None, UNKNOWN, ""

    def value(self):
        return b"%d:%d" % (self.writer, self.number)

    def text(self):
        return "%.6f %s %s %s %d:%d %s %s %s" % (self.sent, "%.6f" % self.done if self.done else "-", self.kind, self.key, self.writer,
                                                 self.number, self.node, self.outcome, self.error)


class Read:
    """A register as somebody saw it: number is the last of `writer`, -1 when there was none."""
    __slots__ = ("writer", "number", "node", "sent", "done", "step", "from_primary")


class Client(threading.Thread):
    def __init__(self, workload, number):
        super().__init__(daemon=True, name="client-%d" % number)
        self.workload, self.number = workload, number
        self.random = random.Random("%d %d" % (workload.seed, number))
        self.connection, self.node = None, None
        self.seen_pause = 0
        self.broken = None

    def run(self):
        try:
            self.workload.network.be_a_client()
            while not self.workload.stopping:
                if not self.workload.gate.is_set():
                    self.seen_pause = self.workload.pauses
                    self.workload.gate.wait()
                    continue
                try:
                    if self.connection is None:
                        self.connect()
                    self.work()
                    pause = self.workload.pause_s
                except (OSError, EOFError, RespError):
                    self.hang_up()
                    pause = 0.02
                time.sleep(pause)
        except Exception as error:  # told by Workload.check(): a client that does not work is no evidence
            self.broken = error
            raise
        finally:
            self.hang_up()

    def hang_up(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def ask_sentinels(self):
        for sentinel in self.random.sample(self.workload.sentinels, len(self.workload.sentinels)):
            try:
                with Connection(SENTINEL_PORT, self.workload.network.address[sentinel], timeout=TIMEOUT_S) as connection:
                    reply = connection.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
                    if reply:
                        return reply[0].decode()
            except (OSError, EOFError, RespError):
                continue
        raise EOFError("no sentinel answers")

    def connect(self):
        self.dial(self.ask_sentinels())
        if self.connection.do("ROLE")[0] != b"master":
            raise EOFError("not a primary")

    def dial(self, address):
        self.connection = Connection(SERVER_PORT, address, timeout=TIMEOUT_S)
        self.node = self.workload.name_of[address]


class Writer(Client):
    def __init__(self, workload, number):
        super().__init__(workload, number)
        self.count = 0
        self.writes = []  # of this step

    def work(self):
        kind = self.random.choice(("set", "list", "register"))
        place = self.number if kind == "register" else self.random.randrange(SHARED_KEYS)
        self.count += 1
        write = Write(self.number, self.count, kind, "%s:%d:%d" % (kind, self.workload.step, place), self.node)
        self.writes.append(write)
        verb = {"set": "SADD", "list": "RPUSH", "register": "SET"}[kind]
        try:
            self.connection.do(verb, write.key, write.value())
            write.done = time.monotonic()
            write.outcome = ACKNOWLEDGED
        except RespError as error:
            write.error = str(error)
            write.outcome = REFUSED if str(error).startswith(NOT_EXECUTED) else UNKNOWN
            raise
        except (OSError, EOFError) as error:
            write.error = type(error).__name__
            raise


class Reader(Client):
    """Reads the writers' registers: from the primary, or from whatever server it happens upon."""

    def __init__(self, workload, number, from_primary):
        super().__init__(workload, number)
        self.from_primary = from_primary
        self.reads = []

    def connect(self):
        if self.from_primary:
            super().connect()
        else:
            self.dial(self.random.choice(list(self.workload.name_of)))

    def work(self):
        read = Read()
        read.writer, read.step = self.random.randrange(self.workload.writer_count), self.workload.step
        read.node, read.from_primary, read.sent = self.node, self.from_primary, time.monotonic()
        value = self.connection.do("GET", "register:%d:%d" % (read.step, read.writer))
        read.done = time.monotonic()
        read.number = -1 if value is None else int(value.split(b":")[1])
        self.reads.append(read)
        if not self.from_primary and self.random.random() < 0.02:
            self.hang_up()


class Workload:
    def __init__(self, network, servers, sentinels, seed, writers=5, pause_s=0.004):
        """servers, sentinels: names of nodes."""
        self.network, self.sentinels, self.seed, self.pause_s = network, sentinels, seed, pause_s
        self.name_of = {network.address[name]: name for name in servers}
        self.writer_count = writers
        self.step, self.pauses, self.stopping = 0, 0, False
        self.gate = threading.Event()
        self.writers = [Writer(self, number) for number in range(writers)]
        self.readers = [Reader(self, writers, True), Reader(self, writers + 1, False)]
        self.clients = self.writers + self.readers

    def start(self):
        self.gate.set()
        for client in self.clients:
            client.start()

    def check(self):
        for client in self.clients:
            if client.broken or not client.is_alive():
                raise RuntimeError("%s ended: %r" % (client.name, client.broken))

    def acknowledged(self):
        return sum(1 for writer in self.writers for write in list(writer.writes) if write.outcome == ACKNOWLEDGED)

    def pause(self):
        """No command is under way when this returns."""
        self.pauses += 1
        self.gate.clear()
        while any(client.seen_pause < self.pauses for client in self.clients):
            self.check()
            time.sleep(0.005)

    def take(self):
        """The writes and reads since the last time; paused only."""
        writes = [write for writer in self.writers for write in writer.writes]
        reads = [read for reader in self.readers for read in reader.reads]
        for writer in self.writers:
            writer.writes = []
        for reader in self.readers:
            reader.reads = []
        return writes, reads

    def go_on(self, step):
        self.step = step
        self.gate.set()

    def stop(self):
        self.stopping = True
        self.gate.set()
        for client in self.clients:
            client.join(10)


class Noise(threading.Thread):
    """Asks servers now and then to save or to rewrite their append-only file, so that faults meet children and new files."""

    def __init__(self, servers, seed):
        super().__init__(daemon=True)
        self.servers, self.random, self.ended = servers, random.Random("%d noise" % seed), threading.Event()

    def run(self):
        while not self.ended.wait(self.random.uniform(0.2, 2.0)):
            server, order = self.random.choice(self.servers), self.random.choice(("BGSAVE", "BGREWRITEAOF"))
            try:
                with server.connect(timeout=1) as connection:
                    connection.call(order)
            except (OSError, EOFError):
                continue

    def stop(self):
        self.ended.set()
        self.join(10)
