"""What a run folder holds, read for a report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgtl.errors import DataError
from fgtl.files import read_json
from fgtl.reports.history import History, read_history
from fgtl.reports.metrics import Evaluation
from fgtl.reports.predictions import Predictions, read_predictions

# The split a report is about, if several were evaluated.
_PREFERRED = ("test", "validation")


@dataclass(frozen=True)
class RunFiles:
    """One run.

    Attributes:
        folder: the run folder.
        card: run.json.
        history: metrics.jsonl.
        refit: refit/metrics.jsonl, the second training on train + validation; empty without one.
        best: best.json, None before the first validation.
        evaluations: split -> eval/<split>.json, the split of the headline first.
        predictions: eval/<split>.npz of that split, None when it is not there.
        crops: PNG bytes of crops.png (training images as the network gets them), None when it is not there.
    """

    folder: Path
    card: dict[str, Any]
    history: History
    refit: History
    best: dict[str, Any] | None
    evaluations: dict[str, Evaluation]
    predictions: Predictions | None
    crops: bytes | None

    @property
    def config(self) -> dict[str, Any]:
        """The resolved knobs."""
        return dict(self.card.get("config", {}))

    @property
    def dataset(self) -> dict[str, Any]:
        """Name, classes, counts of the data set, as the run saw it."""
        return dict(self.card.get("dataset", {}))


def read_run(folder: Path) -> RunFiles:
    """Read a run folder; only run.json must be there.

    Raises:
        DataError: no run.json, or a file is damaged.
    """
    card_path = folder / "run.json"
    if not card_path.is_file():
        raise DataError(
            f"{folder} is not a run: it has no run.json.",
            expected="the --run_dir of a `fgtl train`.",
            fix="Train first.",
        )
    evaluations: dict[str, Evaluation] = {}
    sources: dict[str, Path] = {}
    for path in sorted((folder / "eval").glob("*.json")):
        written = read_json(path)
        split = str(written.get("split", path.stem))
        try:
            evaluations[split], sources[split] = Evaluation.from_dict(written), path
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{path} is not an evaluation: {error!r}.", fix="Run `fgtl evaluate` again.") from None
    order = sorted(evaluations, key=lambda split: (_PREFERRED.index(split) if split in _PREFERRED else 9, split))
    arrays = sources[order[0]].with_suffix(".npz") if order else None
    best, crops = folder / "best.json", folder / "crops.png"
    return RunFiles(
        folder=folder,
        card=read_json(card_path),
        history=read_history(folder / "metrics.jsonl"),
        refit=read_history(folder / "refit" / "metrics.jsonl"),
        best=read_json(best) if best.is_file() else None,
        evaluations={split: evaluations[split] for split in order},
        predictions=read_predictions(arrays) if arrays and arrays.is_file() else None,
        crops=crops.read_bytes() if crops.is_file() else None,
    )
