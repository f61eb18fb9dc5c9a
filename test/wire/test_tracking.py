"""CLIENT TRACKING where the connections' ids matter, and keyspace events; test/compat/test_tracking.py compares the rest."""
import redis

from processes import wait_for


def listener(server):
    connection = server.connect()
    number = connection.do("CLIENT", "ID")
    connection.do("SUBSCRIBE", "__redis__:invalidate")
    return connection, number


def test_another_connection_is_told_in_resp2(group):
    server = group.kvd()
    told, number = listener(server)
    reader, writer = server.connect(), server.connect()
    assert reader.do("CLIENT", "TRACKING", "on", "REDIRECT", number) == b"OK"
    assert reader.do("CLIENT", "GETREDIR") == number
    reader.do("GET", "k")
    writer.do("SET", "k", "1")
    assert told.read() == [b"message", b"__redis__:invalidate", [b"k"]]
    reader.do("GET", "k")
    writer.do("FLUSHALL")
    assert told.read() == [b"message", b"__redis__:invalidate", None]
    line = [line for line in writer.do("CLIENT", "LIST").decode().splitlines() if "redir=%d" % number in line]
    assert len(line) == 1 and " flags=t " in line[0]


def test_the_one_to_be_told_goes_away(group):
    server = group.kvd()
    told, number = listener(server)
    reader, writer = server.connect(), server.connect()
    reader.do("HELLO", "3")
    reader.do("CLIENT", "TRACKING", "on", "REDIRECT", number)
    reader.do("GET", "k")
    told.close()
    wait_for(lambda: b"redir" in writer.do("CLIENT", "LIST") and b"id=%d " % number not in writer.do("CLIENT", "LIST"), 60, "it is gone")
    writer.do("SET", "k", "1")
    assert reader.read() == [b"tracking-redir-broken", number]
    info = reader.do("CLIENT", "TRACKINGINFO")
    assert b"broken_redirect" in info[b"flags"]
    assert " flags=tR " in writer.do("CLIENT", "LIST").decode()


def test_more_keys_than_the_table_may_hold(group):
    server = group.kvd("tracking-table-max-keys: 100\n")
    reader = server.connect()
    reader.do("HELLO", "3")
    reader.do("CLIENT", "TRACKING", "on")
    for i in range(500):
        reader.send("GET", "key:%d" % i)
    told, answers = set(), 0
    while len(told) < 400 or answers < 500:
        reply = reader.read()
        if reply is None:  # GET's; what it is told may come between these
            answers += 1
            continue
        kind, keys = reply
        assert kind == b"invalidate"
        told.update(keys)
    wait_for(lambda: server.info("stats")["tracking_total_keys"] == "100", 60, "the limit holds")
    assert server.info("stats")["tracking_total_items"] == "100"
    assert server.info("clients")["tracking_clients"] == "1"


def test_expired_and_exchanged_keys_are_told(group):
    server = group.kvd()
    reader, writer = server.connect(), server.connect()
    reader.do("HELLO", "3")
    reader.do("CLIENT", "TRACKING", "on")
    writer.do("SET", "k", "1", "PX", "50")
    reader.do("GET", "k")
    assert reader.read() == [b"invalidate", [b"k"]]
    reader.do("GET", "k")
    writer.do("SWAPDB", "0", "1")
    assert reader.read() == [b"invalidate", None]


def test_a_client_that_leaves_is_forgotten(group):
    server = group.kvd()
    with server.connect() as reader:
        reader.do("HELLO", "3")
        reader.do("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "a", "PREFIX", "b")
        assert server.info("stats")["tracking_total_prefixes"] == "2"
    wait_for(lambda: server.info("stats")["tracking_total_prefixes"] == "0", 60, "its prefixes are gone")
    server.do("SET", "a1", "x")
    assert server.info("clients")["tracking_clients"] == "0"


def test_events_of_keys_by_class(group):
    server = group.kvd("notify-keyspace-events: Ex\n")
    assert server.do("CONFIG", "GET", "notify-keyspace-events") == [b"notify-keyspace-events", b"xE"]
    client = redis.Redis(port=server.port)
    listener = client.pubsub()
    listener.psubscribe("__key*")
    client.set("k", "1", px=30)
    assert listener.get_message(timeout=60)["type"] == "psubscribe"
    message = listener.get_message(timeout=60)
    assert (message["channel"], message["data"]) == (b"__keyevent@0__:expired", b"k")
    client.config_set("notify-keyspace-events", "Km")
    client.get("nokey")
    message = listener.get_message(timeout=60)
    assert (message["channel"], message["data"]) == (b"__keyspace@0__:nokey", b"keymiss")
    client.config_set("notify-keyspace-events", "KEn")
    client.lpush("l", "a")
    message = listener.get_message(timeout=60)
    assert (message["channel"], message["data"]) == (b"__keyspace@0__:l", b"new")
    try:
        client.config_set("notify-keyspace-events", "KEq")
        assert False
    except redis.ResponseError as error:
        assert "Invalid event class character. Use 'Ag$lshzxeKEtmdn'." in str(error)
