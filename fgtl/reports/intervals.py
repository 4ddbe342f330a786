"""How sure a figure is: an interval of a share of images, and of a mean over seeds. numpy and scipy only."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from fgtl.errors import InputError

_Z95 = 1.959963984540054


def wilson_interval(correct: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a proportion; unlike p +- 1.96 se it stays inside 0..1 and is right near 1."""
    share = correct / count
    z2 = _Z95**2 / count
    centre = (share + z2 / 2) / (1 + z2)
    half = _Z95 * np.sqrt(share * (1 - share) / count + z2 / (4 * count)) / (1 + z2)
    # The exact interval contains the share; at 0 and 1 rounding may put a bound an ulp on the wrong side.
    return float(min(max(centre - half, 0.0), share)), float(max(min(centre + half, 1.0), share))


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Student's 95 % interval of the mean of n runs: mean +- t(0.975, n - 1) s / sqrt(n).

    Raises:
        InputError: fewer than two values, from which nobody can tell how much they vary.
    """
    if len(values) < 2:
        raise InputError(f"{len(values)} value(s) have no spread.", expected="at least 2.")
    mean = float(np.mean(values))
    half = float(student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean - half, mean + half
