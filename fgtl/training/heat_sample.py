"""Where a run's model looks in a few images of a selection, as one small picture for the report and TensorBoard."""

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from fgtl.data.image_files.policy import MAX_PIXELS
from fgtl.data.knobs import ViewKnobs
from fgtl.data.records import Selection
from fgtl.heads.classifier import Classifier
from fgtl.reports.contact_sheet import SIDE, Tile, draw_sheet, small_picture, spread_over_classes
from fgtl.reports.predictions import Predictions
from fgtl.training.heat import HeatFinder
from fgtl.training.heat_pictures import HeatPictures

IMAGES = 6
# Of each image itself, its kept points and its class map: two images in a row.
_TILES, _COLUMNS = 3, 6


def heat_sample(selection: Selection, probabilities: np.ndarray | None = None) -> Selection:
    """At most six images to look at: of those that are right some of different classes, then the surest mistakes.

    Half and half, or more of one where there are fewer of the other; of each class its surest mistake first. What
    cannot be read is not among them.

    Args:
        selection: to choose from.
        probabilities: (N, K) float, what the model says of each image; None: any images of different classes.

    Cost: a sort of N numbers, and a pass over the probabilities.
    """
    bad = [record.id for record in selection.bad]
    # The index says how large an image is: giants take seconds each.
    fit = (selection.heights.astype(np.int64) * selection.widths <= MAX_PIXELS) & ~np.isin(selection.ids, bad)
    wrong = np.zeros(0, np.int64)
    if probabilities is not None:
        said = Predictions(selection.ids, selection.labels, probabilities)
        wrong = said.confident_mistakes(len(selection))
        wrong = wrong[fit[wrong]]
        first = np.sort(np.unique(selection.labels[wrong], return_index=True)[1])
        wrong = np.concatenate([wrong[first], np.delete(wrong, first)])
        fit &= said.predicted == said.labels
    right = np.flatnonzero(fit)
    right = right[spread_over_classes(selection.labels[right], max(IMAGES - len(wrong), IMAGES // 2), seed=0)]
    return selection.take(np.concatenate([right, wrong[: IMAGES - len(right)]]))


def draw_heat_sample(model: Classifier, selection: Selection, knobs: ViewKnobs) -> bytes:
    """PNG of a few images, and beside each its kept points and the probability of its predicted class, all levels together.

    Args:
        model: its head keeps points.
        selection: N >= 1 images, each of which is held in memory.
        knobs: how the model sees them.

    Raises:
        DataError: an image cannot be read.
    """
    files = [selection.image(row) for row in range(len(selection))]
    look = HeatFinder(model, replace(knobs, eval_batch_size=min(knobs.eval_batch_size, len(files))))
    names = selection.records.class_names
    drawn = [HeatPictures(data, "", heat, names) for data, heat in zip(files, look(files), strict=True)]
    tiles = (tile for one, true in zip(drawn, selection.labels.tolist(), strict=True) for tile in _tiles(one, true))
    out = io.BytesIO()
    draw_sheet(tiles, count=_TILES * len(files), columns=_COLUMNS).save(out, "PNG")
    return out.getvalue()


def _tiles(one: HeatPictures, true: int) -> Iterator[Tile]:
    heat, overlays = one.heat, one.overlays(SIDE)
    predicted, sure = one.class_names[heat.label], f"{heat.probabilities[heat.label]:.0%}"
    # Prefix tokens have no place.
    kept = sum(int((level.kept >= level.grid.prefix_tokens).sum()) for level in heat.levels)
    points = sum(level.class_map.size for level in heat.levels)
    judged = f"{'right' if heat.label == true else 'wrong'}, {sure}"
    yield Tile(small_picture(one.data, SIDE), one.class_names[true], judged)
    yield Tile(overlays["kept"], "Kept points", f"{kept:,} of {points:,}")
    yield Tile(overlays["class"], predicted, f"at single points up to {heat.largest:.0%}")
