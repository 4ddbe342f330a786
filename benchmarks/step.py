"""Our training step against stock `model.fit`: same network, batches in memory, one device, interleaved.

Both sides train all of MobileNetV2 (fresh weights, batch statistics on) with SGD and momentum, float32, no weight decay,
and report loss and accuracy: fit its running means, ours every 10 steps, as `fgtl train` does. fit compiles as it does
by default (`jit_compile="auto"`, which on a CPU means no XLA), and ours does not use XLA either. What differs is batch
normalisation: ours is traced with TensorFlow's fused kernel (`fgtl/training/batch_norm.py`).

    python benchmarks/step.py [--quick]
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import interleaved, peak_mib, print_ratio, print_table

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

CLASSES = 50


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


def ours(size: Size) -> Callable[[], int]:
    """`size.steps` of our steps, with the figures read at the log interval."""
    from fgtl.training.meter import Meter
    from fgtl.training.optimizer import build_optimizer
    from fgtl.training.settings import TrainingKnobs
    from fgtl.training.step import TrainStep

    model, knobs = classifier(size), TrainingKnobs(weight_decay=0.0, tuned_bn="train")
    step = TrainStep(model, build_optimizer(knobs, 0.01, model), "all", knobs)
    meter, data = Meter(), iter(batches(size))

    def run() -> int:
        for number in range(1, size.steps + 1):
            meter.add(step(*next(data)))
            if number % knobs.log_every_steps == 0:
                meter.read(number)
        meter.read(size.steps)
        meter.take()
        return size.steps * size.batch

    return run


def stock(size: Size) -> Callable[[], int]:
    """The same number of steps by Keras."""
    import keras

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


def one_round(side: Callable[[Size], Callable[[], int]], size: Size) -> None:
    """What the memory of is measured."""
    side(size)()


def main(size: Size) -> None:
    """Measure, print the table and the claim."""
    memory = {"fgtl": peak_mib(one_round, ours, size), "model.fit": peak_mib(one_round, stock, size)}
    figures = interleaved({"fgtl": ours(size), "model.fit": stock(size)}, size.repeats)
    print_table(
        f"MobileNetV2, {size.pixels} px, batch {size.batch}, {os.cpu_count()} cores, "
        f"median of {size.repeats} times {size.steps} steps, interleaved",
        ["images/s", "CPU ms/image", "peak MiB"],
        {name: [figure.rate, figure.cpu_ms, memory[name]] for name, figure in figures.items()},
    )
    print_ratio("step_vs_fit", figures["fgtl"].rate / figures["model.fit"].rate, 1.0)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main(QUICK if "--quick" in sys.argv else FULL)
