"""The published plug-in's own numbers (`from plugin_reference import ...`): its arrays in our layout, by our names."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

# Path of a weight below the head -> name in the published state dict.
_NAMES = (
    (r"pyramid/level(\d)_in", r"fpn.Proj_layer\1.0"),
    (r"pyramid/level(\d)_out", r"fpn.Proj_layer\1.2"),
    (r"level(\d)/hidden", r"fpn_classifier_layer\1.0"),
    (r"level(\d)/norm", r"fpn_classifier_layer\1.1"),
    (r"level(\d)/logits", r"fpn_classifier_layer\1.3"),
    (r"combiner/joint_pool", "combiner.param_pool1"),
    (r"combiner/pool", "combiner.param_pool0"),
    (r"combiner/query", "combiner.conv_q1"),
    (r"combiner/key", "combiner.conv_k1"),
    (r"combiner/convolution", "combiner.conv1"),
    (r"combiner/norm", "combiner.batch_norm1"),
    (r"combiner/logits", "combiner.classifier"),
    (r"combiner/adjacency", "combiner.adj1"),
    (r"combiner/alpha", "combiner.alpha1"),
)
_PARTS = {
    "kernel": ".weight",
    "gamma": ".weight",
    "bias": ".bias",
    "beta": ".bias",
    "moving_mean": ".running_mean",
    "moving_variance": ".running_var",
    "adjacency": "",
    "alpha": "",
}


class Reference:
    """The file's arrays."""

    def __init__(self, shared: Path) -> None:
        self.arrays = np.load(shared / "reference" / "pim_reference.npz")

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def points(self, key: str) -> np.ndarray:
        """A map (B, C, H, W) as (B, H, W, C), tokens as they are."""
        array = self.arrays[key]
        return np.moveaxis(array, 1, -1) if array.ndim == 4 else array

    def taps(self, case: str) -> dict[str, np.ndarray]:
        return {f"p{number + 1}": self.points(f"{case}/in/layer{number}") for number in range(1, 5)}

    def load(self, variables: Iterable[Any], prefix: str) -> None:
        """Fill all of a layer's weights from the arrays under a prefix."""
        for variable in variables:
            variable.assign(self.array_of(variable, prefix))

    def array_of(self, variable: Any, prefix: str) -> np.ndarray:
        """What the reference has in a weight's place, in the weight's layout."""
        name = published_name(variable.path)
        # A part by itself has no "fpn." or "combiner." before its names.
        array = self.arrays[prefix + (name if prefix + name in self.arrays else name.partition(".")[2])]
        dense = variable.name == "kernel" and not re.search("_up/|pool/", variable.path)
        array = array.reshape(array.shape[:2]) if array.ndim > 2 else array
        return np.ascontiguousarray(array.T if dense else array).reshape(variable.shape)


def published_name(path: str) -> str:
    """For plugin_head/level1/hidden/kernel: fpn_classifier_layer1.0.weight."""
    layer, _, part = path.rpartition("/")
    if up := re.search(r"pyramid/level(\d)_up$", layer):
        return f"fpn.Up_layer{int(up[1]) + 1}{_PARTS[part]}"
    whole = path if part in ("adjacency", "alpha") else layer
    found = next((match, name) for pattern, name in _NAMES if (match := re.search(f"(?:^|/){pattern}$", whole)))
    return found[0].expand(found[1]) + _PARTS[part]
