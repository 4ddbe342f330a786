import pytest
import tensorflow as tf

from fgtl.errors import FgtlError, UsageError
from fgtl.training import compilation
from fgtl.training.compilation import compilation_explained, compiles


class Devices:
    """What `compiles` asks of a strategy."""

    def __init__(self, kind, count):
        self.num_replicas_in_sync, self.extended = count, self
        self.worker_devices = [f"/job:localhost/replica:0/task:0/device:{kind}:{n}" for n in range(count)]


@pytest.mark.parametrize(
    ("devices", "knobs", "expected"),
    [
        (None, {}, False),
        (Devices("CPU", 2), {"sync_bn": False}, False),
        (Devices("GPU", 1), {}, True),
        (Devices("GPU", 2), {"sync_bn": False}, True),
        (Devices("GPU", 2), {"tuned_bn": "inference"}, True),
        (Devices("GPU", 2), {}, False),
        (Devices("GPU", 1), {"jit": "off"}, False),
        (None, {"jit": "on"}, True),
    ],
)
def test_auto_compiles_on_gpus_unless_statistics_are_exchanged(config, fresh_model, devices, knobs, expected):
    assert compiles(fresh_model(), "all", config(**knobs), devices) is expected


def test_auto_leaves_strict_determinism_alone(config, fresh_model, monkeypatch):
    monkeypatch.setattr(compilation, "_bit_equal_kernels_asked", lambda: True)
    assert not compiles(fresh_model(), "all", config(), Devices("GPU", 1))
    assert compiles(fresh_model(), "all", config(jit="on"), Devices("GPU", 1))


def test_auto_leaves_saved_models_alone(config, fresh_model):
    model = fresh_model()
    model.backbone.architecture = "saved_model:some/folder"
    assert not compiles(model, "all", config(), Devices("GPU", 1))
    assert compiles(model, "all", config(jit="on"), Devices("GPU", 1))
    model.backbone.architecture = "mobilenet_v2"
    assert compiles(model, "all", config(), Devices("GPU", 1))


def test_only_what_xla_says_is_explained():
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels"), compilation_explained():
        raise tf.errors.InvalidArgumentError(None, None, 'File "compilation.py", line 3\nlabels out of range')
    with pytest.raises(FgtlError, match="XLA cannot compile.*not implemented"), compilation_explained():
        raise tf.errors.UnimplementedError(None, None, "Graph execution error:\n\nnot implemented on XLA_GPU_JIT")


def test_the_phase_decides_which_policy_counts(config, fresh_model):
    knobs = config(frozen_bn="inference", tuned_bn="train")
    assert compiles(fresh_model(), "head", knobs, Devices("GPU", 2))
    assert not compiles(fresh_model(), "all", knobs, Devices("GPU", 2))


@pytest.mark.parametrize(("knobs", "named"), [({"jit": "on"}, "--jit=on"), ({"accumulate": 2}, "--accumulate=2")])
def test_what_cannot_stop_in_mid_forward_is_refused(config, fresh_model, knobs, named):
    with pytest.raises(UsageError, match=rf"(?s){named} and --sync_bn over 2 devices.*--nosync_bn, or leave --"):
        compiles(fresh_model(), "all", config(**knobs), Devices("CPU", 2))
    compiles(fresh_model(), "all", config(**knobs, tuned_bn="inference"), Devices("CPU", 2))
