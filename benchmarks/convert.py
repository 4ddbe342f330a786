"""Conversion on one core, in memory: against copying the same files, TensorFlow Datasets' builders, and bare decoding.

The conversion is the whole of `fgtl convert` on folders train/CLASS and test/CLASS: listing, planning, shards, manifest.
It and the copy are durable in the same way: an fsync for each thing that must not get lost (a file; a shard). TFDS makes
nothing durable and looks into no image (`tfds_builders.py`), and its memory includes TensorFlow's; the decoders get the
files from memory and keep nothing.

    RATIO convert_vs_copy        images/s over those of the copy; what it gains over a copy is a checked header, two
                                 checksums, a digest, an index and ten files instead of thousands
    RATIO convert_rate           images/s over 1,500
    RATIO convert_vs_tfds        images/s over those of TFDS' builder that shuffles, as the conversion does
    RATIO convert_decode_vs_pillow, convert_decode_vs_simplejpeg
                                 images/s of the conversion that checks every coded pixel, over decoding alone
    RATIO convert_memory_flat    `fgtl convert --workers 2`: peak at 2,000 images over that at 20,000, of the driver or
                                 of the larger worker, whichever grows more. (The driver's list of samples grows; see
                                 `scale.py` for how much.)
"""

import argparse
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import simplejpeg
from measure import Side, interleaved, peak_mib, print_ratio, print_table, use_cores
from pictures import scratch_folder, write_pictures, write_variants
from PIL import Image

from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.datasets import Card
from fgtl.downloads import FolderTree

RATE_GOAL = 1500
SHARDS, CLASSES, SIDE = 10, 5, 256
PLAIN, CHECKED, SHRUNK, COPY = "fgtl convert", "fgtl, decode check", f"fgtl, shrunk to {SIDE}", "file copy"
TFDS, TFDS_IN_ORDER = "TFDS, shuffled", "TFDS, in order"
PILLOW, SIMPLEJPEG, THUMBNAIL = "Pillow decode", "simplejpeg decode", f"Pillow, shrunk to {SIDE}"
# The second is what it imports to write a data set, and does not declare.
TFDS_NEEDS = ("tensorflow_datasets", "importlib_resources")
FEW, MANY = 2_000, 20_000


def convert_folder(source: Path, target: Path, **knobs: str | int) -> int:
    """Conversion as `fgtl convert --data_dir SOURCE --workers 1` does it."""
    settings = ConvertKnobs(workers=1, num_shards=SHARDS, **knobs)  # type: ignore[arg-type]
    manifest = convert(Card(name="pictures", layout="folder"), FolderTree(source), target, settings)
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


def tfds_side(source: Path, target: Path, *, builder: str) -> Side:
    """A builder of TFDS, TensorFlow being imported before."""
    # Only here: TensorFlow in memory is not to count for the other sides.
    import tfds_builders

    return partial(getattr(tfds_builders, builder), source, target, SHARDS)


def each_side(source: Path, target: Path, *, function: Callable[[bytes], object]) -> Side:
    """Call a function with every file's bytes, which are in memory already."""
    files = [path.read_bytes() for path in sorted(source.rglob("*.jpg"))]

    def side() -> int:
        for data in files:
            function(data)
        return len(files)

    return side


def pillow_decode(data: bytes) -> None:
    """All pixels at full size."""
    Image.open(io.BytesIO(data)).load()


def simplejpeg_decode(data: bytes) -> None:
    """The same with libjpeg-turbo's own interface, the fastest decoder that Python has."""
    simplejpeg.decode_jpeg(data, "RGB")


def pillow_thumbnail(data: bytes) -> None:
    """Decode, shrink and encode as the conversion does; nothing is checked or written."""
    image = Image.open(io.BytesIO(data))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    image.save(io.BytesIO(), "JPEG", quality=95, subsampling=0)


def makers() -> dict[str, Callable[[Path, Path], Side]]:
    """Name -> maker of each side, of (source, target)."""
    made: dict[str, Callable[[Path, Path], Side]] = {
        PLAIN: partial(partial, convert_folder),
        CHECKED: partial(partial, convert_folder, check="decode"),
        SHRUNK: partial(partial, convert_folder, max_side=SIDE),
        COPY: partial(partial, copy_folder),
    }
    if all(importlib.util.find_spec(module) for module in TFDS_NEEDS):
        made[TFDS] = partial(tfds_side, builder="shuffled")
        made[TFDS_IN_ORDER] = partial(tfds_side, builder="in_order")
    made[PILLOW] = partial(each_side, function=pillow_decode)
    made[SIMPLEJPEG] = partial(each_side, function=simplejpeg_decode)
    made[THUMBNAIL] = partial(each_side, function=pillow_thumbnail)
    return made


def weigh(name: str, source: Path, target: Path) -> None:
    """One pass of one side in a fresh process, for its peak memory."""
    shutil.rmtree(target, ignore_errors=True)
    makers()[name](source, target)()


def command_peaks(source: Path, target: Path) -> tuple[float, float]:
    """(driver, larger worker): peak MiB of the processes of `fgtl convert --workers 2`."""
    words = ["--data_dir", source, "--output_dir", target, "--workers", "2"]
    command = [sys.executable, "-m", "fgtl", "convert", *map(str, words)]
    peaks: dict[int, float] = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        # Often enough to see each process shortly before its end; its peak can only have grown until then.
        while driver.poll() is None:
            _look(driver.pid, peaks)
            time.sleep(0.01)
    if driver.returncode:
        sys.exit(f"{' '.join(command)} failed with exit code {driver.returncode}")
    return peaks.pop(driver.pid), max(peaks.values())


def _look(process: int, peaks: dict[int, float]) -> None:
    """Note the peaks of a process and its children so far."""
    folder = Path(f"/proc/{process}")
    try:
        status = (folder / "status").read_text()
        children = (folder / f"task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return  # it has ended
    # A process that is just ending has no memory any more, and none of these lines.
    for line in status.splitlines():
        if line.startswith("VmHWM"):
            peaks[process] = int(line.split()[1]) / 1024
    for child in children:
        _look(int(child), peaks)


def measure_memory(scratch: Path) -> None:
    """Convert few and many images with the command; print the peaks and the claim."""
    pictures = [path.read_bytes() for path in write_pictures(scratch / "drawn", 50, width=160, height=120)]
    peaks = {}
    for count in (FEW, MANY):
        source = scratch / f"{count}"
        for label in range(CLASSES):
            write_variants(source / "train" / f"class_{label}", pictures, range(label, count, CLASSES))
        peaks[count] = command_peaks(source, scratch / f"records-{count}")
    few, many = peaks[FEW], peaks[MANY]
    rows = {name: [few[place], many[place]] for place, name in enumerate(("driver", "worker, the larger"))}
    columns = [f"peak MiB at {count:,}" for count in (FEW, MANY)]
    print_table("fgtl convert --workers 2, JPEGs of 160x120", columns, rows)
    print_ratio("convert_memory_flat", min(few[0] / many[0], few[1] / many[1]), 0.9)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="300 images, median of 3")
    quick = parser.parse_args().quick
    images, repeats = (300, 3) if quick else (2000, 7)
    with scratch_folder(1024) as scratch:
        source, target = scratch / "source", scratch / "target"
        measure_memory(scratch)
        use_cores(1)
        size = images // (2 * CLASSES)
        for number, (split, label) in enumerate(product(("train", "test"), range(CLASSES))):
            write_pictures(source / split / f"class_{label}", size, first=number * size)
        # Here TensorFlow is imported, and the round that warms up follows.
        sides = {name: make(source, target) for name, make in makers().items()}
        figures = interleaved(sides, repeats, reset=partial(shutil.rmtree, target, ignore_errors=True))
        rows = {
            name: [figures[name].rate, figures[name].cpu_ms, peak_mib(weigh, name, source, target)] for name in sides
        }
        place = scratch.parent
    title = f"{images:,} JPEGs of 500x375, 1 core, {place}, median of {repeats}, interleaved"
    print_table(title, ["images/s", "CPU ms/image", "peak MiB"], rows)
    rate = figures[PLAIN].rate
    print_ratio("convert_vs_copy", rate / figures[COPY].rate, 0.4)
    print_ratio("convert_rate", rate / RATE_GOAL, 1)
    if TFDS in figures:
        print_ratio("convert_vs_tfds", rate / figures[TFDS].rate, 3)
    else:
        print(f"Nothing is said about TensorFlow Datasets: not all of {', '.join(TFDS_NEEDS)} is installed.")
    print_ratio("convert_decode_vs_pillow", figures[CHECKED].rate / figures[PILLOW].rate, 0.8)
    print_ratio("convert_decode_vs_simplejpeg", figures[CHECKED].rate / figures[SIMPLEJPEG].rate, 0.8)


if __name__ == "__main__":
    main()
