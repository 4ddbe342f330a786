"""What being able to resume costs: what a training stands still for at a checkpoint, against the minute between two.

Measured inside a real training: of InceptionV3 with momentum and an average of the weights, which saves after every other
step. What a pair of steps with a checkpoint between them takes longer is all that a training pays: looking whether the
weights are finite, three times 87 MB hashed and made durable (fsync), the log made durable, best.json, the removal of the
oldest. Images are as small as the network takes them, because only its weights matter. The share lost is that of a run
that saves every 60 seconds:

    lost = t / (60 + t)                goal: below 2 %

    python benchmarks/resume.py [--quick]
"""

import os
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import print_ratio, print_table

if TYPE_CHECKING:
    import tensorflow as tf

    from fgtl.heads.classifier import Classifier
    from fgtl.training.loop import Trainer
    from fgtl.training.run import Stage

BETWEEN, LIMIT, CLASSES = 60.0, 0.02, 200
PIXELS, BATCH = 75, 2
# The first step compiles, and the first checkpoint finds an empty folder.
WARM = 4


def classifier() -> "Classifier":
    """InceptionV3 with fresh weights and a linear head."""
    from fgtl.heads.classifier import Classifier
    from fgtl.heads.linear import LinearHead
    from fgtl.models.backbone import build_network

    return Classifier(build_network("inception_v3", PIXELS), LinearHead(CLASSES))


def trainer(model: "Classifier", stage: "Stage", steps: int, callbacks: Any = ()) -> "Trainer":
    """One that saves after every other step, and looks at the figures of each: the device has then finished it."""
    from fgtl.training.loop import Trainer
    from fgtl.training.plan import plan_training
    from fgtl.training.settings import TrainingKnobs

    knobs = TrainingKnobs(
        optimizer="momentum",
        mode="all",
        learning_rate=1e-4,
        epochs=1,
        ema_decay=0.999,
        log_every_steps=1,
        checkpoint_every_steps=2,
        checkpoint_every_seconds=0.0,
    )
    plan = plan_training(knobs, images=steps * BATCH, batch_size=BATCH)
    return Trainer(model, plan, knobs, stage, callbacks=callbacks)


def batches(steps: range) -> "tf.data.Dataset":
    """The same random batch, once for each step."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (BATCH, PIXELS, PIXELS, 3)).astype("float32")
    return tf.data.Dataset.from_tensors((images, rng.integers(0, CLASSES, BATCH).astype("int32"))).repeat(len(steps))


def seconds_of_steps(model: "Classifier", stage: "Stage", repeats: int) -> tuple[list[float], list[float]]:
    """From one step's beginning to the next one's: with no checkpoint between them, and with one."""
    import keras

    from fgtl.training.best import Best

    begun: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            begun.append(time.perf_counter())

    training = trainer(model, stage, WARM + 2 * repeats + 1, [Clock()])
    # For best.json, and a checkpoint that is pinned.
    training.best = Best(2, 1, "validation/top1", 0.5)
    training.run(batches)
    spent = [after - before for before, after in pairwise(begun)][WARM:]
    return spent[0::2], spent[1::2]


def seconds_to_go_on(model: "Classifier", stage: "Stage", steps: int) -> float:
    """How long a start takes to check the newest checkpoint, to make the optimizer, and to load both."""
    start = time.perf_counter()
    if trainer(model, stage, steps).restore() != steps:
        raise SystemExit("No checkpoint was written.")
    return time.perf_counter() - start


def main(repeats: int) -> None:
    """Measure, print the table and the claim."""
    from fgtl.training.run import Stage

    model = classifier()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        stage = Stage(Path(name), "benchmark")
        plain, saving = seconds_of_steps(model, stage, repeats)
        loading = seconds_to_go_on(model, stage, WARM + 2 * repeats + 1)
        size = max(path.stat().st_size for path in Path(name).rglob("*.npz"))
    step = statistics.median(plain)
    cost, slowest = statistics.median(saving) - step, max(saving) - step
    lost = cost / (BETWEEN + cost)
    print_table(
        f"InceptionV3, momentum, averages: a checkpoint of {size / 2**20:,.0f} MiB every {BETWEEN:.0f} s, "
        f"median of {repeats}, in a training",
        ["seconds", "slowest", "MiB/s", "% of the run"],
        {
            "step": [step, max(plain), float("nan"), float("nan")],
            "save": [cost, slowest, size / 2**20 / cost, 100 * lost],
            "check and load": [loading, loading, size / 2**20 / loading, float("nan")],
        },
    )
    print_ratio("checkpoint_cost", LIMIT / lost, 1.0)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main(3 if "--quick" in sys.argv else 9)
