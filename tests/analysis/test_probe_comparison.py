"""Probes of several sets as one table: what they are called, and which of them are compared image by image."""

from pathlib import Path

import numpy as np
import pytest

from fgtl.analysis.probe import probe
from fgtl.analysis.probe_comparison import compare_probes, set_names
from fgtl.analysis.probe_knobs import ProbeKnobs
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.writing import write_feature_set

LABELS = (np.arange(60) % 3).astype(np.int32)
IDS = np.array([f"{row:02d}.jpg" for row in range(60)])


def made(folder: Path, backbone: str = "net", *, size: int = 64, spread: float = 3, turned: bool = False) -> FeatureSet:
    """40 training and 20 test images, these in reverse where `turned`."""
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(60, 4)) + spread * rng.normal(size=(3, 4))[LABELS]).astype(np.float32)
    order = np.r_[0:40, 59:39:-1] if turned else np.arange(60)
    rows = Features(features[order], LABELS[order], IDS[order], ("wren", "crow", "tern"))
    splits = np.repeat([0, 2], [40, 20]).astype(np.uint8)
    return write_feature_set(folder, rows, splits, Extractor(backbone, input_size=size), dataset="birds")


@pytest.mark.parametrize(
    ("made_by", "names"),
    [
        ([("a", 64), ("b", 64)], ("a", "b")),
        ([("a", 64), ("b", 64), ("a", 96)], ("a: a at 64 px", "b", "a: a at 96 px")),
        ([("a", 64), ("a", 64)], ("a #1", "a #2")),
    ],
)
def test_sets_are_called_by_what_tells_them_apart(
    tmp_path: Path, made_by: list[tuple[str, int]], names: tuple[str, ...]
) -> None:
    sets = [made(tmp_path / str(place), net, size=size) for place, (net, size) in enumerate(made_by)]
    assert set_names(sets) == names


def test_the_same_images_are_compared_whatever_their_order(tmp_path: Path) -> None:
    knobs = ProbeKnobs(classifiers=("ridge",), standardise="off", shots=("1",))
    sets = [made(tmp_path / "one", "one", spread=0.5), made(tmp_path / "other", "other", spread=0.5, turned=True)]
    tests = [one.part("test") for one in sets]
    results = [probe(one.part("train"), None, test, knobs) for one, test in zip(sets, tests, strict=True)]
    found = compare_probes(sets, tests, results)
    assert (found.dataset, found.split, len(found.rows), len(found.few)) == ("birds", "test", 2, 2)
    # The same rows in another order: right and wrong on the same images.
    (difference,) = found.differences
    assert (difference.difference, difference.p) == (0, 1) and found.rows[0].evaluation.top1 < 1
    assert found.rows[0].right is not None and found.rows[1].right is not None
    np.testing.assert_array_equal(found.rows[0].right, found.rows[1].right)
    outcome = results[1].outcomes[0]
    by_id = dict(zip(tests[1].ids.tolist(), (outcome.predicted == tests[1].labels).tolist(), strict=True))
    assert found.rows[1].right.tolist() == [by_id[id] for id in sorted(by_id)]
