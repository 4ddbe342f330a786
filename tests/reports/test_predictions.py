import numpy as np
import pytest

from fgtl.errors import DataError
from fgtl.files import read_json
from fgtl.reports.metrics import Evaluation, evaluate_predictions
from fgtl.reports.predictions import Predictions, read_predictions, write_evaluation

PROBABILITIES = np.array(
    [
        [0.9, 0.06, 0.04],  # true 0: right
        [0.2, 0.7, 0.1],  # true 0: wrong
        [0.1, 0.8, 0.1],  # true 0: wrong, surer
        [0.6, 0.3, 0.1],  # true 2: wrong, third place
        [0.0, 0.5, 0.5],  # true 2: a tie counts for the first class
    ],
    np.float32,
)
PREDICTIONS = Predictions(np.array(list("abcde")), np.array([0, 0, 0, 2, 2], np.int32), PROBABILITIES)


def test_confusions_of_a_pair_come_surest_first():
    assert PREDICTIONS.confusions(0, 1, 5).tolist() == [2, 1]
    assert PREDICTIONS.confusions(0, 1, 1).tolist() == [2]
    assert PREDICTIONS.confusions(1, 0, 5).tolist() == []


def test_confident_mistakes_are_wrong_and_surest_first():
    assert PREDICTIONS.confident_mistakes(3).tolist() == [2, 1, 3]


def test_worst_mistakes_rank_the_truth_furthest_down():
    assert PREDICTIONS.worst_mistakes(2).tolist() == [3, 2]
    assert set(PREDICTIONS.worst_mistakes(99).tolist()) == {1, 2, 3, 4}


def test_accepted_counts_the_answers_at_or_above_the_threshold():
    assert PREDICTIONS.accepted(0.0) == (5, pytest.approx(1 / 5))
    assert PREDICTIONS.accepted(float(np.float32(0.8))) == (2, 0.5)
    assert PREDICTIONS.accepted(0.95) == (0, None)


@pytest.mark.parametrize(
    ("split", "name"), [("test", "test"), ("train[:90%]", "train__90__"), ("train+validation", "train+validation")]
)
def test_an_evaluation_comes_back_from_its_two_files(tmp_path, split, name):
    result = evaluate_predictions(PROBABILITIES, PREDICTIONS.labels, list("xyz"))
    path = write_evaluation(tmp_path / "eval", split, result, PREDICTIONS)
    assert path == tmp_path / "eval" / f"{name}.json"
    written = read_json(path)
    assert (written["schema"], written["split"], written["count"]) == (1, split, 5)
    assert Evaluation.from_dict(written) == result
    read = read_predictions(path.with_suffix(".npz"))
    assert read.ids.tolist() == list("abcde") and read.predicted.tolist() == [0, 1, 1, 0, 1]
    np.testing.assert_array_equal(read.probabilities, PROBABILITIES)


def test_figures_never_stand_beside_the_predictions_of_another_evaluation(tmp_path, monkeypatch):
    result = evaluate_predictions(PROBABILITIES, PREDICTIONS.labels, list("xyz"))
    path = write_evaluation(tmp_path, "test", result, PREDICTIONS)

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("fgtl.reports.predictions.write_json", full)
    with pytest.raises(OSError, match="disk full"):
        write_evaluation(tmp_path, "test", result, PREDICTIONS)
    assert not path.exists()


@pytest.mark.parametrize("damage", ["cut", "pickle", "lengths"])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "test.npz"
    ids = np.array([{}], object) if damage == "pickle" else PREDICTIONS.ids
    labels = PREDICTIONS.labels[:2] if damage == "lengths" else PREDICTIONS.labels
    np.savez(path, ids=ids, labels=labels, probabilities=PROBABILITIES)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"test\.npz cannot be read"):
        read_predictions(path)
