"""The features of a level's points, for those who want them through a dense layer, or at a few points."""

from typing import Any

from keras import layers, ops

from fgtl.heads.plugin_layers import rows_of


class Features:
    """Features that are there.

    Args:
        points: (B, S, F).
    """

    def __init__(self, points: Any) -> None:
        self.points = points

    def through(self, layer: layers.Dense) -> Any:
        """(B, S, F') what a dense layer makes of them."""
        return layer(self.points)

    def rows(self, index: Any) -> Any:
        """(B, s) int -> (B, s, F)."""
        return rows_of(self.points, index)


class JoinedFeatures(Features):
    """Features y = W2 r + b2 + U y' that are computed where they are looked at only.

    The finest level has three quarters of all points, and nobody looks at all of its features but its classifier, whose
    first layer is linear as well:

        W3 y + b3 = (W3 W2) r + (W3 b2 + b3) + U (W3 y')

    That is S F^2 multiply-adds less, and S' F^2 more, of the quarter of points of the coarser level. The combiner sees the
    kept ones.

    Args:
        widened: r, (B, S, C).
        project: W2 and b2.
        up: U, a `fgtl.heads.plugin_pyramid.Bilinear`; None for the identity.
        coarser: y', (B, S', F).
    """

    def __init__(self, widened: Any, project: layers.Dense, up: Any, coarser: Any) -> None:
        self.widened, self.project, self.up, self.coarser = widened, project, up, coarser

    @property
    def points(self) -> Any:  # type: ignore[override]
        return self.project(self.widened) + (self.up(self.coarser) if self.up else self.coarser)

    def through(self, layer: layers.Dense) -> Any:
        kernel = ops.matmul(self.project.kernel, layer.kernel)
        bias = ops.matmul(self.project.bias[None], layer.kernel)[0] + layer.bias
        own, carried = (ops.cast(weights, self.widened.dtype) for weights in (kernel, layer.kernel))
        here = ops.matmul(self.widened, own) + ops.cast(bias, self.widened.dtype)
        return here + self.up(ops.matmul(self.coarser, carried))

    def rows(self, index: Any) -> Any:
        return self.project(rows_of(self.widened, index)) + self.up.rows(self.coarser, index)
