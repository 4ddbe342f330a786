"""The plug-in in a whole training: two replicas, mixed precision, and going on where a process stopped."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found():
    path = str(Path(__file__).with_name("plugin_replicas.py"))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_replicas_reach_the_weights_of_one_with_synchronised_statistics_only(found):
    assert found["replicas"] < 1e-4
    assert found["without sync_bn"] > 1e-2


def test_a_resumed_training_is_bit_equal_to_one_that_was_never_stopped(found):
    assert found["resumed"] == 0


def test_float16_with_scaled_losses_and_halves_of_batches_follows_float32_on_two_replicas(found):
    """As the published recipes train. The first updates are skipped until the scale fits: it lags behind a little."""
    half, full = found["float16"], found["float32"]
    assert len(half) == len(full)
    assert half[0] == pytest.approx(full[0], rel=1e-2)
    assert half[-1] == pytest.approx(full[-1], rel=0.15) and half[-1] < half[0] / 2


def test_in_mixed_precision_on_two_replicas_it_learns(found):
    assert np.isfinite(found["mixed"]).all()
    assert found["mixed"][-1] < found["mixed"][0] / 2
