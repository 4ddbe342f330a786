"""The curve of a run: what metrics.jsonl holds, as series."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.errors import DataError


@dataclass(frozen=True)
class History:
    """The logged lines of a run, in order of their steps, one for each step and kind."""

    lines: tuple[dict[str, Any], ...]

    def series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(epochs, values), both (n,) float64, of the lines that hold `name`; values that are not finite are left out."""
        points = [(line["epoch"], line[name]) for line in self.lines if _is_finite(line.get(name))]
        return tuple(np.array(points, np.float64).reshape(-1, 2).T)  # type: ignore[return-value]

    @property
    def trained_terms(self) -> int:
        """How many losses, weight decay among them, are added up in "train/loss"."""
        names = {name for line in self.lines for name in line if name.startswith("train/")}
        return len(names - {"train/loss", "train/top1"})

    def phase_starts(self) -> list[tuple[float, str]]:
        """(epoch, phase) of the first line of each phase after the first."""
        starts = []
        for before, line in zip(self.lines, self.lines[1:], strict=False):
            if line.get("phase") != before.get("phase"):
                starts.append((float(before["epoch"]), str(line.get("phase"))))
        return starts

    def epoch_of(self, step: int) -> float | None:
        """The epoch logged for `step`, if any was."""
        return next((float(line["epoch"]) for line in self.lines if line["step"] == step), None)

    def seconds(self, batch_size: int) -> float | None:
        """Time spent in training steps, from the logged rates; None when none were logged."""
        total, last_step = 0.0, 0
        for line in self.lines:
            rate = line.get("images_per_second")
            if rate and _is_finite(rate):
                total += (line["step"] - last_step) * batch_size / rate
                last_step = line["step"]
        return total or None


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def read_history(path: Path) -> History:
    """Read metrics.jsonl; an absent file is an empty history.

    A resumed run logs again the steps after its checkpoint, so the last line of a step counts. A last line that was
    cut off by a kill is left out.

    Raises:
        DataError: another line is not a JSON object with a step and an epoch.
    """
    if not path.exists():
        return History(())
    kept: dict[tuple[int, bool], dict[str, Any]] = {}
    texts = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
            step, _ = int(line["step"]), float(line["epoch"])
        except (ValueError, KeyError, TypeError):
            if number == len(texts):  # no newline follows: the writer was stopped here
                break
            raise DataError(
                f"{path} line {number} is not a log line.",
                expected='a JSON object with "step" and "epoch".',
                fix="Delete the line; the rest of the run is not affected.",
            ) from None
        kept[step, any(name.startswith("validation/") for name in line)] = line
    # At the same step, training comes before the validation that follows it.
    return History(tuple(kept[key] for key in sorted(kept)))
