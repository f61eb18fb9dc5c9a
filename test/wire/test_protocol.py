"""The protocol at its edges, with the real server as the judge: every test runs against redis-server too."""
import socket

import pytest
from resp import Connection, RespError


@pytest.fixture(params=["kvd", "redis"])
def server(group, request):
    return group.kvd() if request.param == "kvd" else group.redis()


def last_words(connection):
    """What the server says until it closes the connection."""
    data = b""
    while True:
        try:
            chunk = connection.socket.recv(65536)
        except ConnectionResetError:
            return data
        if not chunk:
            return data
        data += chunk


@pytest.mark.parametrize("raw, error", [
    (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", b"-ERR Protocol error: expected '$', got 'f'\r\n"),
    (b"*20000000000\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*1\r\n$blabla\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*blabla\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"SET x \"unclosed\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    (b"x" * 70000, b"-ERR Protocol error: too big inline request\r\n"),
    (b"*" + b"1" * 70000, b"-ERR Protocol error: too big mbulk count string\r\n"),
    (b"*1\r\n$" + b"1" * 70000, b"-ERR Protocol error: too big bulk count string\r\n"),
])
def test_protocol_errors(server, raw, error):
    with server.connect() as connection:
        connection.send_raw(raw)
        assert last_words(connection) == error
    assert server.do("PING") == b"PONG"


@pytest.mark.parametrize("raw, replies", [
    (b"PING\r\n", [b"PONG"]),
    (b"PING\n", [b"PONG"]),
    (b"   PING   \r\n", [b"PONG"]),
    (b"\r\n\r\nPING\r\n", [b"PONG"]),
    (b"*0\r\nPING\r\n", [b"PONG"]),
    (b"*-1\r\nPING\r\n", [b"PONG"]),
    (b"ECHO \"a\\x41\\n\\\"\"\r\n", [b"aA\n\""]),
    (b"ECHO 'a\\'b\\n'\r\n", [b"a'b\\n"]),
    (b"ECHO ''\r\n", [b""]),
    (b"*1\r\n$4\r\nPING\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n", [b"PONG", b"PONG", b"a\r\n"]),
])
def test_requests_that_are_understood(server, raw, replies):
    for size in len(raw), 1, 3:
        with server.connect() as connection:
            for at in range(0, len(raw), size):
                connection.send_raw(raw[at:at + size])
            assert [connection.read() for _ in replies] == replies


def test_pipelines_keep_their_order(server):
    with server.connect() as connection:
        count = 5000
        replies = connection.pipeline([("ECHO", "%d" % n) for n in range(count)])
        assert replies == [b"%d" % n for n in range(count)]


@pytest.mark.parametrize("size", [1, 16 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 1 << 20, 20 << 20])
def test_large_arguments(server, size):
    value = bytes(range(256)) * (size // 256 + 1)
    value = value[:size]
    with server.connect(timeout=60) as connection:
        assert connection.pipeline([("SET", "key", value), ("STRLEN", "key"), ("GET", "key"), ("PING",)]) == [b"OK", size, value, b"PONG"]


def test_before_authentication_the_limits_are_tight(group):
    for make in group.kvd, group.redis:
        server = make(*(["requirepass: secret\n"] if make == group.kvd else ["--requirepass", "secret"]))
        for raw, error in [(b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
                           (b"*1\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n")]:
            with server.connect() as connection:
                connection.send_raw(raw)
                assert last_words(connection) == error
        with server.connect() as connection:
            assert str(connection.call("GET", "x")) == "NOAUTH Authentication required."
            assert str(connection.call("AUTH", "wrong")) == "WRONGPASS invalid username-password pair or user is disabled."
            assert connection.call("AUTH", "secret") == b"OK"
            connection.send_raw(b"*11\r\n" + b"$4\r\nMGET\r\n" + b"$1\r\nx\r\n" * 10)
            assert connection.read() == [None] * 10


def test_hello(server):
    with server.connect() as connection:
        assert str(connection.call("HELLO", "4")) == "NOPROTO unsupported protocol version"
        assert str(connection.call("HELLO", "x")) == "ERR Protocol version is not an integer or out of range"
        reply = connection.do("HELLO", "3", "SETNAME", "me")
        assert reply[b"proto"] == 3 and reply[b"mode"] == b"standalone" and reply[b"role"] == b"master"
        assert connection.do("CLIENT", "GETNAME") == b"me"
        assert connection.do("GET", "nothing") is None
        connection.send_raw(b"*2\r\n$3\r\nGET\r\n$7\r\nnothing\r\n")
        assert connection.read_line() == b"_"
        assert isinstance(connection.do("CONFIG", "GET", "maxclients"), dict)
        reply = connection.do("HELLO", "2")
        assert reply[reply.index(b"proto") + 1] == 2
        assert str(connection.call("HELLO", "3", "AUTH", "default")) == "ERR Syntax error in HELLO option 'AUTH'"
        assert str(connection.call("HELLO", "3", "AUTH", "nobody", "x")) == "WRONGPASS invalid username-password pair or user is disabled."


def test_errors_have_the_established_words(server):
    expected = [
        (("NOSUCH", "a", "b"), "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' "),
        (("GET",), "ERR wrong number of arguments for 'get' command"),
        (("CLIENT", "NOSUCH"), "ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP."),
        (("CONFIG", "GET"), "ERR wrong number of arguments for 'config|get' command"),
        (("SET", "a", "b", "NOSUCH"), "ERR syntax error"),
        (("SELECT", "99"), "ERR DB index is out of range"),
        (("SELECT", "x"), "ERR value is not an integer or out of range"),
        (("CONFIG", "SET", "nosuch", "1"), "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
        (("EXEC",), "ERR EXEC without MULTI"),
        (("SUBSCRIBE",), "ERR wrong number of arguments for 'subscribe' command"),
    ]
    with server.connect() as connection:
        for command, error in expected:
            assert str(connection.call(*command)) == error


def test_subscriber_context(server):
    with server.connect() as connection:
        assert connection.do("SUBSCRIBE", "a") == [b"subscribe", b"a", 1]
        assert str(connection.call("GET", "x")) == (
            "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
        assert connection.do("PING") == [b"pong", b""]
        assert server.do("PUBLISH", "a", "text") == 1
        assert connection.read() == [b"message", b"a", b"text"]
        assert connection.do("UNSUBSCRIBE") == [b"unsubscribe", b"a", 0]
        assert connection.do("PING") == b"PONG"
        assert connection.do("RESET") == b"RESET"


def test_push_in_resp3(server):
    with server.connect() as connection:
        connection.do("HELLO", "3")
        assert connection.do("PSUBSCRIBE", "a*") == [b"psubscribe", b"a*", 1]
        assert connection.do("PING") == b"PONG"
        server.do("PUBLISH", "abc", "text")
        message = connection.read()
        assert type(message).__name__ == "Push" and message == [b"pmessage", b"a*", b"abc", b"text"]


def test_half_closed_and_vanishing_clients(server):
    with server.connect() as connection:
        connection.send("PING")
        connection.socket.shutdown(socket.SHUT_WR)
        assert last_words(connection) == b"+PONG\r\n"
    for _ in range(50):
        with server.connect() as connection:
            connection.send_raw(b"*2\r\n$4\r\nECHO\r\n$100\r\nhalf")
    assert server.do("PING") == b"PONG"


def test_slow_reader_is_cut_at_the_hard_limit(group):
    server = group.kvd('client-output-buffer-limit: {normal: "1mb 0 0"}\n')
    server.do("SET", "key", b"x" * 100000)
    with server.connect() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises((EOFError, ConnectionError, RespError)):
            connection.send_raw(b"GET key\r\n" * 1000)
            for _ in range(1000):
                connection.read()
    assert int(server.info("stats")["client_output_buffer_limit_disconnections"]) == 1
    assert server.do("PING") == b"PONG"


def test_query_buffer_limit(group):
    server = group.kvd("client-query-buffer-limit: 1mb\n")
    with server.connect() as connection:
        with pytest.raises((EOFError, ConnectionError)):
            connection.send_raw(b"*2\r\n$4\r\nECHO\r\n$5000000\r\n" + b"x" * 5000000)
            connection.read()
    assert server.do("PING") == b"PONG"
    assert isinstance(Connection(server.port).call("GET"), RespError)
