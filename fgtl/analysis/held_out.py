"""How a simple classifier does on training images that it was not fitted to: a score that needs no test image."""

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.probe import probe
from fgtl.analysis.probe_knobs import ProbeKnobs
from fgtl.data.splits import carve_validation
from fgtl.errors import InputError, UsageError
from fgtl.features.feature_set import Features

FRACTION = 0.2


def right_of_held_out(rows: Features, classifier: str, seed: int = 0) -> NDArray[np.bool_] | None:
    """Which held-out images a classifier gets right.

    A fifth of every class is held out, by hash of (seed, id), so that features of the same images by different networks
    are measured on the same ones. The classifier's own setting is chosen on a part of the rest.

    Args:
        rows: N training images.
        classifier: "knn", "ridge" or "logistic", as `fgtl probe` has them.
        seed: of what is held out.

    Returns:
        (H,) bool, in the order of the images' ids, whatever that of the rows; the mean is the accuracy. None where
        there are too few images to hold some out twice.

    Raises:
        DataError, InputError: see `probe`.

    Cost, memory: see `probe`; without standardisation, which would double it.
    """
    try:
        fitting, held = carve_validation(rows, FRACTION, seed)
        knobs = ProbeKnobs(classifiers=(classifier,), standardise="off", seed=seed)
        predicted = probe(fitting, None, held, knobs).outcomes[0].predicted
    except InputError:
        raise
    except UsageError:
        return None
    right: NDArray[np.bool_] = (predicted == held.labels)[held.ids.argsort()]
    return right
