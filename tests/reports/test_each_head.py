"""Accuracy of each head: against a count by hand, through JSON, in the results file; the result is the named one."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from fgtl.errors import InputError
from fgtl.reports import each_head
from fgtl.reports.each_head import EachHead, measure_heads, results_text
from fgtl.reports.intervals import wilson_interval
from fgtl.reports.metrics import Evaluation, evaluate_predictions

LABELS = np.array([0, 1, 2, 0])
# "level1" is right twice, "combiner" four times, and their mean three times.
LEVEL1 = np.array([[0.6, 0.3, 0.1], [0.8, 0.1, 0.1], [0.9, 0.05, 0.05], [0.5, 0.3, 0.2]])
COMBINER = np.array([[0.5, 0.3, 0.2], [0.3, 0.4, 0.3], [0.04, 0.0, 0.96], [0.7, 0.2, 0.1]])
HEADS = {"level1": LEVEL1, "combiner": COMBINER, "fused": (LEVEL1 + COMBINER) / 2}


@pytest.fixture
def each() -> EachHead:
    return measure_heads(HEADS, LABELS, "fused")


def test_each_head_is_counted_and_the_result_is_the_named_one(each: EachHead) -> None:
    assert [(head.name, head.top1, head.top3) for head in each.heads] == [
        ("level1", 0.5, 1.0),
        ("combiner", 1.0, 1.0),
        ("fused", 0.75, 1.0),
    ]
    assert each.heads[0].top1_interval == wilson_interval(2, 4)
    shown = {name: note for name, _, note in each.lines()}
    # The best head is not the result.
    assert [name for name, note in shown.items() if "the result" in note] == ["fused top-1"]


def test_fewer_heads_are_the_surest_or_the_least_sure_of_each_image_without_the_fused_one(each: EachHead) -> None:
    def share(first: int) -> float:
        right = 0
        for own, other, label in zip(LEVEL1, COMBINER, LABELS, strict=True):
            heads = sorted((own, other), key=max)
            right += int(heads[first].argmax() == label)
        return 100 * right / 4

    assert set(each.by_confidence) == {f"{order}_confident_{k}" for order in ("most", "least") for k in (1, 2)}
    assert (each.by_confidence["most_confident_1"], each.by_confidence["least_confident_1"]) == (share(-1), share(0))
    assert each.by_confidence["most_confident_2"] == each.by_confidence["least_confident_2"] == 75


def test_blocks_of_images_count_as_all_at_once(each: EachHead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each_head, "_ROWS", 3)
    assert measure_heads(HEADS, LABELS, "fused") == each


def test_an_evaluation_with_heads_goes_through_json(each: EachHead) -> None:
    own = evaluate_predictions(HEADS["fused"], LABELS, "abc")
    assert own.heads is None and Evaluation.from_dict(json.loads(json.dumps(own.as_dict()))).heads is None
    with_heads = Evaluation.from_dict(json.loads(json.dumps(own.as_dict() | {"heads": asdict(each)})))
    assert with_heads.heads == each
    assert "fused top-1" in with_heads.table() and "fused" not in own.table()


def test_the_results_file_has_the_published_lines_and_ends_with_the_result(each: EachHead) -> None:
    lines = results_text(each, 4, "birds", "first").splitlines()
    assert lines[:4] == ["[Evaluation Results]", "Project: birds, Experiment: first", "Samples: 4", ""]
    assert lines[4:7] == ["    level1-top-1 50.0%", "    level1-top-3 100.0%", "    combiner-top-1 100.0%"]
    assert lines[-2:] == ["", "RESULT: fused-top-1 75.0%"]
    assert not [line for line in lines if "highest" in line]


def test_a_head_that_is_not_there_cannot_be_the_result() -> None:
    with pytest.raises(InputError, match="no head 'best'"):
        measure_heads(HEADS, LABELS, "best")
