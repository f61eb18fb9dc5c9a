"""Listening: addresses, Unix sockets, TLS, protected mode, idle clients."""
import os
import socket
import ssl
import stat
import subprocess

import pytest
from processes import Process, free_port, kvd_binary, wait_for
from resp import Connection, RespError

HAS_TLS = "tls=yes" in subprocess.run([kvd_binary(), "--version"], capture_output=True, text=True).stdout
needs_tls = pytest.mark.skipif(not HAS_TLS, reason="built without TLS")


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(group, names=("server", "client", "other")):
    """A certificate authority and what it signed; "other" belongs to nobody."""
    ca_key, ca = group.path("ca.key"), group.path("ca.crt")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", ca_key, "-out", ca, "-days", "2",
            "-subj", "/CN=test authority")
    for name in names:
        key, request, certificate = (group.path(name + end) for end in (".key", ".csr", ".crt"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=" + name)
        if name == "other":
            openssl("x509", "-req", "-in", request, "-signkey", key, "-out", certificate, "-days", "2")
        else:
            openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", certificate, "-days", "2")
    return ca


def client_context(group, ca, name=None):
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    if name:
        context.load_cert_chain(group.path(name + ".crt"), group.path(name + ".key"))
    return context


def tls_yaml(group, port, **more):
    lines = ["tls:", "  port: %d" % port, "  cert-file: %s" % group.path("server.crt"), "  key-file: %s" % group.path("server.key"),
             "  ca-cert-file: %s" % group.path("ca.crt")]
    lines += ["  %s: %s" % (key.replace("_", "-"), value) for key, value in more.items()]
    return "\n".join(lines) + "\n"


def test_several_addresses(group):
    port = free_port()
    path = group.write("several.yaml", "port: %d\nbind: [127.0.0.1, 127.0.0.2, '-127.0.0.250', '-::1', '-2001:db8::1']\n" % port)
    group.add(Process(group.directory, "several", [kvd_binary(), path], port)).start()
    for host in "127.0.0.1", "127.0.0.2":
        assert Connection(port, host).call("PING") == b"PONG"
    with pytest.raises(OSError):
        Connection(port, "127.0.0.3")


def test_an_address_that_is_missing_is_an_error(group):
    path = group.write("missing.yaml", "port: %d\nbind: [127.0.0.1, 192.0.2.1]\n" % free_port())
    result = subprocess.run([kvd_binary(), path], capture_output=True, text=True, timeout=20)
    assert result.returncode == 1 and "192.0.2.1" in result.stderr + result.stdout


def test_unix_socket(group):
    path = group.path("kvd.sock")
    server = group.kvd("unixsocket: %s\nunixsocketperm: 700\n" % path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    with Connection(0, unix=path) as connection:
        assert connection.call("PING") == b"PONG"
        assert b"unixsocket" in connection.call("CLIENT", "LIST") or path.encode() in connection.call("CLIENT", "LIST")
    assert server.stop() == 0
    assert not os.path.exists(path)


def test_only_a_unix_socket(group):
    path = group.path("only.sock")
    config = group.write("only.yaml", "port: 0\nunixsocket: %s\n" % path)
    process = group.add(Process(group.directory, "only", [kvd_binary(), config], 0, connect={"unix": path}))
    process.start(wait=False)
    wait_for(lambda: Connection(0, unix=path).call("PING") == b"PONG", what="the socket answers")


def test_ports_change_at_run_time_or_stay(group):
    server, port = group.kvd(), free_port()
    with server.connect() as old:
        assert old.do("CONFIG", "SET", "port", port) == b"OK"
        assert Connection(port).call("PING") == b"PONG"
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            reply = old.call("CONFIG", "SET", "port", taken.getsockname()[1])
            assert isinstance(reply, RespError) and "CONFIG SET failed" in str(reply)
        assert Connection(port).call("PING") == b"PONG"
        assert old.do("CONFIG", "GET", "port") == [b"port", b"%d" % port]


def test_idle_clients_are_closed(group):
    server = group.kvd("timeout: 1\n")
    with server.connect() as connection:
        connection.do("PING")
        with pytest.raises(EOFError):
            connection.read()


def test_protected_mode_refuses_other_machines(group):
    """Another machine is another network namespace here; where none can be made the test is skipped."""
    name = "kvd-test-%d" % os.getpid()
    setup = ["ip netns add {0}", "ip link add {1}a type veth peer name {1}b netns {0}", "ip addr add 10.213.77.1/30 dev {1}a",
             "ip link set {1}a up", "ip -n {0} addr add 10.213.77.2/30 dev {1}b", "ip -n {0} link set {1}b up"]
    try:
        for command in setup:
            if subprocess.run(command.format(name, "kvt%d" % (os.getpid() % 10000)).split(), capture_output=True).returncode != 0:
                pytest.skip("no network namespaces here")
        port = free_port()
        path = group.write("open.yaml", "port: %d\nbind: ['*']\n" % port)
        server = group.add(Process(group.directory, "open", [kvd_binary(), path], port)).start()
        ask = ["ip", "netns", "exec", name, "/usr/bin/python3", "-c",
               "import socket; s = socket.create_connection(('10.213.77.1', %d), 5); s.sendall(b'PING\\r\\n'); print(s.recv(1000))" % port]
        assert "-DENIED" in subprocess.run(ask, capture_output=True, text=True, timeout=20).stdout
        server.do("CONFIG", "SET", "protected-mode", "no")
        assert "+PONG" in subprocess.run(ask, capture_output=True, text=True, timeout=20).stdout
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


@needs_tls
def test_tls_with_client_certificates(group):
    ca, port = make_certificates(group), free_port()
    server = group.kvd(tls_yaml(group, port))
    good = client_context(group, ca, "client")
    with Connection(port, ssl=good) as connection:
        assert connection.call("PING") == b"PONG"
        connection.do("SET", "big", b"x" * 3000000)
        assert len(connection.do("GET", "big")) == 3000000
        assert connection.pipeline([("ECHO", "%d" % n) for n in range(2000)])[-1] == b"1999"
    for context in client_context(group, ca), client_context(group, ca, "other"):
        with pytest.raises((ssl.SSLError, EOFError, ConnectionError)):
            with Connection(port, ssl=context) as connection:
                connection.call("PING")
    server.do("CONFIG", "SET", "tls-auth-clients", "optional")
    assert Connection(port, ssl=client_context(group, ca)).call("PING") == b"PONG"
    with pytest.raises((ssl.SSLError, EOFError, ConnectionError)):
        Connection(port, ssl=client_context(group, ca, "other")).call("PING")
    server.do("CONFIG", "SET", "tls-auth-clients", "no")
    assert Connection(port, ssl=client_context(group, ca)).call("PING") == b"PONG"


@needs_tls
def test_tls_certificates_are_changed_at_run_time(group):
    ca, port = make_certificates(group, ("server", "client", "next")), free_port()
    server = group.kvd(tls_yaml(group, port, auth_clients="no"))

    def subject():
        context = client_context(group, ca)
        with Connection(port, ssl=context) as connection:
            return dict(part[0] for part in connection.socket.getpeercert()["subject"])["commonName"]

    assert subject() == "server"
    old = Connection(port, ssl=client_context(group, ca))
    reply = server.do("CONFIG", "SET", "tls-cert-file", group.path("next.crt"), "tls-key-file", group.path("next.key"))
    assert reply == b"OK" and subject() == "next"
    assert old.call("PING") == b"PONG"
    for bad in group.path("missing.crt"), group.path("client.csr"):
        assert isinstance(server.call("CONFIG", "SET", "tls-cert-file", bad), RespError)
    assert subject() == "next"


@needs_tls
def test_tls_versions(group):
    ca, port = make_certificates(group), free_port()
    group.kvd(tls_yaml(group, port, auth_clients="no", protocols="TLSv1.2"))
    context = client_context(group, ca)
    with Connection(port, ssl=context) as connection:
        assert connection.socket.version() == "TLSv1.2"
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Connection(port, ssl=context)


@needs_tls
def test_tls_sessions_are_resumed(group):
    ca, port = make_certificates(group), free_port()
    group.kvd(tls_yaml(group, port, auth_clients="no", protocols="TLSv1.2"))
    context = client_context(group, ca)
    with Connection(port, ssl=context) as connection:
        connection.call("PING")
        session = connection.socket.session
    again = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), session=session)
    assert again.session_reused
    again.close()


@needs_tls
def test_garbage_on_the_tls_port(group):
    make_certificates(group)
    port = free_port()
    server = group.kvd(tls_yaml(group, port))
    for garbage in b"PING\r\n", os.urandom(3000), b"\x16\x03\x01\xff\xff" + b"x" * 100:
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            plain.settimeout(5)
            try:
                plain.sendall(garbage)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(1000):
                    pass
            except OSError:  # it was closed or reset already
                pass
    assert server.do("PING") == b"PONG"
