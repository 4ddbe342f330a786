"""run.json: what a run is, and whether a second start means the same one."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import fgtl
from fgtl.errors import DataError, UsageError
from fgtl.files import read_json

SCHEMA = 1
# Knobs that may differ when a run goes on: they change neither what is computed nor what is reported. (bad_records: up
# to the first bad record both ways are the same, and a run that ended there must be able to go on. recipe: what came out
# of it is compared. dataset: names folders; what is in the record set is compared.)
FREE = frozenset(
    {
        "run_dir",
        "dataset",
        "records",
        "recipe",
        "steps_per_call",
        "log_every_steps",
        "checkpoint_every_seconds",
        "checkpoint_every_steps",
        "keep",
        "eval_batch_size",
        "threads",
        "prefetch",
        "cache",
        "bad_records",
        "allow_saved_model",
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


def run_facts(
    config: Mapping[str, Any], dataset: DatasetFacts, init: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The content of run.json.

    Args:
        config: the resolved knobs (`Knobs.as_dict()`), a "seed" among them.
        init: where the weights came from, when from another run: its "run" and its model's "sha256".
    """
    facts = {
        "schema": SCHEMA,
        "versions": {"fgtl": fgtl.__version__, "tensorflow": version("tensorflow"), "keras": version("keras")},
        "config": dict(config),
        "dataset": asdict(dataset),
        "init": dict(init) if init else None,
        "seed": config.get("seed", 0),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # Through JSON, so that it compares equal to what is read back.
    return json.loads(json.dumps(facts))


def read_facts(folder: Path) -> dict[str, Any]:
    """The content of a run's run.json, to go on with the run.

    Raises:
        DataError: it is not whole.
    """
    path = folder / "run.json"
    try:
        facts = read_json(path)
    except DataError as error:
        raise _damaged(path, str(error).splitlines()[0].removeprefix(f"{path} ")) from None
    parts = {"": ("schema", "config", "dataset"), "dataset": ("classes", "manifest_sha256", "counts"), "config": ()}
    for part, names in parts.items():
        found = facts[part] if part else facts
        missing = [name for name in names if not isinstance(found, dict) or name not in found]
        if missing or not isinstance(found, dict):
            raise _damaged(path, f"it lacks {', '.join(missing) or part}.")
    return facts


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} is damaged: {why}",
        expected="the file as fgtl train wrote it.",
        fix="Put it back from a copy, or choose another --run_dir.",
    )


def check_agrees(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise UsageError, with both values of what differs, unless a start with `new` goes on with the run `old`."""
    if old.get("schema") != SCHEMA:
        raise UsageError(f"{folder} holds a run of another version of fgtl.", fix="Choose another --run_dir.")
    _check_data(folder, old, new)
    pairs = {f"--{name}": (old["config"].get(name), new["config"].get(name)) for name in old["config"] | new["config"]}
    pairs = {name: pair for name, pair in pairs.items() if name.removeprefix("--") not in FREE | {"init_run"}}
    # By its content: the run that was started from may be spelled in another way, or have been moved.
    pairs["--init_run"] = (_named_start(old), _named_start(new))
    if _start_sha256(old) == _start_sha256(new):
        del pairs["--init_run"]
    differing = [f"{name}: there {was!r}, now {now!r}" for name, (was, now) in sorted(pairs.items()) if was != now]
    if differing:
        raise UsageError(
            f"{folder} holds a run with other settings:\n    " + "\n    ".join(differing),
            expected="the settings it was started with, to go on with it.",
            fix="Use those, or choose another --run_dir. What may change at any time: "
            + ", ".join(f"--{name}" for name in sorted(FREE & new["config"].keys()))
            + ".",
        )


def _check_data(folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise UsageError, saying in words what differs, unless the record set is the one that the run was trained on."""
    was, now = old["dataset"], new["dataset"]
    if all(was[name] == now[name] for name in ("classes", "manifest_sha256", "counts")):
        return
    pairs = [("classes", was["classes"], now["classes"])]
    pairs += [
        (f"images of {split}", was["counts"].get(split, 0), now["counts"].get(split, 0))
        for split in sorted(was["counts"] | now["counts"])
    ]
    lines = [f"{what}: there {one:,}, now {other:,}" for what, one, other in pairs if one != other]
    if was["manifest_sha256"] != now["manifest_sha256"]:
        lines += [f"fingerprint: there {was['manifest_sha256'][:12]}, now {now['manifest_sha256'][:12]}"]
    raise UsageError(
        f"{new['config'].get('records', 'The record set')} is not the record set that the run in {folder} was "
        "trained on:\n    " + "\n    ".join(lines),
        expected=f"that one, {was.get('name', '')}; it was at {old['config'].get('records', 'another place')}.",
        fix="Name its place with --records, or choose another --run_dir to train on this one.",
    )


def _start_sha256(facts: Mapping[str, Any]) -> str | None:
    return (facts.get("init") or {}).get("sha256")


def _named_start(facts: Mapping[str, Any]) -> str | None:
    init = facts.get("init")
    return f"{init['run']} (model {init['sha256'][:12]})" if init else None
