import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data.order import permutation, positions_of, rows_at
from fgtl.errors import InputError


def slow_stream(seed: int, count: int, length: int) -> list[tuple[int, int]]:
    """(epoch, row) of the first positions, by walking through the epochs."""
    walked: list[tuple[int, int]] = []
    epoch = 0
    while len(walked) < length:
        walked += [(epoch, int(row)) for row in permutation(seed, epoch, count)]
        epoch += 1
    return walked[:length]


@given(st.integers(0, 2**63), st.integers(1, 40), st.integers(0, 200), st.integers(1, 60))
def test_any_position_is_what_walking_there_finds(seed: int, count: int, first: int, length: int) -> None:
    rows, epochs = rows_at(np.arange(first, first + length), seed, count)
    walked = slow_stream(seed, count, first + length)[first:]
    assert list(zip(epochs.tolist(), rows.tolist(), strict=True)) == walked


@given(st.integers(0, 1000), st.integers(1, 50), st.integers(0, 5))
def test_every_epoch_shows_each_image_exactly_once(seed: int, count: int, epoch: int) -> None:
    rows, epochs = rows_at(np.arange(epoch * count, (epoch + 1) * count), seed, count)
    assert sorted(rows.tolist()) == list(range(count))
    assert set(epochs.tolist()) == {epoch}


def test_seeds_and_epochs_give_different_orders() -> None:
    orders = {tuple(permutation(seed, epoch, 100).tolist()) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_the_order_is_the_same_in_every_version() -> None:
    # A resumed run stands in the middle of this order: should NumPy ever change it, somebody must decide what to do.
    assert permutation(7, 3, 10).tolist() == [3, 5, 4, 7, 8, 0, 9, 2, 1, 6]


def test_the_remembered_order_cannot_be_changed_by_a_caller() -> None:
    with pytest.raises(ValueError, match="read-only"):
        permutation(0, 0, 5)[0] = 1


@given(st.integers(0, 50), st.integers(1, 20), st.integers(1, 9), st.data())
def test_positions_are_those_of_the_steps(start: int, length: int, batch_size: int, data: st.DataObject) -> None:
    steps = range(start, start + length)
    whole = [step * batch_size + place for step in steps for place in range(batch_size)]
    first = data.draw(st.integers(0, len(whole)))
    last = data.draw(st.integers(first, len(whole)))
    assert positions_of(steps, batch_size, first, last).tolist() == whole[first:last]


def test_nothing_to_order_is_an_error() -> None:
    with pytest.raises(InputError, match="no images"):
        rows_at(np.arange(3), 0, 0)
