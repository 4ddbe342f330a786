"""Accuracy of a simple classifier on training images that it was not fitted to: a score that needs no test image."""

from fgtl.analysis.probe import probe
from fgtl.analysis.probe_knobs import ProbeKnobs
from fgtl.data.splits import carve_validation
from fgtl.errors import InputError, UsageError
from fgtl.features.feature_set import Features

FRACTION = 0.2


def held_out_accuracy(rows: Features, classifier: str, seed: int = 0) -> float | None:
    """Share of held-out images that a classifier gets right.

    A fifth of every class is held out, by hash of (seed, id), so that features of the same images by different networks
    are measured on the same ones. The classifier's own setting is chosen on a part of the rest.

    Args:
        rows: N training images.
        classifier: "knn", "ridge" or "logistic", as `fgtl probe` has them.
        seed: of what is held out.

    Returns:
        The accuracy; None where there are too few images to hold some out twice.

    Raises:
        DataError, InputError: see `probe`.

    Cost, memory: see `probe`; without standardisation, which would double it.
    """
    try:
        fitting, held = carve_validation(rows, FRACTION, seed)
        knobs = ProbeKnobs(classifiers=(classifier,), standardise="off", seed=seed)
        return probe(fitting, None, held, knobs).outcomes[0].evaluation.top1
    except InputError:
        raise
    except UsageError:
        return None
