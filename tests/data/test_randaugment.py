from typing import Any

import numpy as np
import pytest

from fgtl.data.draws import id_keys, image_keys
from fgtl.data.knobs import InputKnobs
from fgtl.data.quiet import import_tensorflow

tf = import_tensorflow()

from fgtl.data.randaugment import OPERATIONS, draw_operations, randaugmented  # noqa: E402

NAMES = [operation.name for operation in OPERATIONS]


def drawn(count: int, **knobs: Any) -> np.ndarray:
    keys = image_keys(0, np.zeros(count, np.int64), id_keys([str(row) for row in range(count)]))
    return draw_operations(keys, InputKnobs(**knobs))


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(20, 200, (24, 24, 3)).astype(np.float32)


def test_the_fourteen_operations_of_the_paper_come_equally_often_in_every_layer() -> None:
    assert len(set(NAMES)) == 14
    rows = drawn(7000, randaugment_layers=2)
    for layer in range(2):
        counts = np.bincount(rows[:, layer, 0].astype(int), minlength=14)
        assert counts.min() > 400
        assert counts.max() < 600
    assert 0.03 < (rows[:, 0, 0] == rows[:, 1, 0]).mean() < 0.12  # layers are drawn apart


@pytest.mark.parametrize(
    ("name", "full", "half"),
    [
        ("rotate", {-30, 30}, {-15, 15}),
        ("shear_x", {-0.3, 0.3}, {-0.15, 0.15}),
        ("shear_y", {-0.3, 0.3}, {-0.15, 0.15}),
        ("translate_x", {-0.4532, 0.4532}, {-0.2266, 0.2266}),
        ("translate_y", {-0.4532, 0.4532}, {-0.2266, 0.2266}),
        ("solarize", {0}, {128}),
        ("posterize", {4}, {6}),
        ("colour", {0.1, 1.9}, {0.55, 1.45}),
        ("contrast", {0.1, 1.9}, {0.55, 1.45}),
        ("brightness", {0.1, 1.9}, {0.55, 1.45}),
        ("sharpness", {0.1, 1.9}, {0.55, 1.45}),
    ],
)
def test_strengths_are_those_of_the_papers_table_both_ways(name: str, full: set[float], half: set[float]) -> None:
    for magnitude, expected in ((10, full), (5, half)):
        rows = drawn(2000, randaugment_layers=1, randaugment_magnitude=magnitude)[:, 0]
        found = {round(float(strength), 4) for kind, strength in rows if NAMES[int(kind)] == name}
        assert found == expected


def test_without_magnitude_only_contrast_is_spread() -> None:
    rows = drawn(400, randaugment_layers=1, randaugment_magnitude=0)
    image = np.round(picture(1))
    for row in rows:
        if NAMES[int(row[0, 0])] not in ("autocontrast", "equalize"):
            np.testing.assert_allclose(randaugmented(tf.constant(image), tf.constant(row)), image, atol=1e-3)


def test_each_layer_applies_its_operation_to_what_the_last_one_left() -> None:
    image = tf.constant(picture(2))
    chosen = [(NAMES.index("solarize"), 90.0), (NAMES.index("rotate"), 12.0), (NAMES.index("colour"), 0.3)]
    step_by_step = image
    for kind, strength in chosen:
        step_by_step = OPERATIONS[kind].apply(step_by_step, tf.constant(strength))
    rows = tf.constant(chosen, tf.float32)
    dataset = tf.data.Dataset.from_tensors((image, rows)).map(randaugmented)
    for found in (randaugmented(image, rows), next(iter(dataset))):
        np.testing.assert_allclose(found, step_by_step, atol=1e-3)


def test_every_operation_keeps_shape_and_range_in_a_pipeline() -> None:
    rows = np.array([[[kind, OPERATIONS[kind].strength(1.0, 1)]] for kind in range(14)], np.float32)
    dataset = tf.data.Dataset.from_tensor_slices(rows).map(lambda row: randaugmented(tf.constant(picture(3)), row))
    changed = list(dataset.as_numpy_iterator())
    assert dataset.element_spec.shape == (24, 24, 3)
    for found in changed:
        assert 0 <= found.min() < found.max() <= 255
    unlike = [np.abs(changed[one] - changed[other]).max() > 1 for one in range(14) for other in range(one)]
    assert all(unlike)


def test_one_layer_more_leaves_the_others_as_they_were() -> None:
    np.testing.assert_array_equal(drawn(50, randaugment_layers=3)[:, :2], drawn(50, randaugment_layers=2))
