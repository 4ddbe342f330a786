"""What can be said of a training before it starts: knobs that contradict each other, data that rarely is as meant."""

from pathlib import Path
from typing import TypeVar

import numpy as np

from fgtl.console import warn
from fgtl.data.records import Selection
from fgtl.errors import UsageError
from fgtl.training.fit_knobs import FitKnobs
from fgtl.training.recorded import recorded_parts
from fgtl.training.run import Run

# Classes that a warning lists before it only counts.
NAMED = 5


ConfigT = TypeVar("ConfigT", bound=FitKnobs)


def started_from(config: ConfigT, run_dir: Path) -> ConfigT:
    """With `init_run` the config without weights of its own, otherwise as it is.

    Raises:
        UsageError: weights are given too, or the run that is started from is this one.
    """
    if config.init_run is None:
        return config
    if config.given.get("weights", "none") != "none":
        raise UsageError(
            f"--init_run={config.init_run} and --weights={config.weights}: both say where the weights come from.",
            expected="one of them.",
        )
    if config.init_run.absolute() == run_dir.absolute():
        raise UsageError(f"--init_run={config.init_run} is the --run_dir too.", expected="another, finished run.")
    return config.from_given({**config.given, "weights": "none"})


def check_meant(knobs: FitKnobs) -> None:
    """Raise UsageError for names that nobody knows, and for knobs that contradict each other."""
    # Here: TensorFlow must be imported before Keras.
    from fgtl.heads.head import HEADS
    from fgtl.models.backbone import BACKBONES

    HEADS.check(knobs.head)
    if ":" not in knobs.backbone:
        BACKBONES.check(knobs.backbone)
    tunes = knobs.mode != "head"
    if knobs.starts_fresh and tunes and knobs.tuned_bn == "inference":
        raise UsageError(
            "--weights=none with --tuned_bn=inference: a fresh network has no batch statistics to keep.",
            fix="Add --tuned_bn=train.",
        )
    policy = "tuned_bn" if tunes else "frozen_bn"
    if knobs.drop_path and getattr(knobs, policy) == "inference":
        raise UsageError(
            f"--drop_path={knobs.drop_path:g} with --{policy}=inference: nothing would be left out.",
            fix=f"Add --{policy}=train.",
        )


def warn_of_data(train: Selection, image_size: int) -> None:
    """Name what is legal and yet rarely meant: classes without images, images far smaller than the input."""
    names = train.records.class_names
    there = np.bincount(train.labels, minlength=len(names)) > 0
    absent = [name for name, is_there in zip(names, there, strict=True) if not is_there]
    if absent:
        shown = ", ".join(absent[:NAMED]) + (f" and {len(absent) - NAMED:,} more" if len(absent) > NAMED else "")
        warn(f"{len(absent):,} of {len(names):,} classes have no training image and will not be learned: {shown}.")
    side = int(np.median(np.minimum(train.heights, train.widths)))
    if 2 * side < image_size:
        warn(
            f"The training images' median short side is {side:,} px: --image_size={image_size} enlarges them more "
            "than twice. A smaller size trains faster and sees as much."
        )


def warn_of_start(first: Run, validation: Selection) -> None:
    """Say when a run starts from one, `first`, that was trained on images which choose the epoch now."""
    records = validation.records
    if first.facts["dataset"]["manifest_sha256"] != records.manifest_sha256:
        return
    parts = recorded_parts(first, records)
    learned = parts.everything if first.facts["config"].get("refit") else parts.train
    seen = int(np.isin(validation.ids, learned.ids).sum())
    if seen:
        warn(
            f"--init_run={first.folder} was trained on {seen:,} of the {len(validation):,} images that choose the "
            "epoch here: their figures are too good. The same --seed and splits, and no --refit there, keep them apart."
        )
