"""Map of domains: class means on the two directions in which they differ most."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from fgtl.reports.figures import BAD, GOOD, INK, MUTED, shorten, single_axes, styled
from fgtl.reports.headline import percent

# Colours of domains beside each other. After these they come again.
_COLOURS = (GOOD, BAD, "#1d8a6b", "#a0489e", "#b58900", INK, MUTED)
_SMALLEST, _LARGEST = 12.0, 160.0


class Points(Protocol):
    """A domain as weighted points.

    Attributes:
        name: for people.
        means: (m, D) float, finite, mean feature of each class.
        shares: (m,) of its images.
    """

    @property
    def name(self) -> str: ...
    @property
    def means(self) -> NDArray[np.floating]: ...
    @property
    def shares(self) -> NDArray[np.float64]: ...


@styled
def domain_map(sources: Sequence[Points], targets: Sequence[Points], title: str = "") -> Figure:
    """Discs are classes of sources, triangles classes of targets; the larger the more of their domain's images they have.

    Args:
        sources, targets: domains in one feature space, one or more in all.
        title: above the map. How much of the spread of the points it shows is said beside it.

    Cost: a product of all means with each other or with themselves, whichever is smaller, and its eigenvectors.
    """
    domains = [*sources, *targets]
    points, shown = flattened(np.concatenate([one.means for one in domains]))
    most = max(float(one.shares.max()) for one in domains)
    figure, axes = single_axes(7.2, 4.8)
    ends = np.cumsum([len(one.shares) for one in domains])
    legend = []
    for number, (one, own) in enumerate(zip(domains, np.split(points, ends[:-1]), strict=True)):
        colour, marker = _COLOURS[number % len(_COLOURS)], "o" if number < len(sources) else "^"
        sizes = _SMALLEST + (_LARGEST - _SMALLEST) * one.shares / most
        axes.scatter(own[:, 0], own[:, 1], sizes, color=colour, marker=marker, alpha=0.65, linewidths=0)
        legend.append(Line2D([], [], color=colour, marker=marker, linestyle="none", label=shorten(one.name)))
    axes.set(xlabel="first principal direction", ylabel=f"second; both have {percent(shown)} of the spread")
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    # Equal lengths are equal distances, in both directions.
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.legend(handles=legend, loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
    return figure


def flattened(means: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """Points on their two first principal directions.

    Args:
        means: (m, D) finite.

    Returns:
        (m, 2) coordinates, each direction such that its largest coordinate is positive; and the share of the points'
        spread (their summed squared distance to the centre) that they have, 1 where there is no spread.
    """
    centred = np.asarray(means, np.float64) - np.mean(means, axis=0, dtype=np.float64)
    count, width = centred.shape
    # The smaller of the two matrices that have the same eigenvalues.
    values, vectors = np.linalg.eigh(centred @ centred.T if count <= width else centred.T @ centred)
    values, vectors = np.maximum(values[:-3:-1], 0), vectors[:, :-3:-1]
    points = vectors * np.sqrt(values) if count <= width else centred @ vectors
    points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    largest = points[np.abs(points).argmax(axis=0), [0, 1]]
    spread = float(np.square(centred).sum())
    return points * np.where(largest < 0, -1, 1), float(values.sum()) / spread if spread else 1.0
