"""Which runs are one setting with several seeds: the same knobs, and started from the same."""

from collections.abc import Sequence
from typing import Any

from fgtl.reports.evaluated_run import EvaluatedRun
from fgtl.reports.lineage import Ancestor

# Which folder a run started from says nothing of its setting; what was in it does.
_FOLDER = "init_run"


def grouped(runs: Sequence[EvaluatedRun], ignored: set[str]) -> tuple[list[list[EvaluatedRun]], tuple[str, ...]]:
    """Runs of one setting and different seeds together; runs of the same seed too are groups of their own.

    Args:
        runs: to be put together.
        ignored: knobs that are no difference.

    Returns:
        The groups, and sentences about runs that are kept apart because nobody can say what they started from.
    """
    groups: list[list[EvaluatedRun]] = []
    notes: dict[str, None] = {}
    for run in runs:
        for group in groups:
            seeds = {one.config.get("seed") for one in group}
            if _knobs(group[0].config, ignored) != _knobs(run.config, ignored) or run.config.get("seed") in seeds:
                continue
            alike = _started_alike(group[0].lineage, run.lineage, ignored)
            if alike:
                group.append(run)
                break
            if alike is None:
                notes |= dict.fromkeys(_why_apart(group[0], run))
        else:
            groups.append([run])
    return groups, tuple(notes)


def differing(groups: Sequence[Sequence[EvaluatedRun]], ignored: set[str]) -> list[str]:
    """Knobs that do not have the same value in all groups; backbone and head have columns of their own.

    Where the groups started from is among them only where that may make a difference.
    """
    firsts = [group[0] for group in groups]
    names = dict.fromkeys(name for run in firsts for name in run.config)
    varied = [name for name in names if any(run.config.get(name) != firsts[0].config.get(name) for run in firsts)]
    if all(_started_alike(firsts[0].lineage, run.lineage, ignored) for run in firsts):
        ignored = ignored | {_FOLDER}
    return [name for name in varied if name not in ignored | {"backbone", "head"}]


def _knobs(config: dict[str, Any], ignored: set[str]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in ignored and name != _FOLDER}


def _started_alike(one: Sequence[Ancestor], other: Sequence[Ancestor], ignored: set[str]) -> bool | None:
    """Whether two runs started from one model, or from runs of one setting; None: nobody can say."""
    for here, there in zip(one, other, strict=False):
        if here.sha256 and here.sha256 == there.sha256:
            return True
        if here.facts is None or there.facts is None:
            return None
        if _knobs(here.facts["config"], ignored) != _knobs(there.facts["config"], ignored):
            return False
    return len(one) == len(other)


def _why_apart(one: EvaluatedRun, other: EvaluatedRun) -> list[str]:
    """A sentence for each of two runs whose ancestor is not known."""
    return [
        f"{run.folder} is not put together with other seeds: {run.lineage[-1].folder}, from which it or a run before it "
        "started, is not there any more or has another model now."
        for run in (one, other)
        if run.lineage and run.lineage[-1].facts is None
    ]
