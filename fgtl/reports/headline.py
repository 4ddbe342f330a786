"""The figures at the top of a report, and how shares and times are written there."""

from typing import Any, NamedTuple

import numpy as np

from fgtl.reports.metrics import Evaluation
from fgtl.reports.run_files import RunFiles

_METRICS = {"top1": "top-1 accuracy", "top5": "top-5 accuracy", "mean_class": "mean class accuracy"}


class Tile(NamedTuple):
    """A headline figure."""

    label: str
    value: str
    note: str


def headline(run: RunFiles, split: str | None, evaluation: Evaluation | None) -> list[Tile]:
    """The evaluation's figures, before there is one the best validation figure; then time and speed."""
    tiles = _evaluated(split, evaluation) if evaluation else _best(run.best) if run.best else []
    batch_size = int(run.config.get("batch_size", 0))
    seconds = run.history.seconds(batch_size)
    if seconds:
        steps = f"{run.history.lines[-1]['step']:,} steps"
        again = run.refit.seconds(batch_size)
        if again:
            steps += f", {run.refit.lines[-1]['step']:,} of the refit"
        tiles.append(Tile("Training time", duration(seconds + (again or 0.0)), steps))
    rates = run.history.series("images_per_second")[1]
    if len(rates):
        tiles.append(Tile("Training speed", f"{np.median(rates):,.0f}", "images a second, median"))
    return tiles


def percent(value: float, digits: int = 1) -> str:
    """0.8990 -> "89.9 %", with a space that does not break."""
    return f"{100 * value:.{digits}f}\u00a0%"


def duration(seconds: float) -> str:
    """5025 -> "1 h 23 min"; seconds are shown below ten minutes only."""
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left:02d} min"
    if minutes >= 10:
        return f"{minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _evaluated(split: str | None, evaluation: Evaluation) -> list[Tile]:
    low, high = evaluation.top1_interval
    few = "always, with up to 5 classes" if evaluation.classes <= 5 else ""
    right = f"{round(evaluation.top1 * evaluation.count):,} of {evaluation.count:,} images"
    interval = f"{right}, 95\u00a0% interval {100 * low:.1f} to {percent(high)}"
    absent = f", {evaluation.classes_absent:,} are absent" if evaluation.classes_absent else ""
    present = f"{evaluation.classes_present:,} classes with images{absent}"
    return [
        Tile("Top-1 accuracy", percent(evaluation.top1), interval),
        Tile("Top-5 accuracy", percent(evaluation.top5), few or f"of {evaluation.classes:,} classes"),
        Tile("Mean class accuracy", percent(evaluation.mean_class), present),
        Tile("Calibration error", percent(evaluation.calibration_error), "confidence against accuracy"),
        Tile("Images evaluated", f"{evaluation.count:,}", evaluation.left_out or f"split {split}, each once"),
    ]


def _best(best: dict[str, Any]) -> list[Tile]:
    # The name of a log line's figure: "validation/top1".
    metric, value = best["metric"].removeprefix("validation/"), best["value"]
    shown = f"{value:.4f}" if metric == "loss" else percent(value)
    return [Tile(f"Best validation {_METRICS.get(metric, metric)}", shown, f"epoch {best['epoch']:g}")]
