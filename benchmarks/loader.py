"""The training input pipeline against the bare JPEG decoder, Keras' own pipeline and a Pillow loop.

All sides see the same JPEGs and make 224-pixel training images of them: random window, mirror, and (where the name
says so) brightness and saturation. Keras has no random resized crop; it crops 224 of 256 pixels, which is less work.

    RATIO loader_vs_decode             1 core: images/s without colour over images/s of decoding alone (simplejpeg)
    RATIO loader_colour_vs_decode      1 core: the same with colour
    RATIO loader_vs_keras              1 core, with colour: over image_dataset_from_directory and Keras layers
    RATIO loader_vs_pillow             1 core, with colour: over a Pillow loop
    RATIO loader_two_cores_vs_decode   2 cores: without colour, over decoding alone in two threads

On one core, images/s are per second of CPU time: unlike the clock's, those do not depend on what else runs.
"""

import argparse
import io
import multiprocessing
import os
import random
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from measure import Figures, Side, interleaved, peak_mib, print_ratio, print_table, use_cores
from pictures import write_pictures
from PIL import Image, ImageEnhance

from fgtl.data.convert import convert
from fgtl.data.knobs import InputKnobs
from fgtl.data.plan import ConvertKnobs
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet
from fgtl.datasets import Card
from fgtl.downloads import FolderTree

SIZE, BATCH, CLASSES = 224, 64, 8
PLAIN, COLOUR = "fgtl", "fgtl, colour"
DECODE, KERAS, PILLOW = "simplejpeg decode", "keras, colour", "pillow, colour"


def decode_side(scratch: Path, threads: int = 1) -> Side:
    """The limit: the same files, already in memory, decoded and thrown away."""
    files = _files_in_memory(scratch)

    def decode(some: list[bytes]) -> None:
        for data in some:
            simplejpeg.decode_jpeg(data, "RGB")

    def side() -> int:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(decode, [files[first::threads] for first in range(threads)]))
        return len(files)

    return side


def fgtl_side(scratch: Path, colour: str) -> Side:
    """Our training batches, read from the record set on disk."""
    import_tensorflow()
    from fgtl.data.pipeline import training_batches

    records = RecordSet.open(scratch / "records")
    selection = records.select("+".join(split for split, count in records.counts.items() if count))
    knobs = InputKnobs(image_size=SIZE, batch_size=BATCH, colour=colour)
    return partial(_consume, training_batches(selection, knobs, steps=range(len(selection) // BATCH)))


def keras_side(scratch: Path) -> Side:
    """What Keras' guides show: image_dataset_from_directory, then augmentation layers on batches."""
    import_tensorflow()
    import keras

    augment = keras.Sequential(
        [
            keras.layers.RandomCrop(SIZE, SIZE),
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomBrightness(32 / 255),
            keras.layers.RandomSaturation((0.25, 0.75)),
        ]
    )
    files = keras.utils.image_dataset_from_directory(
        scratch / "pictures", image_size=(256, 256), batch_size=BATCH, verbose=False
    )
    return partial(
        _consume, files.map(lambda images, labels: (augment(images, training=True), labels), -1).prefetch(-1)
    )


def pillow_side(scratch: Path) -> Side:
    """A loop over the files: random resized crop, mirror, brightness, saturation, float array."""
    files = _files_in_memory(scratch)

    def side() -> int:
        for data in files:
            _pillow_image(data)
        return len(files)

    return side


def _pillow_image(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    while True:
        aspect, high = random.uniform(0.75, 1.33), random.randint(1, height)
        wide = round(high * aspect)
        if wide <= width and wide * high >= 0.1 * width * height:
            break
    left, top = random.randint(0, width - wide), random.randint(0, height - high)
    window = (left, top, left + wide, top + high)
    image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box=window)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = ImageEnhance.Brightness(image).enhance(random.uniform(0.87, 1.13))
    image = ImageEnhance.Color(image).enhance(random.uniform(0.5, 1.5))
    return np.asarray(image, np.float32)


def _files_in_memory(scratch: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((scratch / "pictures").rglob("*.jpg"))]


def _consume(dataset: Any) -> int:
    return sum(len(labels) for _, labels in dataset)


def one_core_sides() -> dict[str, Callable[[Path], Side]]:
    """Name -> maker of each side that runs on one core."""
    return {
        DECODE: decode_side,
        PLAIN: partial(fgtl_side, colour="none"),
        COLOUR: partial(fgtl_side, colour="fast"),
        KERAS: keras_side,
        PILLOW: pillow_side,
    }


def two_core_sides() -> dict[str, Callable[[Path], Side]]:
    """Name -> maker of each side that runs on two cores."""
    return {
        DECODE: partial(decode_side, threads=2),
        PLAIN: partial(fgtl_side, colour="none"),
        COLOUR: partial(fgtl_side, colour="fast"),
    }


def measure_on(cores: int, scratch: Path, repeats: int) -> dict[str, Figures]:
    """Run in a fresh process, before TensorFlow starts its threads: all sides in turn on so many cores."""
    use_cores(cores)
    makers = one_core_sides() if cores == 1 else two_core_sides()
    return interleaved({name: make(scratch) for name, make in makers.items()}, repeats)


def weigh(name: str, scratch: Path) -> None:
    """One pass of one side on one core, for its peak memory."""
    use_cores(1)
    one_core_sides()[name](scratch)()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="256 images, median of 3")
    quick = parser.parse_args().quick
    images, repeats = (256, 3) if quick else (2000, 7)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for label in range(CLASSES):
            count = images // CLASSES
            write_pictures(scratch / "pictures" / f"class_{label}", count, first=label * count)
        convert(
            Card(name="pictures", layout="folder"),
            FolderTree(scratch / "pictures"),
            scratch / "records",
            ConvertKnobs(),
        )
        figures = {cores: _in_fresh_process(measure_on, cores, scratch, repeats) for cores in (1, 2)}
        peaks = {name: peak_mib(weigh, name, scratch) for name in one_core_sides()}
    one, two = figures[1], figures[2]
    title = f"{images:,} JPEGs of 500x375 to {SIZE} px, median of {repeats}, interleaved"
    print_table(
        f"{title}, 1 core",
        ["images/s of CPU time", "images/s", "CPU ms/image", "peak MiB"],
        {name: [1000 / side.cpu_ms, side.rate, side.cpu_ms, peaks[name]] for name, side in one.items()},
    )
    cores = min(2, len(os.sched_getaffinity(0)))
    rows = {name: [side.rate, side.cpu_ms] for name, side in two.items()}
    print_table(f"{title}, {cores} cores", ["images/s", "CPU ms/image"], rows)
    print_ratio("loader_vs_decode", one[DECODE].cpu_ms / one[PLAIN].cpu_ms, 0.5)
    print_ratio("loader_colour_vs_decode", one[DECODE].cpu_ms / one[COLOUR].cpu_ms, 0.35)
    print_ratio("loader_vs_keras", one[KERAS].cpu_ms / one[COLOUR].cpu_ms, 3)
    print_ratio("loader_vs_pillow", one[PILLOW].cpu_ms / one[COLOUR].cpu_ms, 1.5)
    print_ratio("loader_two_cores_vs_decode", two[PLAIN].rate / two[DECODE].rate, 0.5)


def _in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


if __name__ == "__main__":
    main()
