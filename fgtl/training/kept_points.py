"""The points that a run's head kept, of every image of a record set, as regions."""

import numpy as np
import tensorflow as tf
from keras import ops

from fgtl.data.knobs import ViewKnobs
from fgtl.data.records import Selection
from fgtl.errors import UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.head import name_of
from fgtl.regions.cells import CellGrid, CropTransform
from fgtl.regions.kept import KeptPoints, regions_of_points
from fgtl.regions.regions import Regions
from fgtl.training.evaluation import Predictor
from fgtl.training.predictions import predict_selection


def expect_points(model: Classifier) -> None:
    """Raise UsageError unless a model's head keeps points."""
    if model.head.regions(model.output) is None:
        raise UsageError(
            f"The run's head, {name_of(model.head)}, keeps no points.", expected="a run of --head=plugin, which does."
        )


def cell_grid(model: Classifier, tap: str) -> CellGrid:
    """The cells of one of a model's taps."""
    found = next(one for one in model.backbone.taps if one.name == tap)
    return CellGrid(found.name, found.grid, found.stride, found.prefix_tokens)


def points_of(model: Classifier, images: tf.Tensor, most: int) -> tf.Tensor:
    """(B, S, S, 3) -> (B, 2 T) float32: which points are kept, level by level, and then how sure each is.

    Of each level the `most` surest: T is at most `most` times the levels.
    """
    levels = model.head.regions(model(images, training=False))
    # float32 holds whole numbers up to 2^24 exactly; a level of so many points would not fit any memory.
    columns = [level.index for level in levels] + [level.confidence for level in levels]
    return ops.concatenate([ops.cast(column[:, :most], "float32") for column in columns], axis=1)


def kept_points(model: Classifier, rows: np.ndarray, most: int) -> list[KeptPoints]:
    """The levels, shallow to deep, of (N, 2 T) rows of `points_of`."""
    levels = model.head.regions(model.output)
    ends = np.cumsum([min(most, level.index.shape[1]) for level in levels])
    points, scores = (np.split(half, ends[:-1], axis=1) for half in np.split(rows, 2, axis=1))
    return [
        KeptPoints(cell_grid(model, level.level.tap), of.astype(np.int64), sure)
        for level, of, sure in zip(levels, points, scores, strict=True)
    ]


def find_regions(
    model: Classifier, predict: Predictor, selection: Selection, knobs: ViewKnobs, *, most: int, source: str, run: str
) -> tuple[Selection, Regions]:
    """The kept points of a selection, as the model sees its images in evaluation.

    Args:
        model: its head keeps points (`expect_points`).
        predict: of the model, with `points_of` of as many points as its output.
        selection: N >= 1 images.
        knobs: how the model sees them, and what is done about bad ones.
        most: points of each level of an image, the surest.
        source, run: see `Regions`.

    Returns:
        What could be read of the selection, and its regions: of each image the kept points, the surest first whatever
        their level, but for prefix tokens, which have no place.

    Raises:
        As `predict_selection`.

    Memory: 8 * N * T bytes for what the model says, and five times that for the regions, T points an image.
    """
    seen, rows = predict_selection(predict, selection, knobs, "find points")
    sizes = np.stack([seen.heights, seen.widths], axis=1)
    regions = regions_of_points(
        kept_points(model, rows, most),
        CropTransform.of_view(sizes, knobs),
        seen.ids,
        sizes,
        source=source,
        manifest_sha256=seen.records.manifest_sha256,
        run=run,
    )
    return seen, regions
