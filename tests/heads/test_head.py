"""The contract that all heads share."""

import pytest

from fgtl.errors import UsageError
from fgtl.heads.head import HEADS, Head, name_of, total_loss
from fgtl.heads.linear import LinearHead


def test_the_total_is_the_weighted_sum_of_the_terms() -> None:
    class Weighted(Head):
        @property
        def loss_weights(self) -> dict[str, float]:
            return {"auxiliary": 0.4}

    assert total_loss(Weighted(2), {"main": 5.0, "auxiliary": 10.0}) == 9.0


def test_a_registered_head_knows_its_name() -> None:
    assert name_of(LinearHead(3)) == "linear"
    assert "linear" in HEADS.names()


def test_an_unregistered_head_says_how_to_register_it() -> None:
    with pytest.raises(UsageError, match=r"HEADS\.register"):
        name_of(Head(3))


def test_an_unknown_head_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'linear'"):
        HEADS["liner"]


def test_one_class_is_refused() -> None:
    with pytest.raises(UsageError, match=r"1 class\(es\)"):
        LinearHead(1)
