"""The plug-in's feature pyramid: every tap in the same channels, and what deeper levels know added to finer ones."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import layers, ops

from fgtl.errors import InputError, UsageError
from fgtl.heads.plugin_layers import PointMap, dense
from fgtl.heads.plugin_levels import Level


class Pyramid(layers.Layer):
    """[(B, S_l, C_l)] -> [(B, S_l, F)], shallow to deep.

    y_L = P_L(x_L) and y_l = P_l(x_l) + U_l(y_{l+1}), with P(x) = W2 relu(W1 x + b1) + b2 in C channels and then in F. There is
    no smoothing, normalisation or activation behind the sum. U_l is the identity between levels of the same size, else
    bilinear or a learned `PointMap`.

    Args:
        levels: shallow to deep.
        size: F.
        upsample: one of `PluginKnobs.plugin_upsample`.

    Raises:
        UsageError: two levels that this upsampling cannot join (when it is built).
    """

    def __init__(self, levels: Sequence[Level], size: int, upsample: str, **layer: Any) -> None:
        super().__init__(**layer)
        self.levels, self.size, self.upsample = tuple(levels), size, upsample

    def build(self, input_shape: Any = None) -> None:
        each = [(level.channels, level.name) for level in self.levels]
        self.widen = [dense(channels, channels, f"{name}_in") for channels, name in each]
        self.project = [dense(self.size, channels, f"{name}_out") for channels, name in each]
        pairs = zip(self.levels, self.levels[1:], strict=False)
        self.up = [_joined(finer, coarser, self.upsample) for finer, coarser in pairs]

    def call(self, maps: Sequence[Any]) -> list[Any]:
        for level, points in zip(self.levels, maps, strict=True):
            if points.shape[1] != level.points:
                raise InputError(
                    f"{level} came with {points.shape[1]} points.",
                    expected=f"{level.points}, for which the plug-in was built.",
                    fix="A plug-in serves the input size that it was trained at; start another from it with --init_run.",
                )
        projected = [
            project(ops.relu(widen(points)))
            for widen, project, points in zip(self.widen, self.project, maps, strict=True)
        ]
        pyramid = [projected[-1]]
        for points, up in zip(projected[-2::-1], self.up[::-1], strict=True):
            pyramid.insert(0, points + (up(pyramid[0]) if up else pyramid[0]))
        return pyramid


class Bilinear(layers.Layer):
    """(B, p + H * W, F) -> (B, p + H' * W', F), half-pixel centres, edges repeated; p prefix tokens are carried over.

    As two small matrix products, which any device does the same way forwards and backwards: over whole rows, then over the
    columns of each. Written as such, since an einsum turns the axes of the grid round before and after.

    Args:
        coarse: (H, W).
        fine: (H', W').
        prefix: p.
    """

    def __init__(self, coarse: tuple[int, int], fine: tuple[int, int], prefix: int, **layer: Any) -> None:
        super().__init__(**layer)
        self.coarse, self.fine, self.prefix = coarse, fine, prefix

    def call(self, points: Any) -> Any:
        rows, columns = (
            ops.convert_to_tensor(bilinear_weights(*sizes), dtype=points.dtype)
            for sizes in zip(self.fine, self.coarse, strict=True)
        )
        channels = points.shape[-1]
        (height, width), (finer_height, finer_width) = self.coarse, self.fine
        # Without prefix tokens no slice: its gradient would copy them all.
        cells = points[:, self.prefix :] if self.prefix else points
        tall = ops.matmul(rows, ops.reshape(cells, (-1, height, width * channels)))
        wide = ops.matmul(columns, ops.reshape(tall, (-1, width, channels)))
        finer = ops.reshape(wide, (-1, finer_height * finer_width, channels))
        return ops.concatenate([points[:, : self.prefix], finer], axis=1) if self.prefix else finer


def bilinear_weights(outputs: int, inputs: int) -> np.ndarray:
    """(outputs, inputs) float32: what each cell counts in each cell of a line that is longer or as long; rows sum to 1."""
    place = np.clip((np.arange(outputs) + 0.5) * inputs / outputs - 0.5, 0, inputs - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(inputs))).astype(np.float32)


def token_grids(*tokens: int) -> tuple[int, list[tuple[int, int]]] | None:
    """(prefix tokens, grids) of sequences of tokens of one network that lie on squares; None where no square fits.

    The fewest prefix tokens that leave a square of every sequence: 197 are a class token and 14x14.
    """
    for prefix in range(min(tokens)):
        sides = [math.isqrt(count - prefix) for count in tokens]
        if all(side * side + prefix == count for side, count in zip(sides, tokens, strict=True)):
            return prefix, [(side, side) for side in sides]
    return None


def _joined(finer: Level, coarser: Level, upsample: str) -> layers.Layer | None:
    """What brings the coarser level's points to the finer one's; None where they are the same."""
    maps = finer.grid is not None and coarser.grid is not None
    if finer.grid == coarser.grid and finer.points == coarser.points:
        return None
    name = f"{finer.name}_up"
    if upsample == "points" or (upsample == "auto" and not maps):
        return _built(PointMap(coarser.points, finer.points, name=name))
    if finer.grid and coarser.grid:
        if upsample == "doubling" and finer.grid != (2 * coarser.grid[0], 2 * coarser.grid[1]):
            raise UsageError(
                f"--plugin_upsample=doubling: {finer} is not twice {coarser}.",
                expected="grids that double, as an input size that is a multiple of 32 gives them.",
                fix="Give --plugin_upsample=bilinear, or another --image_size.",
            )
        return _built(Bilinear(coarser.grid, finer.grid, 0, name=name))
    found = None if finer.grid or coarser.grid else token_grids(finer.points, coarser.points)
    if found is None or upsample == "doubling":
        raise UsageError(
            f"--plugin_upsample={upsample}: {finer} and {coarser} cannot be joined so.",
            expected="two maps; or, for bilinear, tokens on squares behind equally many prefix tokens.",
            fix="Give --plugin_upsample=points.",
        )
    prefix, (fine, coarse) = found
    return _built(Bilinear(coarse, fine, prefix, name=name))


def _built(layer: layers.Layer) -> layers.Layer:
    layer.build(None)
    return layer
