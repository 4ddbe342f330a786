"""Taps: the feature maps of a network at each depth, found by walking its graph."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from fgtl.models.keras_private import private

_SHALLOWEST_LEVEL = 2


@dataclass(frozen=True)
class Tap:
    """One named feature map of a backbone.

    Args:
        name: "p2" ... "p5", the pyramid levels of the detection literature: level k has stride 2**k; for a transformer
            without levels "block3" ... "block12", counted from 1. Of those to be asked for, see `Architecture`.
        stride: input pixels from one cell to the next.
        channels: size of the last axis.
        grid: (rows, columns) of the map.
        prefix_tokens: tokens before the grid in a (B, N, C) tap (a transformer's class token); 0 for (B, H, W, C).
        usual: a backbone gives it unasked; the others are asked for by name.
    """

    name: str
    stride: int
    channels: int
    grid: tuple[int, int]
    prefix_tokens: int = 0
    usual: bool = True


@dataclass
class _Point:
    """One tensor of the graph: its operation, its inputs, its stride, and on how many paths it lies."""

    operation: Any
    tensor: Any
    sources: list["_Point"]
    stride: int
    paths_before: int
    paths_after: int = 0


def find_taps(trunk: keras.Model) -> dict[Tap, Any]:
    """Taps of a convolutional network with one input and one output, shallow to deep, with their tensors.

    The deepest tap is the network's output. At each smaller stride it is the end of the last block: the last
    tensor that all later computation depends on and that joins branches (Add, Concatenate), followed to the end of
    its normalisation, activation and gate. Where no block joins branches (VGG) it is the last such tensor; where no
    tensor carries everything (NASNet feeds two cells) it is the last join. These are the usual ones; all other maps are
    taps to be asked for, see `with_layers`.
    """
    points = _points(trunk)
    end = points[-1]
    chosen: dict[int, _Point] = {}
    for stride in sorted({point.stride for point in points}):
        here = [point for point in points if point.stride == stride and _is_map(point.operation, point.tensor)]
        if here and 2**_SHALLOWEST_LEVEL <= stride < end.stride:
            chosen[stride] = _block_end(here, end.paths_before)
    chosen[end.stride] = end
    usual = {map_tap(point.tensor, point.stride): point.tensor for point in chosen.values()}
    return with_layers(trunk, usual, {id(point.tensor): point.stride for point in points})


def with_layers(trunk: keras.Model, usual: Mapping[Tap, Any], strides: Mapping[int, int]) -> dict[Tap, Any]:
    """The usual taps and, to be asked for, the map that each layer gives, under the layer's name; shallow to deep.

    Of a layer that is called twice it is the last map. A layer whose name Keras made up is left out: such names count
    up from network to network, so the same layer had another one when a saved run is built anew.

    Args:
        usual: with tensors of the trunk's graph.
        strides: of the graph's tensors, by id; where there is none, the one that the map's size comes nearest to.
    """
    size = trunk.inputs[0].shape[1]
    names = {id(tensor): tap for tap, tensor in usual.items()}
    # Among a backbone's outputs, the vector has a name of its own.
    taken = {"features", *(tap.name for tap in usual)}
    found: dict[str, tuple[Tap, Any]] = {}
    for node in _nodes(trunk):
        layer = node.operation
        for tensor in node.output_tensors:
            if _is_map(layer, tensor) and layer.name not in taken and not _is_counted(layer):
                rows, columns, channels = tensor.shape[1:]
                stride = strides.get(id(tensor)) or nominal_stride(size, rows)
                found.pop(layer.name, None)
                found[layer.name] = Tap(layer.name, stride, channels, (rows, columns), usual=False), tensor
            if tap := names.get(id(tensor)):
                found[tap.name] = tap, tensor
    return dict(found.values())


def map_tap(tensor: Any, stride: int) -> Tap:
    """The tap of a (B, H, W, C) tensor whose stride is a power of two."""
    rows, columns, channels = tensor.shape[1:]
    return Tap(f"p{stride.bit_length() - 1}", stride, channels, (rows, columns))


def nominal_stride(size: int, cells: int) -> int:
    """The power of two nearest to size / cells: borders make a map a cell larger or smaller than size / stride."""
    return int(2 ** round(math.log2(size / cells)))


def _points(trunk: keras.Model) -> list[_Point]:
    """Every tensor between input and output, in the order of computation."""
    points: dict[int, _Point] = {}
    for node in _nodes(trunk):
        sources = [points[id(tensor)] for tensor in node.input_tensors]
        stride = max((point.stride for point in sources), default=1) * _own_stride(node.operation)
        paths = sum(point.paths_before for point in sources) or 1
        for tensor in node.output_tensors:
            points[id(tensor)] = _Point(node.operation, tensor, sources, stride, paths)
    ordered = list(points.values())
    end = points[id(trunk.outputs[0])]
    end.paths_after = 1
    for point in reversed(ordered):
        for source in point.sources:
            source.paths_after += point.paths_after
    return [point for point in ordered if point.paths_after and point is not end] + [end]


def _nodes(trunk: keras.Model) -> Iterator[Any]:
    """The calls of operations in a network's graph, in the order of computation."""
    nodes_by_depth = private(trunk, "_nodes_by_depth")
    for depth in sorted(nodes_by_depth, reverse=True):
        yield from nodes_by_depth[depth]


def _own_stride(operation: Any) -> int:
    """By how much one operation shrinks its input; a nested model by the product of its layers."""
    stride = 1
    for layer in operation.layers if isinstance(operation, keras.Model) else [operation]:
        strides = getattr(layer, "strides", 1)
        stride *= strides[0] if isinstance(strides, (tuple, list)) else strides
    return stride


def _is_map(operation: Any, tensor: Any) -> bool:
    """True for feature maps, False for gates (1 x 1), vectors, padded copies and the image itself."""
    shape = tensor.shape
    copies = isinstance(operation, (keras.layers.ZeroPadding2D, keras.layers.Cropping2D, keras.layers.InputLayer))
    return len(shape) == 4 and shape[1] != 1 and not copies


def _is_counted(operation: Any) -> bool:
    """True for a name such as conv2d_7, which Keras makes of the class and a number."""
    return re.sub(r"_\d+$", "", operation.name).replace("_", "") == type(operation).__name__.lower()


def _joins(point: _Point) -> bool:
    """True when branches meet here; a multiplication is a gate, not a join."""
    return len(point.sources) > 1 and type(point.operation).__name__ != "Multiply"


def _block_end(points: list[_Point], total: int) -> _Point:
    cuts = [point for point in points if point.paths_before * point.paths_after == total]
    joins = [point for point in cuts if _joins(point)]
    if not cuts:
        return [point for point in points if _joins(point)][-1]
    if not joins:
        return cuts[-1]
    end = joins[-1]
    for point in cuts[cuts.index(end) + 1 :]:
        if not isinstance(point.operation, _FINISHING):
            break
        end = point
    return end


_FINISHING = (
    keras.layers.BatchNormalization,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.Multiply,
)
