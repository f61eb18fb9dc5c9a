"""The sentinel's connections: names, TLS, users and passwords, renamed commands, and what is said when they do not work."""
import ssl
import subprocess
import time

import pytest
from processes import fields, free_port, kvd_binary, master_address, settled, wait_for
from resp import Connection, RespError

MASTER = "mymaster"
HAS_TLS = "tls=yes" in subprocess.run([kvd_binary(), "--version"], capture_output=True, text=True).stdout


def settings_for(port, **more):
    return {MASTER: dict({"host": "127.0.0.1", "port": port, "quorum": 2, "down-after-milliseconds": 1000, "failover-timeout": 10000},
                         **{name.replace("_", "-"): value for name, value in more.items()})}


def certificates(group):
    key, certificate = group.path("one.key"), group.path("one.crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
                    certificate, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return key, certificate


@pytest.mark.skipif(not HAS_TLS, reason="built without TLS")
def test_tls_on_every_link(group):
    key, certificate = certificates(group)
    server_options = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate, "--tls-replication", "yes"]
    ports = [free_port() for _ in range(3)]
    servers = [group.redis("--tls-port", ports[0], *server_options)]
    servers += [group.redis("--tls-port", port, "--replicaof", "127.0.0.1 %d" % ports[0], *server_options) for port in ports[1:]]
    tls_ports = [free_port() for _ in range(3)]
    sentinels = []
    for port in tls_ports:
        top = "tls-port: %d\ntls-cert-file: %s\ntls-key-file: %s\ntls-ca-cert-file: %s\ntls-replication: yes" % (port, certificate, key, certificate)
        sentinels.append(group.kvd_sentinel(settings_for(ports[0]), top=top))
    wait_for(lambda: settled(sentinels), 60, "everybody knows everything", every=0.05)
    others = {int(f["port"]) for f in map(fields, sentinels[0].do("SENTINEL", "SENTINELS", MASTER))}
    assert others == set(tls_ports[1:])
    context = ssl.create_default_context(cafile=certificate)
    context.load_cert_chain(certificate, key)
    with Connection(tls_ports[0], ssl=context) as connection:
        assert connection.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER) == [b"127.0.0.1", b"%d" % ports[0]]
    events = group.watch(*sentinels)
    servers[0].kill()
    events.wait("+switch-master", count=3)
    assert master_address(sentinels[0])[1] in ports[1:]


def test_names_are_resolved_and_announced(group):
    primary, _ = group.replicated(1)
    masters = settings_for(primary.port, host="localhost")
    sentinel = group.kvd_sentinel(masters, sentinel="resolve-hostnames: yes\nannounce-hostnames: yes")
    wait_for(lambda: settled([sentinel], replicas=1), 60, "the name was resolved", every=0.05)
    assert master_address(sentinel) == ("localhost", primary.port)
    assert sentinel.do("SENTINEL", "CONFIG", "SET", "announce-hostnames", "no") == b"OK"
    assert master_address(sentinel) == ("127.0.0.1", primary.port)


def test_a_name_without_an_address_does_not_stop_the_others(group):
    primary, _ = group.replicated(1)
    masters = settings_for(primary.port)
    masters["other"] = dict(masters[MASTER], host="no-such-name.invalid")
    sentinel = group.kvd_sentinel(masters, sentinel="resolve-hostnames: yes")
    wait_for(lambda: settled([sentinel], replicas=1), 60, "mymaster is watched", every=0.05)
    wait_for(lambda: "s_down" in fields(sentinel.do("SENTINEL", "MASTER", "other"))["flags"], 60, "other is down")


def test_a_name_where_addresses_are_expected_is_refused(group):
    sentinel = group.kvd_sentinel(settings_for(1, host="localhost"), start=False)
    sentinel.start(wait=False)
    assert sentinel.process.wait(60) == 1
    assert "sentinel.masters.mymaster.host: localhost is not an address" in sentinel.log()


SENTINEL_RIGHTS = ["on", ">secret", "allchannels", "+multi", "+slaveof", "+ping", "+exec", "+subscribe", "+config|rewrite", "+role",
                   "+publish", "+info", "+client|setname", "+client|kill", "+script|kill"]


def test_the_documented_rights_are_enough(group):
    """A user with what Redis' documentation lists for a sentinel, and the default user without any."""
    user = ["--user", "watcher", *SENTINEL_RIGHTS]
    primary, replicas = group.replicated(2, *user)
    masters = settings_for(primary.port, auth_user="watcher", auth_pass="secret")
    sentinels = [group.kvd_sentinel(masters) for _ in range(3)]
    wait_for(lambda: settled(sentinels), 60, "everybody knows everything", every=0.05)
    assert b"user=watcher" in primary.do("CLIENT", "LIST") and b"name=sentinel-" in primary.do("CLIENT", "LIST")
    events = group.watch(*sentinels)
    primary.kill()
    events.wait("+switch-master", count=3)
    assert not events.named("-order-refused")


def test_a_wrong_password_is_said(group):
    primary = group.redis("--requirepass", "right", password="right")
    sentinel = group.kvd_sentinel(settings_for(primary.port, auth_pass="wrong"))
    wait_for(lambda: "s_down" in fields(sentinel.do("SENTINEL", "MASTER", MASTER))["flags"], 60, "down")
    assert "WRONGPASS" in sentinel.info("sentinel")["primary0_health"]
    # Not in a tight loop.
    count = int(primary.info("stats")["total_connections_received"])
    began = time.monotonic()
    time.sleep(1)
    more = int(primary.info("stats")["total_connections_received"]) - count
    assert more < 40 * (time.monotonic() - began)
    assert sentinel.do("SENTINEL", "SET", MASTER, "auth-pass", "right") == b"OK"
    wait_for(lambda: fields(sentinel.do("SENTINEL", "MASTER", MASTER))["flags"] == "master", 60, "the right one is used at once")


def test_rename_command(group):
    renames = ["--rename-command", "CONFIG", "my-config", "--rename-command", "SLAVEOF", "my-slaveof"]
    primary, _ = group.replicated(1, *renames)
    sentinel = group.kvd_sentinel(settings_for(primary.port, quorum=1, rename_command="{CONFIG: my-config, SLAVEOF: my-slaveof}"))
    wait_for(lambda: settled([sentinel], replicas=1), 60, "all known", every=0.05)
    events = group.watch(sentinel)
    assert sentinel.do("SENTINEL", "FAILOVER", MASTER) == b"OK"
    events.wait("+switch-master")
    assert not events.named("-order-refused")


def test_sentinel_user_and_pass_among_sentinels(group):
    primary, _ = group.replicated(2)
    top = 'user: ["default off", "peer on >pp allchannels +@all", "operator on >op allchannels +@all"]'
    sentinels = [group.kvd_sentinel(settings_for(primary.port), top=top, sentinel="sentinel-user: peer\nsentinel-pass: pp", user="operator",
                                    password="op") for _ in range(3)]
    wait_for(lambda: settled(sentinels), 60, "everybody knows everything", every=0.05)
    assert b"user=peer" in sentinels[0].do("CLIENT", "LIST")
    assert sentinels[0].do("SENTINEL", "CKQUORUM", MASTER).startswith(b"OK 3 usable Sentinels")


def test_announced_address(group):
    primary, _ = group.replicated(1)
    first = group.kvd_sentinel(settings_for(primary.port), sentinel="announce-ip: 127.0.0.9\nannounce-port: 4444")
    second = group.kvd_sentinel(settings_for(primary.port))
    wait_for(lambda: second.do("SENTINEL", "SENTINELS", MASTER), 60, "the other is heard")
    other, = map(fields, second.do("SENTINEL", "SENTINELS", MASTER))
    assert (other["ip"], other["port"]) == ("127.0.0.9", "4444")
    assert other["runid"] == first.do("SENTINEL", "MYID").decode()


def test_forged_and_broken_hellos_move_nothing(group):
    primary, _ = group.replicated(1)
    sentinel = group.kvd_sentinel(settings_for(primary.port))
    wait_for(lambda: settled([sentinel], replicas=1), 60, "all known", every=0.05)
    before = int(sentinel.info("sentinel")["sentinel_hellos_bad"])
    bad = [b"", b",", b"a" * 100000, b",,,,,,,", b"1.2.3.4,5,x,y,mymaster,1.2.3.4,6,7", b"1.2.3.4,99999," + b"a" * 40 + b",1,mymaster,1.2.3.4,6,7",
           b"\0\r\n\xff,1,2,3,4,5,6,7", b"1.2.3.4,5," + b"a" * 40 + b",1,mymaster,1.2.3.4,6", b"1.2.3.4,5," + b"a" * 40 + b",-1,mymaster,1.2.3.4,6,7"]
    for text in bad:
        primary.do("PUBLISH", "__sentinel__:hello", text)
        assert sentinel.do("PUBLISH", "__sentinel__:hello", text) == 1
    wait_for(lambda: int(sentinel.info("sentinel")["sentinel_hellos_bad"]) >= before + 2 * len(bad) - 2, what="counted")
    assert master_address(sentinel) == ("127.0.0.1", primary.port)
    assert sentinel.do("SENTINEL", "SENTINELS", MASTER) == []


def test_a_server_that_lies_or_talks_for_ever(group):
    """A port on which every request is answered with nonsense: it is down, and the sentinel goes on."""
    import socket
    import threading
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(20)
    answers = [b"$-5\r\n", b"*1000000000\r\n", b"$999999999999\r\n", b"hello\r\n", b"+" + b"x" * (8 << 20), b":1\r\n" * 50]

    def serve():
        count = 0
        while True:
            try:
                connection, _ = listener.accept()
                connection.settimeout(2)
                connection.recv(4096)
                connection.sendall(answers[count % len(answers)])
                count += 1
            except socket.timeout:
                pass
            except OSError:
                if listener.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    primary, _ = group.replicated(1)
    masters = settings_for(primary.port)
    masters["liar"] = dict(masters[MASTER], port=listener.getsockname()[1])
    sentinel = group.kvd_sentinel(masters)
    wait_for(lambda: settled([sentinel], replicas=1), 60, "mymaster is watched", every=0.05)
    wait_for(lambda: "s_down" in fields(sentinel.do("SENTINEL", "MASTER", "liar"))["flags"], 60, "the liar is down")
    assert sentinel.do("SENTINEL", "SET", MASTER, "down-after-milliseconds", 60000) == b"OK"  # whatever the machine does to it
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert fields(sentinel.do("SENTINEL", "MASTER", MASTER))["flags"] == "master"
        time.sleep(0.05)
    listener.close()
    assert not isinstance(sentinel.call("PING"), RespError)
