"""Smooth outlines through a few points, and the local frames (body, head, wing) in which they are written down."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


@lru_cache
def _basis(steps: int) -> Points:
    """(steps, 4) weights of the uniform Catmull-Rom spline at t = 0, 1/steps, ..."""
    t = np.arange(steps) / steps
    matrix = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    return np.stack([t**0, t, t**2, t**3], axis=1) @ matrix


def closed_curve(points: npt.ArrayLike, steps: int = 8) -> Points:
    """(N * steps, 2) points of the closed Catmull-Rom spline through `points` (N, 2), N >= 3."""
    knots = np.asarray(points, float)
    return _closed_weights(len(knots), steps) @ knots


@lru_cache
def _closed_weights(count: int, steps: int) -> Points:
    """(count * steps, count): the spline is linear in its knots."""
    weights = np.zeros((count, steps, count))
    for knot in range(count):
        for tap in range(4):
            weights[knot, :, (knot + tap - 1) % count] += _basis(steps)[:, tap]
    return weights.reshape(-1, count)


def open_curve(points: npt.ArrayLike, steps: int = 8) -> Points:
    """((N - 1) * steps + 1, 2) points of the Catmull-Rom spline from the first to the last of `points` (N, 2)."""
    knots = np.asarray(points, float)
    return _open_weights(len(knots), steps) @ knots


@lru_cache
def _open_weights(count: int, steps: int) -> Points:
    """((count - 1) * steps + 1, count); beyond an end the knots go on in a straight line."""
    padded = np.zeros((count + 2, count))
    padded[1:-1] = np.eye(count)
    padded[0, :2], padded[-1, -2:] = (2, -1), (-1, 2)
    windows = np.stack([padded[k : k + count - 1] for k in range(4)], axis=1)
    return np.vstack([np.einsum("sk,nkd->nsd", _basis(steps), windows).reshape(-1, count), padded[-2:-1]])


def ellipse(centre: npt.ArrayLike, radii: tuple[float, float], tilt: float = 0.0, steps: int = 20) -> Points:
    """(steps, 2) points of an ellipse; `tilt` in radians."""
    return Frame(centre, tilt)(_circle(steps) * radii)


@lru_cache
def _circle(steps: int) -> Points:
    t = np.linspace(0, 2 * math.pi, steps, endpoint=False)
    return np.stack([np.cos(t), np.sin(t)], axis=1)


def ribbon(spine: Points, widths: npt.ArrayLike) -> Points:
    """Closed outline of a band along `spine` (N, 2) whose full width at each point is `widths` (N,)."""
    along = np.gradient(spine, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    half = across * np.asarray(widths, float)[:, None] / 2
    return np.vstack([spine + half, (spine - half)[::-1]])


@dataclass(frozen=True)
class Frame:
    """A local frame: x forward, y up. Calling it takes local points (N, 2) or (2,) to the frame around it.

    Attributes:
        origin: where the local (0, 0) is.
        angle: radians, counter-clockwise, of the local x axis.
        scale: length of a local unit.
        squeeze: foreshortening of the local x axis, 1 = none.
        rise: 1 or -1, the side of the x axis on which local y counts upwards; -1 for frames that point backwards.
    """

    origin: npt.ArrayLike
    angle: float = 0.0
    scale: float = 1.0
    squeeze: float = 1.0
    rise: int = 1

    def __call__(self, points: npt.ArrayLike) -> Points:
        return np.asarray(points, float) @ self._matrix + np.asarray(self.origin, float)

    @cached_property
    def _matrix(self) -> Points:
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        x, y = self.scale * self.squeeze, self.scale * self.rise
        return np.array([[x * cosine, x * sine], [-y * sine, y * cosine]])
