"""The paper's table of 21 earth mover's distances at its size, and single problems against pyemd and HiGHS.

Seven targets with the classes of the paper's (CUB-200, Flowers, Cars, Dogs, Aircraft, NABirds, Food) and three sources:
1000 classes as of ImageNet, 811 as those of iNaturalist that have 200 images, and both joined. Class means are given:
2048 numbers, drawn, not negative, in clusters. The table is made on the cores that this process may use. The authors'
notebook recorded 2,515.8 s for it, on a machine that nobody has.

The rivals get single problems that are small enough for them: pyemd the square one of all points, as the authors called
it (its default backend is POT too), HiGHS' dual simplex the linear program. All three agree to 1e-9, or the program fails.

    python benchmarks/emd.py [--quick] [--full]

`--quick` repeats less and takes smaller single problems; the table has its full size. `--full` also runs pyemd's
original C++ once on 1000 x 200 classes, which takes minutes.

    RATIO emd_table_seconds    6 s over the time of the 21 pairs
    RATIO emd_table_memory     1 GiB over the peak memory of a process that makes the table
    RATIO emd_vs_recorded      2,515.8 s over the time of the 21 pairs
    RATIO emd_vs_pyemd         problems a second, ours over pyemd's
    RATIO emd_vs_highs         the same over HiGHS'
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import interleaved, peak_mib, print_ratio, print_table

if TYPE_CHECKING:
    from fgtl.analysis.domain import Domain

TARGETS = {"cub": 200, "flowers": 102, "cars": 196, "dogs": 120, "aircraft": 100, "nabirds": 555, "food": 101}
SOURCES = {"imagenet": 1000, "inat": 811}
DIM, RECORDED = 2048, 2515.8


def drawn(classes: int, seed: int) -> "Domain":
    """Class means as a ReLU network gives them, and 20 to 1300 images a class."""
    import numpy as np

    from fgtl.analysis.domain import domain

    rng = np.random.default_rng(seed)
    clusters = np.random.default_rng(7).normal(size=(40, DIM))
    means = clusters[rng.integers(0, 40, classes)] + 0.6 * rng.normal(size=(classes, DIM))
    return domain(np.maximum(means, 0).astype(np.float32), rng.integers(20, 1300, classes))


def all_domains() -> tuple[list["Domain"], list["Domain"]]:
    """The three sources and the seven targets."""
    from fgtl.analysis.domain import joined

    single = [drawn(classes, seed) for seed, classes in enumerate(SOURCES.values())]
    return [*single, joined(single, "both")], [
        drawn(classes, 10 + seed) for seed, classes in enumerate(TARGETS.values())
    ]


def table_of(sources: list["Domain"], targets: list["Domain"]) -> int:
    """All pairs, on all cores."""
    from threadpoolctl import threadpool_limits

    from fgtl.analysis.emd import emd
    from fgtl.data.pool import usable_cores

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(usable_cores()) as pool:
        return len(list(pool.map(lambda pair: emd(*pair), product(sources, targets))))


def table_in_a_process() -> None:
    """What the memory of is measured."""
    table_of(*all_domains())


def rivals(m: int, k: int) -> dict[str, Callable[[], int]]:
    """The same single problem by each solver; a side fails when its distance is another one."""
    import numpy as np
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron, vstack
    from scipy.spatial.distance import cdist

    from fgtl.analysis.emd import emd

    source, target = drawn(m, 1), drawn(k, 2)
    wanted = emd(source, target).distance

    def checked(found: float) -> int:
        assert abs(found / wanted - 1) < 1e-9, (found, wanted)
        return 1

    def highs() -> int:
        costs = cdist(source.means, target.means)
        sums = vstack([kron(eye_array(m), np.ones((1, k))), kron(np.ones((1, m)), eye_array(k))]).tocsr()
        shares = np.concatenate([source.shares, target.shares])
        return checked(linprog(costs.ravel(), A_eq=sums, b_eq=shares, method="highs-ds").fun)

    return {
        "fgtl": lambda: checked(emd(source, target).distance),
        "pyemd": lambda: checked(by_pyemd(source, target, "pot")),
        "HiGHS": highs,
    }


def by_pyemd(source: "Domain", target: "Domain", backend: str) -> float:
    """As the authors' notebook: distances of all points in float64, both histograms padded with zeros."""
    import numpy as np
    from pyemd import emd
    from scipy.spatial.distance import cdist

    points = np.concatenate([source.means, target.means]).astype(np.float64)
    one = np.concatenate([source.shares, np.zeros(len(target))])
    other = np.concatenate([np.zeros(len(source)), target.shares])
    return float(emd(one, other, cdist(points, points), backend=backend))


def seconds(function: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main(*, quick: bool, full: bool) -> None:
    """Measure, print the tables and the claims."""
    from fgtl.data.pool import usable_cores

    repeats, (m, k) = (1, (120, 60)) if quick else (5, (300, 200))
    memory = peak_mib(table_in_a_process)
    sources, targets = all_domains()
    table = interleaved({"fgtl": lambda: table_of(sources, targets)}, repeats)["fgtl"]
    spent = len(sources) * len(targets) / table.rate
    print_table(
        f"21 pairs, {DIM} numbers, sources of {', '.join(str(len(one)) for one in sources)} classes, targets of "
        f"{', '.join(str(len(one)) for one in targets)}; {usable_cores()} cores, median of {repeats}",
        ["s", "CPU s", "peak MiB"],
        {"fgtl": [spent, len(sources) * len(targets) * table.cpu_ms / 1000, memory]},
    )
    figures = interleaved(rivals(m, k), repeats)
    print_table(
        f"One problem, {m} x {k} classes, {DIM} numbers, distances included, median of {repeats}, interleaved",
        ["problems/s", "CPU ms"],
        {name: [one.rate, one.cpu_ms] for name, one in figures.items()},
    )
    if full:
        source, target = drawn(1000, 1), drawn(200, 2)
        spent_cpp = seconds(lambda: by_pyemd(source, target, "cpp"))
        print(f"pyemd's C++ on 1000 x 200 classes: {spent_cpp:,.1f} s, once")
    print_ratio("emd_table_seconds", 6 / spent, 1)
    print_ratio("emd_table_memory", 1024 / memory, 1)
    print_ratio("emd_vs_recorded", RECORDED / spent, 400)
    print_ratio("emd_vs_pyemd", figures["fgtl"].rate / figures["pyemd"].rate, 2)
    print_ratio("emd_vs_highs", figures["fgtl"].rate / figures["HiGHS"].rate, 10)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv, full="--full" in sys.argv)
