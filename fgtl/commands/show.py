"""Record set -> contact sheet, or one record with its boxes and parts."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.console import say, warn
from fgtl.data.records import RecordSet
from fgtl.errors import UsageError
from fgtl.files import atomic_path
from fgtl.knobs import LARGEST_SEED, Knobs, flag

if TYPE_CHECKING:
    from PIL import Image

_ENDINGS = (".png", ".jpg", ".jpeg")
_JPEG_SIDE = 65_500


@dataclass(frozen=True)
class Config(Knobs):
    """What is shown."""

    dataset: str = flag("", "name of the data set, when --records is not given")
    records: Path | None = flag(None, "record set (records/DATASET)")
    id: str = flag("", "show the record with this id, large, with boxes and parts; default: a contact sheet")
    split: str = flag("train", "sheet: split expression, e.g. train+validation")
    classes: tuple[str, ...] = flag((), "sheet: only these; a class's name, its label, or a part of names")
    count: int = flag(48, "sheet: images, as many of each class as of the others", low=1, high=2000)
    columns: int = flag(8, "sheet: images in a row", low=1, high=100)
    annotations: bool = flag(False, "sheet: draw boxes and parts")
    seed: int = flag(0, "sheet: which images are drawn", low=0, high=LARGEST_SEED)
    output: Path | None = flag(None, "picture to write (.png, .jpg); default: DATASET-SPLIT.png or DATASET-ID.png")


def main(config: Config) -> None:
    """Draw, write, and say what was drawn."""
    if config.records is None and not config.dataset:
        raise UsageError("Neither --records nor --dataset was given.", expected="--records FOLDER or --dataset NAME.")
    records = RecordSet.open(config.records or Path("records") / config.dataset)
    output = config.output or Path(re.sub(r"[^\w.+=-]+", "_", f"{records.name}-{config.id or config.split}") + ".png")
    if output.suffix.lower() not in _ENDINGS or output.is_dir():
        raise UsageError(
            f"--output={output} is no picture's name.", expected=f"a file ending in {', '.join(_ENDINGS)}."
        )
    if config.id:
        _show_record(records, config.id, output)
    else:
        _show_sheet(records, config, output)


def _show_record(records: RecordSet, id: str, output: Path) -> None:
    from fgtl.reports.record_picture import find_record, record_picture

    found = find_record(records, id)
    _write(record_picture(found), output)
    name = records.class_names[int(found.selection.labels[found.position])]
    say(f"{id}: {name}, {found.split} -> {output}")


def _show_sheet(records: RecordSet, config: Config, output: Path) -> None:
    from fgtl.reports.contact_sheet import of_classes, sheet_of

    selection = of_classes(records.select(config.split), config.classes)
    sheet, damaged = sheet_of(
        selection, count=config.count, columns=config.columns, seed=config.seed, annotations=config.annotations
    )
    _write(sheet, output)
    for id, reason in damaged.items():
        warn(f"The record {id} is damaged: {reason}")
    shown = min(config.count, len(selection))
    say(f"{shown:,} of {len(selection):,} images, {config.split} of {records.name} -> {output}")


def _write(picture: "Image.Image", output: Path) -> None:
    jpeg = output.suffix.lower() != ".png"
    if jpeg and max(picture.size) > _JPEG_SIDE:
        raise UsageError(
            f"The picture has {picture.width:,} x {picture.height:,} pixels, {output} can hold {_JPEG_SIDE:,} a side.",
            fix="Take fewer images, more columns, or an --output that ends in .png.",
        )
    try:
        with atomic_path(output) as partial:
            picture.save(partial, "JPEG" if jpeg else "PNG", quality=90)
    except OSError as error:
        # Of the name that the user knows, not of the temporary one.
        error.filename = str(output)
        raise
