"""Clients that wait for keys: how their wait ends, and what is told about it. Orders of waking are in test/compat."""
import re
import time

import pytest
from processes import wait_for
from resp import RespError


@pytest.fixture
def server(group):
    return group.kvd()


def clients(server, count):
    return [server.connect() for _ in range(count)]


def field(connection, name):
    return int(re.search(rb"%s:(\d+)" % name.encode(), connection.do("INFO", "clients")).group(1))


def wait(asker, waiter, *command):
    """Sends a command that waits, and returns when it does; gives the client's id."""
    number = waiter.do("CLIENT", "ID")
    waiter.send(*command)
    wait_for(lambda: b"flags=b" in asker.do("CLIENT", "LIST", "ID", number), what="it waits")
    return number


def test_time_runs_out(server):
    a, = clients(server, 1)
    for command in (["BLPOP", "k", "0.05"], ["BRPOP", "k", "l", "0.05"], ["BLMOVE", "k", "l", "LEFT", "LEFT", "0.05"],
                    ["BRPOPLPUSH", "k", "l", "0.05"], ["BLMPOP", "0.05", "1", "k", "LEFT"]):
        start = time.monotonic()
        a.send(*command)
        assert a.read_line() == b"*-1"
        assert time.monotonic() - start >= 0.05
    a.do("HELLO", "3")
    a.send("BLPOP", "k", "0.001")
    assert a.read_line() == b"_"
    assert a.do("EXISTS", "k") == 0


def test_it_is_counted_and_shown(server):
    a, b, c = clients(server, 3)
    wait(a, b, "BLPOP", "k", "l", "k", "100")
    wait(a, c, "BLMOVE", "k", "m", "LEFT", "RIGHT", "0")
    assert (field(a, "blocked_clients"), field(a, "clients_in_timeout_table"), field(a, "total_blocking_keys")) == (2, 1, 2)
    assert a.do("RPUSH", "k", "1", "2") == 2
    assert b.read() == [b"k", b"1"] and c.read() == b"2"
    assert (field(a, "blocked_clients"), field(a, "total_blocking_keys")) == (0, 0)
    assert a.do("LRANGE", "m", "0", "-1") == [b"2"]


def test_unblock(server):
    a, b = clients(server, 2)
    for option, reply in ((["TIMEOUT"], None), ([], None), (["ERROR"], RespError("UNBLOCKED client unblocked via CLIENT UNBLOCK"))):
        number = wait(a, b, "BLPOP", "k", "0")
        assert a.do("CLIENT", "UNBLOCK", number, *option) == 1
        assert b.read() == reply
        assert a.do("CLIENT", "UNBLOCK", number) == 0
    assert a.do("RPUSH", "k", "1") == 1 and a.do("LLEN", "k") == 1


def test_who_is_gone_takes_nothing(server):
    a, b, c = clients(server, 3)
    number = wait(a, b, "BLPOP", "k", "0")
    wait(a, c, "BLPOP", "k", "0")
    b.close()
    wait_for(lambda: a.do("CLIENT", "LIST", "ID", number) == b"", what="it is gone")
    a.do("RPUSH", "k", "1")
    assert c.read() == [b"k", b"1"]
    number = wait(a, c, "BLPOP", "k", "0")
    # Killed and served in one transaction: the element stays.
    assert a.pipeline([["MULTI"], ["CLIENT", "KILL", "ID", number], ["RPUSH", "k", "2"], ["EXEC"]])[-1] == [1, 1]
    assert a.do("LRANGE", "k", "0", "-1") == [b"2"]


def test_many_wait_for_one_key(server):
    a, *waiters = clients(server, 60)
    for waiter in waiters:
        wait(a, waiter, "BLPOP", "k", "0")
    a.do("RPUSH", "k", *range(40))
    assert [int(waiter.read()[1]) for waiter in waiters[:40]] == list(range(40))
    assert field(a, "blocked_clients") == len(waiters) - 40 and a.do("EXISTS", "k") == 0
    a.do("RPUSH", "k", *range(100))
    assert [int(waiter.read()[1]) for waiter in waiters[40:]] == list(range(len(waiters) - 40))
    assert a.do("LLEN", "k") == 100 - (len(waiters) - 40)


def test_a_key_that_ends_while_it_hides_the_list(server):
    """The type in the way expires; what comes after it serves who waits."""
    a, b = clients(server, 2)
    wait(a, b, "BLPOP", "k", "0")
    a.do("SET", "k", "v", "PX", "20")
    wait_for(lambda: a.do("EXISTS", "k") == 0, what="it has expired")
    a.do("RPUSH", "k", "x")
    assert b.read() == [b"k", b"x"]
