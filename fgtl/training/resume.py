"""What a second start goes on from: a step of its own, and what is on record of a first stage that is gone."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgtl.console import warn
from fgtl.errors import DataError
from fgtl.files import read_json
from fgtl.training.checkpoint import Checkpoints
from fgtl.training.init_run import init_facts
from fgtl.training.run import Run, Stage


@dataclass(frozen=True)
class Start:
    """What a run with `init_run` starts from.

    Attributes:
        facts: for run.json, see `init_facts`.
        run: the first stage; None when it is gone and not needed, because the run has all weights itself.
    """

    facts: dict[str, Any]
    run: Run | None


def resumes_at(stage: Stage) -> int | None:
    """The step of the stage's newest whole checkpoint, None when there is none.

    Says nothing of damaged ones: the training does, when it goes back behind them.
    """
    checkpoints = Checkpoints(stage.checkpoints, identity=stage.identity)
    for step in checkpoints.steps():
        with suppress(DataError):
            checkpoints.state(step)
            return step
    return None


def find_start(init_run: Path, run_dir: Path, *, refit: bool) -> Start:
    """The run to start from; when it is gone, what the run in `run_dir` that started from it remembers.

    Args:
        refit: a second training starts from it too.

    Raises:
        DataError: it is not finished, was changed, or is gone and still needed.
    """
    if not (init_run / "model.keras").is_file() and (facts := _remembered(init_run, run_dir, refit=refit)):
        warn(f"--init_run={init_run} is gone; this run goes on with its own weights. It started from {facts['run']}.")
        return Start(facts, None)
    first = Run.open(init_run)
    return Start(init_facts(first), first)


def _remembered(init_run: Path, run_dir: Path, *, refit: bool) -> dict[str, Any] | None:
    """The "init" of a run that needs it no more; None when there is no such run, or it did not get beyond its start."""
    if not (run_dir / "run.json").is_file():
        return None
    run = Run(run_dir, read_json(run_dir / "run.json"), resumed=True)
    facts: dict[str, Any] | None = run.facts.get("init")
    if not facts or run.is_finished:
        return facts
    if resumes_at(run.stage()) is None:
        return None
    if refit and resumes_at(run.stage("refit")) is None:
        raise DataError(
            f"--init_run={init_run} is gone, and the refit of {run_dir} has to start from it.",
            expected=f"the run that was at {facts['run']}.",
            fix="Put it back, there or elsewhere, and name its place.",
        )
    return facts
