"""The proxy between the namespaces: takes packets of chosen pairs out of a tun device and puts them back late, or not at all.

A process of its own, so that its times are not those of the clients' threads. Reads orders from standard input, a JSON object a line:

    {"from": "10.99.1.1", "to": "10.99.2.1", "seed": "7 x", "delay_ms": 40, "jitter_ms": 20, "loss": 0.1, "bytes_per_s": 50000,
     "stall_every_s": 2, "stall_s": 0.8, "resets": 0.01}
    {"from": "10.99.1.1", "to": "10.99.2.1"}          its packets are passed on at once

Each direction has dice of its own. Packets are never reordered: TCP would take that for loss. Run by network.py.
"""
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
QUEUE_S = 2.0  # a narrow link's queue: what would wait longer is lost
TCP, FIN, SYN, RST, ACK = 6, 1, 2, 4, 16


def open_tun(name):
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return file


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def as_reset(packet):
    """The segment as the reset of its connection; None when it is none of an open connection."""
    header = (packet[0] & 15) * 4
    if packet[9] != TCP or packet[header + 13] & (FIN | SYN | RST):
        return None
    tcp = bytearray(packet[header:header + 20])
    tcp[12], tcp[13] = 5 << 4, RST | ACK
    tcp[16:18] = b"\0\0"
    pseudo = packet[12:20] + struct.pack("!BBH", 0, TCP, len(tcp))
    tcp[16:18] = struct.pack("!H", checksum(pseudo + bytes(tcp)))
    ip = bytearray(packet[:header])
    ip[2:4] = struct.pack("!H", header + len(tcp))
    ip[10:12] = b"\0\0"
    ip[10:12] = struct.pack("!H", checksum(bytes(ip)))
    return bytes(ip + tcp)


class Link:
    """One direction of a pair. Times are seconds on the monotonic clock."""

    def __init__(self, order, now):
        self.random = random.Random(order["seed"])
        self.delay, self.jitter = order.get("delay_ms", 0) / 1000, order.get("jitter_ms", 0) / 1000
        self.loss, self.resets, self.rate = order.get("loss", 0), order.get("resets", 0), order.get("bytes_per_s", 0)
        self.stall_every, self.stall = order.get("stall_every_s", 0), order.get("stall_s", 0)
        self.stalled_until = now
        self.stalls_at = now + self.random.uniform(0, self.stall_every)
        self.free_at = self.last = now

    def take(self, packet, now):
        """(when it goes on, what goes on), or None: it is lost."""
        if self.random.random() < self.loss:
            return None
        when = now
        if self.rate:
            begin = max(now, self.free_at)
            if begin - now > QUEUE_S:
                return None
            when = self.free_at = begin + len(packet) / self.rate
        when += self.delay + self.random.random() * self.jitter
        if self.stall:
            while self.stalls_at <= when:
                self.stalled_until = self.stalls_at + self.stall * self.random.uniform(0.5, 1.5)
                self.stalls_at = self.stalled_until + self.random.uniform(0.1, 2) * self.stall_every
            when = max(when, self.stalled_until) if when < self.stalled_until else when
        when = self.last = max(when, self.last)
        if self.random.random() < self.resets:
            packet = as_reset(packet) or packet
        return when, packet


class Proxy:
    def __init__(self, name):
        self.tun = open_tun(name)
        self.links, self.waiting, self.number, self.orders = {}, [], 0, b""

    def obey(self):
        """False: there will be no more orders."""
        data = os.read(0, 65536)
        *lines, self.orders = (self.orders + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            pair = tuple(bytes(map(int, order[end].split("."))) for end in ("from", "to"))
            if "seed" in order:
                self.links[pair] = Link(order, time.monotonic())
            else:
                self.links.pop(pair, None)
        return bool(data)

    def pass_on(self, packet):
        try:
            os.write(self.tun, packet)
        except OSError:
            pass  # no room: lost, as on any network

    def take(self):
        try:
            packet = os.read(self.tun, 65536)
        except BlockingIOError:
            return False
        link = self.links.get((packet[12:16], packet[16:20])) if packet[0] >> 4 == 4 else None
        if link is None:
            self.pass_on(packet)
            return True
        result = link.take(packet, time.monotonic())
        if result:
            self.number += 1
            heapq.heappush(self.waiting, (result[0], self.number, result[1]))
        return True

    def run(self):
        while True:
            until = max(0.0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            ready, _, _ = select.select([self.tun, 0], [], [], until)
            if 0 in ready and not self.obey():
                return
            while self.tun in ready and self.take():
                pass
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                self.pass_on(heapq.heappop(self.waiting)[2])


if __name__ == "__main__":
    proxy = Proxy(sys.argv[1])
    print("ready", flush=True)
    proxy.run()
