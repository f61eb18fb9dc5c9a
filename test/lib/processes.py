"""Starts servers and sentinels (kvd's and Redis's) for tests, benchmarks and the drill, and cleans up after them.

Needs nothing but Python and the programs. Every process has a directory of its own with its log; the directory of a Group that
failed is kept and named. Nothing here sleeps for a fixed time: wait_for() polls a fact until a deadline.
"""
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from resp import Connection, Push, RespError

REDIS_SERVER = os.environ.get("REDIS_SERVER", "redis-server")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def kvd_binary():
    return os.environ.get("KVD_BIN") or os.path.join(ROOT, "build", "check", "kvd")


def wait_for(fact, timeout=60.0, what=None, every=0.005):
    """Calls fact() until it returns something true, which is returned. Connection errors count as not yet. What comes in milliseconds may
    take many seconds on a machine that has other things to do: a deadline is for what will never come."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = fact()
            if value:
                return value
            last = value
        except (OSError, EOFError, RespError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError("not within %g s: %s (last: %r)" % (timeout, what or fact.__name__, last))
        time.sleep(every)


_ports_taken = set()
_ports = random.Random(os.getpid() * 7919 + time.time_ns())


def free_port():
    """A port below the ephemeral range that nobody listens on and that was not handed out before."""
    while True:
        port = _ports.randrange(15000, 31000)
        if port in _ports_taken:
            continue
        _ports_taken.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Process:
    """One running program. Its port answers once started() is true."""

    def __init__(self, directory, name, argv, port, env=None, password=None, user=None, connect=None, stdin=None):
        self.directory, self.name, self.argv, self.port = directory, name, argv, port
        self.env, self.password, self.user = env, password, user
        self.connect_options = connect or {}
        self.log_path = os.path.join(directory, name + ".log")
        self.stdin = stdin
        self.process = None

    def start(self, wait=True):
        environment = dict(os.environ, **(self.env or {}))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log, cwd=self.directory, env=environment,
                                            stdin=subprocess.PIPE if self.stdin is not None else subprocess.DEVNULL)
        if self.stdin is not None:
            self.process.stdin.write(self.stdin)
            self.process.stdin.close()
        if wait:
            wait_for(self.answers, what="%s answers" % self.name)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise RuntimeError("%s ended with %d:\n%s" % (self.name, self.process.returncode, self.log()[-2000:]))
        with self.connect(timeout=2) as connection:
            reply = connection.call("PING")
            return reply == b"PONG" or (isinstance(reply, RespError) and str(reply).startswith("NOAUTH"))

    def connect(self, timeout=30.0, **options):
        connection = Connection(self.port, timeout=timeout, **dict(self.connect_options, **options))
        if self.password:
            connection.do("AUTH", *([self.user, self.password] if self.user else [self.password]))
        return connection

    def call(self, *args):
        with self.connect() as connection:
            return connection.call(*args)

    def do(self, *args):
        with self.connect() as connection:
            return connection.do(*args)

    def info(self, section="everything"):
        text = self.do("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def signal(self, number):
        self.process.send_signal(number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """kill -9, and gone when this returns."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout=60):
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(timeout)

    def alive(self):
        return self.process is not None and self.process.poll() is None


class Fleet(Process):
    """Nodes are numbered: a primary, then its replicas, then the next primary. All commands go to its control port."""

    def ip(self, node):
        place = self.first + node
        return "127.%d.%d.%d" % (16 + (place >> 16 & 63), place >> 8 & 255, place & 255)

    def heads(self):
        """The first primaries: {name: (ip, port)}."""
        return {"m%d" % (self.first + n): (self.ip(n), self.node_port)
                for n in range(0, self.primaries * (self.replicas + 1), self.replicas + 1)}

    def events(self):
        """(monotonic seconds, node, what) of everything that happened."""
        lines = [line.split() for line in self.do("EVENTS").decode().splitlines()]
        return [(int(us) / 1e6, int(node), what) for us, node, what in lines]

    def counts(self):
        return {key: int(value) for key, value in (line.split(":") for line in self.do("COUNTS").decode().split())}


class Group:
    """A set of processes in one directory."""

    def __init__(self, prefix="kvd-"):
        self.directory = tempfile.mkdtemp(prefix=prefix)
        self.processes = []
        self.watchers = []
        self.kept = False

    def add(self, process):
        self.processes.append(process)
        return process

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def subdirectory(self, name):
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        return path

    # -- what can be started -------------------------------------------------------------------------------------

    def redis(self, *args, port=None, start=True, name=None, **options):
        port = port or free_port()
        name = name or "redis-%d" % port
        argv = [REDIS_SERVER, "--port", str(port), "--bind", "127.0.0.1", "--dir", self.subdirectory(name), "--save", "",
                "--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes", *map(str, args)]
        process = self.add(Process(self.directory, name, argv, port, **options))
        return process.start() if start else process

    def kvd(self, yaml="", *args, port=None, start=True, name=None, **options):
        port = port or free_port()
        name = name or "kvd-%d" % port
        path = self.write(name + ".yaml", "port: %d\nbind: 127.0.0.1\ndir: %s\n%s%s" % (
            port, self.subdirectory(name), "" if "save:" in yaml else "save: \"\"\n", yaml))
        process = self.add(Process(self.directory, name, [kvd_binary(), path, *map(str, args)], port, **options))
        process.config_path = path
        return process.start() if start else process

    def kvd_sentinel(self, masters, top="", sentinel="", port=None, start=True, name=None, **options):
        """masters: {name: {host:, port:, quorum:, ...}}; `top` and `sentinel` are further YAML lines of those levels."""
        port = port or free_port()
        name = name or "kvd-sentinel-%d" % port
        lines = ["port: %d" % port, "bind: 127.0.0.1", "dir: %s" % self.subdirectory(name)]
        if top:
            lines.append(top.rstrip())
        lines.append("sentinel:")
        lines += ["  " + line for line in sentinel.splitlines()]
        lines.append("  masters:")
        for master, settings in masters.items():
            lines.append("    %s:" % master)
            lines += ["      %s: %s" % item for item in settings.items()]
        path = self.write(name + ".yaml", "\n".join(lines) + "\n")
        process = self.add(Process(self.directory, name, [kvd_binary(), "--sentinel", path], port, **options))
        process.config_path = path
        return process.start() if start else process

    def redis_sentinel(self, masters, extra="", port=None, start=True, name=None, **options):
        port = port or free_port()
        name = name or "redis-sentinel-%d" % port
        lines = ["port %d" % port, "bind 127.0.0.1", "dir %s" % self.subdirectory(name), extra]
        for master, settings in masters.items():
            settings = dict(settings)
            lines.append("sentinel monitor %s %s %s %s" % (master, settings.pop("host"), settings.pop("port"), settings.pop("quorum")))
            lines += ["sentinel %s %s %s" % (option, master, value) for option, value in settings.items()]
        path = self.write(name + ".conf", "\n".join(lines) + "\n")
        process = self.add(Process(self.directory, name, [REDIS_SERVER, path, "--sentinel"], port, **options))
        process.config_path = path
        return process.start() if start else process

    def fleet(self, primaries, replicas=1, first=0, port=None):
        """Pretended data nodes (test/fleet), all in one process."""
        port, control = port or free_port(), free_port()
        argv = [os.path.join(os.path.dirname(kvd_binary()), "fleet"), str(port), str(control), str(primaries), str(replicas), str(first)]
        fleet = self.add(Fleet(self.directory, "fleet-%d" % port, argv, control))
        fleet.node_port, fleet.primaries, fleet.replicas, fleet.first = port, primaries, replicas, first
        return fleet.start()

    # -- sets ----------------------------------------------------------------------------------------------------

    def replicated(self, replicas=2, *args, server="redis"):
        """A primary and its replicas, in sync. server: "redis" or "kvd"."""
        make = self.redis if server == "redis" else lambda *more: self.kvd("repl-diskless-sync-delay: 0\n", *more)
        primary = make(*args)
        others = [make("--replicaof", "127.0.0.1 %d" % primary.port, *args) for _ in range(replicas)]
        for replica in others:
            wait_for(lambda: replica.info("replication").get("master_link_status") == "up", what="%s in sync" % replica.name)
        return primary, others

    def watch(self, *sentinels):
        """Records the events of the sentinels."""
        watcher = EventWatcher(sentinels)
        self.watchers.append(watcher)
        return watcher

    def close(self, keep=False):
        for watcher in self.watchers:
            watcher.stop()
        for process in self.processes:
            process.kill()
        if keep:
            self.kept = True
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(keep=kind is not None)


class EventWatcher:
    """Subscribes to every event of some sentinels; events are (seconds on the monotonic clock, sentinel, name, payload)."""

    def __init__(self, sentinels):
        self.events, self.lock = [], threading.Lock()
        self.connections, self.threads = [], []
        for sentinel in sentinels:
            connection = sentinel.connect()
            connection.do("PSUBSCRIBE", "*")
            connection.settimeout(None)
            thread = threading.Thread(target=self._run, args=(sentinel, connection), daemon=True)
            self.connections.append(connection)
            self.threads.append(thread)
            thread.start()

    def _run(self, sentinel, connection):
        try:
            while True:
                message = connection.read()
                now = time.monotonic()
                if isinstance(message, (list, Push)) and message[0] == b"pmessage":
                    with self.lock:
                        self.events.append((now, sentinel, message[2].decode(), message[3].decode("utf-8", "replace")))
        except (OSError, EOFError, ValueError):
            pass

    def stop(self):
        for connection in self.connections:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(2)
        for connection in self.connections:
            connection.close()

    def named(self, name, since=0.0, contains=""):
        with self.lock:
            return [event for event in self.events if event[2] == name and event[0] >= since and contains in event[3]]

    def first(self, name, since=0.0, contains=""):
        found = self.named(name, since, contains)
        return found[0] if found else None

    def wait(self, name, since=0.0, contains="", timeout=60.0, count=1):
        """The first such event, once `count` of them came."""
        wait_for(lambda: len(self.named(name, since, contains)) >= count, timeout, "event %s %s" % (name, contains))
        return self.first(name, since, contains)


def introduce(sentinel, ports):
    """A sentinel without memory of its primaries (name: port) votes when others have spoken to it: one that is made up does."""
    with sentinel.connect() as connection:
        connection.pipeline([("PUBLISH", "__sentinel__:hello", "127.0.0.1,1,%s,0,%s,127.0.0.1,%d,0" % ("1" * 40, name, port))
                             for name, port in ports.items()])

    def remembers():
        info = sentinel.info("sentinel")
        return all("memory=1" in info["primary%d" % i] for i in range(len(ports)))

    wait_for(remembers, what="it has memory of its primaries")
    assert sentinel.do("SENTINEL", "FLUSHCONFIG") == b"OK"


def master_address(sentinel, name="mymaster"):
    reply = sentinel.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
    return (reply[0].decode(), int(reply[1])) if reply else None


def fields(reply):
    """A flat [name, value, ...] reply or a map as a dictionary of text."""
    if isinstance(reply, dict):
        items = reply.items()
    else:
        items = zip(reply[::2], reply[1::2])
    return {key.decode(): value.decode() if isinstance(value, bytes) else value for key, value in items}


def unsettled(sentinels, name="mymaster", replicas=2):
    """Why the sentinels do not all know one another and all replicas, with every link up. "" when they do."""
    for sentinel in sentinels:
        master = fields(sentinel.do("SENTINEL", "MASTER", name))
        if int(master["num-other-sentinels"]) != len(sentinels) - 1 or int(master["num-slaves"]) != replicas:
            return "%s knows %s sentinels and %s replicas" % (sentinel.name, master["num-other-sentinels"], master["num-slaves"])
        if master["flags"] not in ("master", "master,guarded"):
            return "%s says of the primary: %s" % (sentinel.name, master["flags"])
        others = sentinel.do("SENTINEL", "SENTINELS", name) + sentinel.do("SENTINEL", "REPLICAS", name)
        for other in map(fields, others):
            if "disconnected" in other["flags"] or "down" in other["flags"]:
                return "%s says of %s: %s" % (sentinel.name, other["name"], other["flags"])
            if "slave" in other["flags"] and other.get("master-link-status") != "ok":
                return "%s says of %s: master-link-status %s" % (sentinel.name, other["name"], other.get("master-link-status"))
    return ""


def settled(sentinels, name="mymaster", replicas=2):
    return not unsettled(sentinels, name, replicas)


def wait_settled(sentinels, name="mymaster", replicas=2, timeout=60):
    """Until unsettled() has nothing to say, and all name the same primary; returns its port."""
    reason = ["?"]

    def fact():
        reason[0] = unsettled(sentinels, name, replicas)
        return not reason[0]

    try:
        wait_for(fact, timeout, every=0.05)
    except AssertionError:
        raise AssertionError("not settled within %g s: %s" % (timeout, reason[0]))
    ports = {master_address(sentinel, name)[1] for sentinel in sentinels}
    assert len(ports) == 1, "the sentinels name different primaries: %r" % ports
    return ports.pop()
