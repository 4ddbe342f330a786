"""Photographs that two sets share: planted ones are found with what gave them away, and hardly any others."""

import numpy as np
import pytest

from fgtl.analysis.near_duplicates import Pair, Side, near_duplicates
from fgtl.analysis.perceptual_hash import Hashes


def hashes(words: np.ndarray, contrast: float = 50.0) -> Hashes:
    """Made-up hashes; mirror images have every bit turned, and each file is another one."""
    ids = np.array([f"{row}" for row in range(len(words))])
    content = np.arange(len(words), dtype=np.uint64) + np.uint64(words[0])
    return Hashes(ids, words, ~words, content, np.full(len(words), contrast, np.float32))


def random_words(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, count, dtype=np.uint64)


def random_rows(count: int, seed: int) -> np.ndarray:
    """Features of different photographs."""
    return np.random.default_rng(seed).normal(size=(count, 128)).astype(np.float32)


def test_equal_files_are_copies_whatever_else_says() -> None:
    one, other = hashes(random_words(50, 1)), hashes(random_words(60, 2))
    one.content[7] = other.content[9]
    pairs, ratio = near_duplicates(Side(None, one), Side(None, other))
    assert [(pair.one, pair.other, pair.kind, pair.similarity) for pair in pairs] == [(7, 9, "copy", None)]
    assert ratio is None


@pytest.mark.parametrize(("bits", "found"), [(0, True), (4, True), (5, False)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_hashes_agree_up_to_four_bits_mirrored_or_not(bits: int, found: bool, mirrored: bool) -> None:
    one, other = hashes(random_words(50, 1)), hashes(random_words(60, 2))
    changed = one.plain[3] ^ np.uint64((1 << bits) - 1)
    other.plain[4] = ~changed if mirrored else changed
    pairs, _ = near_duplicates(Side(None, one), Side(None, other))
    assert pairs == ([Pair(3, 4, "hash", bits, None, mirrored)] if found else [])


def test_hashes_of_blank_pictures_say_nothing() -> None:
    one, other = hashes(random_words(9, 1), contrast=1.0), hashes(random_words(9, 1), contrast=1.0)
    other.content[:] += np.uint64(1000)
    assert near_duplicates(Side(None, one), Side(None, other))[0] == []


def test_a_row_much_nearer_than_the_next_is_the_same_photograph() -> None:
    one, other = random_rows(200, 1), random_rows(150, 2)
    other[5] = one[11] + random_rows(1, 3)[0] / 10
    pairs, ratio = near_duplicates(Side(one, None), Side(other, None))
    assert [(pair.one, pair.other, pair.kind, pair.bits) for pair in pairs] == [(11, 5, "features", None)]
    assert pairs[0].similarity == pytest.approx(
        float(other[5] @ one[11]) / np.linalg.norm(other[5]) / np.linalg.norm(one[11])
    )
    assert ratio is not None and 0.5 < ratio <= 0.7


def test_a_photograph_that_is_alike_but_not_the_nearest_both_ways_is_another() -> None:
    one, other = random_rows(200, 1), random_rows(150, 2)
    # Two of the second set are near row 11; only the nearer one is its photograph.
    other[5], other[6] = one[11] + random_rows(1, 3)[0] / 10, one[11] + random_rows(1, 4)[0] / 5
    pairs, _ = near_duplicates(Side(one, None), Side(other, None))
    assert [(pair.one, pair.other) for pair in pairs] == [(11, 5)]


def test_the_only_finch_of_a_small_set_is_not_every_finch() -> None:
    """It is by far the nearest to one of many finches, which has others as near."""
    finch, finches = random_rows(1, 5), random_rows(20, 6) / 2
    one = np.concatenate([random_rows(40, 1), finch])
    other = np.concatenate([random_rows(300, 2), finch + finches])
    assert near_duplicates(Side(one, None), Side(other, None))[0] == []


def test_different_photographs_raise_no_alarm() -> None:
    for seed in range(5):
        one, other = random_rows(400, seed), random_rows(400, seed + 100)
        assert near_duplicates(Side(one, None), Side(other, None))[0] == []


def test_a_few_photographs_are_compared_by_hashes_alone() -> None:
    rows, words = random_rows(2, 1), hashes(random_words(2, 1))
    pairs, ratio = near_duplicates(Side(rows, words), Side(rows, words))
    assert ([pair.kind for pair in pairs], ratio) == (["copy", "copy"], None)
