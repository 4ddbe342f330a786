"""A long tail made from even classes: its profile, what stays, and that validation is untouched."""

from pathlib import Path

import numpy as np
import pytest

from fgtl.data.long_tail import long_tail, profile
from fgtl.data.manifest import File, Manifest
from fgtl.data.parts import SplitKnobs, parts_of
from fgtl.data.records import RecordSet, Selection
from fgtl.errors import UsageError

CLASSES, EACH = 11, 100


def even_classes(sizes: list[int]) -> Selection:
    """Ids, labels and class names only; no image is read here."""
    names = tuple(f"class {label}" for label in range(len(sizes)))
    shard = {"train": (File("a", sum(sizes), 1, ""),)}
    manifest = Manifest("even", names, (), shard, {"train": shard["train"][0]}, {"train": tuple(sizes)}, {}, "", {}, {})
    labels = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    zeros = np.zeros(len(labels), np.int64)
    ids = np.array([f"image {place}" for place in range(len(labels))])
    return Selection(RecordSet(Path("x"), manifest), zeros, zeros, zeros, labels, ids, zeros, zeros)


def test_the_profile_is_the_published_exponential() -> None:
    # By hand: 100 * 100^(-r/4) = 100, 31.6, 10, 3.16, 1.
    assert profile(100, 5, 100).tolist() == [100, 32, 10, 3, 1]
    assert profile(7, 1, 50).tolist() == [7]
    assert profile(3, 3, 1000).tolist() == [3, 1, 1]


def test_class_sizes_follow_the_profile_in_an_order_of_the_seed() -> None:
    sizes = [np.bincount(long_tail(even_classes([EACH] * CLASSES), 20, seed).labels) for seed in (0, 0, 1)]
    assert sorted(sizes[0].tolist(), reverse=True) == profile(EACH, CLASSES, 20).tolist()
    assert sizes[0].max() / sizes[0].min() == 20
    assert sizes[0].tolist() == sizes[1].tolist() != sizes[2].tolist()


def test_an_imbalance_of_1_keeps_everything_in_its_order() -> None:
    whole = even_classes([EACH] * CLASSES)
    assert long_tail(whole, 1, 0).ids.tolist() == whole.ids.tolist()


def test_a_milder_imbalance_keeps_what_a_stronger_one_keeps_in_the_same_order() -> None:
    whole = even_classes([EACH] * CLASSES)
    mild, strong = (long_tail(whole, imbalance, 5).ids.tolist() for imbalance in (10, 50))
    assert [name for name in mild if name in set(strong)] == strong
    assert len(strong) < len(mild) < len(whole)


def test_small_classes_keep_all_they_have_and_no_class_is_emptied() -> None:
    sizes = np.bincount(long_tail(even_classes([1, 2, 3, 200]), 1000, 0).labels)
    assert (sizes >= 1).all()
    assert (sizes <= [1, 2, 3, 200]).all()


def test_only_what_is_trained_on_is_thinned_out(converted: RecordSet) -> None:
    knobs = SplitKnobs(validation_fraction=0.3)
    whole, tailed = (parts_of(converted, SplitKnobs(validation_fraction=0.3, long_tail=r), seed=0) for r in (1.0, 3.0))
    assert tailed.validation.ids.tolist() == whole.validation.ids.tolist()
    assert len(tailed.train) < len(whole.train)
    assert len(tailed.everything) < len(whole.everything)
    assert tailed.source.ids.tolist() == whole.everything.ids.tolist()
    assert set(tailed.train.ids) <= set(whole.train.ids)
    capped = parts_of(converted, knobs, seed=0, max_per_class=1)
    assert np.bincount(capped.train.labels).max() == 1
    assert capped.validation.ids.tolist() == whole.validation.ids.tolist()


@pytest.mark.parametrize("imbalance", [0.5, 0, float("nan")])
def test_an_imbalance_below_1_is_refused(imbalance: float) -> None:
    with pytest.raises(UsageError, match="--long_tail="):
        SplitKnobs(long_tail=imbalance)
