"""The nodes' network: a namespace each, joined by a router that can lose packets silently, in one direction if wanted.

Or late: packets of a pair can be sent through a proxy (slow_links.py) that delays, loses, holds and resets.

All of it lives in namespaces that are this process's own (test/chaos/run makes them): whatever ends the process takes the nodes'
namespaces, links and mounts along. A pair of nodes is cut by a rule of the router ("ip rule ... blackhole"): forwarded packets vanish
without an answer, as on a broken wire, and the other direction is not concerned. (A blackhole route in a node's own namespace
would be told to the sender as an error.)
"""
import ctypes
import json
import os
import subprocess
import sys
import tempfile

CLIENTS = "clients"
TUN, TUN_TABLE = "slow0", "100"


def enter(arguments, pipe):
    """The command that runs `arguments` with namespaces of its own; it ends when the writing end of the pipe is closed."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *user, "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", *arguments, "--inside", str(pipe)]


def why_not_allowed():
    """Why namespaces cannot be made here; "" when they can."""
    script = ("mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip netns add probe && "
              "ip link add v0 type veth peer name eth0 netns probe && ip rule add from 192.0.2.1 to 192.0.2.2 blackhole && "
              "echo 1 >/proc/sys/net/ipv4/ip_forward")
    command = enter(["sh", "-c", script, "sh"], 0)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or "exit status %d" % done.returncode


def why_no_proxy():
    """Why packets cannot be delayed here; "" when they can."""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return str(error)
    return ""


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Network:
    def __init__(self, names):
        os.makedirs("/run/netns", exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True)
        with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
            file.write("1")
        self.address = {}
        self.lost = {}  # (from, to): how many faults want it lost
        self.slowed = {}  # (from, to): the orders of faults that want it slow, the last one holds
        self.proxy = None
        for place, name in enumerate([*names, CLIENTS], 1):
            self._join(name, place)
        if not why_no_proxy():
            self._start_proxy()

    def _join(self, name, place):
        self.address[name] = "10.99.%d.1" % place
        router = "10.99.%d.254" % place
        link = "to-%s" % name
        ip("netns", "add", name)
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", router + "/24", "dev", link)
        ip("link", "set", link, "up")
        ip("-n", name, "addr", "add", self.address[name] + "/24", "dev", "eth0")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "route", "add", "default", "via", router)

    def _start_proxy(self):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slow_links.py")
        self.proxy = subprocess.Popen([sys.executable, program, TUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.proxy.stdout.readline() != b"ready\n":
            raise OSError("the proxy did not start")
        for conf in ("all", TUN):
            with open("/proc/sys/net/ipv4/conf/%s/rp_filter" % conf, "w") as file:
                file.write("0")
        ip("link", "set", TUN, "up")
        ip("route", "add", "default", "dev", TUN, "table", TUN_TABLE)

    def names(self):
        return list(self.address)

    def lose(self, pairs):
        """Packets from the first to the second of each pair vanish until mend(pairs)."""
        for pair in pairs:
            self.lost[pair] = self.lost.get(pair, 0) + 1
            if self.lost[pair] == 1:
                self._rule("add", pair)

    def mend(self, pairs):
        for pair in pairs:
            self.lost[pair] -= 1
            if self.lost[pair] == 0:
                self._rule("del", pair)

    def slow(self, pairs, seed, settings):
        """Packets from the first to the second of each pair go through the proxy until quicken(pairs, settings)."""
        for pair in pairs:
            orders = self.slowed.setdefault(pair, [])
            if not orders:
                self._proxy_rule("add", pair)
            orders.append(dict(settings, seed="%s %s %s" % (seed, *pair)))
            self._order(pair, orders[-1])

    def quicken(self, pairs, seed):
        for pair in pairs:
            orders = self.slowed[pair]
            orders[:] = [order for order in orders if order["seed"] != "%s %s %s" % (seed, *pair)]
            self._order(pair, orders[-1] if orders else {})
            if not orders:
                self._proxy_rule("del", pair)

    def _order(self, pair, settings):
        order = {"from": self.address[pair[0]], "to": self.address[pair[1]], **settings}
        self.proxy.stdin.write(json.dumps(order).encode() + b"\n")
        self.proxy.stdin.flush()

    def _proxy_rule(self, verb, pair):
        """What comes from the node goes to the proxy; what comes from there goes on as always."""
        ip("rule", verb, "iif", "to-" + pair[0], "from", self.address[pair[0]], "to", self.address[pair[1]], "priority", "200",
           "lookup", TUN_TABLE)

    def _rule(self, verb, pair):
        ip("rule", verb, "from", self.address[pair[0]], "to", self.address[pair[1]], "priority", "100", "blackhole")

    def inside(self, name, argv):
        """The command that runs argv in the namespace; its process is argv's."""
        return ["nsenter", "--net=/run/netns/" + name, *argv]

    def be_a_client(self):
        """The calling thread talks from the clients' namespace. Other threads are in the router, which reaches every node always."""
        with open("/run/netns/" + CLIENTS) as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")


def small_disk(path, megabytes):
    """A file system of its own at the path, which can be filled without harm to others."""
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % megabytes, "none", path], check=True)


def fill_disk(path):
    """Takes every byte that is left at the path; returns the file to remove."""
    handle, name = tempfile.mkstemp(prefix="filler-", dir=path)
    with os.fdopen(handle, "wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                size = size if file.write(b"\0" * size) == size else size // 2
            except OSError:
                size //= 2
    return name
