"""What can be chosen about domain similarity."""

from dataclasses import dataclass

from fgtl.knobs import LARGEST_SEED, Knobs, flag


@dataclass(frozen=True)
class SimilarityKnobs(Knobs):
    """How domains are compared."""

    gamma: str = flag(
        "0.01", "similarity is exp(-gamma EMD): a number, or auto (chosen to spread the values of this call)"
    )
    min_images: int = flag(0, "leave source classes with fewer images out; 200 in the paper", low=0)
    bootstrap: int = flag(200, "resamples of the images for the 95 % intervals; 0: no intervals", low=0, high=100_000)
    solver: str = flag("pot", "of the transport problem; both are exact", choices=("pot", "pyemd"))
    seed: int = flag(0, "of the resamples", low=0, high=LARGEST_SEED)
