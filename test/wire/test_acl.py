"""Users, and what is seen of requests: the real server is the judge where both can say it."""
import re

import pytest
from resp import RespError


@pytest.fixture(params=["kvd", "redis"])
def server(group, request):
    return group.kvd() if request.param == "kvd" else group.redis()


def closed(connection):
    try:
        connection.read()
    except (EOFError, ConnectionResetError):
        return True
    return False


def denied(what):
    return RespError("NOPERM this user has no permissions to " + what)


def test_a_user_may_do_what_its_rules_say(server):
    server.do("ACL", "SETUSER", "bob", "on", ">p", "+get", "+set", "+config|get", "+publish", "%R~r*", "~a*", "&c*",
              "(+incr ~n)")
    with server.connect() as bob:
        assert bob.call("AUTH", "bob", "wrong") == RespError(
            "WRONGPASS invalid username-password pair or user is disabled.")
        assert bob.do("AUTH", "bob", "p") == b"OK"
        no_key = denied("access one of the keys used as arguments")
        assert bob.do("SET", "a1", "1") == b"OK"
        assert bob.do("GET", "r1") is None
        assert bob.call("SET", "r1", "1") == no_key
        assert bob.call("GET", "x") == no_key
        assert bob.do("INCR", "n") == 1
        assert bob.call("INCR", "a1") == no_key
        assert bob.do("CONFIG", "GET", "port")[0] == b"port"
        assert bob.call("CONFIG", "SET", "port", "1") == denied("run the 'config|set' command")
        assert bob.do("PUBLISH", "c1", "x") == 0
        assert bob.call("PUBLISH", "d", "x") == denied("access one of the channels used as arguments")


def test_a_deleted_user_is_disconnected(server):
    server.do("ACL", "SETUSER", "bob", "on", "nopass", "+@all")
    with server.connect() as bob:
        bob.do("AUTH", "bob", "any")
        assert server.do("ACL", "DELUSER", "bob") == 1
        assert closed(bob)


def test_a_subscriber_that_lost_its_channel_is_disconnected(server):
    server.do("ACL", "SETUSER", "bob", "on", "nopass", "+@all", "&a*", "&b")
    with server.connect() as bob:
        bob.do("AUTH", "bob", "any")
        bob.do("SUBSCRIBE", "a1")
        server.do("ACL", "SETUSER", "bob", "resetchannels", "&a*")
        assert server.do("PUBLISH", "a1", "still here") == 1
        assert bob.read()[2] == b"still here"
        server.do("ACL", "SETUSER", "bob", "resetchannels", "&b")
        assert closed(bob)


def test_the_file_of_users(group):
    path = group.write("users.acl", "user default on nopass ~* &* +@all\nuser bob on >p ~a +get\n")
    kvd = group.kvd("aclfile: %s\n" % path)
    assert b"user bob on #" in b"\n".join(kvd.do("ACL", "LIST"))
    kvd.do("ACL", "SETUSER", "eve", "on", "nopass", "~*", "+@read")
    assert kvd.do("ACL", "SAVE") == b"OK"
    with open(path) as file:
        assert "user eve on nopass ~* resetchannels -@all +@read\n" in file.read()
    with open(path, "a") as file:
        file.write("user carl +nosuch\n")
    error = kvd.call("ACL", "LOAD")
    assert "users.acl:4:" in str(error) and "no change to the previously active ACL rules" in str(error)
    assert len(kvd.do("ACL", "USERS")) == 3
    with open(path, "w") as file:
        file.write("user bob on >q ~a +get\n")
    with kvd.connect() as bob, kvd.connect() as eve:
        bob.do("AUTH", "bob", "p")
        eve.do("AUTH", "eve", "x")
        assert kvd.do("ACL", "LOAD") == b"OK"
        assert closed(eve)
        assert bob.do("GET", "a") is None
    assert isinstance(kvd.call("AUTH", "bob", "p"), RespError)


def test_users_of_the_configuration(group):
    kvd = group.kvd('user: ["bob on >p +ping", "eve off"]\nrequirepass: secret\n', password="secret")
    assert kvd.do("ACL", "USERS") == [b"bob", b"default", b"eve"]
    with kvd.connect() as bob:
        assert bob.do("AUTH", "bob", "p") == b"OK"
        assert bob.do("PING") == b"PONG"
    kvd.do("CONFIG", "SET", "requirepass", "")
    kvd.password = None
    assert kvd.do("PING") == b"PONG"


def test_monitor_hides_passwords(server):
    with server.connect() as monitor, server.connect() as client:
        assert monitor.do("MONITOR") == b"OK"
        client.call("AUTH", "bob", "secret")
        client.call("HELLO", "2", "AUTH", "bob", "secret")
        client.do("SET", "k\"\n", b"\x00")
        lines = [re.sub(r"^[0-9.]+ \[0 [0-9.]+:\d+\] ", "", bytes(monitor.read()).decode()) for _ in range(3)]
        assert lines == ['"AUTH" "(redacted)" "(redacted)"', '"HELLO" "2" "AUTH" "(redacted)" "(redacted)"',
                         '"SET" "k\\"\\n" "\\x00"']


def test_what_was_slow_and_how_often(server):
    server.do("CONFIG", "SET", "slowlog-log-slower-than", "0")
    with server.connect() as client:
        client.do("CLIENT", "SETNAME", "me")
        client.do("GET", "x" * 200)
        entry = client.do("SLOWLOG", "GET", "1")[0]
        assert entry[3] == [b"GET", b"x" * 128 + b"... (72 more bytes)"]
        assert entry[5] == b"me"
    histogram = server.do("LATENCY", "HISTOGRAM", "get")
    assert histogram[0] == b"get" and histogram[1][:2] == [b"calls", 1] and histogram[1][3][1] == 1
    assert server.info("commandstats")["cmdstat_get"].startswith("calls=1,usec=")
    assert re.match(r"p50=[0-9.]+,p99=[0-9.]+,p99.9=[0-9.]+$", server.info("latencystats")["latency_percentiles_usec_get"])
