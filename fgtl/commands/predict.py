"""Run + images -> class names and probabilities, as a table, CSV or JSON; how many are right, where folders say it."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgtl.commands.answers import check_output
from fgtl.commands.predict_measured import measure, say_measured
from fgtl.console import say, warn
from fgtl.data.image_files.policy import OddImages
from fgtl.data.many_views import ManyViewsKnobs
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import DataError, UsageError
from fgtl.files import write_atomically
from fgtl.knobs import flag
from fgtl.training.fit_knobs import TrustKnobs

if TYPE_CHECKING:
    from fgtl.training.class_folders import ClassFolders
    from fgtl.training.inference import ImagePrediction

_CELLS = ("class", "probability")


@dataclass(frozen=True)
class Config(ManyViewsKnobs, OddImages, TrustKnobs):
    """Which images, by which run; files and folders follow the flags."""

    run_dir: Path | None = flag(None, "a finished run (required)")
    files: tuple[str, ...] = flag(
        (),
        "images and folders of images; also given without the flag; of a folder with a sub-folder for each class also how "
        "many are right",
    )
    output: Path | None = flag(
        None,
        "predictions.csv or .json, the confusion matrix beside it where classes are known; default: lines on the terminal",
    )
    top: int = flag(5, "classes an image", low=1)
    heads: bool = flag(False, "what each head says too, where a run's head is several (plugin)")
    on_bad: str = flag("fail", "images that cannot be read", choices=("fail", "skip"))
    eval_batch_size: int = flag(32, "images a step", low=1)


def main(config: Config) -> None:
    """Predict all images; write one row an image."""
    if config.run_dir is None or not config.files:
        raise UsageError(
            f"{'--run_dir is' if config.run_dir is None else 'Images are'} missing.",
            expected="fgtl predict --run_dir RUN photo.jpg folder/ ...",
        )
    check_output(config.output, ".csv", ".json")
    import_tensorflow()
    from fgtl.training.class_folders import read_class_folders
    from fgtl.training.inference import RunPredictor, find_images
    from fgtl.training.run import Run

    paths = find_images(config.files)
    run = Run.open(config.run_dir)
    predictor = RunPredictor(
        run,
        config,
        batch_size=config.eval_batch_size,
        views=config.views,
        heads=config.heads,
        allow_saved_models=config.allow_saved_model,
    )
    folders = read_class_folders(config.files, paths, run.class_names)
    # Rows of the output only: with many classes and images the probabilities would not fit in memory. Accuracy needs those
    # of the images whose class is known, as `fgtl evaluate` does.
    rows, known, skipped = [], {}, 0
    for prediction in predictor(paths):
        if prediction.problem is None:
            rows.append(_row(prediction, config.top, folders))
            if prediction.path in folders.labels:
                known[prediction.path] = prediction
            continue
        if config.on_bad == "fail":
            raise DataError(f"{prediction.path}: {prediction.problem}", fix="--on_bad=skip goes on without it.")
        warn(f"skipped {prediction.path}: {prediction.problem}")
        skipped += 1
    if config.output is None:
        _print(rows)
    else:
        text = _json(rows) if config.output.suffix.lower() == ".json" else _csv(rows)
        # A file's name may hold bytes that are no UTF-8.
        write_atomically(config.output, text.encode("utf-8", "replace"))
        say(f"{len(rows):,} images predicted, {skipped:,} skipped -> {config.output}")
    if known:
        say_measured(measure(known, folders.labels, run.class_names, predictor.result), config.output)
        if left_out := folders.left_out():
            warn(left_out)
    elif unmatched := folders.unmatched():
        warn(unmatched)


def _row(prediction: "ImagePrediction", top: int, folders: "ClassFolders") -> dict[str, Any]:
    heads = {head: _classes(prediction, top, head) for head in prediction.heads}
    found: dict[str, Any] = {"image": str(prediction.path)}
    if folders.labels:
        label = folders.labels.get(prediction.path)
        found["true"] = None if label is None else folders.class_names[label]
    found["classes"] = _classes(prediction, top)
    return {**found, "heads": heads} if heads else found


def _classes(prediction: "ImagePrediction", top: int, head: str = "") -> list[dict[str, Any]]:
    return [
        {"class": name, "label": label, "probability": round(probability, 6)}
        for name, label, probability in prediction.ranked(top, head)
    ]


def _print(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        say(row["image"])
        for found in row["classes"]:
            say(f"  {found['probability']:7.2%}  {found['class']}")
        for head, (found, *_) in row.get("heads", {}).items():
            say(f"  {head:>10}: {found['probability']:7.2%}  {found['class']}")


def _json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _csv(rows: list[dict[str, Any]]) -> str:
    """One line an image: image, class_1, probability_1, class_2, ...; then the first class of each head, level1_class, ...

    Where folders say the classes the second column is "true", empty where they do not.
    """
    most = max((len(row["classes"]) for row in rows), default=0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = list(rows[0].get("heads", {})) if rows else []
    columns = [f"{what}_{place}" for place in range(1, most + 1) for what in _CELLS]
    labelled = ["true"] if rows and "true" in rows[0] else []
    writer.writerow(["image", *labelled, *columns, *(f"{head}_{what}" for head in heads for what in _CELLS)])
    for row in rows:
        shown = [*row["classes"], *(row["heads"][head][0] for head in heads)]
        own = [row["image"], *(row[name] or "" for name in labelled)]
        writer.writerow([*own, *(found[what] for found in shown for what in _CELLS)])
    return text.getvalue()
