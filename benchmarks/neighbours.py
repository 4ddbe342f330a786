"""Exact nearest neighbours in blocks against faiss-cpu's IndexFlatIP, by inner product, on all cores.

Both sides get the same float32 arrays and find the same neighbours (checked). Memory is that of a process of its own
that makes the arrays and searches once: the database counts, and of one that is a memory map the pages that were read.

    python benchmarks/neighbours.py [--quick]
"""

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import Figures, interleaved, peak_mib, print_ratio, print_table

K = 20
LIMIT_MIB = 1024
_ROWS_AT_ONCE = 10_000

Found = tuple[NDArray[np.int64], NDArray[np.float32]]


@dataclass(frozen=True)
class Size:
    """Queries, rows of the database, numbers a row."""

    queries: int
    rows: int
    dim: int

    def __str__(self) -> str:
        return f"{self.queries:,} queries, {self.rows:,} x {self.dim}"


FULL, QUICK = Size(10_000, 100_000, 512), Size(1_000, 50_000, 512)
FULL_LARGE, QUICK_LARGE = Size(10_000, 1_000_000, 128), Size(1_000, 300_000, 128)


def unit_rows(rows: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Directions around a few thousand centres, as features of classes are: (rows, dim) float32 of length 1."""
    centres = np.random.default_rng(0).standard_normal((2000, dim), np.float32)
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((rows, dim), np.float32)
    for start in range(0, rows, _ROWS_AT_ONCE):
        part = found[start : start + _ROWS_AT_ONCE]
        part += centres[rng.integers(0, len(centres), len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def ours(queries: NDArray[np.float32], database: NDArray[np.float32]) -> Callable[[], Found]:
    """fgtl's search."""
    from fgtl.features.topk import top_k

    return lambda: top_k(queries, database, K, "dot")


def faiss_flat(queries: NDArray[np.float32], database: NDArray[np.float32]) -> Callable[[], Found]:
    """faiss; the index is built outside what is timed."""
    import faiss

    index = faiss.IndexFlatIP(database.shape[1])
    index.add(database)

    def search() -> Found:
        scores, indices = index.search(queries, K)
        return indices, scores

    return search


SIDES = {"fgtl": ours, "faiss IndexFlatIP": faiss_flat}


def search_once(side: Callable[[NDArray[np.float32], NDArray[np.float32]], Callable[[], Found]], size: Size) -> None:
    """What the memory of is measured."""
    side(unit_rows(size.queries, size.dim, 1), unit_rows(size.rows, size.dim, 2))()


def search_map(path: Path, size: Size) -> None:
    """The same, the database being a memory map."""
    ours(unit_rows(size.queries, size.dim, 1), np.load(path, mmap_mode="r"))()


def compare(size: Size, repeats: int) -> dict[str, Figures]:
    """Queries a second of both sides, after a look that they find the same."""
    queries, database = unit_rows(size.queries, size.dim, 1), unit_rows(size.rows, size.dim, 2)
    searches = {name: side(queries, database) for name, side in SIDES.items()}
    (one, scores), (other, others) = (search() for search in searches.values())
    # faiss adds in float32: where two rows are as near as that is exact, it may have them the other way round.
    assert np.allclose(scores, others, atol=1e-5) and np.mean(one == other) > 0.999

    def counted(search: Callable[[], Found]) -> Callable[[], int]:
        return lambda: len(search()[0])

    return interleaved({name: counted(search) for name, search in searches.items()}, repeats)


def main(size: Size, large: Size, repeats: int) -> None:
    """Measure, print the tables and the claims."""
    memory = {name: peak_mib(search_once, side, size) for name, side in SIDES.items()}
    figures = compare(size, repeats)
    print_table(
        f"{size}, top {K}, {os.cpu_count()} cores, median of {repeats}, interleaved",
        ["queries/s", "CPU ms/query", "peak MiB"],
        {name: [figure.rate, figure.cpu_ms, memory[name]] for name, figure in figures.items()},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "database.npy"
        np.save(path, unit_rows(large.rows, large.dim, 2))
        peak = peak_mib(search_map, path, large)
        queries, database = unit_rows(large.queries, large.dim, 1), np.load(path, mmap_mode="r")
        search = ours(queries, database)
        figure = interleaved({"fgtl": lambda: len(search()[0])}, 1)["fgtl"]
    print_table(
        f"{large} in a memory map, top {K}",
        ["queries/s", "CPU ms/query", "peak MiB"],
        {"fgtl": [figure.rate, figure.cpu_ms, peak]},
    )
    print_ratio("neighbours_vs_faiss", figures["fgtl"].rate / figures["faiss IndexFlatIP"].rate, 0.8)
    print_ratio("neighbours_memory", LIMIT_MIB / memory["fgtl"], 1.0)
    print_ratio("neighbours_million_memory", LIMIT_MIB / peak, 1.0)


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    main(*((QUICK, QUICK_LARGE, 3) if quick else (FULL, FULL_LARGE, 3)))
