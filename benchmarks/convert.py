"""Conversion of images that are stored as they came, against copying the same files; one core, in memory.

The conversion is the whole of `fgtl convert` on folders train/CLASS and test/CLASS: listing, planning, shards, manifest.

Both sides are durable in the same way: an fsync for each thing that must not get lost (a file; a shard).

    RATIO convert_vs_copy   images/s of the conversion over images/s of the copy; what it gains over a copy is a checked
                            header, two checksums, a digest, an index and ten files instead of thousands
    RATIO convert_rate      images/s of the conversion over 1,500
"""

import argparse
import os
import shutil
import tempfile
from functools import partial
from itertools import product
from pathlib import Path

from measure import interleaved, peak_mib, print_ratio, print_table, use_cores
from pictures import write_pictures

from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.datasets import Card

RATE_GOAL = 1500


def convert_folder(source: Path, target: Path) -> int:
    """Passthrough conversion as `fgtl convert --data_dir SOURCE --check header --workers 1` does it."""
    manifest = convert(Card(name="pictures", layout="folder"), source, target, ConvertKnobs(workers=1, check="header"))
    return sum(manifest.counts.values())


def copy_folder(source: Path, target: Path) -> int:
    """Copy file by file with an fsync each, and one for each folder."""
    count = 0
    for folder, _, names in os.walk(source):
        there = target / Path(folder).relative_to(source)
        there.mkdir(parents=True)
        for name in names:
            shutil.copyfile(f"{folder}/{name}", f"{there}/{name}")
            _sync(f"{there}/{name}")
            count += 1
        _sync(there)
    return count


def _sync(path: Path | str) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,000 images, median of 3")
    quick = parser.parse_args().quick
    images, repeats = (1000, 3) if quick else (2000, 7)
    use_cores(1)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        source = Path(scratch, "source")
        for split, label in product(("train", "test"), range(5)):
            write_pictures(source / split / f"class_{label}", images // 10)
        target = Path(scratch, "target")
        sides = {
            "fgtl convert": partial(convert_folder, source, target),
            "file copy": partial(copy_folder, source, target),
        }
        reset = partial(shutil.rmtree, target, ignore_errors=True)
        figures = interleaved(sides, repeats, reset=reset)
        rows = {}
        for name, side in sides.items():
            reset()
            rows[name] = [figures[name].rate, figures[name].cpu_ms, peak_mib(side)]
    print_table(
        f"{images:,} JPEGs of 500x375, 1 core, {memory}, median of {repeats}, interleaved",
        ["images/s", "CPU ms/image", "peak MiB"],
        rows,
    )
    rate = figures["fgtl convert"].rate
    print_ratio("convert_vs_copy", rate / figures["file copy"].rate, 0.4)
    print_ratio("convert_rate", rate / RATE_GOAL, 1)


if __name__ == "__main__":
    main()
