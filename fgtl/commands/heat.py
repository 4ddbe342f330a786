"""Run + images -> pictures of where it looks: kept points, class maps and energy, on the stored images."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fgtl.commands.evaluate import check_classes, open_records
from fgtl.commands.heat_files import Pictures, check_images_stay, planned_pictures
from fgtl.console import Progress, say
from fgtl.data.image_files.policy import BadImage, ImagePolicy, OddImages, store
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import DataError, UsageError
from fgtl.files import atomic_path
from fgtl.knobs import flag
from fgtl.training.fit_knobs import TrustKnobs

if TYPE_CHECKING:
    from PIL import Image

    from fgtl.data.records import RecordSet
    from fgtl.training.heat_pictures import HeatPictures
    from fgtl.training.run import Run

# Images held in memory at once.
CHUNK = 32


@dataclass(frozen=True)
class Config(OddImages, TrustKnobs):
    """Which images, by which run; image files, folders and ids of the record set follow the flags."""

    run_dir: Path | None = flag(None, "a finished run (required)")
    files: tuple[str, ...] = flag((), "image files, folders of them, ids of records; also given without the flag")
    records: Path | None = flag(None, "record set of the ids; default: the one the run was trained on")
    class_name: str = flag(
        "", "class of the class maps: its name, its label or a part of its name; default: each image's predicted one"
    )
    threshold: float = flag(
        0.0,
        "energy below this share of the largest is left out where all levels are joined (published: 0.75)",
        low=0,
        high=1,
    )
    output: Path = flag("heat", "folder; or, of one image, a picture.png of everything")
    overlays: bool = flag(True, "in a folder: also what all levels say together, on the image in its own size")
    eval_batch_size: int = flag(8, "images a step", low=1)


class Asked(NamedTuple):
    """An image that was named.

    Attributes:
        name: for people.
        stem: what its pictures are called after.
        read: gives its file.
        path: of its file; None of a record.
    """

    name: str
    stem: str
    read: Callable[[], bytes]
    path: Path | None = None


def main(config: Config) -> None:
    """Look at all images, and draw what was found in each."""
    if config.run_dir is None or not config.files:
        raise UsageError(
            f"{'--run_dir is' if config.run_dir is None else 'Images are'} missing.",
            expected="fgtl heat --run_dir RUN photo.jpg folder/ ID ...",
        )
    import_tensorflow()
    from fgtl.heads.classifier import load_classifier
    from fgtl.training.heat import HeatFinder
    from fgtl.training.heat_pictures import HeatPictures
    from fgtl.training.run import Run

    run = Run.open(config.run_dir)
    label = _label(config.class_name, run.class_names)
    asked = _asked(config, run)
    planned = planned_pictures(config.output, [one.stem for one in asked], config.overlays)
    check_images_stay(config.output, planned, [one.path for one in asked if one.path is not None])
    model = load_classifier(run.model, config.allow_saved_model)
    knobs = run.view_knobs(eval_batch_size=min(config.eval_batch_size, len(asked)))
    look, points = HeatFinder(model, knobs), True
    with Progress("heat", len(asked)) as progress:
        for start in range(0, len(asked), CHUNK):
            some = asked[start : start + CHUNK]
            files = [_stored(one, config) for one in some]
            for one, pictures, data, heat in zip(some, planned[start:], files, look(files, label), strict=False):
                drawn = HeatPictures(data, one.name, heat, run.class_names, config.threshold)
                points = heat.has_points
                _write(drawn, pictures)
                progress.advance(1)
    if not points:
        say(
            f"The head {run.model_facts['head']} keeps no points and says nothing at single ones: the energy alone was drawn."
        )
    say(f"{len(asked):,} images -> {config.output}")


def _label(word: str, class_names: tuple[str, ...]) -> int | None:
    """The label of the class that a word names; None without a word."""
    from fgtl.reports.contact_sheet import labels_named

    if not word:
        return None
    labels = labels_named(word, class_names)
    if len(labels) > 1:
        some = ", ".join(class_names[label] for label in labels[:3])
        raise UsageError(
            f"--class_name={word} is a part of the names of {len(labels):,} classes ({some} ...).",
            expected="one class: its whole name, its label, or a part that no other has.",
        )
    return labels[0]


def _asked(config: Config, run: "Run") -> list[Asked]:
    """The images, in the order in which they were named."""
    from fgtl.training.inference import find_images

    found: list[Asked] = []
    records: RecordSet | None = None
    for word in config.files:
        if Path(word).expanduser().exists():
            found += [Asked(str(path), path.stem, path.read_bytes, path) for path in find_images([word])]
            continue
        if records is None:
            records = open_records(config.records, run)
            check_classes(run, records)
        found.append(_recorded(word, records))
    return found


def _recorded(id: str, records: "RecordSet") -> Asked:
    from fgtl.reports.record_picture import find_record

    try:
        record = find_record(records, id)
    except UsageError as error:
        raise UsageError(f"There is no file or folder {id}, and as an id: {error}") from None
    own = records.class_names[int(record.selection.labels[record.position])]
    return Asked(f"{id} ({own}, {record.split})", id, partial(record.selection.image, record.position))


def _stored(asked: Asked, config: Config) -> bytes:
    """The image as a record has it; every pixel of it can be decoded."""
    try:
        return store(asked.read(), ImagePolicy(odd=config.odd, max_pixels=config.max_pixels, check="decode")).data
    except BadImage as error:
        raise DataError(f"{asked.name}: {error.reason}", fix="Leave it out.") from None


def _write(drawn: "HeatPictures", pictures: Pictures) -> None:
    _save(drawn.sheet(), pictures.sheet)
    for what, picture in drawn.overlays().items() if pictures.overlays else ():
        _save(picture, pictures.overlays[what])


def _save(picture: "Image.Image", path: Path) -> None:
    with atomic_path(path) as partial_path:
        picture.save(partial_path, "PNG")
