"""What a probe found: each classifier's setting, how it was chosen, and its test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.few_shot import FewShot
from fgtl.reports.metrics import Evaluation

# What is chosen of each classifier.
SETTINGS = {"logistic": "c", "ridge": "penalty", "knn": "k"}
_WORDS = {"c": "C", "penalty": "penalty", "k": "k"}
# A setting and its accuracy on the validation images. Of equal ones the first is taken: the most regularised.
Tried = tuple[dict[str, float | bool], float]


@dataclass(frozen=True)
class Outcome:
    """One classifier on the test images.

    Attributes:
        classifier: "logistic", "ridge" or "knn".
        setting: what was chosen: "c" or "penalty" or "k", and "standardised".
        tried: every setting with its accuracy on the validation images; empty where nothing was chosen.
        evaluation: on the test images.
        predicted: (N,) int64, the labels given to them.
        converged: False where the limit of iterations ended the last fit.
    """

    classifier: str
    setting: dict[str, float | bool]
    tried: tuple[Tried, ...]
    evaluation: Evaluation
    predicted: NDArray[np.int64]
    converged: bool = True

    @property
    def validation(self) -> float | None:
        """Accuracy of the setting on the validation images; None where nothing was chosen."""
        return max((accuracy for _, accuracy in self.tried), default=None)

    @property
    def described(self) -> str:
        """The setting, for people."""
        name = SETTINGS[self.classifier]
        return f"{_WORDS[name]} {self.setting[name]:.3g}{', standardised' if self.setting.get('standardised') else ''}"

    @property
    def tried_values(self) -> tuple[tuple[str, float, bool, float], ...]:
        """`tried` as (name of the value, value, standardised, validation accuracy)."""
        name = SETTINGS[self.classifier]
        return tuple(
            (name, float(setting[name]), bool(setting.get("standardised")), accuracy)
            for setting, accuracy in self.tried
        )


@dataclass(frozen=True)
class ProbeResult:
    """All classifiers on one feature set.

    Attributes:
        images: of "train", "validation" and "test"; the last fit had both of the first two.
        carved: whether the validation images were carved from the training images.
        outcomes: one a classifier.
        few: one a number of shots.
        unseen: test images of classes without training images; they count as wrong.
        absent: classes without training images.
    """

    images: dict[str, int]
    carved: bool
    outcomes: tuple[Outcome, ...]
    few: tuple[FewShot, ...]
    unseen: int
    absent: int
