"""The nodes: kvd servers and sentinels, each in a namespace and on a small disk of its own, and what is true of them as a set."""
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from network import small_disk  # noqa: E402
import disk_faults  # noqa: E402
from processes import REDIS_SERVER, fields, unsettled, wait_for  # noqa: E402
from resp import Connection, RespError  # noqa: E402

SERVER_PORT, SENTINEL_PORT = 6379, 26379
MASTER = "mymaster"
DISK_MEGABYTES = 64


class Violation(Exception):
    """A promise was broken."""


class directory_of:
    """As much of a Group as disk_faults.Disk needs."""

    def __init__(self, directory):
        self.directory = directory

    def path(self, name):
        return os.path.join(self.directory, name)


class FaultyDisk(disk_faults.Disk):
    """What the preloaded shim does to the files of one node; its orders are on another disk."""

    def __init__(self, directory, name, disk):
        os.makedirs(os.path.join(directory, "shim"), exist_ok=True)
        self.disk = disk
        super().__init__(directory_of(os.path.join(directory, "shim")), name)
        del self.env["DISK_SYNCED"]  # nobody reads it here, and it would grow

    def all_of(self, call, action):
        self.happens(call, self.disk, "1+", action)


class Node:
    """One process that may be killed and started again; its disk and its log stay."""

    def __init__(self, network, directory, name, kind, argv, is_sentinel, settings):
        """kind: "kvd" or "redis"; settings: pairs of a parameter and its value, or the text of a file's end."""
        self.network, self.name, self.kind, self.is_sentinel = network, name, kind, is_sentinel
        self.address, self.port = network.address[name], SENTINEL_PORT if is_sentinel else SERVER_PORT
        self.disk = os.path.join(directory, name)
        self.log_path = os.path.join(directory, name + ".log")
        self.faulty = FaultyDisk(directory, name, self.disk)
        small_disk(self.disk, DISK_MEGABYTES)
        config = os.path.join(self.disk, "kvd.yaml" if kind == "kvd" else "redis.conf")
        pairs = [("port", self.port), ("bind", self.address), ("protected-mode", "no"), ("dir", self.disk)]
        if not isinstance(settings, str):
            pairs += settings
        with open(config, "w") as file:
            file.writelines(("%s: %s\n" if kind == "kvd" else "%s %s\n") % pair for pair in pairs)
            file.write(settings if isinstance(settings, str) else "")
        sentinel = ["--sentinel"] if is_sentinel else []
        self.argv = network.inside(name, [*argv, *sentinel, config] if kind == "kvd" else [*argv, config, *sentinel])
        self.process, self.must_run = None, False

    def start(self):
        """Starts it unless it runs; does not wait until it answers."""
        if self.process is not None and self.process.poll() is None:
            return
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env=dict(os.environ, **self.faulty.env))
        self.must_run = True

    def kill(self):
        self.must_run = False
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.must_run = False
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise Violation("%s did not end within 30 s of SIGTERM" % self.name)

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)

    def ended_by_itself(self):
        return self.must_run and self.process.poll() is not None

    def connect(self, timeout=5.0):
        return Connection(self.port, self.address, timeout=timeout)

    def do(self, *args):
        with self.connect() as connection:
            return connection.do(*args)

    def info(self, section):
        text = self.do("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()


def sentinel_settings(kind, primary, down_after_ms):
    """The part of a sentinel's configuration that says whom it watches."""
    settings = [("down-after-milliseconds", down_after_ms), ("failover-timeout", 10000)]
    if kind == "redis":
        return "".join(["sentinel monitor %s %s %d 2\n" % (MASTER, primary, SERVER_PORT),
                        *("sentinel %s %s %d\n" % (option, MASTER, value) for option, value in settings)])
    lines = ["sentinel:", "  masters:", "    %s:" % MASTER, "      host: " + primary, "      port: %d" % SERVER_PORT, "      quorum: 2"]
    return "\n".join([*lines, *("      %s: %d" % pair for pair in settings)]) + "\n"


class Cluster:
    """A primary, two replicas, three sentinels: kvd's or Redis's, as the lists of kinds say."""

    def __init__(self, network, directory, binary, sync=0, down_after_ms=1000, servers=("kvd",) * 3, sentinels=("kvd",) * 3):
        self.network, self.down_after_ms = network, down_after_ms
        self.servers, self.sentinels = [], []
        first = network.address["server1"]
        programs = {"kvd": [binary], "redis": [REDIS_SERVER]}
        for number, kind in enumerate(servers, 1):
            settings = [("save", "3600 1"), ("appendonly", "yes"), ("enable-debug-command", "yes"), ("repl-diskless-sync-delay", 0),
                        ("repl-timeout", 10), ("repl-ping-replica-period", 1), ("auto-aof-rewrite-min-size", "1mb"),
                        ("replica-ignore-disk-write-errors", "yes")]  # "no" ends the process, with a report of a crash
            if number > 1:
                settings.append(("replicaof", "%s %d" % (first, SERVER_PORT)))
            if sync:
                settings.append(("repl-sync-replicas", sync))
            self.servers.append(Node(network, directory, "server%d" % number, kind, programs[kind], False, settings))
        for number, kind in enumerate(sentinels, 1):
            self.sentinels.append(Node(network, directory, "sentinel%d" % number, kind, programs[kind], True,
                                       sentinel_settings(kind, first, down_after_ms)))
        self.nodes = self.servers + self.sentinels
        self.by_name = {node.name: node for node in self.nodes}
        self.by_address = {node.address: node for node in self.nodes}

    def start(self):
        for node in self.nodes:
            node.start()

    def primary(self):
        """The primary's node as most sentinels name it; None when nobody does."""
        named = {}
        for sentinel in self.sentinels:
            try:
                with sentinel.connect(timeout=1) as connection:
                    reply = connection.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
                address = reply[0].decode()
                named[address] = named.get(address, 0) + 1
            except (OSError, EOFError, RespError):
                continue
        best = max(named, key=named.get, default=None)
        return self.by_address.get(best)

    def unsettled(self):
        """What is not yet as it must be with all nodes up and the network whole; "" when all is."""
        reason = unsettled(self.sentinels, MASTER, len(self.servers) - 1)
        if reason:
            return reason
        for sentinel in self.sentinels:
            silent = int(fields(sentinel.do("SENTINEL", "MASTER", MASTER))["last-ok-ping-reply"])
            if silent > self.down_after_ms / 2:
                return "%s has had no good answer of the primary for %d ms" % (sentinel.name, silent)
        named = {sentinel.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[0].decode() for sentinel in self.sentinels}
        if len(named) != 1:
            return "the sentinels name different primaries: %s" % ", ".join(sorted(named))
        address = named.pop()
        for server in self.servers:
            role = server.do("ROLE")
            if (role[0] == b"master") != (server.address == address):
                return "%s says its role is %s, the primary is %s" % (server.name, role[0].decode(), address)
            server.do("PING")  # an error while it refuses writes: sentinels may yet fail it over
            if role[0] != b"master" and role[1:4] != [address.encode(), server.port, b"connected"]:
                return "%s follows %r" % (server.name, role[1:4])
        return ""

    def settle(self, timeout, note=lambda reason: None):
        """Waits until all is as it must be; returns the primary. note() is told what is not, whenever that changes."""
        reason = "?"

        def fact():
            nonlocal reason
            self.check_running()
            before = reason
            try:
                reason = self.unsettled()
            except (OSError, EOFError, RespError) as error:
                reason = str(error)
            if reason and reason != before:
                note(reason)
            return not reason

        try:
            wait_for(fact, timeout, every=0.1)
        except AssertionError:
            raise Violation("not settled within %g s: %s" % (timeout, reason))
        return self.primary()

    def check_running(self):
        for node in self.nodes:
            if node.ended_by_itself():
                raise Violation("%s ended by itself (%d); the end of its log:\n%s" % (node.name, node.process.returncode, node.log()[-4000:]))

    def offset(self, server):
        info = server.info("replication")
        return int(info["slave_repl_offset" if info["role"] == "slave" else "master_repl_offset"])

    def check_equal(self, primary, timeout):
        """Nobody writes: every server has the primary's data."""
        digests = {}

        def fact():
            digests.clear()
            digests.update((server.name, server.do("DEBUG", "DIGEST").decode()) for server in self.servers)
            return len(set(digests.values())) == 1

        try:
            wait_for(fact, timeout, every=0.1)
        except AssertionError:
            offsets = {server.name: self.offset(server) for server in self.servers}
            raise Violation("data differs (primary: %s): %s; offsets %s" % (primary.name, digests, offsets))

    def disks_have_room(self):
        return all(os.statvfs(node.disk).f_bavail > 0 for node in self.nodes)

    def start_those_that_ended(self):
        """After the faults: whoever is not running is started. A redis-server ends by itself when its disk fails it, which is its way."""
        for node in self.nodes:
            if not node.must_run or (node.kind == "redis" and node.ended_by_itself()):
                node.start()

    def suspicious_lines(self):
        """Lines of logs that no fault explains."""
        pattern = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error|CHECK failed|crashed|Bad file format", re.I)
        return ["%s: %s" % (node.name, line) for node in self.nodes for line in node.log().splitlines() if pattern.search(line)]
