"""How well a simple classifier does on frozen features: chosen on validation images, fitted on all, tested once."""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.few_shot import few_shot
from fgtl.analysis.knn_classifier import NEIGHBOURS, knn_probabilities, usable_neighbours
from fgtl.analysis.logistic import SWEEP, fit_logistic, logistic_path
from fgtl.analysis.probe_knobs import ProbeKnobs
from fgtl.analysis.probe_result import SETTINGS, Outcome, ProbeResult, Tried
from fgtl.analysis.ridge import PENALTIES, RidgePath
from fgtl.analysis.scaling import Scaling
from fgtl.data.splits import carve_validation
from fgtl.errors import DataError, InputError, UsageError
from fgtl.features.feature_set import Features
from fgtl.features.writing import check_finite
from fgtl.reports.metrics import evaluate_predictions


def probe(
    train: Features,
    validation: Features | None,
    test: Features,
    knobs: ProbeKnobs | None = None,
    advance: Callable[[str], object] = lambda what: None,
) -> ProbeResult:
    """Choose on validation images, fit again on training and validation images, test once.

    The test images have no say in anything. Without a validation part one is carved from `train`, as training does it
    (the same share of every class, by hash of seed and id).

    Args:
        train: N images of two classes or more.
        validation: None, or other images.
        test: images that are in neither.
        knobs: what is fitted, and how it is chosen.
        advance: called with a word after each classifier.

    Raises:
        DataError: a feature is not finite, or there is only one class.
        InputError: the parts disagree in classes or dimensions, or share an image.
        UsageError: no validation image can be carved, or the shots are no numbers.

    Memory: a few copies of the training features, and that of `Descent`.
    """
    knobs = knobs or ProbeKnobs()
    shots = _shots(knobs.shots)
    parts = [part for part in (train, validation, test) if part is not None]
    _check(parts)
    whole = train if validation is None else _joined(train, validation)
    carved = validation is None and _has_choice(knobs)
    fitting, held = carve_validation(train, knobs.validation_fraction, knobs.seed) if carved else (train, validation)
    outcomes = []
    for classifier in knobs.classifiers:
        tried = _tried(classifier, fitting, held, knobs) if held is not None else ()
        best = max(tried, key=itemgetter(1))[0] if tried else _given(knobs, classifier)
        outcomes.append(_tested(classifier, best, tried, whole, test, knobs))
        advance(classifier)
    few = []
    lengths = Scaling(knobs.normalise, None)
    for count in shots:
        few.append(few_shot(_with(whole, lengths), _with(test, lengths), count, knobs.seeds, knobs.seed))
        advance(f"{count} shots")
    known = np.bincount(whole.labels, minlength=len(whole.class_names)) > 0
    return ProbeResult(
        images={"train": len(fitting), "validation": 0 if held is None else len(held), "test": len(test)},
        carved=carved,
        outcomes=tuple(outcomes),
        few=tuple(few),
        unseen=int(np.sum(~known[test.labels])),
        absent=int(np.sum(~known)),
    )


def _has_choice(knobs: ProbeKnobs) -> bool:
    return not knobs.c or bool({*knobs.classifiers} - {"logistic"})


def _tried(classifier: str, fitting: Features, held: Features, knobs: ProbeKnobs) -> tuple[Tried, ...]:
    """Accuracy of every setting on the held-out images, the most regularised settings first."""
    if classifier == "logistic" and knobs.c:
        return ()
    found: list[Tried] = []
    for standardise in (False,) if classifier == "knn" else _standardisations(knobs):
        rows, queries = _scaled(fitting, held, knobs, standardise=standardise)
        for value, predicted in _predictions(classifier, rows, fitting, queries, knobs):
            setting = {SETTINGS[classifier]: value} | ({} if classifier == "knn" else {"standardised": standardise})
            found.append((setting, float(np.mean(predicted == held.labels))))
    return tuple(found)


def _predictions(
    classifier: str, rows: NDArray[np.float32], fitting: Features, queries: NDArray[np.float32], knobs: ProbeKnobs
) -> Iterator[tuple[float, NDArray[np.int64]]]:
    """(setting, predicted labels of the queries) of every setting."""
    classes = len(fitting.class_names)
    if classifier == "logistic":
        for model in logistic_path(rows, fitting.labels, classes, SWEEP, most_iterations=knobs.max_iterations):
            yield model.c, model.predict(queries)
    elif classifier == "ridge":
        penalties = PENALTIES[::-1]
        scores = RidgePath(rows, fitting.labels, classes).scores(queries, penalties)
        for penalty, found in zip(penalties, scores, strict=True):
            yield penalty, found.argmax(axis=1)
    else:
        neighbours = usable_neighbours(len(rows), NEIGHBOURS)[::-1]
        shares = knn_probabilities(queries, rows, fitting.labels, classes, neighbours)
        for k, votes in zip(neighbours, shares, strict=True):
            yield k, votes.argmax(axis=1)


def _tested(
    classifier: str,
    setting: dict[str, float | bool],
    tried: tuple[Tried, ...],
    whole: Features,
    test: Features,
    knobs: ProbeKnobs,
) -> Outcome:
    """The classifier with its setting, fitted on everything but the test images."""
    classes, converged = len(whole.class_names), True
    rows, queries = _scaled(whole, test, knobs, standardise=bool(setting.get("standardised")))
    if classifier == "logistic":
        model = fit_logistic(rows, whole.labels, classes, setting["c"], most_iterations=knobs.max_iterations)
        shares, converged = model.probabilities(queries), model.converged
    elif classifier == "ridge":
        scores = next(RidgePath(rows, whole.labels, classes).scores(queries, (setting["penalty"],)))
        # No probabilities, but in the order of the scores: what is reported of ridge depends on that alone.
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
    else:
        shares = next(knn_probabilities(queries, rows, whole.labels, classes, (int(setting["k"]),)))
    evaluation = evaluate_predictions(shares, test.labels, test.class_names)
    return Outcome(classifier, setting, tried, evaluation, shares.argmax(axis=1), converged)


def _scaled(
    fitting: Features, others: Features, knobs: ProbeKnobs, *, standardise: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows = np.asarray(fitting.features)
    scaling = Scaling.fit(rows, normalise=knobs.normalise, standardise=standardise)
    return scaling(rows), scaling(np.asarray(others.features))


def _with(part: Features, scaling: Scaling) -> Features:
    return Features(scaling(np.asarray(part.features)), part.labels, part.ids, part.class_names)


def _standardisations(knobs: ProbeKnobs) -> tuple[bool, ...]:
    return {"on": (True,), "off": (False,), "auto": (False, True)}[knobs.standardise]


def _given(knobs: ProbeKnobs, classifier: str) -> dict[str, float | bool]:
    """The setting of a logistic regression whose C was given."""
    if classifier != "logistic":
        raise InputError(f"Nothing to choose {classifier} by.", expected="validation images.")
    return {"c": knobs.c, "standardised": knobs.standardise == "on"}


def _joined(one: Features, other: Features) -> Features:
    return Features(
        np.concatenate([one.features, other.features]),
        np.concatenate([one.labels, other.labels]),
        np.concatenate([one.ids, other.ids]),
        one.class_names,
    )


def _shots(words: Sequence[str]) -> list[int]:
    wrong = [word for word in words if not word.strip().isdecimal() or not int(word)]
    if wrong:
        raise UsageError(f"--shots={','.join(words)}: {wrong[0]!r} is no number of images.", expected="such as 1,5,10.")
    return [int(word) for word in words]


def _check(parts: Sequence[Features]) -> None:
    first = parts[0]
    for part in parts:
        if part.class_names != first.class_names or part.features.shape[1] != first.features.shape[1]:
            raise InputError(
                f"Parts with {len(first.class_names)} and {len(part.class_names)} classes, "
                f"{first.features.shape[1]} and {part.features.shape[1]} numbers an image.",
                expected="parts of one feature set.",
            )
        check_finite(part.features, part.ids)
    ids, counts = np.unique(np.concatenate([part.ids for part in parts]), return_counts=True)
    if counts.max() > 1:
        raise InputError(
            f"{int(np.sum(counts > 1)):,} images are in the parts twice, such as {ids[counts.argmax()]}.",
            expected="training, validation and test images that share none.",
        )
    if len(np.unique(first.labels)) < 2:
        raise DataError(
            f"All {len(first):,} training images are {first.class_names[first.labels[0]]}.",
            expected="two classes or more.",
        )
