"""Figures of a run and of an evaluation: curves, accuracy of the classes, calibration, class sizes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fgtl.reports.figures import BAD, GOOD, INK, MUTED, PALE, PAPER, percent_axis, shorten, single_axes, styled
from fgtl.reports.history import History
from fgtl.reports.metrics import ClassResult, Evaluation

PHASE_NAMES = {"head": "head only", "all": "all layers"}
# Up to so many classes each gets a bar; beyond, the ends of the ranking and a histogram.
MOST_BARS = 60
_WORST, _BEST = 20, 10


@styled
def curve(history: History, measure: str, label: str, *, best_epoch: float | None = None) -> Figure:
    """Training and validation values of one measure ("loss", "top1") over the epochs.

    Phase changes are dashed lines; `best_epoch` is marked on the validation curve.
    """
    figure, axes = single_axes(3.7, 2.7)
    train, validation = history.series(f"train/{measure}"), history.series(f"validation/{measure}")
    if len(train[0]):
        # Thin raw points under a running mean: the trend is what one looks for, the scatter says how far to trust it.
        axes.plot(*train, color=PALE, linewidth=1.0, alpha=0.55)
        axes.plot(train[0], _running_mean(train[1]), color=PALE, label="training")
    if len(validation[0]):
        axes.plot(*validation, color=GOOD, marker="o", markersize=3, label="validation")
    _mark_best(axes, validation, best_epoch)
    _mark_phases(axes, history)
    axes.set(xlabel="epoch", ylabel=label)
    axes.grid(axis="y")
    if measure.startswith(("top", "mean")):
        percent_axis(axes.yaxis)
    _legend_above(axes)
    return figure


@styled
def rate_curve(history: History) -> Figure:
    """Learning rate over the epochs."""
    figure, axes = single_axes(3.7, 2.7)
    epochs, rates = history.series("learning_rate")
    axes.plot(epochs, rates, color=INK, linewidth=1.4)
    _mark_phases(axes, history)
    axes.set(xlabel="epoch", ylabel="learning rate")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    return figure


@styled
def class_bars(evaluation: Evaluation) -> Figure:
    """Accuracy of each class, lowest first; above 60 classes the worst 20, the best 10 and a histogram of all."""
    ranked = evaluation.worst_to_best()
    if len(ranked) <= MOST_BARS:
        figure, axes = single_axes(4.4, 0.6 + 0.2 * len(ranked))
        _bars(axes, ranked, evaluation.mean_class)
        return figure
    figure = Figure(figsize=(4.4, 8.6), layout="constrained")
    worst, best, spread = figure.subplots(3, 1, height_ratios=[_WORST + 2, _BEST + 2, 9])
    _bars(worst, ranked[:_WORST], evaluation.mean_class)
    worst.set_title(f"the {_WORST} lowest", loc="left", fontsize=9, color=MUTED)
    _bars(best, ranked[-_BEST:], evaluation.mean_class)
    best.set_title(f"the {_BEST} highest", loc="left", fontsize=9, color=MUTED)
    spread.hist([one.accuracy or 0.0 for one in ranked], bins=np.linspace(0, 1, 21), color=GOOD, rwidth=0.88)
    spread.set_title(f"all {len(ranked)} classes", loc="left", fontsize=9, color=MUTED)
    spread.set(xlabel="accuracy", ylabel="classes", xlim=(0, 1))
    spread.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    percent_axis(spread.xaxis)
    spread.grid(axis="y")
    return figure


@styled
def reliability_diagram(evaluation: Evaluation) -> Figure:
    """Accuracy against confidence in 15 bins, with the number of images in each below."""
    figure = Figure(figsize=(4.2, 4.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
    bins = [one for one in evaluation.reliability if one.images]
    accuracy = np.array([one.accuracy for one in bins], np.float64)
    confidence = np.array([one.confidence for one in bins], np.float64)
    both = np.minimum(accuracy, confidence)
    place = {"x": [one.low for one in bins], "width": 0.9 * (bins[0].high - bins[0].low), "align": "edge"}
    above.bar(height=both, color=GOOD, label="accuracy", **place)
    if (accuracy > confidence).any():
        above.bar(height=accuracy - both, bottom=both, color=GOOD, alpha=0.45, label="under-confident", **place)
    if (confidence > accuracy).any():
        above.bar(height=confidence - both, bottom=both, color=BAD, alpha=0.45, label="over-confident", **place)
    above.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (3, 3)))
    above.set(ylabel="accuracy", ylim=(0, 1), xlim=(0, 1))
    percent_axis(above.yaxis)
    _legend_above(above)
    below.bar(height=[one.images for one in bins], color=PALE, **place)
    below.set(xlabel="confidence of the prediction", ylabel="images")
    below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    percent_axis(below.xaxis)
    for axes in (above, below):
        axes.grid(axis="y")
    return figure


@styled
def class_sizes(sizes: Mapping[str, Sequence[int]]) -> Figure:
    """Images of each class in each split, largest class first: flat is balanced, a cliff is a long tail."""
    figure, axes = single_axes(4.2, 2.7)
    for colour, (split, counts) in zip((GOOD, BAD, PALE), sizes.items(), strict=False):
        ordered = np.sort(np.asarray(counts))[::-1]
        axes.plot(
            np.arange(1, len(ordered) + 1), ordered, color=colour, label=split, drawstyle="steps-mid", linewidth=1.6
        )
    axes.set(xlabel="classes, largest first", ylabel="images")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0.5, max(map(len, sizes.values())) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="y")
    _legend_above(axes)
    return figure


def _bars(axes: Axes, ranked: Sequence[ClassResult], mean: float) -> None:
    places = np.arange(len(ranked))[::-1]
    values = [one.accuracy or 0.0 for one in ranked]
    axes.barh(places, 1.0, color=PALE, alpha=0.18, height=0.72)
    axes.barh(places, values, color=[BAD if value < mean / 2 else GOOD for value in values], height=0.72)
    for place, one in zip(places, ranked, strict=True):
        axes.text(1.02, place, f"{100 * (one.accuracy or 0):.0f} %", va="center", fontsize=8, color=MUTED)
    axes.axvline(mean, color=INK, linewidth=1, linestyle=(0, (2, 2)))
    axes.set_yticks(places, [shorten(one.name, 24) for one in ranked], fontsize=8, color=INK)
    axes.set(xlim=(0, 1.1), ylim=(-0.6, len(ranked) - 0.4))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    percent_axis(axes.xaxis)
    axes.tick_params(axis="both", length=0)
    axes.spines[:].set_visible(False)


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Centred mean over about a twentieth of the curve, over fewer points at its ends."""
    half = max(len(values) // 40, 1)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)


def _mark_best(axes: Axes, validation: tuple[np.ndarray, np.ndarray], best_epoch: float | None) -> None:
    epochs, values = validation
    if best_epoch is None or not len(epochs):
        return
    value = values[int(np.argmin(np.abs(epochs - best_epoch)))]
    axes.plot([best_epoch], [value], "o", color=BAD, markeredgecolor=PAPER, markersize=8, label="kept", zorder=5)


def _mark_phases(axes: Axes, history: History) -> None:
    for epoch, phase in history.phase_starts():
        axes.axvline(epoch, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
        axes.annotate(
            PHASE_NAMES.get(phase, phase),
            (epoch, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -2),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=MUTED,
        )


def _legend_above(axes: Axes) -> None:
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2, handlelength=1.4)
