"""What is drawn: the knobs on which every byte of the set depends."""

from dataclasses import dataclass

from fgtl.data.synth.species import FAMILIES, MOST_CLASSES_PER_FAMILY
from fgtl.knobs import LARGEST_SEED, Knobs, flag


@dataclass(frozen=True)
class SynthKnobs(Knobs):
    """What is drawn."""

    seed: int = flag(0, "seed of all chance", low=0, high=LARGEST_SEED)
    families: int = flag(6, "families of look-alikes", low=1, high=len(FAMILIES))
    classes_per_family: int = flag(4, "classes in a family", low=2, high=MOST_CLASSES_PER_FAMILY)
    train_per_class: int = flag(30, "training images a class", low=1)
    test_per_class: int = flag(20, "test images a class", low=1)
    image_size: int = flag(256, "short side of an image, pixels", low=64, high=1024)
