"""What is found in single images: against the model's own outputs and a slow energy, for maps and for tokens."""

import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from fgtl.data.knobs import ViewKnobs
from fgtl.errors import UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.training.heat import HeatFinder, cell_energy
from fgtl.training.heat_pictures import PANEL, HeatPictures

# pytest's importlib mode leaves the tests' folders out of the path.
sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
from bright_network import SIDE, bright_classifier, bright_networks

KNOBS = ViewKnobs(image_size=SIDE, eval_crop=1.0, eval_batch_size=2)


def file_of(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Three pictures of the input's size, so that nothing is resized."""
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def bright() -> Iterator[Classifier]:
    with bright_networks():
        yield bright_classifier(3)


@pytest.fixture(scope="module")
def tokens() -> Classifier:
    """A vision transformer of 1 + 16 tokens on four levels."""
    pytest.importorskip("keras_hub")
    from tiny_networks import tiny

    keras.utils.set_random_seed(1)
    return Classifier(tiny("ViT", SIDE), PluginHead(3, PluginKnobs(fpn_size=16)))


@pytest.mark.parametrize(("name", "prefix"), [("bright", 0), ("tokens", 1)])
def test_it_is_what_the_model_says_in_inference_mode(
    name: str, prefix: int, images: np.ndarray, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    found = list(HeatFinder(model, KNOBS)([file_of(one) for one in images], label=1))
    # -- the oracle: one pass with all points -------------------------------------------------------------------------
    maps = model.backbone(images.astype("float32"), training=False)
    outputs = model.head.outputs(maps["taps"], training=False, points=True)
    heads = model.head.heads(outputs)
    for row, heat in enumerate(found):
        np.testing.assert_allclose(heat.probabilities, heads["fused"][row], atol=1e-6)
        assert list(heat.heads) == list(heads)
        np.testing.assert_allclose(heat.heads["combiner"], heads["combiner"][row], atol=1e-6)
        assert (heat.size, heat.label, heat.has_points) == ((SIDE, SIDE), 1, True)
        for level, own in zip(heat.levels, model.head.levels, strict=True):
            assert (level.name, level.grid.name, level.grid.prefix_tokens) == (own.name, own.tap, prefix)
            np.testing.assert_array_equal(level.kept, outputs[f"{own.name}_kept"][row])
            logits = np.asarray(outputs[f"{own.name}_points"][row], np.float64)
            shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
            np.testing.assert_allclose(level.class_map.ravel(), shares[prefix:, 1], atol=1e-5)
            tap = np.asarray(maps["taps"][own.tap][row], np.float64).reshape(-1, own.channels)[prefix:]
            energy = np.maximum(tap, 0).sum(-1)
            energy = (energy - energy.min()) / (energy.max() - energy.min())
            np.testing.assert_allclose(level.energy.ravel(), energy, atol=1e-5)


def test_the_lit_cells_are_the_kept_ones(bright: Classifier, images: np.ndarray) -> None:
    """At the input's own size a cell of stride 4 is 4 x 4 pixels."""
    heat = next(HeatFinder(bright, KNOBS)([file_of(images[0])]))
    for level in heat.levels:
        stride, columns = level.grid.stride, level.grid.grid[1]
        mask = np.zeros((SIDE, SIDE), bool)
        for point in level.kept.tolist():
            row, column = divmod(point, columns)
            mask[row * stride : (row + 1) * stride, column * stride : (column + 1) * stride] = True
        np.testing.assert_array_equal(heat.kept_on((SIDE, SIDE), level), mask)


def test_without_a_class_the_maps_are_of_each_images_own_prediction(bright: Classifier) -> None:
    pixels = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    pixels[0, ..., 0] = 255
    found = list(HeatFinder(bright, KNOBS)([file_of(one) for one in pixels]))
    assert [heat.label for heat in found] == [int(heat.probabilities.argmax()) for heat in found]


def test_batches_do_not_matter(bright: Classifier, images: np.ndarray) -> None:
    files = [file_of(one) for one in images]
    together = HeatFinder(bright, KNOBS)(files)
    alone = HeatFinder(bright, ViewKnobs(image_size=SIDE, eval_crop=1.0, eval_batch_size=1))(files)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)
        for level, same in zip(one.levels, other.levels, strict=True):
            np.testing.assert_array_equal(level.kept, same.kept)
            np.testing.assert_allclose(level.class_map, same.class_map, atol=1e-5)


def test_negative_values_and_prefix_tokens_have_no_energy() -> None:
    tap = np.array([[[9.0, 9.0], [1.0, -5.0], [-1.0, -1.0]]], "float32")
    assert np.asarray(cell_energy(tap, prefix_tokens=1)).tolist() == [[1, 0]]


def test_pictures_of_tokens_say_which_points_have_no_place(tokens: Classifier, images: np.ndarray) -> None:
    data = file_of(images[0])
    heat = next(HeatFinder(tokens, KNOBS)([data]))
    pictures = HeatPictures(data, "noise", heat, ("a", "b", "c"), threshold=0.75)
    assert {name: one.size for name, one in pictures.overlays().items()} == dict.fromkeys(
        ("kept", "class", "energy"), (SIDE, SIDE)
    )
    sheet = pictures.sheet()
    assert sheet.width > 5 * PANEL and sheet.height > 3 * PANEL


def test_a_class_that_is_out_of_the_question_has_a_dark_map(bright: Classifier, images: np.ndarray) -> None:
    """Its softmax may round to 0 everywhere; a warning would be an error here."""
    data = file_of(images[0])
    heat = next(HeatFinder(bright, KNOBS)([data]))
    dark = replace(heat, levels=tuple(replace(one, class_map=np.zeros_like(one.class_map)) for one in heat.levels))
    with np.errstate(all="raise"):
        HeatPictures(data, "noise", dark, ("a", "b", "c")).sheet()
    assert dark.largest > 0


def test_a_backbone_without_maps_is_refused() -> None:
    with bright_networks():
        from bright_network import linear_classifier

        model = linear_classifier(3)
    model.backbone.taps = ()
    with pytest.raises(UsageError, match="gives a vector and no maps"):
        HeatFinder(model, KNOBS)


def test_a_head_that_is_one_has_energy_only(images: np.ndarray) -> None:
    with bright_networks():
        from bright_network import linear_classifier

        model = linear_classifier(3)
    assert isinstance(model.head, LinearHead)
    data = file_of(images[0])
    heat = next(HeatFinder(model, KNOBS)([data], label=2))
    assert (heat.has_points, heat.heads, len(heat.levels)) == (False, {}, 3)
    pictures = HeatPictures(data, "noise", heat, ("a", "b", "c"))
    assert list(pictures.overlays()) == ["energy"]
    assert pictures.sheet().height < 2 * PANEL + 200
