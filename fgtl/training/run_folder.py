"""What a folder that is to hold a run holds already."""

from pathlib import Path

from fgtl.errors import DataError, UsageError
from fgtl.files import PARTIAL

LOCK = ".lock"
MODEL_CARD = "model.json"


def holds_work(folder: Path) -> bool:
    """Whether there is something to go on with: a model or a checkpoint that run.json describes.

    A start that was refused before its first checkpoint (a wrong flag, say) leaves nothing.
    """
    checkpoints = [*folder.glob("checkpoints/step-*"), *folder.glob("*/checkpoints/step-*")]
    whole = any(not path.name.endswith(PARTIAL) for path in checkpoints)
    return (folder / "run.json").exists() and (whole or (folder / MODEL_CARD).exists())


def check_is_ours(folder: Path) -> None:
    """Raise UsageError or DataError when a training must not write there."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--run_dir={folder} is a file.", expected="a folder, or a name that is free.")
    if not folder.exists() or (folder / "run.json").exists():
        return
    check_not_lost(folder)
    # What a start that was killed before run.json leaves behind.
    strange = sorted(path.name for path in folder.iterdir() if path.name != LOCK and not path.name.endswith(PARTIAL))
    if strange:
        raise UsageError(
            f"--run_dir={folder} holds something else ({', '.join(strange[:3])}{', ...' * (len(strange) > 3)}).",
            expected="a run, an empty folder, or a name that is free.",
        )


def check_not_lost(folder: Path) -> None:
    """Raise DataError when a folder without run.json has what only a run leaves behind."""
    traces = ("best.json", MODEL_CARD, "checkpoints/step-*", "refit/checkpoints/step-*")
    found = [path.name for trace in traces for path in folder.glob(trace)]
    if found:
        raise DataError(
            f"{folder} holds a run (there is {found[0]}), but its run.json is missing.",
            fix="Put run.json back from a copy: it has the settings, without which the run can neither go on nor be "
            "used. To train anew, remove the folder or choose another --run_dir.",
        )
