import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data.draws import id_keys, image_keys, uniforms

MASK = 2**64 - 1


def slow_split_mix(state: int, count: int) -> list[int]:
    """SplitMix64 as published, one number after the other, in Python's integers."""
    numbers = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        numbers.append(mixed ^ (mixed >> 31))
    return numbers


@given(st.integers(0, MASK), st.integers(0, 30), st.integers(1, 10))
def test_draws_are_split_mix_started_at_the_key(key: int, first: int, count: int) -> None:
    expected = [number / 2**53 for number in (n >> 11 for n in slow_split_mix(key, first + count))][first:]
    np.testing.assert_array_equal(uniforms(np.array([key], np.uint64), first, count)[0], expected)


def test_split_mix_has_its_published_first_output() -> None:
    # The reference implementation's first output for seed 0.
    assert slow_split_mix(0, 1) == [0xE220A8397B1DCDAF]


def test_draws_are_uniform_and_unrelated() -> None:
    keys = image_keys(0, np.zeros(20_000, np.int64), id_keys([f"image {row}" for row in range(20_000)]))
    draws = uniforms(keys, 0, 4)
    assert draws.min() >= 0
    assert draws.max() < 1
    np.testing.assert_allclose(np.quantile(draws, [0.1, 0.5, 0.9], axis=0).T, [[0.1, 0.5, 0.9]] * 4, atol=0.015)
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.03


def test_a_key_depends_on_seed_epoch_and_id_alone() -> None:
    ids = id_keys(["a", "b", "a"])
    keys = image_keys(3, np.array([0, 0, 1]), ids)
    assert len(set(keys.tolist())) == 3
    assert image_keys(3, np.array([1]), id_keys(["a"]))[0] == keys[2]
    assert image_keys(4, np.array([1]), id_keys(["a"]))[0] != keys[2]


def test_seed_and_epoch_do_not_trade_places() -> None:
    ids = id_keys(["a"])
    keys = {int(image_keys(seed, np.array([epoch]), ids)[0]) for seed in range(30) for epoch in range(30)}
    assert len(keys) == 900


def test_keys_are_the_same_in_another_process() -> None:
    code = "from fgtl.data.draws import id_keys; print(int(id_keys(['häher/7.jpg'])[0]))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == int(id_keys(["häher/7.jpg"])[0])


def test_an_id_that_is_no_utf8_has_a_key():
    # As file names come from a disk that knows no encoding.
    assert len(set(id_keys(["a\udcff", "a\udcfe", "a"]).tolist())) == 3
