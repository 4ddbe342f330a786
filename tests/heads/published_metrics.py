"""The published evaluation of the plug-in, number for number (`from published_metrics import ...`).

It reports 31 percentages and calls the best of 18 the accuracy. Its "highest-k" adds the probabilities of the k heads
that are LEAST sure of an image; only with all five is it what it says.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fgtl.heads.plugin_metrics import Array, Hits, confidence_hits

PUBLISHED_LEVELS = 4


def published_hits(outputs: Mapping[str, Array], labels: NDArray[np.integer]) -> Hits:
    """What the published evaluation counts on a batch, by its names and in its order.

    Args:
        outputs: "layer1" ... "layer4" (B, S, K), "select_layer1" ..., "drop_layer1" ..., logits of points, and "comb_outs"
            (B, K).
        labels: (B,).
    """
    numbers = range(1, PUBLISHED_LEVELS + 1)
    means = {f"layer{n}": outputs[f"layer{n}"].mean(axis=1) for n in numbers}
    hits: Hits = {}
    for name, logits in means.items():
        hits |= _top(name, logits, labels)
    for kind in ("select_layer", "drop_layer"):
        for name in (f"{kind}{n}" for n in numbers):
            count, classes = outputs[name].shape[1:]
            hits |= _top(name, outputs[name].reshape(-1, classes), np.repeat(labels, count))
    hits |= _top("combiner", outputs["comb_outs"], labels)
    heads = np.stack([_softmax(logits) for logits in (*means.values(), outputs["comb_outs"])], axis=1)
    compared = confidence_hits(heads, labels)
    return hits | {f"highest-{k}": compared[f"least_confident_{k}"] for k in range(1, heads.shape[1] + 1)}


def published_best(metrics: Mapping[str, float]) -> tuple[str, float]:
    """What is published as the accuracy: the largest of all top-1 and highest-k, of equal ones the last.

    It is chosen on the images that it is reported for, and may be that of the dropped points.
    """
    names = [name for name in metrics if "top-1" in name or "highest" in name]
    best = max(reversed(names), key=lambda name: metrics[name])
    return best, metrics[best]


def _top(name: str, logits: Array, labels: NDArray[np.integer]) -> Hits:
    ranked = np.argsort(-logits, axis=1, kind="stable")[:, :3] == labels[:, None]
    return {f"{name}-top-{k}": (int(ranked[:, :k].any(1).sum()), len(labels)) for k in (1, 3)}


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
