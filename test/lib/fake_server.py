"""A server that lies: it speaks RESP and answers every command as the test says. For tests of how kvd takes it.

    fake = FakeServer()                       # answers like a primary without replicas
    fake.replies["PING"] = b"*0\\r\\n"          # raw bytes, or a function(fake, client, words) that gives them
    fake.info["role"] = "slave"               # a field of its INFO
    fake.hello(b"...")                        # said to all who subscribed to __sentinel__:hello

A reply may be None (no answer), CLOSE (the connection is closed) or a generator of pieces, which is written until it ends or the
other side hangs up. Every connection has a thread; the object is a context manager.
"""
import socket
import threading
import time

CLOSE = object()


def bulk(data):
    if isinstance(data, str):
        data = data.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array(*items):
    return b"*%d\r\n%s" % (len(items), b"".join(items))


def number(value):
    return b":%d\r\n" % value


class FakeClient:
    """One connection to the fake server. `said` are its commands, `cut` when the other side ended it (monotonic seconds)."""

    def __init__(self, connection):
        self.socket = connection
        self.lock = threading.Lock()
        self.said, self.queued, self.channels = [], None, []
        self.began, self.cut, self.sent = time.monotonic(), None, 0

    def write(self, data):
        with self.lock:
            self.socket.sendall(data)
            self.sent += len(data)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class FakeServer:
    def __init__(self, port=None, role="master"):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port or 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.run_id = ("%x" % (self.port * 7919)).rjust(40, "f")
        self.info = {"redis_version": "7.0.15", "run_id": self.run_id, "role": role, "connected_slaves": "0", "master_repl_offset": "100"}
        self.info_tail = b""
        self.replies, self.clients, self.published = {}, [], []
        self.lock = threading.Lock()
        self.running = True
        threading.Thread(target=self._accept, daemon=True, name="fake-accept").start()

    # -- what tests ask ------------------------------------------------------------------------------------------

    def commands(self, name):
        """Every command of that name so far, as lists of words."""
        with self.lock:
            return [words for client in self.clients for words in client.said if words[0].upper() == name.encode().upper()]

    def hello(self, payload):
        """How many subscribers it was sent to."""
        message = b"*3\r\n" + bulk("message") + bulk("__sentinel__:hello") + bulk(payload)
        return self.push(message)

    def push(self, raw):
        """Raw bytes to all subscribers."""
        count = 0
        for client in list(self.clients):
            if client.channels and client.cut is None:
                try:
                    client.write(raw)
                    count += 1
                except OSError:
                    pass
        return count

    def follow(self, host, port):
        self.info.update({"role": "slave", "master_host": host, "master_port": str(port), "master_link_status": "up", "slave_priority": "100",
                          "slave_repl_offset": "100", "master_link_down_since_seconds": "-1"})

    def info_text(self):
        return "".join("%s:%s\r\n" % item for item in self.info.items()).encode() + self.info_tail

    def close(self):
        self.running = False
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # ends the accept() that the thread is in
        except OSError:
            pass
        self.listener.close()
        for client in list(self.clients):
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- the server ----------------------------------------------------------------------------------------------

    def _accept(self):
        while self.running:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            client = FakeClient(connection)
            with self.lock:
                self.clients.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True, name="fake-client").start()

    def _serve(self, client):
        try:
            file = client.socket.makefile("rb")
            while True:
                line = file.readline()
                if not line.startswith(b"*"):
                    return
                words = []
                for _ in range(int(line[1:])):
                    size = int(file.readline()[1:])
                    words.append(file.read(size + 2)[:-2])
                client.said.append(words)
                if self._answer(client, words) is CLOSE:
                    return
        except (OSError, ValueError):
            pass
        finally:
            client.cut = time.monotonic()
            client.close()

    def _answer(self, client, words):
        name = words[0].decode("latin-1").upper()
        full = name + " " + words[1].decode("latin-1").upper() if len(words) > 1 else name
        reply = self.replies.get(full, self.replies.get(name))
        if reply is None and full not in self.replies and name not in self.replies:
            reply = self._usual(client, name, words)
        if callable(reply):
            reply = reply(self, client, words)
        if reply is CLOSE or reply is None:
            return reply
        if isinstance(reply, bytes):
            client.write(reply)
        else:
            for piece in reply:
                client.write(piece)
        return None

    def _usual(self, client, name, words):
        if name in ("EXEC", "DISCARD"):
            queued, client.queued = client.queued or [], None
            return array(*[self._execute(one) for one in queued]) if name == "EXEC" else b"+OK\r\n"
        if client.queued is not None:
            client.queued.append(words)
            return b"+QUEUED\r\n"
        if name == "PING":
            return array(bulk("pong"), bulk("")) if client.channels else b"+PONG\r\n"
        if name == "INFO":
            return bulk(self.info_text())
        if name == "MULTI":
            client.queued = []
            return b"+OK\r\n"
        if name == "SUBSCRIBE":
            client.channels += words[1:]
            return b"".join(array(bulk("subscribe"), bulk(channel), number(1 + i)) for i, channel in enumerate(words[1:]))
        if name == "PUBLISH":
            self.published.append(words[2])
            return number(0)
        return self._execute(words)

    def _execute(self, words):
        if words[0].upper() in (b"SLAVEOF", b"REPLICAOF"):
            if words[1].upper() == b"NO":
                self.info["role"] = "master"
            else:
                self.follow(words[1].decode(), int(words[2]))
        return b"+OK\r\n"


class FakeSentinel(FakeServer):
    """A peer that lies. `identity` is its id; announce() says hello about a primary through a fake server or a real one."""

    def __init__(self, identity, port=None):
        super().__init__(port, role="sentinel")
        self.identity = identity
        self.info = {"redis_version": "7.0.15", "redis_mode": "sentinel", "run_id": self.run_id}
        self.replies["SENTINEL"] = array(number(0), bulk("*"), number(0))

    def payload(self, primary_port, current_epoch=0, config_epoch=0, name="mymaster", primary_host="127.0.0.1"):
        return ("127.0.0.1,%d,%s,%d,%s,%s,%d,%d" % (self.port, self.identity, current_epoch, name, primary_host, primary_port,
                                                     config_epoch)).encode()
