"""CONFIG against a running server, with the real one as the judge of words; and --import-config."""
import subprocess

import pytest
from processes import kvd_binary
from resp import RespError

QUESTIONS = [
    ("CONFIG",), ("CONFIG", "FOO"), ("CONFIG", "GET"), ("CONFIG", "GET", "hz", "HZ", "h[z]"), ("CONFIG", "GET", "nosuch"),
    ("CONFIG", "GET", "appendonly"), ("CONFIG", "GET", "save"), ("CONFIG", "GET", "watchdog*"),
    ("CONFIG", "GET", "watchdog-period"), ("CONFIG", "GET", "user"), ("CONFIG", "GET", "latency-tracking-info*"),
    ("CONFIG", "SET", "hz"), ("CONFIG", "SET", "hz", "10", "port"), ("CONFIG", "SET", "a", "b"),
    ("CONFIG", "SET", "hz", "abc"), ("CONFIG", "SET", "maxclients", "0"), ("CONFIG", "SET", "timeout", "-1"),
    ("CONFIG", "SET", "hz", "10", "HZ", "11"), ("CONFIG", "SET", "hz", "12", "nosuch", "1"), ("CONFIG", "GET", "hz"),
    ("CONFIG", "SET", "daemonize", "yes"), ("CONFIG", "SET", "dir", "/nonexistent"), ("CONFIG", "SET", "user", "x"),
    ("CONFIG", "SET", "port", ""), ("CONFIG", "SET", "latency-tracking", "maybe"), ("CONFIG", "SET", "save", ""),
    ("CONFIG", "SET", "appendonly", "no"), ("CONFIG", "SET", "client-output-buffer-limit", "normal 1"),
    ("CONFIG", "SET", "client-output-buffer-limit", "normal 1gb 2mb 3 replica 1 2 3"),
    ("CONFIG", "GET", "client-output*"), ("CONFIG", "RESETSTAT"), ("CONFIG", "RESETSTAT", "1"),
    ("CONFIG", "SET", "maxclients", "100000000000"), ("CONFIG", "SET", "proto-max-bulk-len", "1kb"),
    ("CONFIG", "SET", "slowlog-max-len", "5", "timeout", "x"), ("CONFIG", "GET", "slowlog-max-len"),
    ("CONFIG", "SET", "enable-debug-command", "yes"), ("CONFIG", "SET", "syslog-facility", "x"),
    ("CONFIG", "SET", "oom-score-adj-values", "1 2"), ("CONFIG", "SET", "shutdown-on-sigterm", "save nosave"),
]


def test_answers_as_the_real_server_does(group):
    kvd, redis = group.kvd(), group.redis()
    for question in QUESTIONS:
        assert kvd.call(*question) == redis.call(*question), question


def get(server, name):
    return server.do("CONFIG", "GET", name)[1].decode()


def test_protected_parameters_need_permission(group):
    server = group.kvd()
    assert server.call("CONFIG", "SET", "dir", "/") == RespError(
        "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config")
    server = group.kvd("enable-protected-configs: local\n")
    assert server.do("CONFIG", "SET", "dir", "/") == b"OK"
    assert get(server, "dir") == "/"


def test_absent_features_take_only_their_off_value(group):
    server = group.kvd()
    assert server.call("CONFIG", "SET", "hz", "17", "enable-module-command", "yes") == RespError(
        "ERR CONFIG SET failed (possibly related to argument 'enable-module-command') - "
        "not supported by this version (modules)")
    assert get(server, "hz") == "10"


def test_a_refused_effect_takes_all_back(group):
    server = group.kvd()
    answer = server.call("CONFIG", "SET", "hz", "17", "bind", "127.0.0.1 192.0.2.1")
    assert isinstance(answer, RespError) and "argument 'bind'" in str(answer)
    assert get(server, "hz") == "10" and get(server, "bind") == "127.0.0.1"
    assert server.do("PING") == b"PONG"


def test_rewrite_keeps_the_operators_file(group):
    server = group.kvd("# mine\nlatency: {tracking: yes} # on\nhz: 12   # often\n")
    server.do("CONFIG", "SET", "hz", "33", "timeout", "1000", "requirepass", "a b: #c")
    with server.connect() as client:
        client.do("AUTH", "a b: #c")
        assert client.do("CONFIG", "REWRITE") == b"OK"
    with open(server.config_path) as file:
        text = file.read()
    assert text.endswith("# mine\nlatency: {tracking: yes} # on\nhz: 33   # often\n\n# Added by CONFIG REWRITE\n"
                         "requirepass: \"a b: #c\"\ntimeout: 1000\n")
    check = subprocess.run([kvd_binary(), "--check-config", server.config_path], capture_output=True, timeout=30)
    assert check.returncode == 0, check


def test_rewrite_without_a_file(group):
    server = group.kvd("hz: 20\n")
    with open(server.config_path, "w") as file:
        file.write("prot: 1\n")
    server.do("CONFIG", "SET", "hz", "30")
    answer = server.call("CONFIG", "REWRITE")
    assert str(answer).startswith("ERR Rewriting config file: the file is not a valid configuration any more")
    with open(server.config_path) as file:
        assert file.read() == "prot: 1\n"


@pytest.mark.parametrize("conf,code,out,err", [
    ("port 7000\nsave \"\"\nrename-command FLUSHALL \"\"\n", 0,
     "port: 7000\nsave: \"\"\nrename-command:\n  FLUSHALL: \"\"\n", ""),
    ("sentinel quorum m 3\nsentinel monitor m 10.0.0.1 6379 2\nsentinel known-replica m 10.0.0.2 6379\n", 0,
     "sentinel:\n  masters:\n    m:\n      host: 10.0.0.1\n      port: 6379\n      quorum: 2\n"
     "# What a sentinel learns at run time is not configuration and was left out:\n"
     "#   sentinel known-replica m 10.0.0.2 6379\n", ""),
    ("prot 1\nenable-module-command yes\n", 1, "",
     "{path}:1: prot: unknown directive; did you mean port?\n"
     "{path}:2: enable-module-command: not supported by this version (modules); only \"no\" is accepted\n"),
])
def test_import(group, conf, code, out, err):
    path = group.write("old.conf", conf)
    result = subprocess.run([kvd_binary(), "--import-config", path], capture_output=True, timeout=30, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (code, out, err.format(path=path))
