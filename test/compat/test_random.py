"""A bounded run of the differential tester (differ.py has more)."""
import pytest

import differ

STEPS = 2500


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("seed", range(1, 9))
def test_random_commands(servers, seed, resp):
    pair = differ.Pair(*servers, resp)
    try:
        differ.run(pair, seed, STEPS)
    finally:
        pair.close()
