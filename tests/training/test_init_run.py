"""Starting from a finished run's model: which weights are taken, at any input size, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import DataError
from fgtl.training.fit import build_classifier
from fgtl.training.fit_knobs import FitKnobs
from fgtl.training.init_run import init_facts
from fgtl.training.run import DatasetFacts, Run

NAMES = ("auk", "bittern", "coot")
NETWORK = {"backbone": "mobilenet_v2", "weights": "none"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run at 64 px whose weights tell where they come from: each is filled with its place in the model."""
    folder = tmp_path_factory.mktemp("init") / "first"
    run = Run.create_or_resume(folder, {"seed": 0}, DatasetFacts("birds", 3, NAMES, "ab", {"train": 9}))
    model = build_classifier(FitKnobs(**NETWORK, image_size=64), NAMES)
    for place, variable in enumerate(model.weights):
        variable.assign(np.full(variable.shape, place % 97 + 1, variable.dtype))
    run.save_model(model, {"backbone": "mobilenet_v2", "input_size": 64})
    return folder


def first_values(layer: object) -> list[float]:
    return [float(np.ravel(weight.numpy())[0]) for weight in layer.weights]  # type: ignore[attr-defined]


def test_backbone_and_head_are_taken_at_another_input_size(finished: Path) -> None:
    model = build_classifier(FitKnobs(**NETWORK, image_size=96, init_run=finished), NAMES)
    places = [place % 97 + 1.0 for place in range(len(model.weights))]
    assert first_values(model) == places
    assert model.backbone.input_size == 96


def test_the_head_may_stay_fresh_and_then_the_classes_may_differ(finished: Path) -> None:
    knobs = FitKnobs(**NETWORK, image_size=32, init_run=finished, init_head=False)
    model = build_classifier(knobs, ["one", "two"])
    assert first_values(model.backbone) == [place % 97 + 1.0 for place in range(len(model.backbone.weights))]
    assert np.abs(model.head.logits.kernel.numpy()).max() < 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("auk", "bittern", "duck"), "class 2 is 'duck' here, 'coot' there"),
        (NAMES[:2], "3 classes, the record set has 2"),
    ],
)
def test_other_classes_are_refused_with_the_difference(finished: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=f"{message}(.|\n)*--noinit_head"):
        build_classifier(FitKnobs(**NETWORK, image_size=32, init_run=finished), names)


def test_another_backbone_is_refused_with_the_flag_that_fits(finished: Path) -> None:
    knobs = FitKnobs(backbone="efficientnet_lite0", weights="none", image_size=32, init_run=finished)
    with pytest.raises(DataError, match="has the backbone mobilenet_v2(.|\n)*Add --backbone=mobilenet_v2"):
        build_classifier(knobs, NAMES)


def test_an_unfinished_or_changed_run_is_no_start(finished: Path, tmp_path: Path) -> None:
    knobs = FitKnobs(**NETWORK, image_size=32, init_run=tmp_path)
    with pytest.raises(DataError, match="is not a run folder"):
        build_classifier(knobs, NAMES)
    (tmp_path / "run.json").write_text((finished / "run.json").read_text())
    with pytest.raises(DataError, match="is not finished"):
        build_classifier(knobs, NAMES)
    (tmp_path / "model.json").write_text((finished / "model.json").read_text())
    (tmp_path / "model.keras").write_bytes((finished / "model.keras").read_bytes() + b"x")
    with pytest.raises(DataError, match="checksum differs"):
        build_classifier(knobs, NAMES)


@pytest.mark.parametrize(("kind", "prefix"), [("ViT", 1), ("DeiT", 2), ("DINOV2", 1)])
def test_position_tables_are_resized_to_another_input_size(kind: str, prefix: int, tmp_path: Path) -> None:
    pytest.importorskip("keras_hub")
    tokens = {"patch_size": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 8}
    widths = {"ViT": {"mlp_dim": 16}, "DINOV2": {"position_embedding_shape": [40, 40, 3]}}.get(kind, {})
    own = {} if kind == "ViT" else {"intermediate_dim": 16}
    config = {"class_name": f"{kind}Backbone", "config": {**tokens, **widths, **own, "image_shape": [32, 32, 3]}}
    (tmp_path / "preset").mkdir()
    (tmp_path / "preset" / "config.json").write_text(json.dumps(config))
    knobs = FitKnobs(backbone=f"keras_hub:{tmp_path / 'preset'}", weights="none", image_size=32)
    run = Run.create_or_resume(tmp_path / "first", {"seed": 0}, DatasetFacts("birds", 3, NAMES, "ab", {"train": 9}))
    small = build_classifier(knobs, NAMES)
    rng = np.random.default_rng(3)
    for variable in small.weights:
        variable.assign(rng.normal(size=variable.shape))
    run.save_model(small, {})
    large = build_classifier(replace(knobs, image_size=64, init_run=run.folder), NAMES)
    resized = 0
    for one, other in zip(small.weights, large.weights, strict=True):
        if one.shape != other.shape:
            resized += 1
            before, after = (np.squeeze(weight.numpy()) for weight in (one, other))
            np.testing.assert_array_equal(after[:prefix], before[:prefix])
            grid = tf.image.resize(before[prefix:].reshape(4, 4, 8), (8, 8), "bicubic")
            np.testing.assert_allclose(after[prefix:], np.reshape(grid, (64, 8)), atol=1e-5)
        else:
            np.testing.assert_array_equal(other.numpy(), one.numpy())
    assert resized == 1


def test_the_facts_name_the_run_and_its_model(finished: Path) -> None:
    facts = init_facts(Run.open(finished))
    assert facts == {
        "run": str(finished),
        "sha256": json.loads((finished / "model.json").read_text())["sha256"],
    }
