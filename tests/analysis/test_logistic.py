"""The optimum is scikit-learn's, at every C, in one fit and along the path."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fgtl.analysis.logistic import SWEEP, LogisticModel, fit_logistic, logistic_path
from fgtl.errors import DataError, InputError


def drawn(rows: int, dim: int, classes: int, seed: int = 0, spread: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Features like a network's: correlated, never negative, classes that overlap and differ in size."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.choice(classes, rows, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2)))
    labels[:classes] = np.arange(classes)
    hidden = rng.normal(size=(classes, 12))[labels] + spread * rng.normal(size=(rows, 12))
    features = np.maximum(hidden @ rng.normal(size=(12, dim)) + rng.normal(size=(rows, dim)) + 1, 0)
    return features.astype("float32"), labels


def slow_objective(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, intercept: np.ndarray, c: float
) -> float:
    """C sum -ln p + 1/2 |W|^2 in float64; binomial where there is a single weight vector."""
    z = features.astype("float64") @ weights.astype("float64") + intercept
    if weights.shape[1] == 1:
        losses = np.logaddexp(0, -z[:, 0] * (2 * labels - 1))
    else:
        losses = np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), labels]
    return float(c * losses.sum() + (weights.astype("float64") ** 2).sum() / 2)


def reference(features: np.ndarray, labels: np.ndarray, c: float) -> tuple[LogisticRegression, float]:
    """scikit-learn in float64, as far as it goes, and its objective."""
    model = LogisticRegression(C=c, tol=1e-10, max_iter=20_000).fit(features.astype("float64"), labels)
    return model, slow_objective(features, labels, model.coef_.T, model.intercept_, c)


def objective_of(model: LogisticModel, features: np.ndarray, labels: np.ndarray) -> float:
    weights, intercept = model.weights, model.intercept
    if weights.shape[1] == 2:
        weights, intercept = weights[:, 1:] - weights[:, :1], intercept[1:] - intercept[:1]
    return slow_objective(features, labels, weights, intercept, model.c)


def lowest(features: np.ndarray, labels: np.ndarray, c: float) -> float:
    """The minimum for three classes or more, by Newton's method with the whole Hessian, in float64.

    scikit-learn stops short of it where C is large, by up to a tenth in trials.
    """
    count, classes = len(labels), labels.max() + 1
    design = np.hstack([features - features.mean(axis=0, dtype="float64"), np.ones((count, 1))])
    penalised = np.append(np.ones(features.shape[1]), 0)[:, None]
    weights = np.zeros((design.shape[1], classes))

    def value(weights: np.ndarray) -> float:
        z = design @ weights
        return c * (np.logaddexp.reduce(z, 1) - z[np.arange(count), labels]).sum() + (penalised * weights**2).sum() / 2

    for _ in range(100):
        z = design @ weights
        p = np.exp(z - np.logaddexp.reduce(z, 1)[:, None])
        gradient = (c * design.T @ (p - np.eye(classes)[labels]) + penalised * weights).ravel()
        both = p[:, :, None] * (np.eye(classes) - p[:, None, :])
        hessian = c * np.einsum("nd,nkl,ne->dkel", design, both, design, optimize=True).reshape(2 * (gradient.size,))
        hessian += np.diag(np.repeat(penalised, classes))
        move = -np.linalg.lstsq(hessian, gradient, rcond=1e-14)[0].reshape(weights.shape)
        size = 1.0
        while value(weights + size * move) > value(weights) and size > 1e-9:
            size /= 2
        if size <= 1e-9 or -gradient @ move.ravel() < 1e-10 * value(weights):
            break
        weights += size * move
    return value(weights)


@pytest.mark.parametrize("c", [1.0, 100.0, 1e5])
@pytest.mark.parametrize("shape", [(150, 8, 3), (40, 60, 3), (60, 8, 12)])
def test_a_single_fit_reaches_the_optimum_from_afar(shape: tuple[int, int, int], c: float) -> None:
    """A cold start at a large C: once, it took rounding for the end of the descent, before its first step."""
    features, labels = drawn(*shape)
    if shape[1] > shape[0]:
        # The optimum lies in the span of the rows, and the reference is small there.
        features = np.linalg.qr(features.T.astype("float64"))[1].T.astype("float32")
    model = fit_logistic(features, labels, shape[2], c)
    assert model.converged and model.iterations > 0
    theirs = lowest(features, labels, c)
    assert objective_of(model, features, labels) == pytest.approx(theirs, rel=5e-6)
    # Of logits in float32.
    assert model.objective == pytest.approx(theirs, rel=3e-5)


def awkward(kind: str) -> tuple[np.ndarray, np.ndarray]:
    features, labels = drawn(120, 10, 3, seed=2)
    match kind:
        case "an offset":
            features = features + 1000
        case "columns of many scales":
            features = features * 4.0 ** np.arange(-4, 6)
        case "every row twice":
            features, labels = np.repeat(features, 2, axis=0), np.repeat(labels, 2)
        case "equal rows with other labels":
            features = np.repeat(features[::2], 2, axis=0)
        case "constant columns":
            features[:, ::3] = 7
        case "a class with one image":
            labels = np.where(labels == 2, 0, labels)
            labels[-1] = 2
        case "large":
            features = features * 1e4
        case "small":
            features = features * 1e-5
    return features.astype("float32"), labels


@pytest.mark.parametrize(
    "kind",
    [
        "an offset",
        "columns of many scales",
        "every row twice",
        "equal rows with other labels",
        "constant columns",
        "a class with one image",
        "large",
        "small",
    ],
)
def test_awkward_features_have_the_same_optimum_in_one_fit_and_along_the_path(kind: str) -> None:
    features, labels = awkward(kind)
    for model in logistic_path(features, labels, 3, (1e-4, 1e-2, 1.0, 100.0)):
        theirs = lowest(features, labels, model.c)
        alone = fit_logistic(features, labels, 3, model.c)
        for found in (model, alone):
            assert found.converged and objective_of(found, features, labels) == pytest.approx(theirs, rel=1e-5), model.c


def test_fifty_classes_are_scikit_learns() -> None:
    features, labels = drawn(200, 24, 50)
    for model in logistic_path(features, labels, 50, (1e-6, 1e-3, 0.1)):
        assert objective_of(model, features, labels) == pytest.approx(reference(features, labels, model.c)[1], rel=1e-6)


@pytest.mark.parametrize(("classes", "c"), [(2, 1e-5), (2, 1.0), (2, 100.0), (3, 0.1), (7, 1e-5), (7, 0.01), (7, 0.3)])
def test_a_single_fit_is_scikit_learns(classes: int, c: float) -> None:
    features, labels = drawn(300, 30, classes)
    model = fit_logistic(features, labels, classes, c)
    theirs, objective = reference(features, labels, c)
    assert model.converged
    assert objective_of(model, features, labels) == pytest.approx(objective, rel=1e-6)
    assert model.objective == pytest.approx(objective, rel=1e-6)
    test, _ = drawn(200, 30, classes, seed=1)
    assert np.mean(model.predict(test) == theirs.predict(test)) >= 0.995
    assert np.abs(model.probabilities(test) - theirs.predict_proba(test)).max() < 5e-3


def test_every_point_of_the_path_is_scikit_learns_also_where_the_classes_can_be_separated() -> None:
    features, labels = drawn(80, 40, 4)
    models = list(logistic_path(features, labels, 4, SWEEP[::4]))
    for model in models:
        theirs = min(reference(features, labels, model.c)[1], model.objective)
        # In float64 scikit-learn stops a little short itself where C is large.
        assert objective_of(model, features, labels) <= theirs * (1 + 1.5e-6), model.c
    assert (models[-1].predict(features) == labels).all()


def test_the_path_and_single_fits_end_in_the_same_place() -> None:
    features, labels = drawn(400, 20, 6, spread=4.0)
    for model in logistic_path(features, labels, 6, (1.0, 0.001, 0.05)):
        alone = fit_logistic(features, labels, 6, model.c)
        assert model.objective == pytest.approx(alone.objective, rel=1e-6)
        assert np.abs(model.probabilities(features) - alone.probabilities(features)).max() < 5e-3


def test_what_was_learnt_at_one_c_saves_iterations_at_the_next() -> None:
    features, labels = drawn(200, 40, 5)
    values = SWEEP[12:26]
    along = sum(model.iterations for model in logistic_path(features, labels, 6, values))
    alone = sum(fit_logistic(features, labels, 6, c).iterations for c in values)
    assert along < alone / 2


def test_a_path_comes_in_ascending_order() -> None:
    features, labels = drawn(60, 5, 3)
    assert [model.c for model in logistic_path(features, labels, 3, (1.0, 0.01, 100.0))] == [0.01, 1.0, 100.0]


def test_the_sweep_has_45_values_from_1e_6_to_1e5() -> None:
    assert len(SWEEP) == 45
    assert SWEEP[0] == pytest.approx(1e-6) and SWEEP[-1] == pytest.approx(1e5)
    assert np.diff(np.log(SWEEP)) == pytest.approx(np.log(10) / 4)


def test_f4_separable_blobs_reach_1_0() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 25)
    features = (10 * np.eye(4)[labels] + rng.normal(size=(100, 4))).astype("float32")
    assert (fit_logistic(features, labels, 4).predict(features) == labels).all()


def test_an_offset_of_the_features_changes_nothing_but_the_intercept() -> None:
    features, labels = drawn(200, 15, 4)
    model, moved = fit_logistic(features, labels, 4, 0.1), fit_logistic(features + 100, labels, 4, 0.1)
    assert np.abs(model.probabilities(features) - moved.probabilities(features + 100)).max() < 2e-3


def test_a_class_without_images_is_never_predicted() -> None:
    features, labels = drawn(100, 8, 3)
    model = fit_logistic(features, 2 * labels, 7)
    assert model.present.tolist() == [0, 2, 4]
    assert set(model.predict(features).tolist()) <= {0, 2, 4}
    probabilities = model.probabilities(features)
    assert probabilities.shape == (100, 7)
    assert (probabilities[:, [1, 3, 5, 6]] == 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)


def test_a_limit_of_iterations_is_said() -> None:
    features, labels = drawn(300, 30, 7)
    short = fit_logistic(features, labels, 7, 1.0, most_iterations=3)
    assert not short.converged and short.iterations == 3


def test_features_stay_float32_and_unchanged() -> None:
    features, labels = drawn(100, 8, 3)
    kept = features.copy()
    model = fit_logistic(features, labels, 3)
    assert model.weights.dtype == model.intercept.dtype == model.probabilities(features).dtype == np.float32
    assert np.array_equal(features, kept)


def test_constant_columns_and_rows_that_are_equal_do_no_harm() -> None:
    features = np.zeros((20, 3), "float32")
    for model in logistic_path(features, np.arange(20) % 4 // 3, 2):
        assert model.probabilities(features)[0] == pytest.approx([0.75, 0.25], abs=1e-3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": np.zeros(60, int)}, DataError, "label 0"),
        ({"labels": np.arange(60)}, InputError, "0..2"),
        ({"labels": np.arange(59) % 3}, InputError, "59 labels"),
        ({"features": np.full((60, 5), np.nan, "float32")}, DataError, "not finite"),
        ({"features": np.zeros(60, "float32")}, InputError, "(N, D)"),
        ({"features": np.linspace(0, 1e30, 300, dtype="float32").reshape(60, 5)}, DataError, "root mean square"),
        ({"c": 0.0}, InputError, "positive"),
        ({"c": float("inf")}, InputError, "positive"),
    ],
)
def test_what_cannot_be_fitted_is_said(change: dict, error: type[Exception], message: str) -> None:
    features, labels = drawn(60, 5, 3)
    given = {"features": features, "labels": labels, "classes": 3, "c": 1.0} | change
    with pytest.raises(error) as caught:
        fit_logistic(**given)
    assert message in str(caught.value)
