"""Names of a network's weights that are the same in every process."""

import re
from collections import Counter, defaultdict
from typing import Any

import keras


def named_weights(trunk: keras.Model) -> dict[str, Any]:
    """{"layer/weight": variable} in the network's order.

    Layers that nobody has named get counters from Keras that go on from network to network within a process
    ("conv2d_94" for the first convolution of the second InceptionV3). Here each kind of them is counted from 0 in the
    order of creation: "conv2d", "conv2d_1", ...
    """
    layers = [layer for layer in trunk.layers if layer.weights]
    ours = _recounted(layers)
    found: dict[str, Any] = {}
    seen: Counter[str] = Counter()
    for layer in layers:
        for variable in layer.weights:
            # What stands before the layer's name depends on where the network was built.
            inside = variable.path.split(f"{layer.name}/", 1)[-1]
            name = f"{ours[layer.name]}/{inside}"
            # Keras does not mind two weights of one name in a layer; a SavedModel's may be so.
            seen[name] += 1
            found[f"{name}#{seen[name]}" if seen[name] > 1 else name] = variable
    return found


def _recounted(layers: list[Any]) -> dict[str, str]:
    """Layer name -> the same with its automatic counter starting from 0."""
    counters = defaultdict(list)
    names = {layer.name: layer.name for layer in layers}
    for layer in layers:
        kind = _snake_case(type(layer).__name__)
        if counted := re.fullmatch(rf"{kind}(?:_(\d+))?", layer.name):
            counters[kind].append((int(counted[1] or 0), layer.name))
    for kind, numbered in counters.items():
        for position, (_, name) in enumerate(sorted(numbered)):
            names[name] = f"{kind}_{position}" if position else kind
    return names


def _snake_case(name: str) -> str:
    """As Keras names a layer after its class: BatchNormalization -> batch_normalization, Conv2D -> conv2d."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
