"""What `--recipe auto` chooses by. Light: nothing here imports TensorFlow."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fgtl.data.selection import Selection


@dataclass(frozen=True)
class Facts:
    """What the choice depends on.

    Attributes:
        images, validation: how many are trained on, and how many choose the epoch.
        classes: those with training images; largest and smallest are their images.
        short_side: median over the training images, pixels.
        published_size: input size of the backbone's published weights, pixels.
        smallest_size: the smallest input the backbone takes, pixels.
        multiple: its input must be a multiple of this, pixels.
        fixed_size: it takes the published size only.
        pretrained: the backbone starts from weights.
        goes_on: the whole network starts from a finished run (`--init_run`), its head too.
        on_gpu: computed on GPUs.
        replicas: devices that share a batch.
        bn_decay: the slowest decay of the backbone's batch norms; 0 when it has none, or has weights.
    """

    images: int
    validation: int
    classes: int
    largest: int
    smallest: int
    short_side: int
    published_size: int
    smallest_size: int = 32
    multiple: int = 1
    fixed_size: bool = False
    pretrained: bool = True
    goes_on: bool = False
    on_gpu: bool = False
    replicas: int = 1
    bn_decay: float = 0.0

    @classmethod
    def of(cls, train: Selection, validation: int, **network: Any) -> "Facts":
        """Count them in a selection; `network` are the fields that it cannot know."""
        sizes = np.unique(train.labels, return_counts=True)[1]
        return cls(
            images=len(train),
            validation=validation,
            classes=len(sizes),
            largest=int(sizes.max()),
            smallest=int(sizes.min()),
            short_side=int(np.median(np.minimum(train.heights, train.widths))),
            **network,
        )

    @property
    def per_class(self) -> float:
        """Mean number of training images of a class."""
        return self.images / self.classes

    def describe(self) -> str:
        """One line for people."""
        spread = "" if self.smallest == self.largest else f", from {self.smallest:,} to {self.largest:,}"
        return (
            f"{self.images:,} training images in {self.classes:,} classes, {self.per_class:.3g} a class{spread}; "
            f"median short side {self.short_side:,} px"
        )
