"""What can be chosen about the small nets. Light: no Keras here."""

from dataclasses import dataclass

from fgtl.knobs import Knobs, flag

# The stored pixels are larger than what a net sees by this share, room for random crops.
MARGIN = 8


@dataclass(frozen=True)
class NetKnobs(Knobs):
    """The small nets, and the probe on their features."""

    image_size: int = flag(64, "side of what a net sees, pixels", low=16, high=512)
    images_per_class: int = flag(40, "training images of each source class; the others validate", low=1)
    epochs: int = flag(60, "passes over a source's training images", low=1)
    batch_size: int = flag(16, "images a step", low=1)
    learning_rate: float = flag(0.003, "of AdamW at first; falls to 0 along a cosine", low=0)
    weight_decay: float = flag(0.05, "of AdamW", low=0)
    c: float = flag(0.1, "C of the logistic regression on a target's standardised features; never chosen", low=1e-9)

    @property
    def stored_size(self) -> int:
        """Side of the stored pixels."""
        return self.image_size + self.image_size // MARGIN
