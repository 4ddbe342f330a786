"""A run with one of its evaluations, read to be compared with others; and whether they are about the same images."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.console import warn
from fgtl.errors import DataError, UsageError
from fgtl.files import read_json
from fgtl.reports.lineage import Ancestor, lineage_of
from fgtl.reports.metrics import Evaluation, evaluate_predictions
from fgtl.reports.predictions import Predictions, evaluation_path, read_predictions


@dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """One run.

    Attributes:
        folder: the run folder.
        config: the resolved knobs.
        lineage: the run it started from (--init_run), the one that started from, and so on, as far as they are at hand.
        class_names: by label.
        manifest_sha256: of the record set that was evaluated.
        evaluation: the figures.
        predictions: of each image.
    """

    folder: Path
    config: dict[str, Any]
    lineage: tuple[Ancestor, ...]
    class_names: tuple[str, ...]
    manifest_sha256: str
    evaluation: Evaluation
    predictions: Predictions

    @property
    def right(self) -> np.ndarray:
        """(N,) bool, which images it recognises."""
        return self.predictions.predicted == self.predictions.labels

    def on(self, ids: np.ndarray) -> "EvaluatedRun":
        """The same on some of its images, in the order of `ids`; all figures are counted anew."""
        own = self.predictions
        order = np.argsort(own.ids)
        rows = order[np.searchsorted(own.ids, ids, sorter=order)]
        kept = Predictions(own.ids[rows], own.labels[rows], own.probabilities[rows])
        if len(ids) == len(own.ids):
            return replace(self, predictions=kept)
        result = evaluate_predictions(kept.probabilities, kept.labels, self.class_names)
        old = self.evaluation
        result = replace(
            result,
            head_tail=old.head_tail.on(result.confusion) if old.head_tail else None,
            hierarchy=old.hierarchy.on(result.confusion) if old.hierarchy else None,
        )
        return replace(self, predictions=kept, evaluation=result)


def read_evaluated(folder: Path, split: str, views: str) -> EvaluatedRun:
    """Read a run's evaluation.

    Raises:
        DataError: no run, or one whose split was not evaluated (with the command that does), or damaged files.
    """
    card = folder / "run.json"
    if not card.is_file():
        raise DataError(f"{folder} is not a run folder: it has no run.json.", expected="the --run_dir of fgtl train.")
    path = evaluation_path(folder / "eval", split, views)
    arrays = path.with_suffix(".npz")
    for file in (path, arrays):
        if not file.is_file():
            words = ["fgtl", "evaluate", f"--run_dir={folder}", f"--split={split}"]
            words += [] if views == "centre" else [f"--views={views}"]
            raise DataError(f"{file} is missing.", expected=f"an evaluation on {split}.", fix=shlex.join(words))
    facts, written = read_json(card), read_json(path)
    try:
        return EvaluatedRun(
            folder=folder,
            config=dict(facts["config"]),
            lineage=lineage_of(facts),
            class_names=tuple(facts["dataset"]["class_names"]),
            # Evaluations of before it was written down were of the run's own record set, as far as anybody knows.
            manifest_sha256=str(written.get("manifest_sha256") or facts["dataset"]["manifest_sha256"]),
            evaluation=Evaluation.from_dict(written),
            predictions=read_predictions(arrays),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path} or {card} is damaged: {error!r}.", fix="Run `fgtl evaluate` again.") from None


def on_same_images(runs: Sequence[EvaluatedRun], *, common: bool) -> list[EvaluatedRun]:
    """The runs with their images in one order.

    Args:
        common: where they were evaluated on different images, keep those that all have; otherwise that is an error.

    Raises:
        UsageError: other classes, other data, other images, or other labels of the same images; or none in common.
    """
    first = runs[0]
    for run in runs[1:]:
        if run.class_names != first.class_names:
            raise UsageError(
                f"{first.folder} has {len(first.class_names):,} classes, {run.folder} has "
                f"{len(run.class_names):,} or others.",
                expected="runs with the same classes in the same order.",
            )
        if not common:
            _check_same_data(first, run)
    ids = first.predictions.ids
    for run in runs[1:]:
        ids = ids[np.isin(ids, run.predictions.ids)]
    if not len(ids):
        raise UsageError("The runs have no image in common.", expected="evaluations of the same split.")
    most = max(len(run.predictions.ids) for run in runs)
    if len(ids) < most:
        warn(f"{len(ids):,} images that all runs have are compared, of up to {most:,}; every figure is of these.")
    same = [run.on(ids) for run in runs]
    for run in same[1:]:
        if not np.array_equal(run.predictions.labels, same[0].predictions.labels):
            raise UsageError(
                f"{run.folder} has other labels than {first.folder} for the same images.",
                expected="evaluations of one record set.",
            )
    return same


def _check_same_data(first: EvaluatedRun, run: EvaluatedRun) -> None:
    one, other = first.predictions.ids, run.predictions.ids
    lacking = len(np.setdiff1d(one, other)) + len(np.setdiff1d(other, one))
    if run.manifest_sha256 == first.manifest_sha256 and not lacking:
        return
    what = f"{lacking:,} images are in one of them only" if lacking else "their manifests differ"
    raise UsageError(
        f"{first.folder} and {run.folder} were evaluated on different data: {what}.",
        expected="the same record set and split.",
        fix="--common compares the images that all of them have.",
    )
