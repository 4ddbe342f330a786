"""Head: what is put on a backbone's taps, with its losses and its rule of prediction.

A new head is one file in this folder: a subclass of `Head`, registered under its name.
"""

from collections.abc import Iterable
from typing import Any

import keras

from fgtl.errors import UsageError
from fgtl.registry import Registry


class Head(keras.layers.Layer):
    """Contract of all heads. `get_config` must return every constructor argument, so that a run can be loaded.

    Args:
        classes: K, number of classes.
    """

    def __init__(self, classes: int, **layer: Any) -> None:
        if classes < 2:
            raise UsageError(f"A head for {classes} class(es) has nothing to tell apart.", expected="at least 2.")
        super().__init__(**layer)
        self.classes = classes

    def call(self, taps: dict[str, Any], features: Any, training: bool | None = None) -> dict[str, Any]:
        """Outputs by name; in training there may be more of them, for the loss only.

        Args:
            taps: {name: (B, H, W, C)}, shallow to deep; (B, N, C) where a tap is a sequence of tokens.
            features: (B, D).
            training: dropout and the like are on.
        """
        raise NotImplementedError

    def loss(self, outputs: dict[str, Any], labels: Any, weights: Any = None) -> dict[str, Any]:
        """The terms of the loss, each a scalar mean over the batch, by the name they are logged under.

        Args:
            outputs: what `call` returned.
            labels: (B,) int, or (B, K) float distributions over the classes (mixed images).
            weights: (B,) float, what each row counts; None for 1 each.
        """
        raise NotImplementedError

    @property
    def loss_weights(self) -> dict[str, float]:
        """What each term counts in the trained total; a term that is not named counts 1."""
        return {}

    def predict(self, outputs: dict[str, Any]) -> Any:
        """(B, K) float32 probabilities."""
        raise NotImplementedError

    @property
    def result(self) -> str | None:
        """Of a head that is several: the name in `heads` that `predict` gives. None for a head that is one."""
        return None

    def heads(self, outputs: dict[str, Any]) -> dict[str, Any] | None:
        """What each classifier says, for heads that are several; None for a head that is one.

        Returns:
            {name: (B, K) float32 probabilities}; last "fused", the mean of all the others, see `mean_of_heads`.
        """
        return None

    def regions(self, outputs: dict[str, Any]) -> Any:
        """Where the head looked, for heads that can say; None for those that cannot."""
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes}


HEADS: Registry[type[Head]] = Registry("head", "fgtl.heads")


def total_loss(head: Head, terms: dict[str, Any]) -> Any:
    """The trained total: the weighted sum of the head's terms."""
    weights = head.loss_weights
    return sum(weights.get(name, 1.0) * term for name, term in terms.items())


def mean_of_heads(probabilities: Iterable[Any]) -> Any:
    """The mean of H tensors or arrays of one shape, added in their order.

    Multiplied, not divided: a compiler makes 1/H of a division, and what is averaged later, in numpy, would differ.
    """
    each = list(probabilities)
    return sum(each) * (1 / len(each))


def name_of(head: Head) -> str:
    """The name a head is registered under.

    Raises:
        UsageError: its class is not registered.
    """
    for name in HEADS.names():
        if HEADS[name] is type(head):
            return name
    raise UsageError(
        f"The head {type(head).__name__} is not registered, so a run with it could not be loaded.",
        fix='Put @HEADS.register("its name") above the class.',
    )
