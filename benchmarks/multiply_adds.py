"""Multiply-adds of one image, counted from shapes: of a network, and of the plug-in as its authors formulate it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

# A bilinear value is made of four.
CORNERS = 4
POINTS_PER_JOINT = 32


def network_multiply_adds(network: Any) -> int:
    """Of the convolutions and dense layers of a Keras graph on maps: each kernel's size times the places it is put.

    Normalisation, activations, pooling and sums are not counted, as in the tables of published networks.
    """
    # A submodel's own layers are listed, and so is what stands in it.
    return sum(_of_layer(layer) for layer in network.layers)


def _of_layer(layer: Any) -> int:
    if hasattr(layer, "layers"):
        return network_multiply_adds(layer)
    kernels = [weight for weight in layer.weights if "kernel" in weight.name]
    return sum(math.prod(kernel.shape) for kernel in kernels) * math.prod(layer.output.shape[1:-1]) if kernels else 0


def plugin_multiply_adds(shapes: Mapping[str, Sequence[int]], kept: Sequence[int], size: int, classes: int) -> int:
    """Of the plug-in on maps.

    A level of S points in C channels: S (C^2 + C F) for the projection, S (F^2 + F K) for the classifier, and 4 S F to double the
    next one. The combiner of T points, J = T // 32: J T F + J (F^2 + 2 F F/4) + J^2 F + J F + F K.

    Args:
        shapes: of the taps without the batch, (H, W, C), shallow to deep.
        kept: points of each level.
        size: F.
        classes: K.
    """
    total = 0
    for number, (rows, columns, channels) in enumerate(shapes.values(), 1):
        doubling = CORNERS * size if number < len(shapes) else 0
        total += rows * columns * (channels**2 + channels * size + size**2 + size * classes + doubling)
    points, joints = sum(kept), sum(kept) // POINTS_PER_JOINT
    graph = joints * (size**2 + 2 * size * (size // 4)) + joints**2 * size
    return total + joints * points * size + graph + joints * size + size * classes
