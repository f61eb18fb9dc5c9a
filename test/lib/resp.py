"""A small client that speaks RESP2 and RESP3 and hides nothing: for tests, benchmarks and the drill.

Needs nothing but Python. Errors come back as RespError values, so that a test can compare them.
"""
import socket


class RespError(Exception):
    """An error reply. Two with the same text are equal."""

    def __eq__(self, other):
        return isinstance(other, RespError) and str(self) == str(other)

    def __hash__(self):
        return hash(str(self))

    def __repr__(self):
        return "RespError(%r)" % str(self)


class Push(list):
    """An out-of-band RESP3 message."""


class Status(bytes):
    """A simple string, told apart from a bulk string."""


def encode(*args):
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        if isinstance(arg, str):
            arg = arg.encode()
        elif not isinstance(arg, (bytes, bytearray)):
            arg = str(arg).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


class Connection:
    def __init__(self, port, host="127.0.0.1", timeout=10.0, unix=None, ssl=None):
        if unix:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(unix)
        else:
            self.socket = socket.create_connection((host, port), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if ssl:
            self.socket = ssl.wrap_socket(self.socket, server_hostname=host)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def settimeout(self, seconds):
        self.socket.settimeout(seconds)

    def send(self, *args):
        self.socket.sendall(encode(*args))

    def send_raw(self, data):
        self.socket.sendall(data)

    def call(self, *args):
        """Sends one command and returns its reply; an error reply is returned, not raised."""
        self.send(*args)
        return self.read()

    def do(self, *args):
        """Like call(), but an error reply is raised."""
        reply = self.call(*args)
        if isinstance(reply, RespError):
            raise reply
        return reply

    def pipeline(self, commands):
        self.socket.sendall(b"".join(encode(*command) for command in commands))
        return [self.read() for _ in commands]

    def read_line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("connection closed")
        return line[:-2]

    def read(self):
        line = self.read_line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return Status(rest)
        if kind == b"-":
            return RespError(rest.decode("utf-8", "backslashreplace"))
        if kind in b":(":
            return int(rest)
        if kind in b"$=!":
            size = int(rest)
            if size < 0:
                return None
            body = self.file.read(size + 2)
            if len(body) != size + 2:
                raise EOFError("connection closed")
            body = body[:-2]
            if kind == b"=":
                return body[4:]
            return RespError(body.decode("utf-8", "backslashreplace")) if kind == b"!" else body
        if kind in b"*~>":
            size = int(rest)
            if size < 0:
                return None
            items = [self.read() for _ in range(size)]
            return Push(items) if kind == b">" else items
        if kind == b"%":
            return {_hashable(self.read()): self.read() for _ in range(int(rest))}
        if kind == b"|":
            for _ in range(int(rest)):
                self.read(), self.read()
            return self.read()
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        raise ValueError("not RESP: %r" % line)


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value
