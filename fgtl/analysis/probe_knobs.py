"""The knobs of a probe. Light: `fgtl probe --help` imports this and nothing heavy."""

from dataclasses import dataclass

from fgtl.knobs import LARGEST_SEED, Knobs, flag

CLASSIFIERS = ("logistic", "ridge", "knn")


@dataclass(frozen=True)
class ProbeKnobs(Knobs):
    """What is fitted on the features, and how it is chosen."""

    classifiers: tuple[str, ...] = flag(CLASSIFIERS, "what is fitted", choices=CLASSIFIERS)
    c: float = flag(0.0, "C of the logistic regression; 0 = 45 values are tried on validation images", low=0)
    standardise: str = flag(
        "auto",
        "features to unit variance; auto: as validation images say, off with --c",
        choices=("auto", "on", "off"),
    )
    normalise: bool = flag(False, "each image's features to length 1 first (kNN always does)")
    max_iterations: int = flag(1000, "of the logistic regression, for each C", low=1)
    validation_fraction: float = flag(0.1, "of the training images to choose by, without a validation split", low=0)
    shots: tuple[str, ...] = flag((), "also with so many training images a class, such as 1,5,10")
    seeds: int = flag(3, "draws of each number of shots", low=1, high=1000)
    seed: int = flag(0, "of what is drawn", low=0, high=LARGEST_SEED)
