"""What a run folder holds, read for a report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fgtl.errors import DataError
from fgtl.files import read_json
from fgtl.reports.history import History, read_history
from fgtl.reports.metrics import Evaluation
from fgtl.reports.predictions import Predictions, read_predictions, title_of

# The split a report is about, if several were evaluated.
_PREFERRED = ("test", "validation")
_STEPS = "-steps"
# Where the model looks: as it left the training, and beside eval/<split>.json.
HEAT = "heat.png"
HEAT_SUFFIX = f".{HEAT}"


@dataclass(frozen=True)
class RunFiles:
    """One run.

    Attributes:
        folder: the run folder.
        card: run.json.
        history: metrics.jsonl.
        refit: refit/metrics.jsonl, the second training on train + validation; empty without one.
        best: best.json, None before the first validation.
        evaluations: title -> eval/<split>.json, the one of the headline first.
        asked: title -> (split, views) of the evaluation.
        predictions: of each image of the first one, None when they are not there.
        watched: name -> eval/<name>-steps.jsonl, the figures of the checkpoints that were watched.
        crops: PNG bytes of crops.png (training images as the network gets them), None when it is not there.
        heat: PNG bytes of where the model looks in a few images, of the first evaluation or else of the training;
            None when there are none.
        heat_of: which images those are.
    """

    folder: Path
    card: dict[str, Any]
    history: History
    refit: History
    best: dict[str, Any] | None
    evaluations: dict[str, Evaluation]
    asked: dict[str, tuple[str, str]]
    predictions: Predictions | None
    watched: dict[str, History]
    crops: bytes | None
    heat: bytes | None
    heat_of: str

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
    found = _evaluations(folder / "eval")
    arrays = next(iter(found.values())).path.with_suffix(".npz") if found else None
    steps = {path.stem.removesuffix(_STEPS): path for path in sorted((folder / "eval").glob(f"*{_STEPS}.jsonl"))}
    watched = {name: read_history(path) for name, path in steps.items()}
    best, crops = folder / "best.json", folder / "crops.png"
    heat_of, heat = _heat(folder, found)
    return RunFiles(
        folder=folder,
        card=read_json(card_path),
        history=read_history(folder / "metrics.jsonl"),
        refit=read_history(folder / "refit" / "metrics.jsonl"),
        best=read_json(best) if best.is_file() else None,
        evaluations={title: one.evaluation for title, one in found.items()},
        asked={title: (one.split, one.views) for title, one in found.items()},
        predictions=read_predictions(arrays) if arrays and arrays.is_file() else None,
        watched={name: history for name, history in watched.items() if history.lines},
        crops=crops.read_bytes() if crops.is_file() else None,
        heat=heat,
        heat_of=heat_of,
    )


class _Found(NamedTuple):
    split: str
    views: str
    path: Path
    evaluation: Evaluation


def _heat(folder: Path, found: dict[str, _Found]) -> tuple[str, bytes | None]:
    """What is shown, and its picture."""
    drawn = [(title, one.path.with_suffix(HEAT_SUFFIX)) for title, one in list(found.items())[:1]]
    for title, path in [*drawn, ("validation", folder / HEAT)]:
        if path.is_file():
            return title, path.read_bytes()
    return "", None


def _evaluations(folder: Path) -> dict[str, _Found]:
    """By title, the one of the headline first: the test split as it is seen in validation."""
    found = []
    for path in sorted(folder.glob("*.json")):
        written = read_json(path)
        try:
            split, views = str(written.get("split", path.stem)), str(written.get("views", "centre"))
            found.append(_Found(split, views, path, Evaluation.from_dict(written)))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(f"{path} is not an evaluation: {error!r}.", fix="Run `fgtl evaluate` again.") from None
    places = {split: place for place, split in enumerate(_PREFERRED)}
    found.sort(key=lambda one: (places.get(one.split, len(places)), one.split, one.views != "centre", one.views))
    return {title_of(one.split, one.views): one for one in found}
