from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf

from fgtl.errors import FgtlError, UsageError
from fgtl.training import compilation
from fgtl.training.compilation import compilation_explained, compiles, sliced_statistics, why_not_compiled


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


def test_random_numbers_without_a_seed_are_explained_where_every_bit_is_asked_for():
    told = "Graph execution error:\n\nWhen determinism is enabled, random ops must have a seed specified.\n\t [[{{node d}}]]"
    with pytest.raises(FgtlError, match=r"(?s)strict.*SavedModel.*--determinism=order"), compilation_explained():
        raise tf.errors.InvalidArgumentError(None, None, told)


def test_the_phase_decides_which_policy_counts(config, fresh_model):
    knobs = config(frozen_bn="inference", tuned_bn="train")
    assert compiles(fresh_model(), "head", knobs, Devices("GPU", 2))
    assert not compiles(fresh_model(), "all", knobs, Devices("GPU", 2))


@pytest.mark.parametrize(("knobs", "named"), [({"jit": "on"}, "--jit=on"), ({"accumulate": 2}, "--accumulate=2")])
def test_what_cannot_stop_in_mid_forward_is_refused(config, fresh_model, knobs, named):
    with pytest.raises(UsageError, match=rf"(?s){named} and --sync_bn over 2 devices.*--nosync_bn, or leave --"):
        compiles(fresh_model(), "all", config(**knobs), Devices("CPU", 2))
    compiles(fresh_model(), "all", config(**knobs, tuned_bn="inference"), Devices("CPU", 2))


def test_auto_says_why_it_leaves_xla_off_on_gpus_and_what_turns_it_on(config, fresh_model, monkeypatch):
    model, two = fresh_model(), Devices("GPU", 2)
    why = why_not_compiled(model, "all", config(), two)
    assert why == "XLA is off: batch statistics are exchanged between devices; --nosync_bn turns it on."
    monkeypatch.setattr(compilation, "_bit_equal_kernels_asked", lambda: True)
    assert "--determinism=strict" in why_not_compiled(model, "all", config(), Devices("GPU", 1))
    model.backbone.architecture = "saved_model:some/folder"
    assert "SavedModel" in why_not_compiled(model, "all", config(), Devices("GPU", 1))


@pytest.mark.parametrize(
    ("knobs", "devices"),
    [({}, None), ({}, Devices("CPU", 2)), ({"jit": "off"}, Devices("GPU", 2)), ({"sync_bn": False}, Devices("GPU", 2))],
)
def test_what_everybody_expects_needs_no_word(config, fresh_model, knobs, devices):
    assert why_not_compiled(fresh_model(), "all", config(**knobs), devices) == ""


def test_slices_that_take_statistics_of_their_own_are_said(config, fresh_model):
    model = fresh_model()
    assert "the backbone's batch normalisation" in sliced_statistics(model, "all", config(accumulate=2))
    assert sliced_statistics(model, "all", config()) == ""
    assert sliced_statistics(model, "all", config(accumulate=2, tuned_bn="inference")) == ""
    # As an auxiliary classifier's, which take them in every phase.
    with_norms = SimpleNamespace(backbone=model.backbone, head=keras.Sequential([keras.layers.BatchNormalization()]))
    assert "the head's batch normalisation" in sliced_statistics(with_norms, "head", config(accumulate=2))
