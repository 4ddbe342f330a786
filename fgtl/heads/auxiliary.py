"""Auxiliary classifier: a small second classifier half-way up the network, which trains the layers below it."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from fgtl.errors import UsageError

BINS = 5
# slim's for Inception networks, see fgtl.models.slim_blocks.
_NORMALISATION = {"momentum": 0.9997, "epsilon": 1e-3, "scale": False}


class AuxiliaryClassifier(layers.Layer):
    """(B, H, W, C) of stride 16 -> (B, K) logits, float32 under every precision policy.

    Mean over 5x5 windows, 1x1 convolution to 128, 5x5 convolution of everything to 768, dense layer; batch
    normalisation without gamma and ReLU behind both convolutions. Szegedy et al. 2016 (Rethinking the Inception
    Architecture), section 4, with TF-Slim's sizes.

    Args:
        classes: K.
        initializer: Keras name of the last layer's initialiser.
    """

    def __init__(self, classes: int, initializer: str, **layer: Any) -> None:
        super().__init__(**layer)
        self.reduce = _convolution(128, 1, "he_normal", "Conv2d_1b_1x1")
        self.reduce_norm = layers.BatchNormalization(name="Conv2d_1b_1x1_BatchNorm", **_NORMALISATION)
        small = keras.initializers.TruncatedNormal(stddev=0.01)
        self.join = _convolution(768, BINS, small, "Conv2d_2a_5x5")
        self.join_norm = layers.BatchNormalization(name="Conv2d_2a_5x5_BatchNorm", **_NORMALISATION)
        self.logits = layers.Dense(classes, kernel_initializer=initializer, name="logits", dtype="float32")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.reduce.build((None, BINS, BINS, input_shape[-1]))
        self.reduce_norm.build((None, BINS, BINS, 128))
        self.join.build((None, BINS, BINS, 128))
        self.join_norm.build((None, 1, 1, 768))
        self.logits.build((None, 768))

    def call(self, grid: Any, training: bool | None = None) -> Any:
        x = mean_over_windows(grid)
        x = ops.relu(self.reduce_norm(self.reduce(x), training=training))
        x = ops.relu(self.join_norm(self.join(x), training=training))
        return self.logits(x[:, 0, 0])


def expect_grid(taps_shape: dict[str, tuple[int | None, ...]] | None) -> tuple[int | None, ...]:
    """The shape of the tap "p4", on which the auxiliary classifier stands.

    Raises:
        UsageError: the backbone has no tap of stride 16, or its tap is a sequence of tokens.
    """
    shapes = taps_shape or {}
    shape = shapes.get("p4")
    if shape is None or len(shape) != 4:
        has = ", ".join(sorted(shapes)) or "none"
        what = f"The backbone's tap p4 is a sequence of tokens {shape}" if shape else f"The backbone's taps are {has}"
        raise UsageError(
            f"{what}: an auxiliary classifier (aux_weight > 0) has nothing to stand on.",
            expected="a backbone with a grid of stride 16, such as inception_v3.",
            fix="Set aux_weight to 0, or choose another backbone.",
        )
    return shape


def mean_over_windows(grid: Any) -> Any:
    """(B, H, W, C) -> (B, 5, 5, C): the means over 5x5 equal windows that reach from edge to edge.

    Windows are n - 4 (n // 5) long and n // 5 apart, so 17 cells give 5 and 3: slim's pooling of 5x5 with stride 3 at
    299 pixels, whose kernels therefore fit at every size. Fewer than 5 cells are used several times.
    """
    rows, columns = (
        ops.convert_to_tensor(window_weights(size), dtype=grid.dtype) for size in (grid.shape[1], grid.shape[2])
    )
    return ops.einsum("rh,bhwc,sw->brsc", rows, grid, columns)


def window_weights(size: int) -> np.ndarray:
    """(5, size) float32: row i holds what each cell counts in window i; rows sum to 1."""
    index = np.arange(BINS)
    if size >= BINS:
        starts = index * (size // BINS)
        ends = starts + size - (BINS - 1) * (size // BINS)
    else:
        starts, ends = index * size // BINS, -(-(index + 1) * size // BINS)
    cells = np.arange(size)
    inside = (cells >= starts[:, None]) & (cells < ends[:, None])
    return (inside / inside.sum(1, keepdims=True)).astype(np.float32)


def _convolution(filters: int, kernel: int, initializer: Any, name: str) -> layers.Conv2D:
    return layers.Conv2D(filters, kernel, use_bias=False, kernel_initializer=initializer, name=name)
