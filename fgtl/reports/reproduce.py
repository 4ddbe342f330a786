"""The commands that make a run again, from its own settings."""

import shlex

from fgtl.reports.run_files import RunFiles


def commands(run: RunFiles) -> dict[str, str]:
    """Verb -> command line for a shell; `evaluate` has a line for each split that was evaluated."""
    flags = [f"--run_dir={run.folder}"]
    for name, value in run.config.items():
        if name == "run_dir" or value is None or value in ("", []):
            continue
        if name == "dataset" and run.config.get("records"):
            # It only names folders, and both are given.
            continue
        if isinstance(value, bool):
            flags.append(f"--{name}" if value else f"--no{name}")
        else:
            flags.append(f"--{name}={','.join(map(str, value)) if isinstance(value, list) else value}")
    at = shlex.quote(f"--run_dir={run.folder}")
    asked = list(run.asked.values()) or [(_worth_evaluating(run), "centre")]
    return {
        "train": " \\\n  ".join(["fgtl train", *map(shlex.quote, flags)]),
        "evaluate": "\n".join(f"fgtl evaluate {at} {_shown(*one)}" for one in asked),
        "report": f"fgtl report {at}",
        "heat": f"fgtl heat {at} --output=heat.png photo.jpg",
    }


def _shown(split: str, views: str) -> str:
    return shlex.join([f"--split={split}", *([] if views == "centre" else [f"--views={views}"])])


def _worth_evaluating(run: RunFiles) -> str:
    """test, or what there is in its place; not every data set has test images."""
    counts = run.dataset.get("counts", {})
    return next((split for split in ("test", "validation") if counts.get(split)), next(iter(counts), "test"))
