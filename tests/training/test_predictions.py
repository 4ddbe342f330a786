"""Predictions of a selection from several views of each image."""

from typing import Any

import numpy as np
import pytest

from fgtl.data.bad_records import BadRecords
from fgtl.data.knobs import ViewKnobs
from fgtl.data.many_views import CENTRE, VIEWS, View
from fgtl.errors import DataError
from fgtl.training import predictions
from fgtl.training.evaluation import Predictor
from fgtl.training.predictions import predict_selection

COUNT = 6


class Images:
    """Six images and the ids of those that could not be read, with the part of `Selection` that is asked for."""

    def __init__(self, ids: np.ndarray | None = None) -> None:
        self.ids = np.array([f"image {row}" for row in range(COUNT)]) if ids is None else ids
        self.bad = BadRecords()

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> "Images":
        return Images(self.ids[rows])


class Says(Predictor):
    """A Predictor of no model: each view of each image has probabilities of its own, and some rows are missing."""

    def __init__(self, missing: dict[View, list[int]]) -> None:
        super().__init__(None)
        self.missing, self.labels = missing, []

    def found(self, look: Any, count: int, label: str = "") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.labels.append(label)
        rows = np.array([row for row in range(count) if row not in self.missing.get(look, [])])
        return rows, said(look)[rows], np.zeros(len(rows), int)


def said(look: View) -> np.ndarray:
    shares = np.random.default_rng(hash(look) % 1000).random((COUNT, 1)).astype(np.float32)
    return np.concatenate([shares, 1 - shares], axis=1)


@pytest.fixture(autouse=True)
def views_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The batches of a view are the view."""
    monkeypatch.setattr(predictions, "evaluation_batches", lambda selection, knobs, look: look)


def predicted(missing: dict[View, list[int]], views: Any, bad: tuple[str, ...] = ()) -> tuple[list[str], np.ndarray]:
    images = Images()
    for name in bad:
        images.bad._found[name] = None  # type: ignore[assignment]
    seen, probabilities = predict_selection(Says(missing), images, ViewKnobs(), views=views)  # type: ignore[arg-type]
    return seen.ids.tolist(), probabilities


@pytest.mark.parametrize("name", VIEWS)
def test_the_probabilities_are_the_mean_over_the_views(name: str) -> None:
    ids, probabilities = predicted({}, VIEWS[name])
    assert ids == Images().ids.tolist()
    np.testing.assert_allclose(probabilities, np.mean([said(look) for look in VIEWS[name]], axis=0), atol=1e-6)


def test_one_view_is_as_it_was_said_bit_for_bit() -> None:
    np.testing.assert_array_equal(predicted({}, (CENTRE,))[1], said(CENTRE))


def test_an_image_that_is_bad_in_one_view_is_left_out_of_all() -> None:
    first, second, third = VIEWS["five"][:3]
    bad = ("image 1", "image 4")
    ids, probabilities = predicted({second: [1], third: [4]}, (first, second, third), bad)
    assert ids == ["image 0", "image 2", "image 3", "image 5"]
    expected = np.mean([said(look) for look in (first, second, third)], axis=0)[[0, 2, 3, 5]]
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_an_image_that_is_missing_in_one_view_without_a_reason_is_an_error() -> None:
    with pytest.raises(DataError, match="1 of 6 images are missing, the first image 2"):
        predicted({VIEWS["flip"][1]: [2]}, VIEWS["flip"])


def test_the_bar_says_which_view_it_is() -> None:
    says = Says({})
    predict_selection(says, Images(), ViewKnobs(), "watch", VIEWS["flip"])  # type: ignore[arg-type]
    predict_selection(says, Images(), ViewKnobs(), "watch")  # type: ignore[arg-type]
    assert says.labels == ["watch, view 1 of 2", "watch, view 2 of 2", "watch"]
