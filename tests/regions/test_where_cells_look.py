"""Whether a cell's box lies where the network looks: the centroid of the gradient is held against the box's middle."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from fgtl.data.knobs import ViewKnobs
from fgtl.data.quiet import import_tensorflow
from fgtl.models.backbone import build_network
from fgtl.models.taps import Tap
from fgtl.regions.cells import CellGrid, CropTransform, cells_to_boxes

TAPS = ("p3", "p4", "p5")


def seen_centres(network: keras.Model, image: np.ndarray, cells: list[int], weights: np.ndarray) -> np.ndarray:
    """(P, 2) x and y of the centroid of |d (map[c, c] . weights) / d image|, for each c of P cells of the diagonal."""
    tf = import_tensorflow()
    images = tf.constant(np.repeat(image[None], len(cells), axis=0))
    with tf.GradientTape() as tape:
        tape.watch(images)
        chosen = tf.gather_nd(network(images, training=False), [[c, c] for c in cells], batch_dims=1)
        total = tf.reduce_sum(chosen * weights)
    strength = np.abs(tape.gradient(total, images).numpy()).sum(-1).astype(np.float64)
    strength /= strength.sum((1, 2), keepdims=True)
    middles = np.arange(image.shape[0]) + 0.5
    return np.stack([strength.sum(1) @ middles, strength.sum(2) @ middles], axis=1)


def box_middles(grid: CellGrid, size: int, cells: list[int]) -> np.ndarray:
    """(P, 2) x and y of the middles of the boxes of cells of the diagonal, none of them cut off."""
    sizes = np.array([[size, size]], np.int32)
    numbers = np.array([[c * grid.grid[1] + c for c in cells]])
    transform = CropTransform.of_view(sizes, ViewKnobs(image_size=size, eval_crop=1.0))
    boxes = cells_to_boxes(numbers, grid, transform, sizes)[0]
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def same(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Conv2D(1, 3, 2, padding="same", kernel_initializer="ones")(x)


def at_the_end(x: keras.KerasTensor) -> keras.KerasTensor:
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    return layers.Conv2D(1, 3, 2, kernel_initializer="ones")(x)


def on_both_sides(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Conv2D(1, 3, 2, kernel_initializer="ones")(layers.ZeroPadding2D(1)(x))


def pooled(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.AveragePooling2D(2)(x)


@pytest.mark.parametrize(
    ("layer", "size", "offset"),
    [
        # The middle of cell 0 is at 0.5 + sum_l 2^l ((3 - 1) / 2 - padding before), l = 0, 1, 2; that of its box at 4.
        (same, 64, 3.5),
        (at_the_end, 64, 3.5),
        # The stride leaves out the last column of the padding: 0.5.
        (on_both_sides, 64, -3.5),
        # An odd map is padded on both sides, and all of it counts.
        (same, 65, 0),
        (on_both_sides, 65, 0),
        (pooled, 64, 0),
    ],
)
def test_even_kernels_look_at_the_box_unless_padding_is_one_sided(layer: Callable, size: int, offset: float) -> None:
    """And then still at a place inside the box: less than half a cell beside its middle."""
    x = image = keras.Input((size, size, 1))
    for _ in range(3):
        x = layer(x)
    side = x.shape[1]
    middle = box_middles(CellGrid("p3", (side, side), 8), size, [4])
    found = seen_centres(keras.Model(image, x), np.ones((size, size, 1), np.float32), [4], np.ones(1, np.float32))
    assert found - middle == pytest.approx(np.full((1, 2), offset), abs=1e-3)


def cells_beside(network: keras.Model, tap: Tap, photos: list[np.ndarray]) -> float:
    """By how many cells a tap looks beside its boxes, on the mean of both axes.

    Padding draws the centroid to the middle of the image, the more the further the cell lies from there: only four
    cells around it count, as many on each side. Photographs come with their mirror images, so that no side is richer.
    """
    size, rows = network.input_shape[1], tap.grid[0]
    cells = [rows // 2 - 2, rows // 2 - 1, rows // 2, rows // 2 + 1]
    to_tap = keras.Model(network.input, network.output["taps"][tap.name])
    middles = box_middles(CellGrid(tap.name, tap.grid, tap.stride), size, cells)
    draws = np.random.default_rng(0)
    found = [
        seen_centres(to_tap, image, cells, draws.normal(size=tap.channels).astype("float32")) - middles
        for photo in photos
        for image in (photo, photo[::-1, ::-1])
    ]
    return float(np.mean(found)) / tap.stride


@pytest.mark.slow
def test_published_weights_look_at_the_box_where_fresh_ones_look_beside_it(shared: Path) -> None:
    """Why the boxes do not follow the padding: training has made up for it, as no walk over the graph can tell."""
    size = 320
    files = sorted((shared / "data" / "cub_50").rglob("*.jpg"))[::400][:2]
    photos = [np.asarray(Image.open(file).convert("RGB").resize((size, size)), np.float32) for file in files]
    network = build_network("mobilenet_v2", size)
    taps = [tap for tap in network.taps if tap.name in TAPS]
    for tap in taps:
        assert cells_beside(network, tap, photos) == pytest.approx(0.47, abs=0.1), f"{tap.name}, fresh"
    network.trunk.load_weights(shared / "weights" / "mobilenet_v2_inat_birds_notop.weights.h5")
    for tap in taps:
        assert abs(cells_beside(network, tap, photos)) < 0.25, f"{tap.name}, published"
