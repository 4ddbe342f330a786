"""The contract that all heads share."""

import numpy as np
import pytest
import tensorflow as tf

from fgtl.errors import UsageError
from fgtl.heads.head import HEADS, Head, mean_of_heads, name_of, total_loss
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


def test_a_head_is_one_unless_it_says_otherwise() -> None:
    head = LinearHead(3)
    assert head.result is None and head.heads({"logits": np.zeros((2, 3))}) is None


def test_the_mean_of_heads_is_the_same_in_numpy_and_compiled() -> None:
    """Of three and five heads, whose shares no float holds exactly."""
    for count in (3, 5):
        each = np.random.default_rng(count).dirichlet(np.ones(200), (count, 50)).astype("float32")
        found = mean_of_heads(each)
        np.testing.assert_allclose(found, each.mean(0), rtol=1e-6)
        np.testing.assert_array_equal(tf.function(lambda *heads: mean_of_heads(heads))(*each), found)


def test_one_class_is_refused() -> None:
    with pytest.raises(UsageError, match=r"1 class\(es\)"):
        LinearHead(1)
