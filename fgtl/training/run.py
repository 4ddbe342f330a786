"""The run folder: what was asked for, what came out, and whether a second start is the same run.

run.json        schema, versions, resolved config, data set, seed, when made
metrics.jsonl   best.json   events/   checkpoints/step-N/
refit/          the same four for a training on train + validation
model.keras     model.json: class names, preprocessing, metrics; written last, so a folder with it is finished
eval/           report.html
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fgtl.data.knobs import ViewKnobs
from fgtl.errors import DataError, UsageError
from fgtl.files import atomic_path, read_json, sha256_of, write_json
from fgtl.training.run_facts import SCHEMA, DatasetFacts, check_agrees, read_facts, run_facts
from fgtl.training.run_folder import LOCK, MODEL_CARD, check_is_ours, check_not_lost, holds_work


@dataclass(frozen=True)
class Stage:
    """Where one training of a run writes: the run folder itself, or its refit."""

    folder: Path
    identity: str
    name: str = ""

    @property
    def checkpoints(self) -> Path:
        """Folder of the step-N folders."""
        return self.folder / "checkpoints"

    @property
    def metrics(self) -> Path:
        """The log lines, metrics.jsonl."""
        return self.folder / "metrics.jsonl"

    @property
    def best(self) -> Path:
        """The best epoch so far, best.json."""
        return self.folder / "best.json"

    @property
    def events(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.folder / "events"


class Run:
    """One run folder; make it with `create_or_resume` (to train) or `open` (to use the model).

    Attributes:
        folder: its path.
        facts: content of run.json.
        resumed: whether it was there before.
    """

    def __init__(self, folder: Path, facts: dict[str, Any], *, resumed: bool) -> None:
        self.folder, self.facts, self.resumed = folder, facts, resumed
        self._lock: FileLock | None = None

    @classmethod
    def create_or_resume(
        cls, folder: Path, config: Mapping[str, Any], dataset: DatasetFacts, init: Mapping[str, Any] | None = None
    ) -> "Run":
        """Make the folder, or go on with the run that is in it. Locked until this object or the process ends.

        Args:
            config: the resolved knobs (`Knobs.as_dict()`), a "seed" among them.
            init: the run that the weights came from, `fgtl.training.init_run.init_facts`.

        Raises:
            UsageError: the folder holds a run with another config or data (both values are listed), something else
                than a run, or a run that another process is training.
            DataError: its run.json is missing or damaged.
        """
        check_is_ours(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"Another process is training in {folder}.", fix="Wait for it, or choose another --run_dir."
            ) from None
        wanted = run_facts(config, dataset, init)
        resumed = holds_work(folder)
        if resumed:
            facts = read_facts(folder)
            check_agrees(folder, facts, wanted)
        else:
            facts = wanted
            write_json(folder / "run.json", facts)
        run = cls(folder, facts, resumed=resumed)
        run._lock = lock
        return run

    @classmethod
    def join(
        cls, folder: Path, config: Mapping[str, Any], dataset: DatasetFacts, init: Mapping[str, Any] | None = None
    ) -> "Run":
        """The run that the chief of several worker processes has just made or gone on with; nothing is written.

        Args:
            As of `create_or_resume`.

        Raises:
            UsageError: the folder is not there, or this worker was started with other settings or data than the chief.
        """
        if not (folder / "run.json").is_file():
            raise UsageError(
                f"This worker does not see the run that worker 0 has in {folder}.",
                expected="a --run_dir in a folder that all workers share.",
            )
        facts = read_facts(folder)
        check_agrees(folder, facts, run_facts(config, dataset, init))
        return cls(folder, facts, resumed=True)

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """A finished run, for evaluation and prediction.

        Raises:
            DataError: no run there, no finished model in it, or a model that was changed afterwards.
        """
        if not (folder / "run.json").is_file():
            check_not_lost(folder)
            raise DataError(
                f"{folder} is not a run folder: it has no run.json.", expected="the --run_dir of a finished fgtl train."
            )
        run = cls(folder, read_json(folder / "run.json"), resumed=True)
        _check_keys(folder / "run.json", run.facts, ("config", "dataset"))
        if not run.is_finished:
            raise DataError(f"The run in {folder} is not finished.", fix="The same fgtl train command goes on with it.")
        _check_keys(run.model_card, run.model_facts, ("sha256", "class_names"))
        if sha256_of(run.model) != run.model_facts["sha256"]:
            raise DataError(
                f"{run.model} is not the file that was written: its checksum differs from model.json.",
                fix="Remove model.json and run the same fgtl train command: it writes the model anew.",
            )
        return run

    def stage(self, name: str = "") -> Stage:
        """Where a training writes; "" is the main one, "refit" the one on train + validation."""
        text = json.dumps([self.facts["config"], self.facts["dataset"], name], sort_keys=True)
        folder = self.folder / name if name else self.folder
        folder.mkdir(exist_ok=True)
        return Stage(folder, hashlib.sha256(text.encode()).hexdigest(), name)

    @property
    def model(self) -> Path:
        """The trained model, model.keras."""
        return self.folder / "model.keras"

    @property
    def model_card(self) -> Path:
        """What has to be known to use it, model.json."""
        return self.folder / MODEL_CARD

    @property
    def evaluations(self) -> Path:
        """Folder of the evaluations, two files for each split."""
        return self.folder / "eval"

    @property
    def report(self) -> Path:
        """The page that `fgtl report` writes."""
        return self.folder / "report.html"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names by label, as the run learned them."""
        return tuple(self.facts["dataset"]["class_names"])

    @property
    def is_finished(self) -> bool:
        """Whether the model is there, as far as names say; `open` checks its content."""
        return self.model.is_file() and self.model_card.is_file()

    @property
    def model_facts(self) -> dict[str, Any]:
        """Content of model.json."""
        return read_json(self.model_card)

    def view_knobs(self, **own: Any) -> ViewKnobs:
        """How this run's model sees images, from its card; `own` are knobs that change no figure (batch size, threads)."""
        card = self.model_facts
        return ViewKnobs(
            image_size=card["input_size"],
            # Models of earlier versions do not say, and had none.
            resize=card.get("resize", 0),
            eval_crop=card["eval_crop"],
            legacy_resize=card["legacy_resize"],
            **own,
        )

    def save_model(self, model: Any, card: Mapping[str, Any]) -> None:
        """Write model.keras, then model.json with the card; each whole or not at all.

        Args:
            model: a Keras model.
            card: JSON-ready: backbone, head, input_size, resize, eval_crop, legacy_resize, metrics. Schema, class names
                and the model file's sha256 are added.
        """
        self.model_card.unlink(missing_ok=True)
        with atomic_path(self.model) as partial:
            # Keras insists on the ending.
            named = partial.with_name(f"{partial.name}.keras")
            try:
                model.save(named)
                named.rename(partial)
            finally:
                named.unlink(missing_ok=True)
        own = {"schema": SCHEMA, "class_names": list(self.class_names), "sha256": sha256_of(self.model)}
        write_json(self.model_card, own | dict(card))


def _check_keys(path: Path, facts: Any, keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if not isinstance(facts, dict) or key not in facts]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}.", expected="the file as fgtl train wrote it.")
