"""The documents say what the program does: what is printed from tables is compared with the tables."""
import os
import re
import subprocess

from processes import ROOT, kvd_binary


def read(*names):
    with open(os.path.join(ROOT, *names)) as file:
        return file.read()


def test_machines_are_documented_as_they_are():
    printed = subprocess.run([kvd_binary(), "--dump-machines"], capture_output=True, text=True, check=True).stdout
    assert printed in read("docs", "machines.md")


def test_every_sentinel_event_is_documented():
    rows = re.findall(r'SENTINEL_EVENT\(\w+, "([^"]+)", (\w+), "([^"]+)"\)', read("src", "sentinel", "machine", "events.def"))
    assert len(rows) > 40
    text = read("docs", "sentinel.md")
    for name, level, help in rows:
        assert "| `%s` | %s | %s |" % (name, level, help) in text


def test_examples_are_valid():
    for arguments in ["config/server.yaml"], ["--sentinel", "config/sentinel.yaml"]:
        path = os.path.join(ROOT, arguments[-1])
        result = subprocess.run([kvd_binary(), "--check-config", path, *arguments[:-1]], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


def test_links_between_documents_lead_somewhere():
    for name in ["README.md"] + [os.path.join("docs", file) for file in os.listdir(os.path.join(ROOT, "docs")) if file.endswith(".md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", read(name)):
            assert os.path.exists(os.path.join(ROOT, os.path.dirname(name), target)), "%s links to %s" % (name, target)


def test_the_tests_that_the_threads_name_exist():
    text = open(os.path.join(ROOT, "docs", "threads.md")).read()
    sources = ""
    for folder in ("test/wire", "test/unit/sentinel"):
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            sources += "".join(open(os.path.join(path, name)).read() for name in names if name.endswith((".py", ".c")))
    named = re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)?)`", text)
    assert len(named) > 50
    for name in named:
        if name.startswith("test_"):
            assert "def %s(" % name in sources, name
        elif "." in name:
            assert "UNIT_TEST(%s, %s)" % tuple(name.split(".")) in sources, name
