"""DATASET.md: what a record set is, for whoever finds the folder. With two pictures, and three ways to read it."""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from fgtl.data.companions import CLASSES_PICTURE, PAGE, SIZES_PICTURE
from fgtl.data.manifest import Manifest
from fgtl.data.records import RecordSet
from fgtl.data.shards import EMPTY_BOX
from fgtl.files import write_atomically
from fgtl.reports.dataset_pictures import MOST_CLASSES, RARE, class_grid, class_size_figure
from fgtl.reports.figures import to_png

_LISTED = 20
_SETTINGS = ("num_shards", "shard_names", "seed", "odd", "check", "max_side")


def write_dataset_page(records: RecordSet) -> list[Path]:
    """Write DATASET.md and its pictures into the record set's folder; the page comes last.

    The same record set gives the same bytes (with the same Pillow and Matplotlib). Damaged records become grey tiles.

    Returns:
        What was written.

    Cost: at most 100 images are read. Memory: the indexes of the splits, and 15 MB for the pictures.
    """
    grid = io.BytesIO()
    class_grid(records).save(grid, "JPEG", quality=85)
    contents: dict[str, bytes | str] = {
        CLASSES_PICTURE: grid.getvalue(),
        SIZES_PICTURE: to_png(class_size_figure(records.manifest.class_counts)),
        PAGE: dataset_page(records.manifest),
    }
    for name, content in contents.items():
        write_atomically(records.folder / name, content)
    return [records.folder / name for name in contents]


def dataset_page(manifest: Manifest) -> str:
    """The text of DATASET.md."""
    environment = Environment(
        loader=PackageLoader("fgtl.reports"), trim_blocks=False, undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {"md": markdown, "link": _link}
    first = next(iter(manifest.shards))
    return environment.get_template("dataset.md.jinja").render(
        name=manifest.name,
        title=manifest.about.get("title") or manifest.name,
        about={key: manifest.about.get(key, "") for key in ("homepage", "licence", "citation", "level")},
        images=f"{sum(manifest.counts.values()):,}",
        parts=manifest.part_names,
        splits=[_split_row(split, counts) for split, counts in manifest.class_counts.items()],
        classes=_class_rows(manifest),
        most_classes=MOST_CLASSES,
        changes=list(_changes(manifest.report)),
        version=manifest.versions.get("fgtl", "?"),
        settings=", ".join(f"{key} {manifest.settings[key]}" for key in _SETTINGS if key in manifest.settings),
        first=first,
        pattern=re.sub(r"\d{5}(?=-of-\d{5}(\.tfrecord)?$)", "*", manifest.shards[first][0].file),
        sizes_picture=SIZES_PICTURE,
        classes_picture=CLASSES_PICTURE,
    )


def markdown(text: str) -> str:
    """Any text as Markdown that shows it as it is, in one line."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    # An underscore inside a word is an ordinary letter.
    return re.sub(r"([\\`*\[\]<>|&~#$]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", line)


def _link(address: str) -> str:
    plain = re.fullmatch(r"https?://[^\s<>]+", address)
    return f"<{address}>" if plain else markdown(address)


def _split_row(name: str, class_counts: Sequence[int]) -> dict[str, Any]:
    counts = np.asarray(class_counts)
    there = counts[counts > 0]
    smallest, median, largest = (there.min(), np.median(there), there.max()) if len(there) else (0, 0, 0)
    return {
        "name": name,
        "images": f"{counts.sum():,}",
        "classes": f"{len(there):,}",
        "smallest": f"{smallest:,}",
        "median": f"{median:,.10g}",
        "largest": f"{largest:,}",
        "rare": f"{np.count_nonzero(there < RARE):,}",
    }


def _class_rows(manifest: Manifest) -> list[dict[str, Any]]:
    columns = zip(*manifest.class_counts.values(), strict=True)
    return [{"name": name, "counts": counts} for name, counts in zip(manifest.class_names, columns, strict=True)]


def _changes(report: Any) -> Iterator[str]:
    """One Markdown item for each way in which the record set differs from the download."""
    odd = dict(report.get("odd", {}))
    lost_boxes = odd.pop(EMPTY_BOX, 0)
    if odd:
        kinds = ", ".join(f"{markdown(oddity)} {images:,}" for oddity, images in odd.items())
        yield f"{report.get('reencoded', 0):,} images were re-encoded. Out of the ordinary: {kinds}."
    if lost_boxes:
        yield f"{lost_boxes:,} images lost boxes that lie outside of them."
    if report.get("shrunk"):
        yield f"{report['shrunk']:,} images were shrunk; their records tell the original's size and SHA-256."
    skipped = report.get("skipped", ())
    if skipped:
        listed = "; ".join(
            f"{markdown(bad['path'])} ({markdown(bad['reason']).rstrip('.')})" for bad in skipped[:_LISTED]
        )
        yield f"{len(skipped):,} images were left out: {listed}{'; ...' if len(skipped) > _LISTED else ''}."
    copies = report.get("duplicates", {})
    if copies.get("groups"):
        harm = [
            f"{copies[key]:,} of these groups {what}"
            for key, what in (("across_splits", "reach across splits"), ("other_labels", "have different labels"))
            if copies.get(key)
        ]
        counted = f"{copies['images']:,} files are byte-equal copies, in {copies['groups']:,} groups"
        yield f"{'; '.join([counted, *harm])}. All of them were kept."
