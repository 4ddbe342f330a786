"""What a model says about a selection of a record set, whatever can be read of it."""

import numpy as np

from fgtl.data.knobs import ViewKnobs
from fgtl.data.records import Selection
from fgtl.data.views import evaluation_batches
from fgtl.errors import DataError
from fgtl.training.evaluation import Predictor


def predict_selection(
    predict: Predictor, selection: Selection, knobs: ViewKnobs, label: str = "evaluate"
) -> tuple[Selection, np.ndarray]:
    """Predict a selection; with --bad_records skip without the records that cannot be read.

    Args:
        predict: of the model.
        selection: N >= 1 images.
        knobs: how the model sees them, and what is done about bad ones.
        label: what the progress bar says.

    Returns:
        What was seen, M of the N records in their order (those that are missing are in `selection.bad`), and its
        probabilities (M, K) float32.

    Raises:
        DataError: a record cannot be read, or too many cannot; TensorFlow's error about it, which
            `fgtl.data.damage.damage_explained` turns into one; or an image is missing without a reason.
    """
    rows, probabilities, _ = predict.found(evaluation_batches(selection, knobs), len(selection), label)
    seen, lost = selection.take(rows), np.delete(selection.ids, rows)
    # A figure about fewer images than somebody knows of must not come out.
    unexplained = [str(name) for name in lost if str(name) not in selection.bad]
    if unexplained:
        raise DataError(f"{len(unexplained):,} of {len(selection):,} images are missing, the first {unexplained[0]}.")
    return seen, probabilities
