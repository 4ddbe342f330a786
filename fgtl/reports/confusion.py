"""The confusion matrix as a picture that can be read from 3 classes to thousands."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from fgtl.console import table
from fgtl.reports.figures import BAD, GOOD, INK, MUTED, shorten, single_axes, styled
from fgtl.reports.metrics import Evaluation

# Up to so many classes a cell holds its figure, every class has its name, a class has rows of its own.
MOST_WRITTEN, MOST_NAMED, MOST_DRAWN = 16, 50, 400
_SIDE = 7.2
_LETTERS = 24


@styled
def confusion_matrix(evaluation: Evaluation, *, together: bool = False, title: str = "") -> Figure:
    """Share of each true class (row) that was given to each class (column); right answers blue, mistakes orange.

    Args:
        evaluation: its matrix and names are drawn. Above 400 classes neighbours share a cell, which shows the largest
            share among them.
        together: put classes that are confused with each other side by side, instead of the data set's own order.
        title: above it, where nothing else says whose it is.
    """
    order = look_alike_order(evaluation.confusion) if together else np.arange(evaluation.classes)
    counts = evaluation.confusion[np.ix_(order, order)]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [evaluation.per_class[k].name for k in order]
    side = _SIDE if len(names) > 8 else 4.6
    # Only rows are named above 50 classes: without the columns' names a square matrix needs less height than width.
    height = side if len(names) <= MOST_NAMED else side - 0.052 * max(len(shorten(name, _LETTERS)) for name in names)
    figure, axes = single_axes(side, height)
    axes.imshow(
        _cells(shares), interpolation="none", aspect="equal", extent=(-0.5, len(names) - 0.5, len(names) - 0.5, -0.5)
    )
    if len(names) <= MOST_WRITTEN:
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if _opacity(shares[row, column]) > 0.65 else INK
            text = f"{100 * shares[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    _name_axes(axes, names)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    return figure


def confused_text(evaluation: Evaluation, most: int = 5) -> str:
    """A table of the most frequent mistakes for the terminal; "" where there is none."""
    names = [one.name for one in evaluation.per_class]
    pairs = [[names[one.true], names[one.predicted], f"{one.images:,}"] for one in evaluation.most_confused(most)]
    return table(["most confused: true", "predicted", "images"], pairs) if pairs else ""


def look_alike_order(confusion: np.ndarray) -> np.ndarray:
    """(K,) int: an order of the classes in which those that are often confused are neighbours.

    Average-linkage clustering on 1 - (share of mistakes in either direction), leaves ordered optimally up to 300
    classes (the ordering is cubic). Memory: a few (K, K) float64.
    """
    classes = len(confusion)
    if classes < 3:
        return np.arange(classes)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    likeness = (shares + shares.T) / 2
    distance = 1 - likeness / max(likeness[~np.eye(classes, dtype=bool)].max(), 1e-12)
    np.fill_diagonal(distance, 0)
    condensed = squareform(np.clip(distance, 0, 1), checks=False)
    tree = linkage(condensed, "average")
    return leaves_list(optimal_leaf_ordering(tree, condensed) if classes <= 300 else tree)


def _opacity(shares: np.ndarray) -> np.ndarray:
    # The root and the offset lift single mistakes out of the background, where a linear scale would hide them.
    return np.where(shares > 0, 0.2 + 0.8 * np.sqrt(shares), 0.0)


def _cells(shares: np.ndarray) -> np.ndarray:
    """(M, M, 4) uint8 RGBA, M <= 400; transparent where nothing is, so that it lies on a light or dark page alike."""
    right = np.where(np.eye(len(shares), dtype=bool), shares, 0)
    wrong = shares - right
    group = -(-len(shares) // MOST_DRAWN)
    right, wrong = (_largest_of_groups(part, group) for part in (right, wrong))
    colours = np.where((right > 0)[..., None], to_rgb(GOOD), to_rgb(BAD))
    opacity = _opacity(np.maximum(right, wrong))
    return np.rint(255 * np.concatenate([colours, opacity[..., None]], axis=-1)).astype(np.uint8)


def _largest_of_groups(square: np.ndarray, group: int) -> np.ndarray:
    starts = np.arange(0, len(square), group)
    return np.maximum.reduceat(np.maximum.reduceat(square, starts, axis=0), starts, axis=1)


def _name_axes(axes: Axes, names: list[str]) -> None:
    step = -(-len(names) // MOST_NAMED)
    places = np.arange(0, len(names), step)
    shown = [shorten(names[place], _LETTERS) for place in places]
    size = 9 if len(names) <= 20 else 7
    # With thinned names the columns go unnamed: their order is that of the rows, and the matrix gets the space.
    across = ["" for _ in shown] if step > 1 else shown
    slant = 90 if len(names) > 5 else 20
    beside = "center" if slant == 90 else "top"
    axes.set_xticks(places, across, rotation=slant, ha="right", va=beside, rotation_mode="anchor")
    axes.set_yticks(places, shown)
    axes.tick_params(length=0 if step == 1 else 2, labelsize=size, labelcolor=INK, color=MUTED)
    if len(names) <= MOST_NAMED:
        edges = np.arange(len(names) + 1) - 0.5
        axes.set_xticks(edges, minor=True)
        axes.set_yticks(edges, minor=True)
        axes.grid(which="minor", linewidth=0.6)
        axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(True)
    axes.set(xlabel="predicted", ylabel="true")
