"""The two pictures of a record set's page: one image of each class, and how many images the classes have."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from fgtl.data.records import RecordSet, Selection
from fgtl.reports.contact_sheet import Tile, draw_sheet, evenly, tile_of
from fgtl.reports.figures import BAD, GOOD, MUTED, PALE, single_axes, styled

MOST_CLASSES = 100
RARE = 10
_COLUMNS = 10
# The largest class has so many times the images of the smallest: from here on a linear axis hides the small ones.
_LONG_TAIL = 20


def class_grid(records: RecordSet) -> Image.Image:
    """One image of each class with its name, label and size; of more than 100 classes 100, evenly spaced.

    Each class's first record is shown, of the first split that has one; a damaged record is a grey tile.
    """
    firsts = _first_records(records)
    labels = sorted(firsts)
    labels = [labels[place] for place in evenly(len(labels), MOST_CLASSES)]
    totals = np.sum(list(records.manifest.class_counts.values()), axis=0)

    def tiles() -> Iterator[Tile]:
        for label in labels:
            images = "1 image" if totals[label] == 1 else f"{totals[label]:,} images"
            yield tile_of(*firsts[label], f"label {label} · {images}")

    return draw_sheet(tiles(), count=len(labels), columns=_COLUMNS)


@styled
def class_size_figure(class_counts: Mapping[str, Sequence[int]]) -> Figure:
    """Images of each class in each split, the largest class first; the axis is logarithmic for a long tail.

    A class without images has no place on a logarithmic axis: there its curve ends.
    """
    figure, axes = single_axes(8.4, 3.2)
    sizes = {split: np.sort(np.asarray(counts, np.int64))[::-1] for split, counts in class_counts.items()}
    every = np.concatenate([counts[counts > 0] for counts in sizes.values()])
    long_tail = len(every) > 0 and every.max() >= _LONG_TAIL * every.min()
    for colour, (split, counts) in zip((GOOD, BAD, PALE), sizes.items(), strict=False):
        heights = np.repeat(np.where(counts > 0, counts, np.nan) if long_tail else counts, 2)
        # A class is a step of width one, also the last one. (Axes.stairs takes seconds for 10,000 of them.)
        places = np.repeat(np.arange(len(counts) + 1) + 0.5, 2)[1:-1]
        axes.plot(places, heights, color=colour, linewidth=1.8, label=split)
        axes.fill_between(places, heights, 0.8 if long_tail else 0, color=colour, alpha=0.09, linewidth=0)
    axes.set(xlabel="classes, largest first", ylabel="images a class")
    axes.set_xlim(0.5, max(map(len, sizes.values())) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    if long_tail:
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.8)
        # Below it a class is hard to learn and its accuracy means little.
        axes.axhline(RARE, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    else:
        axes.set_ylim(0, 1.08 * max(every.max(initial=0), 1))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2, handlelength=1.4)
    return figure


def _first_records(records: RecordSet) -> dict[int, tuple[Selection, int]]:
    """Label -> the first record of the class and the selection that it is in."""
    firsts: dict[int, tuple[Selection, int]] = {}
    wanted = int(np.count_nonzero(np.sum(list(records.manifest.class_counts.values()), axis=0)))
    for split, count in records.counts.items():
        if count and len(firsts) < wanted:
            selection = records.select(split)
            for label, row in zip(*map(np.ndarray.tolist, np.unique(selection.labels, return_index=True)), strict=True):
                firsts.setdefault(label, (selection, row))
    return firsts
