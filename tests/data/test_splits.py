from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.data.splits import carve_validation, hash_order, parse_expression
from fgtl.errors import UsageError

COUNTS = {"train": 100, "validation": 10, "test": 33}


class FakeSelection(SimpleNamespace):
    """What carve_validation reads of a selection."""

    def __len__(self):
        return len(self.ids)

    def take(self, rows):
        return FakeSelection(ids=self.ids[rows], labels=self.labels[rows])


def selection(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return FakeSelection(ids=np.array([f"i{n}" for n in range(len(labels))], np.str_), labels=labels)


def rows(expression):
    return [list(range(COUNTS[split]))[part] for split, part in parse_expression(expression, COUNTS)]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("train", [range(100)]),
        ("train+validation", [range(100), range(10)]),
        (" train + test[:3] ", [range(100), range(3)]),
        ("train[:90%]", [range(90)]),
        ("train[90%:]", [range(90, 100)]),
        ("train[10:20]", [range(10, 20)]),
        ("test[50%:]", [range(16, 33)]),
        ("test[12.5%:-1]", [range(4, 32)]),
        ("train[-10:]", [range(90, 100)]),
        ("test[-10%:]", [range(30, 33)]),
        ("validation[-1%:]", [range(0)]),
        ("train[:]", [range(100)]),
    ],
)
def test_expressions_mean(expression, wanted):
    assert rows(expression) == [list(one) for one in wanted]


@given(st.integers(0, 100), st.integers(1, 10_000))
def test_a_percentage_parts_a_split_without_loss_or_overlap(percent, count):
    (_, below), (_, above) = parse_expression(f"t[:{percent}%]+t[{percent}%:]", {"t": count})
    assert [*range(count)[below], *range(count)[above]] == list(range(count))


def test_an_unknown_split_is_answered_with_those_that_exist():
    with pytest.raises(
        UsageError, match=r"no split 'valid'(.|\n)*train, validation, test(.|\n)*Did you mean 'validation'"
    ):
        parse_expression("valid", COUNTS)


@pytest.mark.parametrize("expression", ["", "train[", "train[1]", "train[a:]", "train[:1.5]", "train+", "train[::2]"])
def test_other_text_is_refused(expression):
    with pytest.raises(UsageError):
        parse_expression(expression, COUNTS)


def test_hash_order_depends_on_ids_and_seed_not_on_the_listing():
    ids = [f"id{n}" for n in range(50)]
    order = hash_order(7, "shards", ids)
    assert sorted(order) == list(range(50))
    backwards = hash_order(7, "shards", ids[::-1])
    assert [ids[row] for row in order] == [ids[::-1][row] for row in backwards]
    assert order.tolist() != hash_order(8, "shards", ids).tolist()
    assert order.tolist() != hash_order(7, "validation", ids).tolist()


def test_hash_order_is_the_same_on_every_machine_for_ever():
    assert hash_order(0, "shards", ["a", "b", "c", "d", "e"]).tolist() == [0, 3, 2, 4, 1]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.floats(0.01, 0.99), st.integers(0, 5))
def test_carving_is_stratified_complete_and_leaves_every_class_an_image(sizes, fraction, seed):
    whole = selection(sizes)
    try:
        train, validation = carve_validation(whole, fraction, seed)
    except UsageError:
        assert round(fraction * len(whole)) == 0 or max(sizes) == 1
        return
    assert sorted([*train.ids, *validation.ids]) == sorted(whole.ids)
    carved = np.bincount(validation.labels, minlength=len(sizes))
    assert (carved <= np.maximum(np.array(sizes) - 1, 0)).all()
    assert (np.abs(carved - np.array(sizes) * fraction) <= 1).all()
    room = sum(size - 1 for size in sizes)
    assert len(validation) <= min(int(fraction * len(whole) + 0.5), room)


def test_equal_classes_give_their_exact_share():
    train, validation = carve_validation(selection([30] * 24), 0.1, seed=0)
    assert np.bincount(validation.labels).tolist() == [3] * 24
    assert np.bincount(train.labels).tolist() == [27] * 24


def test_carving_follows_ids_not_places():
    whole = selection([10, 10])
    mixed = whole.take(np.random.default_rng(0).permutation(20))
    carved = [set(carve_validation(one, 0.3, 1)[1].ids) for one in (whole, mixed)]
    assert carved[0] == carved[1]
    assert carved[0] != set(carve_validation(whole, 0.3, 2)[1].ids)


def test_both_parts_keep_the_order():
    for part in carve_validation(selection([9, 9, 9]), 0.4, 3):
        numbers = [int(name[1:]) for name in part.ids]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(UsageError, match="between 0 and 1"):
        carve_validation(selection([5]), fraction, 0)


def test_carving_nothing_is_an_error_not_an_empty_split():
    with pytest.raises(UsageError, match="leaves none"):
        carve_validation(selection([1, 1, 1]), 0.5, 0)
