"""What each classifier of a head says, for heads that are several, such as the plug-in.

Such a head has a method `heads`: its outputs -> {name: (B, K) float32 probabilities}, "fused" among them, which is the
mean of all the others.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from fgtl.errors import UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.head import name_of


def is_several(model: Classifier) -> bool:
    """Whether a model's head is several."""
    return hasattr(model.head, "heads")


def head_names(model: Classifier) -> tuple[str, ...]:
    """The names of a model's heads.

    Raises:
        UsageError: its head is one.
    """
    if not is_several(model):
        raise UsageError(
            f"The run's head, {name_of(model.head)}, is a single one: nothing but its prediction can be said.",
            expected="a run with several heads (--head=plugin).",
        )
    # Of the graph's own outputs: names and order are the head's, and nothing is computed.
    return tuple(model.head.heads(model.output))


def result_name(model: Classifier) -> str:
    """Which of its several heads a model predicts with."""
    return str(model.head.knobs.plugin_output)


def probabilities_of_each(model: Classifier, images: Any) -> Any:
    """(B, S, S, 3) -> (B, H * K): the probabilities of all heads, one head after the other."""
    return ops.concatenate(list(model.head.heads(model(images, training=False)).values()), axis=-1)


def by_head(names: Sequence[str], rows: np.ndarray) -> dict[str, np.ndarray]:
    """(N, H * K) of `probabilities_of_each`, or a single row of it -> {name: (N, K)}, views of it."""
    each = rows.reshape(*rows.shape[:-1], len(names), -1)
    return {name: each[..., place, :] for place, name in enumerate(names)}
