"""The nodes: kvd servers and sentinels, each in a namespace and on a small disk of its own, and what is true of them as a set."""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from network import small_disk  # noqa: E402
from processes import fields, unsettled, wait_for  # noqa: E402
from resp import Connection, RespError  # noqa: E402

SERVER_PORT, SENTINEL_PORT = 6379, 26379
MASTER = "mymaster"
DISK_MEGABYTES = 64


class Violation(Exception):
    """A promise was broken."""


class Node:
    """One process that may be killed and started again; its disk and its log stay."""

    def __init__(self, network, directory, name, binary, is_sentinel, lines):
        self.network, self.name, self.is_sentinel = network, name, is_sentinel
        self.address, self.port = network.address[name], SENTINEL_PORT if is_sentinel else SERVER_PORT
        self.disk = os.path.join(directory, name)
        self.log_path = os.path.join(directory, name + ".log")
        small_disk(self.disk, DISK_MEGABYTES)
        config = os.path.join(self.disk, "kvd.yaml")
        with open(config, "w") as file:
            file.write("\n".join(["port: %d" % self.port, "bind: " + self.address, "protected-mode: no", "dir: " + self.disk, *lines]) + "\n")
        self.argv = network.inside(name, [binary, *(["--sentinel"] if is_sentinel else []), config])
        self.process, self.must_run = None, False

    def start(self):
        """Starts it unless it runs; does not wait until it answers."""
        if self.process is not None and self.process.poll() is None:
            return
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
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


class Cluster:
    """A primary, two replicas, three sentinels."""

    def __init__(self, network, directory, binary, sync=0, down_after_ms=1000):
        self.network, self.down_after_ms = network, down_after_ms
        self.servers, self.sentinels = [], []
        first = network.address["server1"]
        for number in (1, 2, 3):
            lines = ["save: 3600 1", "appendonly: yes", "enable-debug-command: yes", "repl-diskless-sync-delay: 0", "repl-timeout: 10",
                     "repl-ping-replica-period: 1", "auto-aof-rewrite-min-size: 1mb"]
            if number > 1:
                lines.append("replicaof: %s %d" % (first, SERVER_PORT))
            if sync:
                lines.append("repl-sync-replicas: %d" % sync)
            self.servers.append(Node(network, directory, "server%d" % number, binary, False, lines))
        for number in (1, 2, 3):
            lines = ["sentinel:", "  masters:", "    %s:" % MASTER, "      host: " + first, "      port: %d" % SERVER_PORT, "      quorum: 2",
                     "      down-after-milliseconds: %d" % down_after_ms, "      failover-timeout: 10000"]
            self.sentinels.append(Node(network, directory, "sentinel%d" % number, binary, True, lines))
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

    def suspicious_lines(self):
        """Lines of logs that no fault explains."""
        pattern = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error|CHECK failed|crashed|Bad file format", re.I)
        return ["%s: %s" % (node.name, line) for node in self.nodes for line in node.log().splitlines() if pattern.search(line)]
