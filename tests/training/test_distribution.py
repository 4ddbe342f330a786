import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from fgtl.errors import UsageError
from fgtl.training.distribution import check_batch_size, pick_strategy


def replicas(*words):
    """What replicas.py saw with two logical CPUs, next to one."""
    script = str(Path(__file__).with_name("replicas.py"))
    done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found():
    return replicas()


def test_two_replicas_reach_the_weights_of_one(found):
    assert found["replicas"] == 2
    assert found["weights"] < 2e-6


def test_without_synchronised_statistics_they_do_not(found):
    assert found["without sync_bn"] > 1e-2


@pytest.mark.slow
def test_two_replicas_of_a_real_network_reach_the_weights_of_one_only_with_synchronised_statistics():
    found = replicas("real")
    assert found["weights"] < 1e-6
    assert found["without sync_bn"] > 1e-2


def test_two_replicas_log_the_figures_of_one(found):
    one, two = found["metrics"]
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        for name in a.keys() - {"phase", "images_per_second"}:
            assert a[name] == pytest.approx(b[name], rel=1e-5), name


@pytest.mark.slow
def test_xla_under_two_replicas_does_the_same():
    found = replicas("compiled")
    assert found["with jit"] < 2e-6
    assert found["another rate"] > 1e-4


def test_a_run_of_two_replicas_goes_on_with_one(found):
    assert found["moved from two to one"] < 5e-6


def test_evaluation_under_two_replicas_is_exact_and_in_order(found):
    assert found["labels in order"]
    assert found["probabilities"] < 1e-6
    assert found["rows past bad ones"] == [row for row in range(40) if row not in (0, 9, 39)]
    assert found["and their probabilities"] < 1e-6


def test_an_overflow_on_the_second_replica_alone_skips_the_step(found):
    assert found["scale after overflow"] == 2**14
    assert found["untouched by overflow"]


def test_what_replicas_cannot_do_is_refused(found):
    assert "--jit=on and --sync_bn over 2 devices" in found["jit with sync_bn"]
    assert "--batch_size=7 does not divide over 2 devices" in found["odd batch"]
    assert "--batch_size=6 or --batch_size=8" in found["odd batch"]


def test_one_device_has_no_strategy():
    assert pick_strategy(("cpu",)) is None
    check_batch_size(7, None)


@pytest.mark.parametrize("devices", [("tpu:0",), ("cpu:x",), ("cpu:0", "gpu:0"), ("cpu:0", "cpu:0"), ("",)])
def test_devices_that_cannot_be_meant_are_refused(devices):
    with pytest.raises(UsageError, match="--devices"):
        pick_strategy(devices)


def test_a_device_that_is_not_there_is_named():
    keras.ops.zeros(1)  # TensorFlow has started: no logical device can be added
    with pytest.raises(UsageError, match="--devices=cpu:0,cpu:7"):
        pick_strategy(("cpu:0", "cpu:7"))


@pytest.fixture
def started(monkeypatch):
    """A TensorFlow that has started with the given GPUs visible, out of two."""

    def start(visible):
        def refuse(*_):
            raise RuntimeError("Visible devices cannot be modified after being initialized")

        config = tf.config
        monkeypatch.setattr(config, "list_physical_devices", lambda kind: [f"physical {kind}:{n}" for n in range(2)])
        monkeypatch.setattr(config, "get_visible_devices", lambda kind: [f"physical {kind}:{n}" for n in visible])
        monkeypatch.setattr(config, "set_visible_devices", refuse)
        monkeypatch.setattr(config, "set_logical_device_configuration", refuse)

    return start


@pytest.mark.parametrize(
    ("visible", "asked"), [((0, 1), "gpu:1"), ((1,), "gpu:0"), ((), "gpu:0"), ((0, 1), "cpu"), ((1,), "cpu:0")]
)
def test_a_device_that_tensorflow_would_not_use_is_refused(started, visible, asked):
    started(visible)
    with pytest.raises(UsageError, match=rf"(?s)--devices={asked}.*TensorFlow has started.*new process"):
        pick_strategy((asked,))


@pytest.mark.parametrize(("visible", "asked"), [((0, 1), "gpu:0"), ((0,), "gpu:0"), ((1,), "gpu:1"), ((), "cpu")])
def test_a_device_that_tensorflow_uses_already_is_no_error(started, visible, asked):
    started(visible)
    assert pick_strategy((asked,)) is None


def test_several_gpus_of_which_one_is_hidden_are_refused(started):
    started((1,))
    with pytest.raises(UsageError, match="--devices=gpu:0,gpu:1"):
        pick_strategy(("gpu:0", "gpu:1"))


def test_a_gpu_that_is_not_there_is_named(started):
    started((0, 1))
    with pytest.raises(UsageError, match=r"(?s)no gpu:2.*2 GPUs"):
        pick_strategy(("gpu:2",))
