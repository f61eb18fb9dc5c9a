"""Configuration files that are none: a clear error with the place, at once, in both modes; nothing starts half configured."""
import os
import subprocess

import pytest
from processes import kvd_binary

MODES = {"server": [], "sentinel": ["--sentinel"]}


@pytest.fixture(params=MODES)
def mode(request):
    return MODES[request.param]


def run(mode, path, seconds=60, env=None):
    """The exit status and what was said. Whatever starts in spite of all, or never ends, is ended."""
    result = subprocess.run([kvd_binary(), *mode, str(path), "--port", "0"], capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL, env=env)
    return result.returncode, (result.stdout + result.stderr).decode("utf-8", "replace")


def refused(mode, path, *words):
    status, said = run(mode, path)
    assert status == 1, (status, said[-2000:])
    assert len(said) < 100000, "an operator has to read it"
    for word in words:
        assert word in said, said[:3000]
    return said


CONTENTS = {
    "nul": (b"port: 1\nba\0r: x\n", ":2:"),
    "invalid utf-8": (b"port: 1\ndir: \xff\xfe\n", ":2:"),
    "overlong utf-8": (b"dir: \xc0\xaf\n", ":1:"),
    "surrogate": (b"dir: \xed\xa0\x80\n", ":1:"),
    "control character": (b"dir: \x07\n", ":1:"),
    "tab indent": (b"tls:\n\tport: 1\n", ":2:"),
    "unclosed quote": (b"port: 1\ndir: \"abc\n", ":2:"),
    "unclosed bracket": (b"bind: [a, b\nport: 1\n", ":"),
    "old format": (b"port 6379\nsave 900 1\n", ":1:"),
    "json end": (b"{\"port\": 1", ":1:"),
    "anchor": (b"dir: &a x\nlogfile: *a\n", ":1:"),
    "merge key": (b"<<: {port: 1}\n", ":1:"),
    "tag": (b"dir: !!python/object:os.system x\n", ":1:"),
    "two documents": (b"port: 1\n---\nport: 2\n", ":"),
    "a list": (b"- port\n- 1\n", ":1:"),
    "a text": (b"hello\n", ":1:"),
    "complex key": (b"? [a, b]\n: 1\n", ":1:"),
    "a map as number": (b"maxclients: {a: 1}\n", ":1:"),
    "duplicate": (b"port: 1\nport: 2\n", ":2:"),
    "unknown": (b"prot: 1\n", "port"),
    "elf": (open("/bin/true", "rb").read()[:20000], ":1:"),
    "random": (bytes((i * 7919 >> 3) % 256 for i in range(20000)), ":1:"),
    "utf-16": ("port: 1\nprot: 2\n".encode("utf-16"), "UTF-8"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_contents_that_are_no_configuration(tmp_path, mode, name):
    content, place = CONTENTS[name]
    path = tmp_path / "kvd.yaml"
    path.write_bytes(content)
    said = refused(mode, path, "kvd.yaml", place)
    assert not set(said) & set("\0\x07\x1b")


def test_a_bom_and_crlf_are_taken(tmp_path, mode):
    path = tmp_path / "kvd.yaml"
    path.write_bytes(b"\xef\xbb\xbfport: 0\r\ndir: " + str(tmp_path).encode() + b"\r\nloglevel: wrong\r\n")
    said = refused(mode, path, "kvd.yaml:3:", "loglevel")
    assert said.count("kvd.yaml:") == 1


def test_billion_laughs(tmp_path, mode):
    path = tmp_path / "kvd.yaml"
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += ["a%d: &a%d [%s]" % (i, i, ", ".join(["*a%d" % (i - 1)] * 9)) for i in range(1, 20)]
    path.write_text("\n".join(lines))
    refused(mode, path, "kvd.yaml:1:")


@pytest.mark.parametrize("text", ["[" * 100000, "{a: " * 50000, "".join(" " * i + "a:\n" for i in range(3000)), "- " * 50000, "[" * 5000 + "]" * 5000],
                         ids=["brackets", "braces", "indent", "dashes", "closed"])
def test_deep_nesting(tmp_path, mode, text):
    path = tmp_path / "kvd.yaml"
    path.write_text("bind: " + text if text[0] in "[{" else text)
    refused(mode, path, "kvd.yaml:")


@pytest.mark.parametrize("kind", ["comments", "unknown keys", "one text", "one line", "list"])
def test_ten_megabytes(tmp_path, mode, kind):
    path = tmp_path / "kvd.yaml"
    size = 10 << 20
    with open(path, "w") as file:
        if kind == "comments":
            file.write("# a comment\n" * (size // 12) + "prot: 1\n")
        elif kind == "unknown keys":
            for i in range(size // 20):
                file.write("unknown-key-%d: 1\n" % i)
        elif kind == "one text":
            file.write("prot: \"" + "x" * size + "\"\n")
        elif kind == "one line":
            file.write("x" * size)
        else:
            file.write("prot: [" + "a, " * (size // 3) + "a]\n")
    refused(mode, path, "kvd.yaml")


def test_files_that_cannot_be_read(tmp_path, mode):
    refused(mode, tmp_path, str(tmp_path), "irectory")
    refused(mode, tmp_path / "nothing.yaml", "nothing.yaml", "No such file")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    refused(mode, tmp_path / "loop.yaml", "loop.yaml")
    refused(mode, "/proc/self/mem", "/proc/self/mem")
    if os.geteuid() != 0:
        path = tmp_path / "secret.yaml"
        path.write_text("port: 0\n")
        path.chmod(0)
        refused(mode, path, "secret.yaml", "Permission denied")


def test_a_file_without_end(mode):
    refused(mode, "/dev/zero", "/dev/zero")


def test_includes_that_go_round(tmp_path, mode):
    (tmp_path / "a.yaml").write_text("include: [b.yaml]\n")
    (tmp_path / "b.yaml").write_text("include: [a.yaml]\n")
    refused(mode, tmp_path / "a.yaml", "b.yaml:1:")
    for i in range(300):
        (tmp_path / ("c%d.yaml" % i)).write_text("include: [c%d.yaml]\n" % (i + 1))
    refused(mode, tmp_path / "c0.yaml", "include")
    (tmp_path / "d.yaml").write_text("include: [%s]\n" % ", ".join(["e.yaml"] * 1000))
    (tmp_path / "e.yaml").write_text("port: 0\n")
    refused(mode, tmp_path / "d.yaml", "d.yaml:1:")


def test_import_of_garbage(tmp_path):
    for name, (content, _) in CONTENTS.items():
        path = tmp_path / "old.conf"
        path.write_bytes(content)
        result = subprocess.run([kvd_binary(), "--import-config", str(path)], capture_output=True, timeout=60)
        assert result.returncode in (0, 1), (name, result)
        if result.returncode == 1:
            assert b"old.conf" in result.stderr + result.stdout, name
