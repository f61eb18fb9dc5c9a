"""maxmemory-clients: the clients that take the most are cut off first, those that asked for it never."""
import pytest

from processes import wait_for
from resp import RespError


def names(server):
    return {line.split(" name=")[1].split(" ")[0] for line in server.do("CLIENT", "LIST").decode().splitlines()}


def named(server, name):
    connection = server.connect()
    connection.do("CLIENT", "SETNAME", name)
    return connection


def hold_query(connection, size):
    """A request that is never complete: its bytes stay in the query buffer."""
    connection.send_raw(b"*2\r\n$3\r\nGET\r\n$%d\r\n" % (size + 1000) + b"x" * size)


def test_the_largest_goes_first(group):
    server = group.kvd("maxmemory-clients: 4mb\nproto-max-bulk-len: 100mb\n")
    small, middle, large = (named(server, name) for name in ("small", "middle", "large"))
    hold_query(small, 100000)
    hold_query(middle, 1500000)
    wait_for(lambda: int(server.info("memory")["mem_clients_normal"]) > 1600000, 60, "their buffers are counted")
    hold_query(large, 3000000)
    wait_for(lambda: names(server) == {"small", "middle", ""}, 60, "the largest is gone")
    assert server.info("stats")["evicted_clients"] == "1"
    assert "Evicting client: id=" in server.log() and "name=large" in server.log()
    with pytest.raises((OSError, EOFError)):
        large.read()


def test_output_counts_and_no_evict_protects(group):
    server = group.kvd("maxmemory-clients: 10mb\nclient-output-buffer-limit: {pubsub: 0 0 0}\n")
    protected, listener = named(server, "protected"), named(server, "listener")
    assert protected.do("CLIENT", "NO-EVICT", "on") == b"OK"
    for connection in (protected, listener):
        connection.do("SUBSCRIBE", "ch")
    with server.connect() as publisher:
        while "listener" in names(server):
            publisher.do("PUBLISH", "ch", "x" * 1000000)
    assert "protected" in names(server)
    assert server.info("stats")["evicted_clients"] == "1"


def test_a_percentage_of_maxmemory(group):
    server = group.kvd("maxmemory-clients: 10%\n")
    assert server.do("CONFIG", "GET", "maxmemory-clients") == [b"maxmemory-clients", b"10%"]
    connection = named(server, "large")
    hold_query(connection, 2000000)
    wait_for(lambda: int(server.info("memory")["mem_clients_normal"]) > 2000000, 60, "its buffer is counted")
    assert "large" in names(server)  # without maxmemory there is no limit
    server.do("CONFIG", "SET", "maxmemory", "15mb")
    wait_for(lambda: "large" not in names(server), 60, "it is over the limit")


@pytest.mark.parametrize("value, told", [("101%", "percentage argument must be less or equal to 100"), ("-1", "argument must be a memory or percent value"),
                                         ("abc", "argument must be a memory or percent value"), ("1%%", "argument must be a memory or percent value")])
def test_what_is_no_limit(group, value, told):
    server = group.kvd()
    error = server.call("CONFIG", "SET", "maxmemory-clients", value)
    assert isinstance(error, RespError) and str(error).endswith(told)
    assert server.do("CONFIG", "SET", "maxmemory-clients", "100kb") == b"OK"
    assert server.do("CONFIG", "GET", "maxmemory-clients") == [b"maxmemory-clients", b"102400"]
