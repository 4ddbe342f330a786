"""run.json: what a run is, and whether a second start means the same one."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fgtl
from fgtl.errors import UsageError

SCHEMA = 1
# Knobs that may differ when a run goes on: they change neither what is computed nor what is reported. (bad_records: up
# to the first bad record both ways are the same, and a run that ended there must be able to go on.)
FREE = frozenset(
    {
        "run_dir",
        "records",
        "data_dir",
        "log_every_steps",
        "checkpoint_every_seconds",
        "checkpoint_every_steps",
        "keep",
        "eval_batch_size",
        "threads",
        "prefetch",
        "cache",
        "bad_records",
    }
)


@dataclass(frozen=True)
class DatasetFacts:
    """What a run remembers of its record set. counts: split -> images."""

    name: str
    classes: int
    class_names: tuple[str, ...]
    manifest_sha256: str
    counts: dict[str, int]


def run_facts(config: Mapping[str, Any], dataset: DatasetFacts) -> dict[str, Any]:
    """The content of run.json.

    Args:
        config: the resolved knobs (`Knobs.as_dict()`), a "seed" among them.
    """
    facts = {
        "schema": SCHEMA,
        "versions": {"fgtl": fgtl.__version__, "tensorflow": version("tensorflow"), "keras": version("keras")},
        "config": dict(config),
        "dataset": asdict(dataset),
        "seed": config.get("seed", 0),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # Through JSON, so that it compares equal to what is read back.
    return json.loads(json.dumps(facts))


def check_agrees(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise UsageError, with both values of what differs, unless a start with `new` goes on with the run `old`."""
    if old.get("schema") != SCHEMA:
        raise UsageError(f"{folder} holds a run of another version of fgtl.", fix="Choose another --run_dir.")
    pairs = {f"--{name}": (old["config"].get(name), new["config"].get(name)) for name in old["config"] | new["config"]}
    pairs = {name: pair for name, pair in pairs.items() if name.removeprefix("--") not in FREE}
    pairs |= {name: (old["dataset"][name], new["dataset"][name]) for name in ("manifest_sha256", "counts")}
    differing = [f"{name}: there {was!r}, now {now!r}" for name, (was, now) in sorted(pairs.items()) if was != now]
    if differing:
        raise UsageError(
            f"{folder} holds a run with other settings:\n    " + "\n    ".join(differing),
            expected="the settings it was started with, to go on with it.",
            fix="Use those, or choose another --run_dir.",
        )
