"""What each classifier of a head says, for heads that are several, such as the plug-in (see `Head.heads`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from fgtl.errors import UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.head import mean_of_heads, name_of
from fgtl.reports.each_head import FUSED


def is_several(model: Classifier) -> bool:
    """Whether a model's head is several."""
    return model.head.result is not None


def head_names(model: Classifier) -> tuple[str, ...]:
    """The names of a model's heads, the fused one last.

    Raises:
        UsageError: its head is one.
    """
    # Of the graph's own outputs: names and order are the head's, and nothing is computed.
    return tuple(_heads_of(model, model.output))


def result_name(model: Classifier) -> str:
    """Which of its several heads a model predicts with."""
    return str(model.head.result)


def probabilities_of_each(model: Classifier, images: Any) -> Any:
    """(B, S, S, 3) -> (B, H * K): the probabilities of the H heads, one after the other, without the fused one."""
    heads = _heads_of(model, model(images, training=False))
    return ops.concatenate([each for name, each in heads.items() if name != FUSED], axis=-1)


def by_head(names: Sequence[str], rows: np.ndarray) -> dict[str, np.ndarray]:
    """(N, H * K) of `probabilities_of_each`, or a single row of it -> {name: (N, K)}.

    Args:
        names: of `head_names`.
        rows: of the heads or, as the fused one is their mean, a mean of such rows over views.

    Memory: the heads are views of `rows`; the fused one is an array of its own.
    """
    own = [name for name in names if name != FUSED]
    each = rows.reshape(*rows.shape[:-1], len(own), -1)
    found = {name: each[..., place, :] for place, name in enumerate(own)}
    return {**found, FUSED: mean_of_heads(found.values())}


def _heads_of(model: Classifier, outputs: dict[str, Any]) -> dict[str, Any]:
    heads = model.head.heads(outputs)
    if heads is None:
        raise UsageError(
            f"The run's head, {name_of(model.head)}, is a single one: nothing but its prediction can be said.",
            expected="a run with several heads (--head=plugin).",
        )
    return heads
