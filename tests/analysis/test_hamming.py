"""The nearest hash within a distance: what comparing all with all finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.analysis import hamming
from fgtl.analysis.hamming import bits_set, nearest_hash


def slow_nearest(one: np.ndarray, other: np.ndarray, radius: int) -> tuple[list[int], list[int]]:
    rows, distances = [], []
    for word in one.tolist():
        each = [(word ^ known).bit_count() for known in other.tolist()]
        best = min(each)
        rows.append(each.index(best) if best <= radius else -1)
        distances.append(best if best <= radius else 255)
    return rows, distances


def flipped(words: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The words with `count` bits of each turned."""
    masks = [sum(1 << int(place) for place in rng.choice(64, count, replace=False)) for _ in words]
    return words ^ np.array(masks, np.uint64)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10), st.integers(0, 10), st.integers(0, 2**31), st.booleans())
def test_finds_what_comparing_all_with_all_finds(radius: int, apart: int, seed: int, small: bool) -> None:
    rng = np.random.default_rng(seed)
    other = rng.integers(0, 2**64, 60, dtype=np.uint64)
    other[7] = other[3]
    one = np.concatenate([flipped(other[:30], apart, rng), rng.integers(0, 2**64, 10, dtype=np.uint64)])
    with pytest.MonkeyPatch.context() as patch:
        # All with all is what few hashes get; none so few here.
        patch.setattr(hamming, "_CANDIDATES", 10_000 if small else 50)
        rows, distances = nearest_hash(one, other, radius)
    wanted = slow_nearest(one, other, radius)
    assert (rows.tolist(), distances.tolist()) == wanted


def test_the_bits_of_every_byte_are_counted() -> None:
    words = np.array([0, 1, 2**63, 2**64 - 1, 0x0123456789ABCDEF], np.uint64)
    assert bits_set(words).tolist() == [word.bit_count() for word in words.tolist()]


def test_near_ones_among_very_many_are_found() -> None:
    rng = np.random.default_rng(1)
    other = rng.integers(0, 2**64, 50_000, dtype=np.uint64)
    picked = rng.choice(50_000, 300, replace=False)
    rows, distances = nearest_hash(flipped(other[picked], 4, rng), other, 4)
    np.testing.assert_array_equal(rows, picked)
    assert (distances == 4).all()


def test_nothing_known_is_nothing_found() -> None:
    rows, distances = nearest_hash(np.array([5], np.uint64), np.empty(0, np.uint64), 4)
    assert (rows.tolist(), distances.tolist()) == ([-1], [255])
