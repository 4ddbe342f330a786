"""Run + record set -> regions file: the points that the run's head keeps of each image, as boxes in the stored images."""

import shlex
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fgtl.commands.answers import check_place
from fgtl.commands.evaluate import check_classes, open_records
from fgtl.console import say
from fgtl.data.bad_records import could_not_be_read
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import UsageError
from fgtl.knobs import flag
from fgtl.training.fit_knobs import TrustKnobs

if TYPE_CHECKING:
    from fgtl.heads.classifier import Classifier


@dataclass(frozen=True)
class Config(TrustKnobs):
    """Whose points, in which images."""

    run_dir: Path | None = flag(None, "a finished run whose head keeps points (plugin; required)")
    records: Path | None = flag(None, "record set; default: the one the run was trained on")
    split: str = flag("test", "split expression, e.g. test[:1000]")
    best: int = flag(64, "so many of each level of an image, the surest; 0: all that are kept", low=0)
    output: Path | None = flag(None, "regions.npz to write, with regions.json beside it; default: RUN/regions.npz")
    eval_batch_size: int = flag(100, "images a step, over all devices", low=1)
    devices: tuple[str, ...] = flag((), "e.g. gpu:0,gpu:1 or cpu; default every GPU, else the CPU")
    threads: int = flag(0, "threads that decode images; 0 = one for each core", low=0)
    bad_records: str = flag(
        "fail",
        "what cannot be read: fail ends with its id; skip leaves it out and says so",
        choices=("fail", "skip"),
    )


def main(config: Config) -> None:
    """Look at every image of the split once; write the regions, and say how they are looked at further."""
    if config.run_dir is None:
        raise UsageError("--run_dir is missing.", expected="the folder of a finished run.")
    output = config.output or config.run_dir / "regions.npz"
    if output.suffix != ".npz":
        raise UsageError(f"--output={output} is no regions file's name.", expected="a name that ends in .npz.")
    check_place(output)
    import_tensorflow()
    from fgtl.data.damage import damage_explained
    from fgtl.heads.classifier import load_classifier
    from fgtl.regions.files import write_regions
    from fgtl.training.distribution import pick_strategy, scope_of
    from fgtl.training.evaluation import Predictor
    from fgtl.training.kept_points import expect_points, find_regions, points_of
    from fgtl.training.recorded import selected
    from fgtl.training.run import Run

    run = Run.open(config.run_dir)
    records = open_records(config.records, run)
    check_classes(run, records)
    selection = selected(run, records, config.split)
    strategy = pick_strategy(config.devices)
    with scope_of(strategy):
        model = load_classifier(run.model, config.allow_saved_model)
    expect_points(model)
    _check_best(config.best, model)
    views = run.view_knobs(
        eval_batch_size=config.eval_batch_size, threads=config.threads, bad_records=config.bad_records
    )
    most = config.best or sys.maxsize
    predict = Predictor(model, strategy, output=partial(points_of, most=most))
    with damage_explained(selection):
        seen, regions = find_regions(
            model,
            predict,
            selection,
            views,
            most=most,
            source=f"points kept by {run.model_facts['head']} on {run.model_facts['backbone']}, {config.split}",
            run=str(run.folder),
        )
    lost = tuple(np.setdiff1d(selection.ids, seen.ids).tolist())
    write_regions(output, regions)
    shares = ", ".join(
        f"{name} {np.count_nonzero(regions.levels == level) / len(seen):.1f}"
        for level, name in enumerate(regions.level_names)
    )
    say(f"{len(regions):,} regions of {len(seen):,} images, each has on average {shares} -> {output}")
    if lost:
        say(f"{len(seen):,} of {len(selection):,} images; {could_not_be_read(lost)}")
    paths = (shlex.quote(str(path)) for path in (output, records.folder, output.with_name("hits.html")))
    say("next: fgtl hits --regions {} --records {} --output {}".format(*paths))


def _check_best(best: int, model: "Classifier") -> None:
    """Raise UsageError where an image would have more regions than there are ranks."""
    from fgtl.regions.regions import MOST_RANKS

    levels = model.head.regions(model.output)
    count = sum(min(best or sys.maxsize, level.index.shape[1]) for level in levels)
    if count > MOST_RANKS:
        raise UsageError(
            f"--best={best} keeps {count:,} points of each image, of {len(levels)} levels.",
            expected=f"at most {MOST_RANKS:,} in all: --best={MOST_RANKS // len(levels)} or less.",
        )
