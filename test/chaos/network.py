"""The nodes' network: a namespace each, joined by a router that can lose packets silently, in one direction if wanted.

All of it lives in namespaces that are this process's own (test/chaos/run makes them): whatever ends the process takes the nodes'
namespaces, links and mounts along. A pair of nodes is cut by a rule of the router ("ip rule ... blackhole"): forwarded packets vanish
without an answer, as on a broken wire, and the other direction is not concerned. (A blackhole route in a node's own namespace
would be told to the sender as an error.)
"""
import ctypes
import os
import subprocess
import tempfile

CLIENTS = "clients"


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
        for place, name in enumerate([*names, CLIENTS], 1):
            self._join(name, place)

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
