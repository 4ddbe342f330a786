"""What the parts of the plug-in are made of, with the published initial values and constants.

Weights and biases start uniform in +-1/sqrt(fan_in); batch normalisation has epsilon 1e-5 and keeps 0.9 of the old
statistics. The running variance is Keras' mean of the batches' variances; the original averages n / (n - 1) of them, with n
points in a batch, which only batches of a few points show.
"""

import math
from typing import Any

import keras
from keras import layers, ops


def uniform(fan_in: int) -> keras.initializers.Initializer:
    """Uniform in +-1/sqrt(fan_in)."""
    limit = 1 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-limit, limit)


def dense(units: int, fan_in: int, name: str, dtype: str | None = None) -> layers.Dense:
    """A dense layer on the last axis, which is a 1x1 convolution, built for `fan_in` channels."""
    layer = layers.Dense(
        units, kernel_initializer=uniform(fan_in), bias_initializer=uniform(fan_in), name=name, dtype=dtype
    )
    layer.build((None, fan_in))
    return layer


def normalisation(channels: int, name: str, dtype: str | None = None) -> layers.BatchNormalization:
    """Batch normalisation of (B, S, 1, F) over all B*S points: for maps, even one point wide, there are fused kernels."""
    layer = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name, dtype=dtype)
    layer.build((None, None, 1, channels))
    return layer


class PointMap(layers.Layer):
    """(B, S, F) -> (B, O, F): z_o = sum_s M[o, s] y_s + b_o, a dense layer on the axis of points, shared by all channels.

    M is tied to the positions and their number, and so to one input size; where points are ranked, to ranks.

    Args:
        inputs: S.
        outputs: O.
    """

    def __init__(self, inputs: int, outputs: int, **layer: Any) -> None:
        super().__init__(**layer)
        self.inputs, self.outputs = inputs, outputs

    def build(self, input_shape: Any = None) -> None:
        start = uniform(self.inputs)
        self.kernel = self.add_weight(shape=(self.outputs, self.inputs), initializer=start, name="kernel")
        self.bias = self.add_weight(shape=(self.outputs,), initializer=start, name="bias")

    def call(self, points: Any) -> Any:
        return ops.matmul(self.kernel, points) + self.bias[:, None]


def rows_of(points: Any, index: Any) -> Any:
    """(B, S, F) and (B, s) int -> (B, s, F): rows of each image's own points.

    As one gather of whole rows out of (B * S, F): `take_along_axis` copies and looks up every single number.
    """
    batch, (count, width) = ops.shape(points)[0], points.shape[1:]
    start = ops.cast(ops.arange(batch), "int32")[:, None] * count
    return ops.take(ops.reshape(points, (-1, width)), ops.cast(index, "int32") + start, axis=0)
