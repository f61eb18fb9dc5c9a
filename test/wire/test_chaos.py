"""Sets of kvd servers in network namespaces: after seeded faults there is one primary, equal data, and nothing is lost that need not be."""
import os
import re
import signal
import subprocess

import pytest

from processes import ROOT, kvd_binary, wait_for

RUN = os.path.join(ROOT, "test", "chaos", "run")
RETURNING = os.path.join(ROOT, "test", "chaos", "returning")


def begin(*words, **options):
    return subprocess.Popen(["/usr/bin/python3", RUN, "--kvd", kvd_binary(), "--down-after", "3000", *words], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, **options)


def chaos(*words):
    """Runs it; returns what it printed. Skips where namespaces are not allowed."""
    process = begin(*words)
    output, _ = process.communicate()
    if process.returncode == 77:
        pytest.skip(output.strip())
    assert process.returncode == 0, output
    return output


@pytest.mark.timeout(600)
@pytest.mark.parametrize("steps", ["kill:primary:5,isolate:primary:5+kill:sentinel:1,restart:all:1",
                                   "stop:primary:5,oneway:primary:1,fullkill:primary:0.5"])
def test_after_faults_one_primary_and_equal_data(steps):
    output = chaos("--seed", "1", "--steps", steps)
    found = re.search(r"%d steps; writes: (\d+) acknowledged" % len(steps.split(",")), output)
    assert found and int(found[1]) > 100 * len(steps.split(",")), output


@pytest.mark.timing
@pytest.mark.timeout(300)
def test_an_old_primary_takes_writes_for_an_instant_after_it_can_be_reached():
    process = subprocess.Popen(["/usr/bin/python3", RETURNING, "--kvd", kvd_binary(), "--rounds", "4"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output, _ = process.communicate()
    if process.returncode == 77:
        pytest.skip(output.strip())
    assert process.returncode == 0, output
    # 100 ms is what it takes on a machine that is not busy. TCP's repetitions would take seconds.
    found = re.search(r"took writes for (\d+) ms \(median\)", output)
    assert found and int(found[1]) < 500, output


def test_sync_is_refused_by_a_server_without_it(tmp_path):
    other = tmp_path / "kvd"
    other.write_text("#!/bin/sh\necho 'unknown parameter' >&2\nexit 1\n")
    other.chmod(0o755)
    done = subprocess.run(["/usr/bin/python3", RUN, "--kvd", str(other), "--sync", "1"], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 2 and "does not take repl-sync-replicas: unknown parameter" in done.stdout, done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind(number, tmp_path):
    """Whatever ends it, its processes end and its files are removed."""
    process = begin("--seed", "1", "--steps", "stop:primary:60", env=dict(os.environ, TMPDIR=str(tmp_path)), start_new_session=True)
    first = process.stdout.readline()
    if first.startswith("skipped"):
        process.wait()
        pytest.skip(first.strip())
    assert "three servers" in first, first

    def members():
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % entry) as file:
                    words = file.read().rpartition(")")[2].split()
                if int(words[3]) == process.pid and words[0] != "Z":  # its session
                    found.append(int(entry))
            except OSError:
                continue
        return found

    wait_for(lambda: len(members()) >= 8, 60, "six nodes and what runs them")
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    process.wait(60)
    wait_for(lambda: not members(), 60, "all processes ended")
    wait_for(lambda: not os.listdir(tmp_path), 60, "its files are removed")
