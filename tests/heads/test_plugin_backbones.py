"""The plug-in on real backbones: its levels, a training step, and the saved model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tiny_networks import tiny

from fgtl.errors import UsageError
from fgtl.heads.classifier import Classifier, load_classifier
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.models.backbone import Backbone, build_network
from fgtl.training.optimizer import build_optimizer
from fgtl.training.settings import TrainingKnobs
from fgtl.training.step import TrainStep

LABELS = np.int32([0, 2, 1, 0])


@dataclass(frozen=True)
class Training(TrainingKnobs):
    """All weights, a few steps."""

    optimizer: str = "nesterov"
    mode: str = "all"
    tuned_bn: str = "train"
    jit: str = "off"


def backbone_of(name: str, size: int) -> Backbone:
    if name.startswith("tiny:"):
        pytest.importorskip("keras_hub")
        return tiny(name.partition(":")[2], size)
    return build_network(name, size)


def images_for(backbone: Backbone) -> np.ndarray:
    side = backbone.input_size
    return np.random.default_rng(0).uniform(0, 255, (4, side, side, 3)).astype("float32")


@pytest.mark.parametrize(
    ("name", "size", "points", "kept"),
    [
        ("tiny:ViT", 32, [17, 17, 17, 17], [15, 15, 15, 3]),
        pytest.param("tiny:SwinTransformer", 64, [256, 64, 16, 4], [227, 56, 14, 1], marks=pytest.mark.slow),
        pytest.param("mobilenet_v2", 96, [576, 144, 36, 9], [512, 128, 32, 2], marks=pytest.mark.slow),
        # Grids that do not double: 23, 12, 6, 3 and 23, 11, 5, 2.
        pytest.param("mobilenet_v2", 90, [529, 144, 36, 9], [470, 128, 32, 2], marks=pytest.mark.slow),
        pytest.param("inception_v3", 107, [529, 121, 25, 4], [470, 107, 22, 1], marks=pytest.mark.slow),
        pytest.param("resnet50", 64, [256, 64, 16, 4], [227, 56, 14, 1], marks=pytest.mark.slow),
        pytest.param("efficientnet_lite0", 64, [256, 64, 16, 4], [227, 56, 14, 1], marks=pytest.mark.slow),
        # Three taps.
        pytest.param("tiny:DeiT", 48, [38, 38, 38], [33, 33, 8], marks=pytest.mark.slow),
        pytest.param("tiny:DINOV2", 32, [19] * 4, [16, 16, 16, 4], marks=pytest.mark.slow),
    ],
)
def test_it_trains_on_a_backbone_and_its_saved_model_says_the_same(
    name: str, size: int, points: list[int], kept: list[int], tmp_path: Path
) -> None:
    keras.utils.set_random_seed(0)
    model = Classifier(backbone_of(name, size), PluginHead(3, PluginKnobs(fpn_size=16)))
    head, images = model.head, images_for(model.backbone)
    assert ([level.points for level in head.levels], head.kept) == (points, kept)
    assert [level.tap for level in head.levels] == [tap.name for tap in model.backbone.taps][-4:]

    knobs = Training()
    step = TrainStep(model, build_optimizer(knobs, 1e-3, model), "all", knobs)
    before = {variable.path: np.array(variable) for variable in model.trainable_variables}
    values = step(images, LABELS).numpy()
    figures = dict(zip(step.names, values, strict=True))
    assert all(np.isfinite(value) for value in figures.values())
    terms = {term: figures[term] for term in figures if term in head.loss_weights}
    assert len(terms) == 2 * len(points) + 1
    total = sum(head.loss_weights[term] * value for term, value in terms.items()) + figures["weight_decay"]
    assert figures["loss"] == pytest.approx(total, rel=1e-4)
    still = {v.path for v in model.trainable_variables if np.array_equal(before[v.path], v)}
    # The bias before a normalisation moves nothing, and what DINO puts in place of masked patches is not used.
    assert not [path for path in still if "bias" not in path and "mask_token" not in path]

    model.save(tmp_path / "model.keras")
    again = load_classifier(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    outputs, reloaded = model(images, training=False), again(images, training=False)
    assert set(outputs) == set(reloaded)
    for output in outputs:
        np.testing.assert_array_equal(reloaded[output], outputs[output])
    np.testing.assert_allclose(np.sum(model.probabilities(images), axis=1), 1, rtol=1e-5)


def test_the_maps_published_doubling_refuses_a_size_that_does_not_double() -> None:
    knobs = PluginKnobs(fpn_size=16, plugin_upsample="doubling")
    with pytest.raises(UsageError, match=r"level1 \(tap p2, 23x23\) is not twice level2 \(tap p3, 12x12\)"):
        Classifier(build_network("mobilenet_v2", 90), PluginHead(3, knobs))


def test_a_frozen_backbone_keeps_its_bits_and_only_the_head_learns() -> None:
    model = Classifier(build_network("mobilenet_v2", 64), PluginHead(3, PluginKnobs(fpn_size=16)))
    images, knobs = images_for(model.backbone), Training(mode="head", accumulate=2)
    step = TrainStep(model, build_optimizer(knobs, 1e-2, model.head), "head", knobs)
    before = [np.array(variable) for variable in model.backbone.variables]
    losses = [float(step(images, LABELS)[0]) for _ in range(4)]
    assert losses[-1] < losses[0]
    assert all(np.array_equal(old, new) for old, new in zip(before, model.backbone.variables, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_it_trains_compiled_and_in_mixed_precision(precision: str) -> None:
    keras.config.set_dtype_policy(precision)
    try:
        model = Classifier(backbone_of("tiny:ViT", 32), PluginHead(3, PluginKnobs(fpn_size=16, lambda_s=0.1)))
        knobs = Training(jit="on", precision=precision)
        scaled: Any = build_optimizer(knobs, 1e-3, model, scale_loss=precision == "mixed_float16")
        step = TrainStep(model, scaled, "all", knobs)
        figures = np.stack([step(images_for(model.backbone), LABELS).numpy() for _ in range(5)])
        assert np.isfinite(figures).all()
        assert figures[-1, 0] < figures[0, 0]
    finally:
        keras.config.set_dtype_policy("float32")
