"""Example pictures for a report: mistakes, and what the confused classes look like in training."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from fgtl.data.records import Selection
from fgtl.errors import DataError
from fgtl.reports.metrics import ConfusedPair, Evaluation
from fgtl.reports.predictions import Predictions

# A report shows pictures at 150 px. More than 1.4 times that is not seen, and takes the page beyond 3 MB.
_SHORT_SIDE = 210


@dataclass(frozen=True)
class Example:
    """A picture; `source` is a data URI, empty when the image is not at hand or cannot be decoded."""

    id: str
    source: str


@dataclass(frozen=True)
class Mistake:
    """A picture that was misclassified, its two classes by name, and the probability each got."""

    example: Example
    true: str
    predicted: str
    true_probability: float
    predicted_probability: float
    true_rank: int


@dataclass(frozen=True)
class PairExamples:
    """A confused pair of classes: images of `true` that were called `predicted`, and training images of both."""

    true: str
    predicted: str
    pair: ConfusedPair
    mistakes: tuple[Mistake, ...]
    of_true: tuple[Example, ...]
    of_predicted: tuple[Example, ...]


class Album:
    """Looks pictures up by id and makes thumbnails of them.

    Args:
        selections: where to look, in this order; none at all gives examples without pictures.
    """

    def __init__(self, *selections: Selection) -> None:
        self._home: dict[str, tuple[Selection, int]] = {}
        for selection in selections:
            for position, id in enumerate(selection.ids.tolist()):
                self._home.setdefault(id, (selection, position))

    def __call__(self, id: str) -> Example:
        """The example of one id."""
        if id not in self._home:
            return Example(id, "")
        selection, position = self._home[id]
        try:
            return Example(id, jpeg_uri(selection.image(position)))
        except (DataError, UnidentifiedImageError, OSError):
            # One unreadable picture is worth an empty frame; `fgtl verify` is what says what is wrong with it.
            return Example(id, "")


def jpeg_uri(data: bytes, short_side: int = _SHORT_SIDE) -> str:
    """An image file's bytes -> data URI of a JPEG, made smaller when its short side has more pixels than that.

    Raises:
        UnidentifiedImageError, OSError: not an image, or a damaged one.
    """
    with Image.open(io.BytesIO(data)) as image:
        scale = min(1.0, short_side / min(image.size))
        wanted = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
        # The JPEG decoder can skip most of the work when the result is small.
        image.draft("RGB", wanted)
        small = image.convert("RGB").resize(wanted, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def mistakes(rows: Iterable[int], predictions: Predictions, names: Sequence[str], album: Album) -> tuple[Mistake, ...]:
    """The given rows of the predictions as mistakes to show."""
    return tuple(_mistake(int(row), predictions, names, album) for row in rows)


def confused_pairs(
    evaluation: Evaluation, predictions: Predictions, album: Album, training: Selection | None, *, most: int = 6
) -> list[PairExamples]:
    """The most frequent confusions with two mistakes each, and two training images of each of the two classes."""
    names = [one.name for one in evaluation.per_class]
    return [
        PairExamples(
            true=names[pair.true],
            predicted=names[pair.predicted],
            pair=pair,
            mistakes=mistakes(predictions.confusions(pair.true, pair.predicted, 2), predictions, names, album),
            of_true=_of_class(pair.true, training, album),
            of_predicted=_of_class(pair.predicted, training, album),
        )
        for pair in evaluation.most_confused(most)
    ]


def _mistake(row: int, predictions: Predictions, names: Sequence[str], album: Album) -> Mistake:
    probabilities, true = predictions.probabilities[row], int(predictions.labels[row])
    predicted = int(probabilities.argmax())
    return Mistake(
        example=album(str(predictions.ids[row])),
        true=names[true],
        predicted=names[predicted],
        true_probability=float(probabilities[true]),
        predicted_probability=float(probabilities[predicted]),
        true_rank=1 + int(np.count_nonzero(probabilities > probabilities[true])),
    )


def _of_class(label: int, training: Selection | None, album: Album, n: int = 2) -> tuple[Example, ...]:
    """`n` examples from evenly spaced places among the class's training images."""
    if training is None:
        return ()
    rows = np.flatnonzero(training.labels == label)
    places = np.unique((np.arange(n) + 1) * len(rows) // (n + 1))[: len(rows)]
    return tuple(album(str(training.ids[rows[place]])) for place in places)
