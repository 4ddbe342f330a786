"""The folder a conversion writes to: whose files are in it, one conversion at a time, and what may be removed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from fgtl.data.beam.stage import adopt_shards
from fgtl.data.companions import COMPANIONS
from fgtl.data.manifest import LABELS, MANIFEST, index_name, read_manifest
from fgtl.data.plan import Plan
from fgtl.data.shards import SPOOL, WORK_FOLDER, finished_shard
from fgtl.datasets import SPLITS
from fgtl.errors import DataError
from fgtl.files import PARTIAL, read_json, sync, write_json

# The feature store lives in the record set's folder (fgtl.features).
_GUESTS = {"features"}
_PLAN = "plan.json"
_LOCK = "lock"


def _own_files(plan: Plan) -> set[str]:
    indexes = {index_name(split) for split in SPLITS}
    return {task.path.name for task in plan.all_tasks} | indexes | {MANIFEST, LABELS, *COMPANIONS}


def _earlier_files(output_dir: Path) -> set[str]:
    """What earlier conversions wrote, or were about to write, in this folder."""
    names: set[str] = set()
    if (output_dir / MANIFEST).is_file():
        names |= {MANIFEST, LABELS, *COMPANIONS}
        # A damaged manifest names no files; --overwrite can then still replace those that the new plan names too.
        with suppress(DataError):
            names |= {file.file for file in read_manifest(output_dir).files}
    if (output_dir / WORK_FOLDER / _PLAN).is_file():
        listed = read_json(output_dir / WORK_FOLDER / _PLAN)["files"]
        names |= {name for name in listed if Path(name).name == name}
    return names


def refuse_foreign(output_dir: Path, plan: Plan) -> None:
    """DataError when the folder holds a file that no conversion wrote: nothing of somebody's is mixed in or removed."""
    if not output_dir.exists():
        return
    if not output_dir.is_dir():
        raise DataError(f"{output_dir} is a file.", expected="a folder for the record set.")
    known = _earlier_files(output_dir) | _GUESTS | {WORK_FOLDER}
    if known - _GUESTS - {WORK_FOLDER}:
        known |= _own_files(plan)
    foreign = sorted(entry.name for entry in output_dir.iterdir() if _final_name(entry.name) not in known)
    if foreign:
        more = f" and {len(foreign) - 3:,} more" if len(foreign) > 3 else ""
        raise DataError(
            f"{output_dir} holds something else: {', '.join(foreign[:3])}{more}.",
            expected="a new or empty folder, or one that a conversion began.",
            fix="Name another --output_dir, or remove the folder if it is a record set that has lost its manifest.json. "
            "Nothing was written.",
        )


def _final_name(name: str) -> str:
    """The name a half-written file would have got; other names unchanged."""
    return name.removesuffix(PARTIAL).rpartition(".")[0] if name.endswith(PARTIAL) else name


@contextmanager
def locked(output_dir: Path) -> Iterator[None]:
    """Hold the folder for one conversion; DataError when another one has it. The lock ends with its process."""
    work = output_dir / WORK_FOLDER
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / _LOCK, timeout=0):
            yield
    except Timeout:
        raise DataError(f"Another conversion is writing {output_dir}.", fix="Wait for it, or end it.") from None


def clear(output_dir: Path, plan: Plan) -> None:
    """Remove what earlier conversions left, except shards that this plan can keep; the manifest goes first."""
    refuse_foreign(output_dir, plan)
    earlier = _earlier_files(output_dir)
    # On record before anything is removed, so that a run killed in between still knows its files.
    write_json(output_dir / WORK_FOLDER / _PLAN, {"files": sorted(earlier | _own_files(plan))})
    was_finished = (output_dir / MANIFEST).is_file()
    (output_dir / MANIFEST).unlink(missing_ok=True)
    sync(output_dir)
    tasks = [] if was_finished else plan.all_tasks
    adopt_shards(output_dir / WORK_FOLDER, tasks)
    kept = {task.path.name for task in tasks if finished_shard(task)}
    for entry in list(output_dir.iterdir()):
        if _final_name(entry.name) in earlier | _own_files(plan) and entry.name not in kept:
            entry.unlink()
    for sidecar in (output_dir / WORK_FOLDER).iterdir():
        if sidecar.name not in (_PLAN, _LOCK, SPOOL) and sidecar.name.removesuffix(".json") not in kept:
            sidecar.unlink()
