"""Several runs on the same images: rows with intervals, seeds of one setting together, and tests between the rows."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.errors import UsageError
from fgtl.reports.compare_notes import halves_note, have_same_halves, taxonomy_note
from fgtl.reports.evaluated_run import EvaluatedRun, on_same_images, read_evaluated
from fgtl.reports.intervals import mean_interval
from fgtl.reports.paired import holm, mcnemar, paired_bootstrap, welch
from fgtl.reports.settings_groups import differing, grouped


@dataclass(frozen=True)
class Row:
    """A run, or several that differ in nothing but their seed. Figures of several are means over them.

    Attributes:
        name: of the run folder, below the folder that holds all of them; of several what their names begin with.
        folders: of the runs.
        settings: the knobs by which the rows differ, "name=value".
        images: that each was evaluated on.
        top1: accuracy, with a 95 % interval: of one run Wilson's over images, of several Student's over seeds.
        head, tail: accuracy of the classes with many and few training images; None where it is not known, or where these
            are other classes in another row.
        mistake_height: of a taxonomy, see `fgtl.reports.hierarchy`; None where there is none.
        each: top-1 accuracy of each run.
    """

    name: str
    folders: tuple[str, ...]
    backbone: str
    head_name: str
    settings: tuple[str, ...]
    images: int
    top1: float
    interval: tuple[float, float]
    top5: float
    mean_class: float
    head: float | None
    tail: float | None
    mistake_height: float | None
    each: tuple[float, ...]


@dataclass(frozen=True)
class Pair:
    """Two rows: the difference of their top-1 accuracies on the same images, and whether it is more than chance.

    Attributes:
        one, other: places of the rows.
        difference: top-1 of `one` minus that of `other`.
        interval: 95 %, paired bootstrap over the images: what other images of the same kind would show.
        test: "McNemar" between single runs (over images), "Welch" between seeds (over trainings), "" without a test.
        p: of the test; corrected: by Holm for all pairs.
        only_one, only_other: images that only the one or the other gets right; None of several seeds.
    """

    one: int
    other: int
    difference: float
    interval: tuple[float, float]
    test: str
    p: float | None
    corrected: float | None
    only_one: int | None
    only_other: int | None


@dataclass(frozen=True)
class Comparison:
    """All rows, best first, and all pairs of them.

    `notes` are sentences: why runs are not put together, and why a column is empty.
    """

    split: str
    views: str
    images: int
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...] = ()

    @property
    def caution(self) -> str:
        """What a ranking on test images must not be used for; "" where it is none."""
        if "test" not in self.split or len(self.rows) < 3:
            return ""
        return (
            "These are test images: whichever row is chosen by this ranking would look better than it is. "
            "Choose with --split=validation, and report the chosen one on test."
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"schema": 1, **asdict(self), "caution": self.caution}


def compare_runs(
    folders: Sequence[Path],
    split: str,
    *,
    views: str = "centre",
    free: Iterable[str] = (),
    common: bool = False,
    seed: int = 0,
) -> Comparison:
    """Compare runs by their predictions of the same images.

    Args:
        folders: of two runs or more.
        split: that all were evaluated on, with `views`.
        free: knobs that change neither what is computed nor what is reported; they are no difference.
        common: where the evaluations differ in images, compare on those that all have.
        seed: of the bootstrap.

    Raises:
        UsageError: fewer than two runs, one twice, or runs that cannot be compared.
        DataError: a run that was not evaluated on the split.
    """
    if len(folders) < 2:
        raise UsageError(
            f"{'One run is' if folders else 'No run is'} given.",
            expected="two or more evaluated runs: fgtl compare runs/one runs/two ...",
        )
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError(f"{len(folders)} runs, some of them twice.", expected="two or more different run folders.")
    read = [read_evaluated(folder, split, views) for folder in folders]
    runs = on_same_images(read, common=common)
    ignored = {"seed", "run_dir", *free}
    groups, notes = grouped(runs, ignored)
    names = differing(groups, ignored)
    runs_above = Path(os.path.commonpath([folder.resolve().parent for folder in folders]))
    made = [(_row(group, names, runs_above), group) for group in groups]
    if not have_same_halves(groups):
        made = [(replace(row, head=None, tail=None), group) for row, group in made]
    made.sort(key=lambda one: -one[0].top1)
    pairs = [_pair(i, made[i][1], j, made[j][1], seed) for i, j in combinations(range(len(made)), 2)]
    corrected = holm([pair["p"] for pair in pairs])
    return Comparison(
        split=split,
        views=views,
        images=len(runs[0].predictions.ids),
        rows=tuple(row for row, _ in made),
        pairs=tuple(Pair(**pair, corrected=value) for pair, value in zip(pairs, corrected, strict=True)),
        notes=(*notes, *filter(None, [halves_note(groups), taxonomy_note(read, runs)])),
    )


def _row(group: Sequence[EvaluatedRun], varied: Sequence[str], runs_above: Path) -> Row:
    results = [run.evaluation for run in group]
    config = group[0].config
    each = tuple(result.top1 for result in results)
    names = [str(run.folder.resolve().relative_to(runs_above)) for run in group]
    halves = [parts if (parts := result.head_tail) and parts.are_both else None for result in results]
    return Row(
        name=_common_name(names),
        folders=tuple(str(run.folder) for run in group),
        backbone=str(config.get("backbone", "")),
        head_name=str(config.get("head", "")),
        settings=tuple(f"{name}={_written(config.get(name))}" for name in varied),
        images=results[0].count,
        top1=float(np.mean(each)),
        interval=results[0].top1_interval if len(group) == 1 else mean_interval(each),
        top5=float(np.mean([result.top5 for result in results])),
        mean_class=float(np.mean([result.mean_class for result in results])),
        head=_mean([half.head.accuracy if half else None for half in halves]),
        tail=_mean([half.tail.accuracy if half else None for half in halves]),
        mistake_height=_mean([result.hierarchy.mistake_height if result.hierarchy else None for result in results]),
        each=each,
    )


def _common_name(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    letters = zip(*names, strict=False)
    shared = "".join(one for one, *_ in takewhile(lambda same: len(set(same)) == 1, letters))
    return f"{shared.rstrip('/-_.') or names[0]} ({len(names)} seeds)"


def _pair(i: int, one: Sequence[EvaluatedRun], j: int, other: Sequence[EvaluatedRun], seed: int) -> dict[str, Any]:
    shares = [np.mean([run.right for run in group], axis=0) for group in (one, other)]
    differences = shares[0] - shares[1]
    found: dict[str, Any] = {"test": "", "p": None, "only_one": None, "only_other": None}
    if len(one) == len(other) == 1:
        only_one, only_other, p = mcnemar(one[0].right, other[0].right)
        found = {"test": "McNemar", "p": p, "only_one": only_one, "only_other": only_other}
    elif min(len(one), len(other)) > 1:
        p_seeds = welch(*([float(run.right.mean()) for run in group] for group in (one, other)))
        found |= {"test": "Welch" if p_seeds is not None else "", "p": p_seeds}
    interval = paired_bootstrap(differences, seed)
    return {"one": i, "other": j, "difference": float(differences.mean()), "interval": interval, **found}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
