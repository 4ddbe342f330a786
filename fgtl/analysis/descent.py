"""Minimise the multinomial logistic objective at one C after another, each from all that the earlier ones taught."""

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.directions import SOLUTIONS, Directions
from fgtl.analysis.softmax_loss import softmax_loss
from fgtl.analysis.subspace import best_combination

_PAIRS = 10
_LEAST_PAIRS = 5
# Small problems remember more, so many bytes and pairs: it costs them little, and the hard ones need it.
_LITTLE_MEMORY = 2**22
_MOST_PAIRS = 60
# Least sum of p (1 - p) over the images: a class that is told for certain everywhere has a curvature nevertheless.
_CERTAIN = 1e-12
# Bytes that remembered directions may take.
_MEMORY = 2**30
_LINE_STEPS = 12
# A line search ends where the slope is this share of the one it began with.
_FLAT = 0.1
# What so many iterations gained is more than half of what is left to gain when each takes away a seventh of it. Where it
# takes longer each takes away less, and a third of all iterations is looked at.
_LAST = 3
_TIMID = 0.001


class Descent:
    """Weights W that minimise C sum_i loss_i(X W) + 1/2 |W|^2, the last row of W (the intercept) not penalised.

    Limited-memory BFGS with three things that a general minimiser cannot do. The loss depends on W only through X W, so
    a line search moves along the image of the direction and an iteration costs two products with X, however often the
    line search asks. The start at a new C is the best combination of the last solutions and steps, which costs no
    product (`fgtl.analysis.subspace`). And the curvature along each column of X, for each class, is known beforehand
    but for how sure the classifier is, so columns of any scale are alike to it.

    Args:
        design: (N, D + 1) float32, the last column constant. Uncorrelated columns, centred ones to begin with, need
            fewer iterations.
        labels: (N,) int64, each of 0..K-1 somewhere.
        classes: K.

    Attributes:
        weights: (D + 1, K) float32, the minimum at the last C.
        products: how many pairs of products with X were made.

    Memory: at most 1 GiB of directions (10, fewer where each is large, at least 5; up to 60 within 4 MiB) and four (N, K) arrays.
    """

    def __init__(self, design: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> None:
        self._design, self._labels = design, labels
        self.weights = np.zeros((design.shape[1], classes), np.float32)
        # Mean square of each column.
        self._squares = np.einsum("nd,nd->d", design, design) / np.float32(len(design))
        self._logits = np.zeros((len(design), classes), np.float32)
        self._residuals = np.empty_like(self._logits)
        each = 4 * classes * (2 * design.shape[1] + len(design))
        pairs = min(max(_MEMORY // each - SOLUTIONS, _LEAST_PAIRS), _PAIRS)
        pairs = max(pairs, min(_LITTLE_MEMORY // each, _MOST_PAIRS))
        self._known = Directions(pairs, design.shape, classes)
        self.products = 0.0

    def minimise(self, c: float, tolerance: float, most: int) -> tuple[int, bool]:
        """Move `weights` to the minimum at this C; of several, ascending ones are the fastest.

        Args:
            c: C > 0.
            tolerance: stop when what is left to gain is about this share of the objective.
            most: iterations.

        Returns:
            (iterations, whether `tolerance` was reached or float32 lets nothing be gained any more).
        """
        value, of_loss = self._begin(c)
        values = [value]
        for iteration in range(most):
            gradient = np.float32(c) * of_loss
            gradient[:-1] += self.weights[:-1]
            # The loss does not depend on sums over the classes, and they are 0 at the minimum. Where C is large
            # rounding would drive them away.
            gradient -= gradient.mean(axis=1, keepdims=True)
            inverse = self._inverse_curvature(c)
            direction = self._known.newton_like(gradient, c, inverse)
            direction -= direction.mean(axis=1, keepdims=True)
            slope = float(np.vdot(gradient, direction))
            if self._is_close(tolerance, values, -slope / 2, _half_norm(gradient, inverse[-1])):
                return iteration, True
            image = self._design @ direction
            found = self._search(c, direction, image, slope)
            if found is None:
                return iteration, True
            size, loss = found
            direction *= size
            self.weights += direction
            image *= size
            before, of_loss = of_loss, self._loss_gradient()
            self._known.add_step(direction, of_loss - before, image)
            self.products += 1
            values.append(self._value(c, loss))
        return most, False

    def objective(self, c: float) -> float:
        """C sum_i loss_i + 1/2 |W|^2 at `weights`."""
        return self._value(c, softmax_loss(self._logits, self._labels, self._residuals))

    def _begin(self, c: float) -> tuple[float, NDArray[np.float32]]:
        """Go to the best start for this C; (objective, gradient of the loss) there."""
        if self._known.has_steps:
            self._known.add_solution(self.weights, self._logits)
            steps, images = self._known.steps, self._known.images
            shares = best_combination(steps, images, self._labels, c, start=0)
            self.weights = np.tensordot(shares, steps, 1)
            self.weights -= self.weights.mean(axis=1, keepdims=True)
            # Anew from the data: sums of images gather rounding from one C to the next.
            np.matmul(self._design, self.weights, out=self._logits)
            self.products += 0.5
        loss = softmax_loss(self._logits, self._labels, self._residuals)
        self.products += 0.5
        return self._value(c, loss), self._loss_gradient()

    def _search(
        self, c: float, direction: NDArray[np.float32], image: NDArray[np.float32], slope: float
    ) -> tuple[np.float32, float] | None:
        """Where along the direction the slope has fallen to a tenth: (size, loss), with logits and residuals of there.

        None, and the logits as they were, where rounding hides the slope.
        """
        inside = float(np.vdot(self.weights[:-1], direction[:-1]))
        square = float(np.vdot(direction[:-1], direction[:-1]))
        size = 1.0
        if not self._known.has_steps:
            # No second derivative is larger than this one (Boehning 1992).
            size = -slope / (square + c / 2 * float(np.vdot(image, image)))
        low, high = (0.0, slope), (np.inf, np.inf)
        trial = np.empty_like(self._logits)
        for attempt in range(_LINE_STEPS + 1):
            if attempt == _LINE_STEPS:
                # Not as flat as wished, but lower: a step nevertheless, unless rounding leaves none.
                size = low[0]
            np.multiply(image, np.float32(size), out=trial)
            trial += self._logits
            loss = softmax_loss(trial, self._labels, self._residuals)
            now = c * float(np.vdot(self._residuals, image)) + inside + size * square
            if abs(now) <= _FLAT * abs(slope) or (attempt == _LINE_STEPS and size > 0):
                self._logits = trial
                return np.float32(size), loss
            if now < 0:
                low = (size, now)
            else:
                high = (size, now)
            if np.isinf(high[0]):
                # The secant of the slopes at 0 and here, but no more than 8 times further.
                size *= min(max(slope / (slope - now), 1.2), 8.0) if now > slope else 8.0
            else:
                share = low[1] / (low[1] - high[1])
                size = low[0] + (high[0] - low[0]) * min(max(share, 0.05), 0.95)
        return None

    def _is_close(self, tolerance: float, values: list[float], expected: float, most: float) -> bool:
        """Whether what is left to gain is below the tolerance, by any of three signs.

        Args:
            tolerance: share of the objective.
            values: of the objective after each iteration.
            expected: what the quasi-Newton model expects to gain. It knows the steep directions better than the flat
                ones and says too little, up to some thirty times in trials.
            most: what could at most be gained, as the objective is 1-strongly convex (up to the intercept's part).
        """
        least = tolerance * values[-1]
        last = max(_LAST, len(values) // _LAST)
        slow = len(values) > last and values[-1 - last] - values[-1] <= least
        return most <= least or expected <= _TIMID * least or slow

    def _inverse_curvature(self, c: float) -> NDArray[np.float32]:
        """(D + 1, K): one over the second derivatives of the objective, were the columns of X independent of p."""
        unsure = np.abs(self._residuals)
        unsure *= 1 - unsure
        of_class = np.maximum(unsure.sum(axis=0, dtype=np.float64), _CERTAIN)
        found = np.outer(self._squares, c * of_class).astype(np.float32)
        found[:-1] += 1
        return np.divide(1, found, out=found)

    def _loss_gradient(self) -> NDArray[np.float32]:
        return self._design.T @ self._residuals

    def _value(self, c: float, loss: float) -> float:
        inner = self.weights[:-1].astype(np.float64)
        return c * loss + float(np.vdot(inner, inner)) / 2


def _half_norm(gradient: NDArray[np.float32], intercept: NDArray[np.float32]) -> float:
    """1/2 g' H^-1 g where H is 1 for the weights, and its inverse `intercept` (K,) for the last row."""
    inner, last = gradient[:-1], gradient[-1]
    return (float(np.vdot(inner, inner)) + float(np.vdot(last * intercept, last))) / 2
