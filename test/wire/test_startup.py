"""How both modes start, what they refuse, and how they end."""
import os
import signal
import socket
import subprocess
import threading

import pytest
from processes import Process, free_port, kvd_binary, wait_for


def run(*arguments, stdin=None, argv0=None, timeout=20, env=None):
    return subprocess.run([argv0 or kvd_binary(), *map(str, arguments)], executable=kvd_binary(), capture_output=True, text=True,
                          input=stdin, timeout=timeout, env=dict(os.environ, **(env or {})))


def direct(group, *arguments, port, **options):
    return group.add(Process(group.directory, "kvd-%d" % port, [kvd_binary(), *map(str, arguments)], port, **options))


def test_version_and_help():
    for flag in "-v", "--version":
        result = run(flag)
        assert result.returncode == 0 and result.stdout.startswith("kvd v=")
    for flag in "-h", "--help":
        result = run(flag)
        assert result.returncode == 0 and "kvd --sentinel FILE" in result.stdout


def test_memory_test():
    assert "good" in run("--test-memory", 1).stdout
    result = run("--test-memory", "much")
    assert result.returncode == 1 and "'much'" in result.stderr
    assert run("--test-memory").returncode == 1


def test_file_with_overrides(group):
    port = free_port()
    path = group.write("server.yaml", "port: 1\nbind: 127.0.0.1\nmaxclients: 77\n")
    server = direct(group, path, "--port", port, "--requirepass", "", "--save", "", "--timeout", "12", port=port).start()
    assert server.do("CONFIG", "GET", "maxclients") == [b"maxclients", b"77"]
    assert server.do("CONFIG", "GET", "timeout") == [b"timeout", b"12"]
    assert server.info("server")["config_file"] == path


def test_overrides_with_several_values(group):
    port = free_port()
    server = direct(group, "--port", port, "--bind", "127.0.0.1", "-::1", "--save", "", port=port).start()
    assert server.do("CONFIG", "GET", "bind") == [b"bind", b"127.0.0.1 -::1"]


def test_configuration_from_standard_input(group):
    port = free_port()
    server = direct(group, "-", "--maxclients", "99", port=port, stdin=b"bind: 127.0.0.1\nport: %d\nmaxclients: 50\n" % port).start()
    assert server.do("CONFIG", "GET", "maxclients") == [b"maxclients", b"99"]


def test_without_a_file_it_warns(group):
    port = free_port()
    server = direct(group, "--port", port, port=port).start()
    assert server.alive()
    bare = run("--port", "0")
    assert bare.returncode == 1


def test_sentinel_refuses_standard_input():
    result = run("--sentinel", "-", stdin="port: 0\n")
    assert result.returncode == 1 and "standard input" in result.stderr


@pytest.mark.parametrize("name", ["kv-sentinel", "kvd-sentinel"])
def test_sentinel_by_name(group, name):
    port = free_port()
    path = group.write("sentinel.yaml", "port: %d\nbind: 127.0.0.1\ndir: %s\n" % (port, group.directory))
    link = group.path(name)
    os.symlink(kvd_binary(), link)
    sentinel = group.add(Process(group.directory, "sentinel", [link, path], port)).start()
    assert sentinel.info("server")["redis_mode"] == "sentinel"


def test_refuses_to_start_when_nothing_listens(group):
    path = group.write("server.yaml", "port: 0\n")
    result = run(path)
    assert result.returncode == 1 and "listen" in result.stderr + result.stdout


def test_refuses_a_port_that_is_taken(group):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run("--port", port, "--bind", "127.0.0.1")
    assert result.returncode == 1 and "Address already in use" in result.stderr + result.stdout


def test_all_errors_of_a_file_are_reported(group):
    path = group.write("server.yaml", "port: 70000\nmaxclient: 5\ntls:\n  auth-clients: perhaps\nport: 1\n")
    for result in run(path), run("--check-config", path):
        assert result.returncode == 1
        text = result.stderr + result.stdout
        for place in "server.yaml:1:", "server.yaml:2:", "server.yaml:4:", "server.yaml:5:":
            assert place in text
        assert "maxclients" in text  # the nearest known name


def test_check_config_accepts_good_files(group):
    path = group.write("server.yaml", "port: 7000\nsave: \"\"\n")
    assert run("--check-config", path).returncode == 0
    path = group.write("sentinel.yaml", "sentinel:\n  masters:\n    m:\n      host: 127.0.0.1\n      port: 1\n      quorum: 2\n")
    assert run("--sentinel", "--check-config", path).returncode == 0
    assert run("--check-config", path).returncode == 1  # a server has no such parameters


def test_parameters_of_later_versions_are_refused_by_name(group):
    path = group.write("server.yaml", "enable-module-command: yes\n")
    result = run("--check-config", path)
    assert result.returncode == 1 and "enable-module-command" in result.stderr and "not supported by this version" in result.stderr


def test_pid_file_title_and_orderly_end(group):
    pid_file = group.path("kvd.pid")
    server = group.kvd("pidfile: %s\n" % pid_file)
    assert int(open(pid_file).read()) == server.process.pid
    with open("/proc/%d/cmdline" % server.process.pid) as file:
        assert "127.0.0.1:%d" % server.port in file.read()
    assert server.stop() == 0
    assert not os.path.exists(pid_file)


def test_second_signal_ends_at_once(group):
    server = group.kvd()
    server.signal(signal.SIGINT)
    server.signal(signal.SIGINT)
    assert server.process.wait(60) in (0, 1)


def test_daemonize(group):
    port, pid_file, log_file = free_port(), group.path("kvd.pid"), group.path("kvd.log")
    path = group.write("server.yaml", "port: %d\nbind: 127.0.0.1\ndaemonize: yes\npidfile: %s\nlogfile: %s\n" % (port, pid_file, log_file))
    assert run(path).returncode == 0
    probe = Process(group.directory, "probe", [], port)
    try:
        wait_for(lambda: probe.do("PING") == b"PONG", what="the daemon answers")
        pid = int(open(pid_file).read())
        assert os.getsid(pid) == pid
        assert probe.do("UNLINK", "nothing") == 0  # what needs threads works after the fork
        assert "Ready to accept connections" in open(log_file).read()
    finally:
        with probe.connect() as connection:
            connection.send("SHUTDOWN", "NOSAVE")
    wait_for(lambda: not os.path.exists(pid_file), what="the daemon is gone")


def test_log_file_is_opened_anew_on_hangup(group):
    log_file = group.path("kvd.log")
    server = group.kvd("logfile: %s\n" % log_file)
    os.rename(log_file, log_file + ".1")
    server.signal(signal.SIGHUP)
    wait_for(lambda: os.path.exists(log_file), what="a new log file")
    server.do("CONFIG", "SET", "loglevel", "debug")
    assert server.do("CONFIG", "GET", "loglevel") == [b"loglevel", b"debug"]


def test_systemd_is_told(group):
    path = group.path("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(20)
        messages = []
        reader = threading.Thread(target=lambda: messages.append(notify.recv(1000)))
        reader.start()
        server = group.kvd("supervised: systemd\n", env={"NOTIFY_SOCKET": path})
        reader.join(20)
        assert b"READY=1" in messages[0]
        server.signal(signal.SIGTERM)
        assert b"STOPPING=1" in notify.recv(1000)
        assert server.process.wait(60) == 0


def test_upstart_sees_it_stop_when_it_is_ready(group):
    server = group.kvd("supervised: upstart\n", env={"UPSTART_JOB": "kvd"}, start=False)
    server.start(wait=False)

    def state():
        with open("/proc/%d/stat" % server.process.pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    wait_for(lambda: state() == "T", what="it stops itself")
    server.resume()
    wait_for(server.answers, what="it goes on")


def test_crash_report(group):
    server = group.kvd("enable-debug-command: yes\n")
    with server.connect() as connection:
        connection.send("DEBUG", "SEGFAULT")
        server.process.wait(60)
    log = server.log()
    if "AddressSanitizer" in log:
        pytest.skip("the sanitizer reports instead")
    assert server.process.returncode == -signal.SIGSEGV
    for part in "BUG REPORT START", "STACK TRACE", "REGISTERS", "CURRENT CLIENT INFO", "debug", "BUG REPORT END":
        assert part in log


def test_watchdog_shows_where_the_loop_is(group):
    server = group.kvd("enable-debug-command: yes\nwatchdog-period: 200\n")
    server.do("DEBUG", "SLEEP", "1")
    assert "WATCHDOG TIMER EXPIRED" in server.log()


def test_maxclients_and_open_files(group):
    server = group.kvd("maxclients: 3\n")

    def connected():
        connection = server.connect()
        return connection if connection.call("PING") == b"PONG" else None

    connections = [wait_for(connected, what="a client is accepted") for _ in range(3)]
    extra = server.connect()
    assert str(extra.read()) == "ERR max number of clients reached"
    connections.pop().close()
    wait_for(connected, what="room for a client")
