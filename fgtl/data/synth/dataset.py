"""The set on disk: pictures drawn by several processes, and the files of CUB-200-2011 around them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from fgtl.console import Progress
from fgtl.data.pool import run_tasks, usable_cores
from fgtl.data.synth.cub_files import Row, write_cub_files
from fgtl.data.synth.individual import stream
from fgtl.data.synth.render import draw
from fgtl.data.synth.settings import SynthKnobs
from fgtl.data.synth.species import Species, species_list
from fgtl.errors import UsageError
from fgtl.files import atomic_folder, clear_leftovers, read_json, write_json

SCHEMA = 1
MARKER = "synth.json"
CHUNK = 12


@dataclass(frozen=True)
class Job:
    """One image to draw."""

    image_id: int
    species: Species
    name: str
    train: bool


@dataclass(frozen=True)
class Chunk:
    """What a worker gets at once: jobs, the folder of the images, the set's seed, the images' short side."""

    images: Path
    jobs: tuple[Job, ...]
    seed: int
    image_size: int


def image_jobs(knobs: SynthKnobs) -> list[Job]:
    """All images in CUB's order (class by class, ids from 1), each class with its seeded split."""
    jobs: list[Job] = []
    per_class = knobs.train_per_class + knobs.test_per_class
    for species in species_list(knobs.families, knobs.classes_per_family):
        order = stream(knobs.seed, species.index, "split").permutation(per_class)
        for k in range(per_class):
            image_id = len(jobs) + 1
            name = f"{species.folder}/{species.name}_{k + 1:04d}_{image_id}.jpg"
            jobs.append(Job(image_id, species, name, bool(order[k] < knobs.train_per_class)))
    return jobs


def write_synthetic_birds(folder: Path, knobs: SynthKnobs, *, workers: int = 0, overwrite: bool = False) -> bool:
    """Draw the set into `folder`, whole or not at all.

    Args:
        folder: the set's root, in the layout of CUB-200-2011.
        knobs: what to draw; with the same knobs every file is the same, however many workers there are.
        workers: processes; 0 takes the processors this process may use.
        overwrite: replace an earlier set that was drawn with other knobs.

    Returns:
        False when the same set was there already and nothing was done.

    Raises:
        UsageError: `folder` holds something else, or a set of other knobs and `overwrite` is off.
        FgtlError: a worker died.
    """
    settings = {"schema": SCHEMA, **{field.name: getattr(knobs, field.name) for field in fields(SynthKnobs)}}
    jobs = image_jobs(knobs)
    if _is_there(folder, settings, jobs, overwrite):
        return False
    clear_leftovers(folder)
    with atomic_folder(folder) as partial:
        rows = _draw_all(partial, jobs, knobs, workers)
        write_cub_files(partial, rows, species_list(knobs.families, knobs.classes_per_family))
        write_json(partial / MARKER, settings)
        if folder.exists() and any(folder.iterdir()):
            shutil.rmtree(folder)
    return True


def _is_there(folder: Path, settings: dict[str, object], jobs: list[Job], overwrite: bool) -> bool:
    """True if `folder` is this set already, False if it may be written."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file.", expected="a new or empty folder.", fix="Choose another --output_dir.")
    if not folder.exists() or not any(folder.iterdir()):
        return False
    if not (folder / MARKER).is_file():
        raise UsageError(
            f"{folder} holds something else than a drawn set ({MARKER} is missing).",
            expected="a new or empty folder, or an earlier output of fgtl synth.",
            fix="Choose another --output_dir. Nothing was touched.",
        )
    earlier = read_json(folder / MARKER)
    if earlier == settings and all((folder / "images" / job.name).is_file() for job in jobs) and not overwrite:
        return True
    if overwrite:
        return False
    changed = [
        f"--{key}={earlier.get(key)} there, {value} now" for key, value in settings.items() if earlier.get(key) != value
    ]
    what = "was drawn with other settings" if changed else "lacks some of its images"
    raise UsageError(
        f"{folder} {what}{': ' if changed else ''}{'; '.join(changed)}.",
        fix="Choose another --output_dir, or add --overwrite to replace it.",
    )


def _draw_all(folder: Path, jobs: list[Job], knobs: SynthKnobs, workers: int) -> list[Row]:
    for name in sorted({job.species.folder for job in jobs}):
        (folder / "images" / name).mkdir(parents=True)
    chunks = [
        Chunk(folder / "images", tuple(jobs[start : start + CHUNK]), knobs.seed, knobs.image_size)
        for start in range(0, len(jobs), CHUNK)
    ]
    rows: list[Row] = []
    with Progress("synth", len(jobs)) as progress:
        try:
            for _, drawn in run_tasks(
                draw_chunk, chunks, workers or usable_cores(), progress.advance, kept="Nothing was written."
            ):
                rows += drawn
        except ExceptionGroup as group:  # all for one reason (a full disk, say): the first tells it
            raise group.exceptions[0] from None
    return sorted(rows, key=lambda row: row.image_id)


def draw_chunk(chunk: Chunk, advance: Callable[[int], None]) -> list[Row]:
    """In a worker: draw and write the pictures; what comes back is small."""
    rows = []
    for job in chunk.jobs:
        drawing = draw(job.species, chunk.seed, job.image_id, chunk.image_size)
        (chunk.images / job.name).write_bytes(drawing.jpeg)
        box = (drawing.box.x0, drawing.box.y0, drawing.box.x1 - drawing.box.x0, drawing.box.y1 - drawing.box.y0)
        parts = tuple((part.x, part.y, part.visible) for part in drawing.parts)
        rows.append(Row(job.image_id, job.name, job.species.index + 1, job.train, box, parts))
        advance(1)
    return rows
