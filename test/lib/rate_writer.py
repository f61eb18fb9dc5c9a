"""A client that writes at a rate, over several connections with pipelines, and remembers which writes were acknowledged when and by whom.

It is a process of its own (this file, run as a program), so that whoever measures with it does not slow it down.
"""
import collections
import json
import os
import pickle
import selectors
import socket
import subprocess
import sys
import threading
import time

TICK = 0.001
PENDING_MAX = 1000  # unanswered writes of one connection


def key_of(number):
    return b"rate:%d" % number


class RateWriter:
    """The handle of such a process."""

    def __init__(self, sentinels, rate=20000, connections=4, name="mymaster"):
        """sentinels: processes with a port. rate: writes a second, in all."""
        order = {"sentinels": [sentinel.port for sentinel in sentinels], "rate": rate, "connections": connections, "name": name}
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), json.dumps(order)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.count, self.port, self.last = 0, 0, 0.0  # acknowledged so far; by whom, and when, the last one
        self.acknowledged, self.refused, self.unknown = [], 0, 0  # after stop(); the first: (monotonic seconds, number, port)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line == b"result\n":
                self.acknowledged, self.refused, self.unknown = pickle.load(self.process.stdout)
                return
            self.count, self.port, self.last = json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.reader.join()
        self.process.wait()

    def longest_gap(self):
        """Seconds between two acknowledgements, of whatever connection."""
        return max((b[0] - a[0] for a, b in zip(self.acknowledged, self.acknowledged[1:])), default=0.0)

    def lost(self, connection):
        """How many acknowledged writes that server has not."""
        have, numbers = 0, [number for _, number, _ in self.acknowledged]
        for start in range(0, len(numbers), 1000):
            have += connection.do("EXISTS", *[key_of(number) for number in numbers[start:start + 1000]])
        return len(numbers) - have


class Line:
    """One connection and the writes on it that are not answered."""

    def __init__(self, address):
        self.port = address[1]
        self.socket = socket.create_connection(address, timeout=1)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending, self.rest = collections.deque(), b""


class Loop:
    def __init__(self, order):
        self.order = order
        self.selector = selectors.DefaultSelector()
        self.lines = [None] * order["connections"]
        self.acknowledged, self.refused, self.unknown = [], 0, 0
        self.next_number = 0

    def address(self):
        for port in self.order["sentinels"]:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=0.2) as connection:
                    connection.sendall(b"SENTINEL GET-MASTER-ADDR-BY-NAME %s\r\n" % self.order["name"].encode())
                    parts = connection.recv(512).split(b"\r\n")
                    if parts[0] == b"*2":
                        return parts[2].decode(), int(parts[4])
            except (OSError, ValueError, IndexError):
                continue
        return None

    def drop(self, index):
        line = self.lines[index]
        self.selector.unregister(line.socket)
        line.socket.close()
        self.unknown += len(line.pending)
        self.lines[index] = None

    def dial(self):
        """Those that are missing; one that cannot be opened is tried again in the next turn."""
        if all(self.lines):
            return
        address = self.address()
        if not address:
            return
        for index, line in enumerate(self.lines):
            if line is None:
                try:
                    self.lines[index] = Line(address)
                except OSError:
                    return
                self.selector.register(self.lines[index].socket, selectors.EVENT_READ, index)

    def write(self, count):
        for index in range(len(self.lines)):
            line, share = self.lines[index], count // len(self.lines)
            if not line or len(line.pending) > PENDING_MAX or not share:
                continue
            numbers = range(self.next_number, self.next_number + share)
            self.next_number += share
            line.pending.extend(numbers)
            try:
                line.socket.sendall(b"".join(b"SET rate:%d %d\r\n" % (number, number) for number in numbers))
            except OSError:
                self.drop(index)

    def hear(self, index):
        line = self.lines[index]
        try:
            data = line.socket.recv(1 << 16)
        except OSError:
            data = b""
        now = time.monotonic()
        *replies, line.rest = (line.rest + data).split(b"\r\n")
        for reply in replies:
            number = line.pending.popleft()
            if reply == b"+OK":
                self.acknowledged.append((now, number, line.port))
            else:
                self.refused += 1
                data = b""  # not a primary (any more): ask again who is
        if not data:
            self.drop(index)

    def run(self, stopped):
        sent = time.monotonic()
        told = 0.0
        while not stopped():
            self.dial()
            now = time.monotonic()
            due = int((now - sent) * self.order["rate"])
            if due >= len(self.lines):
                self.write(min(due, int(self.order["rate"] * 0.005)))  # what was missed in a pause is not made up for
                sent = now
            for key, _ in self.selector.select(TICK):
                self.hear(key.data)
            if now - told > 0.02 and self.acknowledged:
                when, _, port = self.acknowledged[-1]
                print(json.dumps([len(self.acknowledged), port, when]), flush=True)
                told = now
        for index, line in enumerate(self.lines):
            if line:
                self.drop(index)


def main():
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    loop = Loop(json.loads(sys.argv[1]))
    loop.run(ended.is_set)
    sys.stdout.flush()
    sys.stdout.buffer.write(b"result\n" + pickle.dumps((loop.acknowledged, loop.refused, loop.unknown)))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
