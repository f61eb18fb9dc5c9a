"""One kvd and one redis-server for all tests here. KVD_BIN names kvd (default: build/check/kvd)."""
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from processes import Group  # noqa: E402


@pytest.fixture(scope="session")
def servers():
    """(port of kvd, port of redis-server)"""
    group = Group("kvd-compat-")
    kvd, redis = group.kvd("enable-debug-command: yes\n"), group.redis()
    yield kvd.port, redis.port
    alive = kvd.alive()
    log = kvd.log()[-3000:]
    group.close()
    assert alive, log
