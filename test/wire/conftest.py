"""Fixtures of the tests of whole processes. KVD_BIN names the binary (default: build/check/kvd)."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from processes import Group  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "result_" + call.when, outcome.get_result())


@pytest.fixture
def group(request):
    """Starts processes; they end with the test. Their directory with the logs stays when the test failed."""
    started = Group("kvd-wire-")
    yield started
    result = getattr(request.node, "result_call", None)
    failed = result is None or result.failed
    started.close(keep=failed)
    if failed:
        print("\nlogs kept in", started.directory)
        for process in started.processes:
            if os.path.exists(process.log_path):
                print("--- end of %s\n%s" % (process.log_path, process.log()[-3000:]))
