"""What every benchmark shares: interleaved repeats, medians, peak memory, the table and the RATIO lines.

A side is a function without arguments that does the work once and returns how many units (images, steps) it did.
"""

import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from benchmarks.peak_memory import peak_mebibytes
from fgtl.console import table

Side = Callable[[], int]


@dataclass(frozen=True)
class Figures:
    """Medians over the repeats of one side.

    Attributes:
        rate: units per second of wall-clock time.
        cpu_ms: CPU milliseconds (user and system, finished child processes included) per unit.
    """

    rate: float
    cpu_ms: float


def interleaved(
    sides: Mapping[str, Side], repeats: int, *, reset: Callable[[], object] = lambda: None
) -> dict[str, Figures]:
    """Run all sides in turn, `repeats` rounds after one that warms up, so that a busy minute hits every side.

    `reset` is called before each run and not measured.
    """
    rates: dict[str, list[float]] = {name: [] for name in sides}
    costs: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, side in sides.items():
            reset()
            wall, cpu = time.perf_counter(), _cpu_seconds()
            units = side()
            wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
            if turn:
                rates[name].append(units / wall)
                costs[name].append(1000 * cpu / units)
    return {name: Figures(statistics.median(rates[name]), statistics.median(costs[name])) for name in sides}


def peak_mib(function: Callable[..., object], *arguments: object) -> float:
    """Largest resident size, in MiB, of a fresh process that calls `function(*arguments)` (both picklable)."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_call_and_weigh, function, *arguments).result()


def use_cores(count: int) -> None:
    """Keep this process, and those it starts, on the first `count` of the cores it may use."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def print_table(title: str, columns: list[str], rows: Mapping[str, list[float]]) -> None:
    """The title line, then a row a side; figures have thousands separators and three digits, NaN is left empty."""
    print(title)
    print(table(["", *columns], [[name, *map(_short, figures)] for name, figures in rows.items()]))


def print_ratio(name: str, value: float, goal: float) -> None:
    """The line that says whether a claim holds: it does when `value` is at least `goal`."""
    print(f"RATIO {name} {value:.2f} goal {goal:g}", flush=True)


def _short(figure: float) -> str:
    if math.isnan(figure):
        return ""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _call_and_weigh(function: Callable[..., object], *arguments: object) -> float:
    function(*arguments)
    return peak_mebibytes()
