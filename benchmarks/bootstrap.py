"""95 % intervals of an EMD from 200 resamples of the images: source 1000 classes x 50, target 5,994 images of 200.

Ours draws counts and multiplies them with each class's features; the plain way gathers the drawn rows and averages them
by class. Both then solve the same exact transport problem for each resample, ours on all cores, the plain way, as a
loop, on one besides what NumPy spreads. Features are drawn: 2048 numbers around class means.

    python benchmarks/bootstrap.py [--quick]

`--quick` takes a hundredth of the images, 256 numbers and 20 resamples: its seconds say nothing about the full size.

    RATIO bootstrap_seconds     60 s over the time of all resamples
    RATIO bootstrap_vs_gather   resamples a second, ours over the plain way's
    RATIO bootstrap_memory      1 GiB over what the resampling adds to the memory of the features themselves
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import interleaved, peak_mib, print_ratio, print_table

if TYPE_CHECKING:
    from fgtl.features.feature_set import Features


@dataclass(frozen=True)
class Size:
    """How much one measurement does."""

    source: tuple[int, int]
    target: tuple[int, int]
    dim: int
    resamples: int
    plain: int
    repeats: int


# (images, classes); `plain` resamples of the plain way are enough to know its rate.
FULL = Size((50_000, 1000), (5994, 200), 2048, 200, 10, 1)
QUICK = Size((500, 50), (60, 10), 256, 20, 20, 3)


def drawn(images: int, classes: int, dim: int, seed: int) -> "Features":
    """Features around class means, classes in turn."""
    import numpy as np

    from fgtl.features.feature_set import Features

    rng = np.random.default_rng(seed)
    labels = np.arange(images, dtype=np.int32) % classes
    rows = rng.standard_normal((images, dim), np.float32)
    rows += 1.5 * rng.standard_normal((classes, dim), np.float32)[labels]
    np.maximum(rows, 0, out=rows)
    return Features(rows, labels, labels.astype(str), tuple(map(str, range(classes))))


def both(size: Size) -> tuple["Features", "Features"]:
    """Source and target."""
    return drawn(*size.source, size.dim, 0), drawn(*size.target, size.dim, 1)


def ours(size: Size, source: "Features", target: "Features") -> Callable[[], int]:
    """All resamples as `fgtl similarity` makes them."""
    from fgtl.analysis.similarity import Collection, measure
    from fgtl.analysis.similarity_knobs import SimilarityKnobs

    def run() -> int:
        measure([Collection("s", (source,))], [Collection("t", (target,))], SimilarityKnobs(bootstrap=size.resamples))
        return size.resamples

    return run


def plain(size: Size, source: "Features", target: "Features") -> Callable[[], int]:
    """Some resamples, each by gathering its images."""
    import numpy as np

    from fgtl.analysis.domain import domain_of
    from fgtl.analysis.emd import emd

    def run() -> int:
        rng = np.random.default_rng(0)
        for _ in range(size.plain):
            picked = [one.take(rng.integers(0, len(one), len(one))) for one in (source, target)]
            emd(domain_of(picked[0], "s"), domain_of(picked[1], "t"))
        return size.plain

    return run


def features_alone(size: Size) -> None:
    """What resampling adds memory to."""
    ours(size, *both(size))


def with_resamples(size: Size) -> None:
    """All of it."""
    ours(size, *both(size))()


def main(size: Size) -> None:
    """Measure, print the table and the claims."""
    from fgtl.data.pool import usable_cores

    bare, whole = peak_mib(features_alone, size), peak_mib(with_resamples, size)
    features = both(size)
    figures = interleaved({"fgtl": ours(size, *features), "gathering": plain(size, *features)}, size.repeats)
    (images, classes), (target_images, target_classes) = size.source, size.target
    print_table(
        f"{size.resamples} resamples, source {images:,} images of {classes:,} classes, target {target_images:,} of "
        f"{target_classes:,}, {size.dim} numbers; {usable_cores()} cores, median of {size.repeats}, interleaved",
        ["resamples/s", "CPU ms/resample", f"s for {size.resamples}"],
        {name: [one.rate, one.cpu_ms, size.resamples / one.rate] for name, one in figures.items()},
    )
    print(f"Peak memory {whole:,.0f} MiB, of which features and libraries {bare:,.0f} MiB.")
    print_ratio("bootstrap_seconds", 60 * figures["fgtl"].rate / size.resamples, 1)
    print_ratio("bootstrap_vs_gather", figures["fgtl"].rate / figures["gathering"].rate, 2)
    print_ratio("bootstrap_memory", 1024 / max(whole - bare, 1), 1)


if __name__ == "__main__":
    main(QUICK if "--quick" in sys.argv else FULL)
