"""Our training step against stock `model.fit`: same network, batches in memory, one device and two, interleaved.

Both sides train all of MobileNetV2 (fresh weights, batch statistics on, each device its own) with SGD and momentum,
float32, no weight decay, and report loss and accuracy: fit its running means, ours every 10 steps, as `fgtl train`
does. fit compiles as it does by default (`jit_compile="auto"`, which on a CPU means no XLA), and ours does not use XLA
either. What differs is batch normalisation: ours is traced with TensorFlow's fused kernel
(`fgtl/training/batch_norm.py`).

The two devices are two logical CPUs of one machine under MirroredStrategy, which share its cores: what is compared is
what distribution costs, not what it gains. They have to be made before TensorFlow starts, so they get a process of
their own.

    python benchmarks/step.py [--quick]
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import Figures, interleaved, peak_mib, print_ratio, print_table

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

CLASSES = 50
DEVICES = {1: ("cpu",), 2: ("cpu:0", "cpu:1")}


@dataclass(frozen=True)
class Size:
    """How much one measurement does."""

    pixels: int
    batch: int
    steps: int
    repeats: int


FULL, QUICK = Size(160, 32, 10, 7), Size(96, 16, 8, 3)


def batches(size: Size) -> "tf.data.Dataset":
    """The same random batch for ever."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (size.batch, size.pixels, size.pixels, 3)).astype("float32")
    labels = rng.integers(0, CLASSES, size.batch).astype("int32")
    # fit makes an iterator at each call, and taking one down waits up to 5 s for tf.data's tuner: not what is compared.
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensors((images, labels)).repeat().prefetch(2).with_options(options)


def classifier(size: Size) -> "keras.Model":
    """MobileNetV2 with a linear head."""
    import keras

    from fgtl.heads.classifier import Classifier
    from fgtl.heads.linear import LinearHead
    from fgtl.models.backbone import build_network

    keras.utils.set_random_seed(0)
    return Classifier(build_network("mobilenet_v2", size.pixels), LinearHead(CLASSES))


def ours(size: Size, strategy: "tf.distribute.Strategy | None" = None) -> Callable[[], int]:
    """`size.steps` of our steps, with the figures read at the log interval."""
    from fgtl.training.distribution import distribute, scope_of
    from fgtl.training.meter import Meter
    from fgtl.training.optimizer import build_optimizer
    from fgtl.training.settings import TrainingKnobs
    from fgtl.training.step import TrainStep

    knobs = TrainingKnobs(optimizer="momentum", weight_decay=0.0, tuned_bn="train", sync_bn=False)
    with scope_of(strategy):
        model = classifier(size)
        optimizer = build_optimizer(knobs, 0.01, model)
    step = TrainStep(model, optimizer, "all", knobs, strategy)
    meter, data = Meter(), iter(distribute(batches(size), strategy))

    def run() -> int:
        for number in range(1, size.steps + 1):
            meter.add(step(*next(data)))
            if number % knobs.log_every_steps == 0:
                meter.read(number)
        meter.read(size.steps)
        meter.take()
        return size.steps * size.batch

    return run


def stock(size: Size, strategy: "tf.distribute.Strategy | None" = None) -> Callable[[], int]:
    """The same number of steps by Keras."""
    import keras

    from fgtl.training.distribution import scope_of

    with scope_of(strategy):
        model = classifier(size)
        model = keras.Model(model.inputs, model.output["logits"])
        model.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
    data = batches(size)

    def run() -> int:
        model.fit(data, steps_per_epoch=size.steps, epochs=1, verbose=0)
        return size.steps * size.batch

    return run


SIDES = {"fgtl": ours, "model.fit": stock}


def one_round(side: Callable[[Size], Callable[[], int]], size: Size) -> None:
    """What the memory of is measured."""
    side(size)()


def compare(size: Size, devices: int) -> dict[str, Figures]:
    """Rates of both sides, taken in this process."""
    from fgtl.training.distribution import pick_strategy

    # One for both: the exchanges of two strategies in a process get into each other's way.
    strategy = pick_strategy(DEVICES[devices])
    return interleaved({name: side(size, strategy) for name, side in SIDES.items()}, size.repeats)


def main(size: Size) -> None:
    """Measure, print a table and a claim for each number of devices."""
    memory = {name: peak_mib(one_round, side, size) for name, side in SIDES.items()}
    for devices, claim, goal in ((1, "step_vs_fit", 1.0), (2, "step_two_devices_vs_fit", 0.97)):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            figures = pool.submit(compare, size, devices).result()
        print_table(
            f"MobileNetV2, {size.pixels} px, batch {size.batch}, {devices} device(s) on {os.cpu_count()} cores, "
            f"median of {size.repeats} times {size.steps} steps, interleaved",
            ["images/s", "CPU ms/image", "peak MiB on one device"],
            {name: [figure.rate, figure.cpu_ms, memory[name]] for name, figure in figures.items()},
        )
        print_ratio(claim, figures["fgtl"].rate / figures["model.fit"].rate, goal)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main(QUICK if "--quick" in sys.argv else FULL)
