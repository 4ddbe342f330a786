"""How much `benchmarks/plugin.py` does at a time, and the numbers that both sides of a comparison get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CLASSES, RATE = 200, 1e-3
TapShapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Size:
    """One network with the plug-in on it.

    Attributes:
        selects: as num_selects of `fgtl train`, as is tuned_bn.
        steps: how many of them one measurement takes, in training; twice as many in inference.
    """

    backbone: str
    pixels: int
    batch: int
    fpn_size: int
    selects: tuple[str, ...]
    tuned_bn: str
    steps: int
    repeats: int

    def __str__(self) -> str:
        kept = f"{', '.join(self.selects)} points a level" if self.selects else "the usual points"
        return f"{self.backbone}, {self.pixels} px, batch {self.batch}, F {self.fpn_size}, {kept}, {CLASSES} classes"


def drawn_images(size: Size) -> np.ndarray:
    """(B, S, S, 3) float32 in 0..255."""
    return np.random.default_rng(0).uniform(0, 255, (size.batch, size.pixels, size.pixels, 3)).astype(np.float32)


def drawn_labels(size: Size) -> np.ndarray:
    """(B,) int32."""
    return np.random.default_rng(1).integers(0, CLASSES, size.batch).astype(np.int32)


def drawn_taps(size: Size, shapes: TapShapes) -> dict[str, np.ndarray]:
    """{name: (B, H, W, C)} float32, never negative, as behind a ReLU."""
    rng = np.random.default_rng(2)
    return {
        name: np.maximum(rng.standard_normal((size.batch, *shape), np.float32), 0) for name, shape in shapes.items()
    }


@dataclass(frozen=True)
class Answers:
    """What a head says of the drawn taps in inference.

    Attributes:
        levels: (B, K) mean logits of each.
        kept: (B, s) indices of each, in rank order.
        combined: (B, K) logits of the same points of both.
    """

    levels: list[np.ndarray]
    kept: list[np.ndarray]
    combined: np.ndarray
