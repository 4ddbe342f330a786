"""Each head of a head that is several, and the saved model's heads, which are those of the model that was saved."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import UsageError
from fgtl.heads.classifier import load_classifier
from fgtl.training.several_heads import by_head, head_names, is_several, probabilities_of_each, result_name

# pytest's importlib mode leaves the tests' folders out of the path.
sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
from bright_network import SIDE, bright_classifier, bright_networks, linear_classifier

IMAGES = np.random.default_rng(0).uniform(0, 255, (4, SIDE, SIDE, 3)).astype("float32")


def test_heads_come_side_by_side_and_are_told_apart() -> None:
    with bright_networks():
        model = bright_classifier(3)
    names = head_names(model)
    assert names == ("level1", "level2", "level3", "combiner", "fused") and result_name(model) == "fused"
    each = by_head(names, np.asarray(probabilities_of_each(model, IMAGES)))
    expected = model.head.heads(model(IMAGES, training=False))
    for name in names:
        np.testing.assert_allclose(each[name], expected[name], atol=1e-6)
    np.testing.assert_allclose(each["fused"], model.probabilities(IMAGES), atol=1e-6)
    assert {name: one.tolist() for name, one in by_head(names, np.arange(8)).items()}["level2"] == [2, 3]


@pytest.mark.parametrize(("weights", "own"), [({}, 4), ({"lambda_c": 0}, 3)])
def test_the_fused_head_is_not_kept_and_is_bit_for_bit_the_prediction(weights: dict[str, float], own: int) -> None:
    with bright_networks():
        model = bright_classifier(3, **weights)
    rows = np.asarray(tf.function(partial(probabilities_of_each, model))(IMAGES))
    assert rows.shape == (4, own * 3)
    fused = by_head(head_names(model), rows)["fused"]
    np.testing.assert_array_equal(fused, tf.function(model.probabilities)(IMAGES))


def test_a_saved_model_has_no_points_and_the_same_heads(tmp_path: Path) -> None:
    """What inference does not need, the logits of the dropped points, is not in it."""
    with bright_networks():
        model = bright_classifier(3)
        model.save(tmp_path / "model.keras")
        again = load_classifier(tmp_path / "model.keras")
    assert not [name for name in again(IMAGES, training=False) if "points" in name or "dropped" in name]
    found, expected = (np.asarray(probabilities_of_each(one, IMAGES)) for one in (again, model))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (again.probabilities(IMAGES).numpy().argmax(1) == model.probabilities(IMAGES).numpy().argmax(1)).all()


def test_a_head_that_is_one_is_named() -> None:
    with bright_networks():
        model = linear_classifier(3)
    assert not is_several(model)
    with pytest.raises(UsageError, match="linear, is a single one"):
        head_names(model)
