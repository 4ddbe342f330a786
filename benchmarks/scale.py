"""How conversion, verifying and opening grow with the number of images: tiny ones, one core, in memory.

Every image is a file of its own, and no two are equal. A quarter, a half and all of them are converted, verified and
opened in turn. Times are CPU time: unlike the clock's, it does not depend on what else runs.

    RATIO scale_convert_linear   CPU time an image at the smallest size over that at the largest
    RATIO scale_verify_linear    the same of `verify`
    RATIO scale_open             1 second over the time to open the largest set and select its training images
    RATIO scale_memory           1 MiB over the memory that 1,000 more images cost the process that converts: its list
                                 of samples, their places in the shards and the index
"""

import argparse
import shutil
from functools import partial
from pathlib import Path

from measure import Figures, Side, interleaved, peak_mib, print_ratio, print_table, use_cores
from pictures import scratch_folder, write_pictures, write_variants

from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.data.verify import verify
from fgtl.datasets import Card
from fgtl.downloads import FolderTree

CLASSES, TEMPLATES = 200, 200
SHARES = (4, 2, 1)


def write_sources(scratch: Path, images: int) -> dict[int, Path]:
    """Size -> folder of that many images, as train/CLASS.

    The smaller sets are folders of links to some of the classes of the largest: on one core in memory, files are most
    of what this benchmark costs.
    """
    pictures = [path.read_bytes() for path in write_pictures(scratch / "drawn", TEMPLATES, width=64, height=48)]
    size = images // CLASSES
    classes = [scratch / "classes" / f"class_{label:03d}" for label in range(CLASSES)]
    for label, folder in enumerate(classes):
        write_variants(folder, pictures, range(label * size, (label + 1) * size))
    sources = {}
    for share in SHARES:
        source = scratch / f"source-{images // share}"
        (source / "train").mkdir(parents=True)
        for folder in classes[: CLASSES // share]:
            (source / "train" / folder.name).symlink_to(folder)
        sources[images // share] = source
    return sources


def convert_folder(source: Path, target: Path) -> int:
    """Conversion as `fgtl convert --data_dir SOURCE --workers 1` does it."""
    manifest = convert(Card(name="tiny", layout="folder"), FolderTree(source), target, ConvertKnobs(workers=1))
    return sum(manifest.counts.values())


def verify_records(records: Path) -> int:
    """All of the set, read again; it must be whole."""
    damage = verify(records)
    if damage:
        raise SystemExit(f"{records} is damaged: {damage[0]}")
    return sum(RecordSet.open(records).counts.values())


def open_records(records: Path, images: int) -> int:
    """From the folder to the arrays that name every training record; counts as one, however many images."""
    selected = len(RecordSet.open(records).select("train"))
    if selected != images:
        raise SystemExit(f"{records} has {selected:,} training images, not {images:,}")
    return 1


def measure(sides: dict[int, Side], repeats: int, scratch: Path | None = None) -> dict[int, Figures]:
    """Size -> figures; before each run `scratch` is emptied."""
    named = {str(size): side for size, side in sides.items()}
    reset = partial(shutil.rmtree, scratch, ignore_errors=True) if scratch else lambda: None
    return {int(name): figures for name, figures in interleaved(named, repeats, reset=reset).items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20,000 images instead of 200,000; says little of scale")
    quick = parser.parse_args().quick
    images = 20_000 if quick else 200_000
    repeats = 3
    use_cores(1)
    with scratch_folder(300 if quick else 3000) as scratch:
        sources = write_sources(scratch, images)
        records = {size: scratch / f"records-{size}" for size in sources}
        # The same work again for the memory, and the sets that are verified and opened below.
        peaks = {size: peak_mib(convert_folder, source, records[size]) for size, source in sources.items()}
        target = scratch / "target"
        converted = measure({size: partial(convert_folder, sources[size], target) for size in sources}, repeats, target)
        verified = measure({size: partial(verify_records, records[size]) for size in sources}, repeats)
        opened = measure({size: partial(open_records, records[size], size) for size in sources}, 7)
        verify_peaks = {size: peak_mib(verify_records, records[size]) for size in sources}
        open_peaks = {size: peak_mib(open_records, records[size], size) for size in sources}
        place = scratch.parent
    print_table(
        f"{images:,} JPEGs of 64x48, and a half and a quarter of them, 1 core, {place}, median of {repeats}, interleaved",
        ["convert us/image", "peak MiB", "verify us/image", "peak MiB", "open ms", "peak MiB"],
        {
            f"{size:,} images": [
                *(1000 * converted[size].cpu_ms, peaks[size]),
                *(1000 * verified[size].cpu_ms, verify_peaks[size]),
                *(1000 / opened[size].rate, open_peaks[size]),
            ]
            for size in sources
        },
    )
    few, many = min(sources), max(sources)
    a_thousand = 1000 * (peaks[many] - peaks[few]) / (many - few)
    print(f"the converting process grows by {a_thousand:.2f} MiB for 1,000 images")
    print_ratio("scale_convert_linear", converted[few].cpu_ms / converted[many].cpu_ms, 0.8)
    print_ratio("scale_verify_linear", verified[few].cpu_ms / verified[many].cpu_ms, 0.8)
    print_ratio("scale_open", opened[many].rate, 1)
    print_ratio("scale_memory", 1 / a_thousand, 1)


if __name__ == "__main__":
    main()
