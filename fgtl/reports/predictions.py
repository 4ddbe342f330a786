"""One evaluation of a run on disk: eval/<split>.json (figures) and eval/<split>.npz (what was said of each image)."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fgtl.errors import DataError
from fgtl.files import write_atomically, write_json
from fgtl.reports.metrics import Evaluation

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a run said about each image of a split.

    Attributes:
        ids: (N,) unicode.
        labels: (N,) int32, the true classes.
        probabilities: (N, K) float32.
    """

    ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """(N,) int, the most probable class of each image."""
        return self.probabilities.argmax(axis=1)

    def confusions(self, true: int, predicted: int, n: int) -> np.ndarray:
        """Rows of class `true` that were called `predicted`: the `n` surest first, equal ones in order."""
        rows = np.flatnonzero((self.labels == true) & (self.predicted == predicted))
        return rows[np.argsort(-self.probabilities[rows, predicted], kind="stable")][:n]

    def confident_mistakes(self, n: int) -> np.ndarray:
        """Rows of the `n` mistakes whose wrong answer got the highest probability."""
        rows = self._mistakes()
        return rows[np.argsort(-self.probabilities[rows].max(axis=1), kind="stable")][:n]

    def worst_mistakes(self, n: int) -> np.ndarray:
        """Rows of the `n` mistakes that rank the true class furthest down; equal ranks: least probable first."""
        rows = self._mistakes()
        own = self.probabilities[rows, self.labels[rows]]
        ranks = np.count_nonzero(self.probabilities[rows] > own[:, None], axis=1)
        return rows[np.lexsort((own, -ranks))][:n]

    def accepted(self, threshold: float) -> tuple[int, float | None]:
        """(images, accuracy) of the predictions whose confidence is at least `threshold`; None when there are none."""
        kept = self.probabilities.max(axis=1) >= threshold
        right = (self.predicted == self.labels)[kept]
        return len(right), float(right.mean()) if len(right) else None

    def _mistakes(self) -> np.ndarray:
        return np.flatnonzero(self.predicted != self.labels)


def evaluation_path(folder: Path, split: str, views: str = "centre") -> Path:
    """Where the figures of an evaluation are; those of several views of each image stand beside the usual ones.

    Args:
        folder: the run's eval/.
        split: the split expression; in file names, what is no letter, digit or one of + - = . becomes an underscore.
        views: of each image, a choice of `fgtl.data.many_views.VIEWS`.
    """
    name = re.sub(r"[^\w.+=-]", "_", split)
    return folder / f"{name if views == 'centre' else f'{name}-{views}'}.json"


def title_of(split: str, views: str) -> str:
    """How an evaluation is called: "test", or "test, ten views"."""
    return split if views == "centre" else f"{split}, {views} views"


def write_evaluation(
    folder: Path,
    split: str,
    evaluation: Evaluation,
    predictions: Predictions,
    *,
    views: str = "centre",
    manifest_sha256: str | None = None,
) -> Path:
    """Write the two files of an evaluation, the JSON last, so that figures never stand beside other predictions.

    Args:
        folder: the run's eval/.
        split: the split expression.
        views: of each image.
        manifest_sha256: of the record set that was evaluated, by which runs are compared.

    Returns:
        The path of the JSON file: schema, split, views, manifest_sha256 and `Evaluation.as_dict()`.
    """
    path = evaluation_path(folder, split, views)
    path.unlink(missing_ok=True)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        ids=np.asarray(predictions.ids, np.str_),
        labels=np.asarray(predictions.labels, np.int32),
        probabilities=np.asarray(predictions.probabilities, np.float32),
    )
    write_atomically(path.with_suffix(".npz"), buffer.getvalue())
    about = {"schema": SCHEMA, "split": split, "views": views, "manifest_sha256": manifest_sha256}
    write_json(path, about | evaluation.as_dict())
    return path


def read_predictions(path: Path) -> Predictions:
    """Read an eval/<split>.npz; DataError when it is damaged or its arrays disagree."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = Predictions(stored["ids"], stored["labels"], stored["probabilities"])
        if found.probabilities.ndim != 2 or not len(found.ids) == len(found.labels) == len(found.probabilities):
            raise ValueError("ids, labels and probabilities have different lengths")
        return found
    except Exception as error:  # zipfile, zlib and NumPy each have their own way to say "damaged"
        raise DataError(f"{path} cannot be read: {error}.", fix="Run `fgtl evaluate` again.") from None
