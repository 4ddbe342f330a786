"""Regions + record set -> how often they hit the annotated parts and objects, beside random boxes and the centre."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fgtl.commands.answers import ENDINGS, as_json, check_output, write_answer
from fgtl.console import Progress, say
from fgtl.data.records import RecordSet, Selection
from fgtl.errors import UsageError
from fgtl.knobs import LARGEST_SEED, Knobs, flag

if TYPE_CHECKING:
    from fgtl.regions.regions import Regions
    from fgtl.regions.truth import Truth
    from fgtl.reports.hits_pictures import HitPicture
    from fgtl.reports.hits_rows import HitsTable


@dataclass(frozen=True)
class Config(Knobs):
    """Which regions, and what they are held against."""

    regions: Path | None = flag(None, "regions file (regions.npz, with regions.json beside it)")
    records: Path | None = flag(None, "record set of the images, with parts or boxes")
    split: str = flag("", "only the images of this split expression; default: all that the regions are of")
    k: tuple[str, ...] = flag(("1", "4", "16"), "how many of the best boxes of each image count: hit@k")
    draws: int = flag(10, "random boxes: so many draws", low=1, high=1000)
    seed: int = flag(0, "of the random boxes, the bootstrap and the pictures", low=0, high=LARGEST_SEED)
    examples: int = flag(6, "images shown on the page", low=0, high=200)
    output: Path | None = flag(None, "hits.html, .json, .csv or .png, beside the table on the terminal")


def main(config: Config) -> None:
    """Read regions and annotations, count, print, and write what was asked for."""
    check_output(config.output, *ENDINGS)
    from fgtl.analysis.hits import HitSettings, measure_hits, steps_of
    from fgtl.regions.deciding import deciding_parts
    from fgtl.regions.files import images_of, read_regions
    from fgtl.regions.truth import read_truth
    from fgtl.reports.hits_rows import as_text

    regions_file, folder = _inputs(config)
    settings = HitSettings(_ks(config.k), config.draws, config.seed)
    records = RecordSet.open(folder)
    regions = read_regions(regions_file)
    selection = images_of(regions, records)
    if config.split:
        chosen = np.flatnonzero(np.isin(selection.ids, records.select(config.split).ids))
        if not len(chosen):
            raise UsageError(f"The regions are of no image of {config.split!r}.", expected="another --split.")
        regions, selection = regions.of_images(chosen), selection.take(chosen)
    with Progress("read annotations", len(selection)) as progress:
        truth = read_truth(selection, progress.advance)
    deciding = deciding_parts(records.class_names, records.part_names)
    with Progress("hits", steps_of(regions, settings), unit="comparisons") as progress:
        found = measure_hits(regions, truth, settings, deciding, progress.advance)
    say("  ".join(f"{name}: {value}" for name, value in found.facts))
    say(as_text(found))
    if config.output is not None:
        write_answer(config.output, _kinds(found, lambda: _pictures(config, regions, truth, selection), records.name))


def _inputs(config: Config) -> tuple[Path, Path]:
    """Regions file and record set."""
    if config.regions is None or config.records is None:
        raise UsageError(
            f"--{'regions' if config.regions is None else 'records'} was not given.",
            expected="fgtl hits --regions regions.npz --records RECORDS",
        )
    return config.regions, config.records


def _ks(words: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers of boxes, ascending, each once."""
    if not words or not all(word.isascii() and word.isdecimal() and 0 < int(word) <= 32768 for word in words):
        raise UsageError(f"--k={','.join(words)} are no numbers of boxes.", expected="1 to 32768, such as --k=1,4,16.")
    return tuple(sorted({int(word) for word in words}))


def _pictures(config: Config, regions: "Regions", truth: "Truth", selection: Selection) -> "list[HitPicture]":
    """Some images with their best boxes and with random ones, as many of each class as of the others."""
    from fgtl.regions.baselines import random_boxes
    from fgtl.regions.deciding import deciding_parts
    from fgtl.regions.hits import first_hits
    from fgtl.reports.contact_sheet import spread_over_classes
    from fgtl.reports.hits_pictures import MOST_BOXES, HitPicture, Marked

    records = selection.records
    rows = spread_over_classes(selection.labels, config.examples, config.seed)
    most = min(_ks(config.k)[-1], MOST_BOXES)
    best, points = regions.of_images(rows).best(most), truth.take(rows)
    deciding = deciding_parts(records.class_names, records.part_names)
    made: list[list[Marked]] = [[] for _ in rows]
    for boxes in (best, random_boxes(best, config.seed)):
        hit = first_hits(boxes, points.points) < most
        for place, row in enumerate(rows.tolist()):
            named = deciding[int(selection.labels[row])].parts if deciding else ()
            made[place].append(
                Marked(
                    boxes=boxes.boxes[boxes.images == place],
                    points=points.points[place][points.visible[place]],
                    hit=hit[place][points.visible[place]],
                    deciding=np.isin(records.part_names, named)[points.visible[place]],
                )
            )
    return [
        HitPicture(
            data=selection.image(row),
            name=records.class_names[int(selection.labels[row])],
            id=str(selection.ids[row]),
            size=(int(selection.heights[row]), int(selection.widths[row])),
            picked=picked,
            random=random,
        )
        for row, (picked, random) in zip(rows.tolist(), made, strict=True)
    ]


def _kinds(
    found: "HitsTable", pictures: "Callable[[], list[HitPicture]]", name: str
) -> Mapping[str, Callable[[], bytes | str]]:
    from fgtl.reports.figures import to_png
    from fgtl.reports.hits_page import as_html
    from fgtl.reports.hits_plots import part_panels
    from fgtl.reports.hits_rows import as_csv

    return {
        ".html": lambda: as_html(found, pictures(), name),
        ".json": lambda: as_json(found.as_dict()),
        ".csv": lambda: as_csv(found),
        ".png": lambda: to_png(part_panels(found)),
    }
