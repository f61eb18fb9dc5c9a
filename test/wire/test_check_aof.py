"""kvd-check-aof beside redis-check-aof: the same verdict and the same cut on the same damaged files."""
import os
import random
import shutil
import subprocess

import pytest

from processes import kvd_binary


def request(*words):
    words = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


COMMANDS = b"".join(request("SET", "key %d" % i, "x" * i) for i in range(30))
TRANSACTION = request("MULTI") + request("INCR", "a") + request("RPUSH", "l", 1, 2) + request("EXEC")
WHOLE = b"#TS:1000\r\n" + COMMANDS + TRANSACTION + b"#TS:2000\r\n" + COMMANDS


def run(program, *options, answer="y\n"):
    result = subprocess.run([*program, *options], input=answer, capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout + result.stderr


KVD, REDIS = (kvd_binary(), "--check-aof"), ("redis-check-aof",)


def folder(group, name, **files):
    path = group.path(name)
    os.makedirs(path)
    for file, data in files.items():
        with open(os.path.join(path, file.replace("_", ".")), "wb") as out:
            out.write(data)
    return path


def sizes(path):
    return {name: os.path.getsize(os.path.join(path, name)) for name in os.listdir(path)}


def both(group, name, files, target, *options):
    """Both programs over the same files: status, and what is left of them."""
    left = []
    for program, program_name in ((KVD, "kvd"), (REDIS, "redis")):
        path = folder(group, "%s-%s" % (name, program_name), **files)
        status, text = run(program, *options, os.path.join(path, target))
        left.append((status, sizes(path), text))
    (kvd_status, kvd_left, text), (status, redis_left, redis_text) = left
    assert (kvd_status, kvd_left) == (status, redis_left), text + redis_text
    return kvd_status, kvd_left, text


def damaged():
    source = random.Random(7)
    for i in range(40):
        yield WHOLE[:source.randrange(11, len(WHOLE))]
    for bad in (b"*x\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\nab\r\n", b"SET a 1\r\n", request("MULTI") + request("GET", "a")):
        yield WHOLE + bad
        yield WHOLE + bad + COMMANDS


def test_single_files(group):
    assert both(group, "whole", {"a_aof": WHOLE}, "a.aof")[0] == 0
    assert both(group, "empty", {"a_aof": b""}, "a.aof")[0] == 0
    for i, data in enumerate(damaged()):
        status, _, text = both(group, "damaged%d" % i, {"a_aof": data}, "a.aof")
        status_fixed, left, _ = both(group, "fixed%d" % i, {"a_aof": data}, "a.aof", "--fix")
        assert status_fixed == 0
        if status:
            assert "whole up to offset %d" % left["a.aof"] in text and "--fix" in text, text
    status, text = run(KVD, "--fix", os.path.join(folder(group, "refused", a_aof=WHOLE[:-3]), "a.aof"), answer="n\n")
    assert status == 1 and "Aborting" in text and sizes(group.path("refused"))["a.aof"] == len(WHOLE) - 3


@pytest.mark.parametrize("seconds", [500, 1000, 1999, 2000, 3000])
def test_cut_by_time(group, seconds):
    both(group, "time", {"a_aof": WHOLE}, "a.aof", "--truncate-to-timestamp", str(seconds))


def test_several_files(group):
    manifest = b"file a.1.base.aof seq 1 type b\nfile a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n"
    names = ("a_1_base_aof", "a_1_incr_aof", "a_2_incr_aof")
    files = dict(zip(names, (WHOLE, COMMANDS, WHOLE)), a_manifest=manifest)
    assert both(group, "several", files, "a.manifest")[0] == 0
    for torn in names:
        for option in ((), ("--fix",)):
            case = dict(files, **{torn: files[torn][:-5]})
            status, _, text = both(group, "torn-%s-%d" % (torn, len(option)), case, "a.manifest", *option)
            assert status == (0 if option and torn == names[2] else 1), text
            assert torn.replace("_", ".") + " is damaged" in text
    case = dict(files)
    del case["a_1_incr_aof"]
    assert both(group, "missing", case, "a.manifest")[0] == 1
    for i, bad in enumerate((b"", b"file a.1.base.aof seq 1 type x\n", manifest[:-1], manifest + b"file a.1.incr.aof seq 1 type i\n")):
        status, text = run(KVD, os.path.join(folder(group, "manifest%d" % i, **dict(files, a_manifest=bad)), "a.manifest"))
        assert status == 1 and "a.manifest is damaged" in text, text


def test_dump_at_the_front(group):
    redis = group.redis()
    redis.do("MSET", "a", 1, "b", "text" * 50)
    redis.do("SAVE")
    with open(group.path(redis.name, "dump.rdb"), "rb") as file:
        dump = file.read()
    status, _, text = both(group, "dump", {"a_aof": dump + COMMANDS}, "a.aof")
    assert status == 0 and "a dump of 2 keys, 30 commands" in text
    status, left, _ = both(group, "dump-fixed", {"a_aof": dump + COMMANDS[:-1]}, "a.aof", "--fix")
    assert status == 0 and len(dump) < left["a.aof"] < len(dump + COMMANDS)
    for position in (20, len(dump) // 2, len(dump) - 3):
        broken = dump[:position] + bytes([dump[position] ^ 0x40]) + dump[position + 1:]
        status, text = run(KVD, "--fix", os.path.join(folder(group, "broken%d" % position, a_aof=broken), "a.aof"))
        assert status == 1 and "dump cannot be cut" in text and "at offset" in text, text


def test_how_it_is_called(group):
    path = os.path.join(folder(group, "named", a_aof=WHOLE), "a.aof")
    result = subprocess.run(["kvd-check-aof", path], executable=kvd_binary(), capture_output=True, text=True)
    assert result.returncode == 0 and "is valid" in result.stdout
    for options in ((), ("--fix",), ("--wrong", path), (path, path), ("--truncate-to-timestamp", "x", path)):
        result = subprocess.run(["kvd-check-aof", *options], executable=kvd_binary(), capture_output=True, text=True)
        assert result.returncode == 1 and "usage" in result.stdout
    status, text = run(KVD, path + "x")
    assert status == 1 and "no such file" in text
    shutil.rmtree(group.path("named"))


def test_a_base_that_lost_its_bytes(group):
    """redis-check-aof is content, and redis-server starts with what follows: the data of the base is gone without a word."""
    path = folder(group, "lost", **{"appendonly.aof.1.base.rdb": b"", "appendonly.aof.1.incr.aof": COMMANDS,
                                    "appendonly.aof.manifest": b"file appendonly.aof.1.base.rdb seq 1 type b\n"
                                                               b"file appendonly.aof.1.incr.aof seq 1 type i\n"})
    status, text = run(KVD, os.path.join(path, "appendonly.aof.manifest"))
    assert status == 1 and "appendonly.aof.1.base.rdb is damaged: it is empty, which no dump file is" in text, text
    assert run(REDIS, os.path.join(path, "appendonly.aof.manifest"))[0] == 0
    kvd = group.kvd("appendonly: yes\n", start=False)
    shutil.copytree(path, group.path(kvd.name, "appendonlydir"))
    kvd.start(wait=False)
    assert kvd.process.wait(60) == 1 and "appendonly.aof.1.base.rdb: it is empty, which no dump file is" in kvd.log()
