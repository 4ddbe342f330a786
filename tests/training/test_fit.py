"""build_classifier: what the model knobs put together, and what they refuse."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from fgtl.errors import UsageError
from fgtl.heads.classifier import load_classifier
from fgtl.models.batch_norms import batch_norms
from fgtl.training import fit as fit_module
from fgtl.training.fit import build_classifier
from fgtl.training.fit_knobs import FitKnobs
from fgtl.training.plan import plan_training
from fgtl.training.run import DatasetFacts, Run
from fgtl.training.variables import trained_part

NAMES = [f"bird {number}" for number in range(200)]
SMALL = {"backbone": "mobilenet_v2", "weights": "none", "image_size": 32}


def test_the_head_gets_its_knobs() -> None:
    head = build_classifier(FitKnobs(**SMALL, dropout=0.3, label_smoothing=0.2), NAMES).head
    assert (head.classes, head.rate, head.label_smoothing, head.aux_weight) == (200, 0.3, 0.2, 0.0)


def test_a_backbone_without_residual_branches_to_leave_out_refuses_drop_path() -> None:
    with pytest.raises(UsageError, match=r"--drop_path=0.2: mobilenet_v2 leaves out no residual branch"):
        build_classifier(FitKnobs(**SMALL, drop_path=0.2), NAMES)
    build_classifier(FitKnobs(**SMALL, drop_path=0.0), NAMES)


def test_drop_path_reaches_the_backbone_and_by_default_leaves_it_alone() -> None:
    network = {"backbone": "efficientnet_b0", "weights": "none", "image_size": 32}

    def deepest(knobs: FitKnobs) -> float:
        layers = build_classifier(knobs, NAMES[:2]).backbone.trunk.layers
        return [layer.rate for layer in layers if layer.name.endswith("_drop")][-1]

    assert deepest(FitKnobs(**network, drop_path=0.5)) == pytest.approx(0.5)
    assert 0.1 < deepest(FitKnobs(**network)) < 0.2


@pytest.mark.parametrize(("aux_weight", "weights"), [(0.0, 409_800), (0.4, 3_120_400)])
def test_the_last_layer_recipe_trains_as_many_weights_as_the_original(aux_weight: float, weights: int) -> None:
    """Acceptance E4, CUB-200."""
    knobs = FitKnobs(backbone="inception_v3", weights="none", image_size=299, aux_weight=aux_weight)
    model = build_classifier(knobs, NAMES)
    trained = trained_part(model, "head").trainable_variables
    assert sum(variable.numpy().size for variable in trained) == weights


def decays(part: Any) -> set[tuple[float, float]]:
    """(decay, epsilon) of all batch norms."""
    return {(layer.momentum, layer.epsilon) for layer in batch_norms(part)}


def test_bn_decay_reaches_the_backbone_and_the_auxiliary_classifier_and_is_saved(tmp_path: Path) -> None:
    model = build_classifier(FitKnobs(**SMALL, aux_weight=0.4, bn_decay=0.95), NAMES[:3])
    assert decays(model.backbone) == decays(model.head) == {(0.95, 1e-3)}
    model.save(tmp_path / "model.keras")
    loaded = load_classifier(tmp_path / "model.keras")
    assert decays(loaded.backbone) == decays(loaded.head) == {(0.95, 1e-3)}
    assert loaded.get_config() == model.get_config()
    plain = build_classifier(FitKnobs(**SMALL, aux_weight=0.4), NAMES[:3])
    assert (decays(plain.backbone), decays(plain.head)) == ({(0.999, 1e-3)}, {(0.9997, 1e-3)})


def test_statistics_follow_by_the_decay_that_was_asked_for() -> None:
    model = build_classifier(FitKnobs(**SMALL, bn_decay=0.75), NAMES[:3])
    norm = next(layer for layer in model.backbone.trunk.layers if layer.name == "bn_Conv1")
    images = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")
    seen = keras.Model(model.backbone.trunk.input, norm.input)(images / 127.5 - 1)
    model(images, training=True)
    np.testing.assert_allclose(norm.moving_mean, 0.25 * np.asarray(seen).mean((0, 1, 2)), rtol=1e-3, atol=1e-6)


def test_a_second_stage_has_the_decay_that_it_asks_for(tmp_path: Path) -> None:
    run = Run.create_or_resume(tmp_path, {"seed": 0}, DatasetFacts("birds", 3, NAMES[:3], "ab", {"train": 9}))
    run.save_model(build_classifier(FitKnobs(**SMALL, bn_decay=0.95), NAMES[:3]), {"input_size": 32})
    staged = FitKnobs(**SMALL, init_run=tmp_path)
    assert decays(build_classifier(staged, NAMES[:3]).backbone) == {(0.999, 1e-3)}
    assert decays(build_classifier(replace(staged, bn_decay=0.9), NAMES[:3]).backbone) == {(0.9, 1e-3)}


def test_a_network_without_batch_normalisation_refuses_bn_decay() -> None:
    with pytest.raises(UsageError, match=r"(?s)--bn_decay=0.99: vgg16 has no batch normalisation.*--bn_decay=0"):
        build_classifier(FitKnobs(backbone="vgg16", weights="none", image_size=32, bn_decay=0.99), NAMES[:3])


KERAS, SLIM, SLIM_RESNET = (0.99, 1e-3), (0.9997, 1e-3), (0.997, 1e-5)


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        ("inception_v3", KERAS),
        ("inception_v3_se", SLIM),
        ("resnet_v2_50", SLIM_RESNET),
        pytest.param("inception_v4", SLIM, marks=pytest.mark.slow),
        pytest.param("inception_resnet_v2", KERAS, marks=pytest.mark.slow),
        pytest.param("inception_resnet_v2_se", SLIM, marks=pytest.mark.slow),
        pytest.param("resnet_v2_101", SLIM_RESNET, marks=pytest.mark.slow),
        pytest.param("resnet_v2_152", SLIM_RESNET, marks=pytest.mark.slow),
    ],
)
def test_the_papers_networks_have_slims_batch_normalisation_unless_they_are_those_of_keras(
    backbone: str, expected: tuple[float, float]
) -> None:
    model = build_classifier(FitKnobs(backbone=backbone, weights="none", image_size=75, aux_weight=0.4), NAMES[:2])
    assert decays(model.backbone) == {expected}
    assert decays(model.head) == {SLIM}
    asked = FitKnobs(backbone=backbone, weights="none", image_size=75, aux_weight=0.4, bn_decay=0.9997)
    assert decays(build_classifier(asked, NAMES[:2]).backbone) == {(0.9997, expected[1])}


@pytest.mark.parametrize(
    ("knobs", "steps", "message"),
    [
        ({}, 1410, r"keeps 0.999 .* after 1,410 steps 24% of them .* --bn_decay=0.99, or train for longer"),
        ({"bn_decay": 0.9997}, 1410, "66% of them"),
        ({"bn_decay": 0.9997}, 10_000, None),
        ({"bn_decay": 0.99}, 1410, None),
        ({"bn_decay": 0.9}, 20, r"Better train for longer"),
        ({"tuned_bn": "inference"}, 20, None),
        ({"mode": "head", "frozen_bn": "train"}, 1410, "24% of them"),
        ({"mode": "head", "frozen_bn": "train", "weights": "file"}, 1410, None),
        ({"weights": "file"}, 1410, "24% of them"),
    ],
)
def test_statistics_that_would_not_settle_are_named(
    knobs: dict[str, Any], steps: int, message: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build_classifier(FitKnobs(**SMALL, bn_decay=knobs.get("bn_decay", 0.0)), NAMES[:2])
    asked = FitKnobs(**{**SMALL, "mode": "all", "tuned_bn": "train", "epochs": 1, "warmup_epochs": 0, **knobs})
    fit_module._warn_of_statistics(model, asked, plan_training(asked, images=steps * 8, batch_size=8))
    shown = capsys.readouterr().err
    assert bool(message) == bool(shown)
    assert message is None or re.search(message, shown)
