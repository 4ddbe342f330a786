"""What a model says about a selection of a record set, whatever can be read of it."""

from collections.abc import Sequence

import numpy as np

from fgtl.data.knobs import ViewKnobs
from fgtl.data.many_views import CENTRE, View
from fgtl.data.records import Selection
from fgtl.data.views import evaluation_batches
from fgtl.errors import DataError
from fgtl.training.evaluation import Predictor


def predict_selection(
    predict: Predictor,
    selection: Selection,
    knobs: ViewKnobs,
    label: str = "evaluate",
    views: Sequence[View] = (CENTRE,),
) -> tuple[Selection, np.ndarray]:
    """Predict a selection; with --bad_records skip without the records that cannot be read.

    Args:
        predict: of the model.
        selection: N >= 1 images.
        knobs: how the model sees them, and what is done about bad ones.
        label: what the progress bar says.
        views: of each image, whose probabilities are averaged. An image that is bad in one of them is bad.

    Returns:
        What was seen, M of the N records in their order (those that are missing are in `selection.bad`), and its
        probabilities (M, K) float32.

    Raises:
        DataError: a record cannot be read, or too many cannot; TensorFlow's error about it, which
            `fgtl.data.damage.damage_explained` turns into one; or an image is missing without a reason.

    Of several worker processes each predicts its share, and gets the rows of all.

    Cost: one pass over the selection for each view. Memory: one (N, K) array, with several views two.
    """
    share = predict.share(len(selection))
    own = selection if len(share) == len(selection) else selection.take(np.arange(share.start, share.stop))
    rows, total = _pass(predict, own, knobs, views, 0, label)
    for number in range(1, len(views)):
        again, probabilities = _pass(predict, own, knobs, views, number, label)
        if np.array_equal(rows, again):
            total += probabilities
        else:
            rows, before, now = np.intersect1d(rows, again, assume_unique=True, return_indices=True)
            total = total[before] + probabilities[now]
    if len(views) > 1:
        total /= len(views)
    # A figure about fewer images than somebody knows of must not come out.
    unexplained = [str(name) for name in np.delete(own.ids, rows) if str(name) not in own.bad]
    if unexplained:
        raise DataError(f"{len(unexplained):,} of {len(own):,} images are missing, the first {unexplained[0]}.")
    rows, total = predict.joined(share.start + rows, total)
    return selection.take(rows), total


def _pass(
    predict: Predictor, selection: Selection, knobs: ViewKnobs, views: Sequence[View], number: int, label: str
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (M,) and probabilities (M, K) of view `number`."""
    note = f"{label}, view {number + 1} of {len(views)}" if len(views) > 1 else label
    rows, probabilities, _ = predict.found(evaluation_batches(selection, knobs, views[number]), len(selection), note)
    return rows, probabilities
