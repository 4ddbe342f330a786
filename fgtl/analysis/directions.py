"""What a descent remembers: its last steps, how the gradient changed along them, and their images in the data."""

import numpy as np
from numpy.typing import NDArray

# Slots for a solution and its differences to earlier ones, before those for steps.
SOLUTIONS = 3


class Directions:
    """The last steps of minimising C sum_i loss_i(X W) + 1/2 |W|^2, for any C.

    Kept apart are the parts of the gradient's change that belong to the loss and to the penalty, so what was learnt at
    one C is a quasi-Newton pair at every other. The last row of W, the intercept, is not penalised.

    Attributes:
        steps: (M, D + 1, K) float32; first the `SOLUTIONS` slots of solutions, then differences of iterates.
        images: (M, N, K) float32, the data times `steps`.
        changes: (M, D + 1, K) float32, change of the gradient of the loss along the steps.
    """

    def __init__(self, pairs: int, design: tuple[int, int], classes: int) -> None:
        rows, columns = design
        self.steps = np.zeros((SOLUTIONS + pairs, columns, classes), np.float32)
        self.changes = np.zeros_like(self.steps)
        self.images = np.zeros((SOLUTIONS + pairs, rows, classes), np.float32)
        self._order: list[int] = []
        # step . change, and step . step over the penalised rows
        self._products = np.zeros((SOLUTIONS + pairs, 2))

    def add_solution(self, weights: NDArray[np.float32], image: NDArray[np.float32]) -> None:
        """Remember a solution: it, and its first and second difference to those before it.

        Along a path of C the solutions themselves are nearly parallel, and float32 could not tell them apart.
        """
        for kept, new in ((self.steps, weights), (self.images, image)):
            difference = new
            for slot in range(SOLUTIONS):
                before = kept[slot].copy()
                kept[slot] = difference
                difference = difference - before

    def add_step(self, step: NDArray[np.float32], change: NDArray[np.float32], image: NDArray[np.float32]) -> None:
        """Remember a step; the oldest is forgotten."""
        full = len(self._order) == len(self.steps) - SOLUTIONS
        slot = self._order.pop(0) if full else SOLUTIONS + len(self._order)
        self._order.append(slot)
        self.steps[slot], self.changes[slot], self.images[slot] = step, change, image
        self._products[slot] = _dot(step, change), _dot(step[:-1], step[:-1])

    def newton_like(self, gradient: NDArray[np.float32], c: float, inverse: NDArray[np.float32]) -> NDArray[np.float32]:
        """-H^-1 gradient, H the limited-memory BFGS approximation (Nocedal & Wright 2006, algorithm 7.4) at this C.

        It starts from a guess at the inverse of H's diagonal, `inverse` (D + 1, K), times what makes it agree with
        the last step (equation 7.20, in the norm of the guess).
        """
        q = gradient.ravel().copy()
        scratch = np.empty_like(q)
        inner = gradient[:-1].size
        used = []
        for slot in reversed(self._order):
            own, square = self._products[slot]
            curvature = c * own + square
            if curvature <= 0:
                continue
            step, change = self.steps[slot].ravel(), self.changes[slot].ravel()
            share = _dot(step, q) / curvature
            _add(q, -share * c, change, scratch)
            _add(q[:inner], -share, step[:inner], scratch)
            used.append((slot, curvature, share))
        q = _guess(inverse, q)
        if used:
            slot, curvature, _ = used[0]
            np.multiply(self.changes[slot].ravel(), np.float32(c), out=scratch)
            scratch[:inner] += self.steps[slot].ravel()[:inner]
            q *= np.float32(curvature / _dot(scratch, _guess(inverse, scratch)))
        for slot, curvature, share in reversed(used):
            step, change = self.steps[slot].ravel(), self.changes[slot].ravel()
            along = (c * _dot(change, q) + _dot(step[:inner], q[:inner])) / curvature
            _add(q, share - along, step, scratch)
        return -q.reshape(gradient.shape)

    @property
    def has_steps(self) -> bool:
        """Whether there is anything to learn from."""
        return bool(self._order)


def _dot(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.vdot(one, other))


def _guess(inverse: NDArray[np.float32], q: NDArray[np.float32]) -> NDArray[np.float32]:
    """inverse * q, with rows that sum to 0 over the classes: the nearest such in the norm of 1 / inverse."""
    found = inverse * q.reshape(inverse.shape)
    found -= inverse * (found.sum(axis=1) / inverse.sum(axis=1))[:, None]
    return found.ravel()


def _add(to: NDArray[np.float32], factor: float, array: NDArray[np.float32], scratch: NDArray[np.float32]) -> None:
    """to += factor * array. Not SciPy's axpy: its BLAS has threads of its own, which fight for cores with NumPy's."""
    part = scratch[: len(to)]
    np.multiply(array, np.float32(factor), out=part)
    to += part
