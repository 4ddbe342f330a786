"""Two worker processes against one, each kept on one core: the same training of twice the batch.

Every worker trains MobileNetV2 (fresh weights, SGD with momentum, float32) on random images in memory, with the same number
of images a worker and step. Two are joined by TF_CONFIG over the loopback interface, sum their gradients each step, and
agree after each on whether to stop, as `fgtl train` does. The first steps, which compile, are not timed.

    python benchmarks/scaling.py [--quick]
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import print_ratio, print_table

CLASSES, WARM_UP = 50, 2


@dataclass(frozen=True)
class Size:
    """How much one measurement does; `batch` is that of one worker."""

    pixels: int
    batch: int
    steps: int
    repeats: int


FULL, QUICK = Size(160, 32, 10, 5), Size(96, 32, 6, 1)


def worker(size: Size, core: int) -> None:
    """Train as one of the workers that TF_CONFIG names, and print the images per second of all together."""
    # Before TensorFlow counts the cores for its threads.
    os.sched_setaffinity(0, {core})
    import keras
    import numpy as np
    import tensorflow as tf

    from fgtl.heads.classifier import Classifier
    from fgtl.heads.linear import LinearHead
    from fgtl.models.backbone import build_network
    from fgtl.training.distribution import distribute, prepare, replicas_of, scope_of
    from fgtl.training.exchange import agreed, worker_part
    from fgtl.training.optimizer import build_optimizer
    from fgtl.training.settings import TrainingKnobs
    from fgtl.training.step import TrainStep

    knobs = TrainingKnobs(optimizer="momentum", weight_decay=0.0, tuned_bn="train", sync_bn=False, devices=("cpu",))
    strategy = prepare(knobs, seed=0)
    with scope_of(strategy):
        model = Classifier(build_network("mobilenet_v2", size.pixels), LinearHead(CLASSES))
        optimizer = build_optimizer(knobs, 0.01, model)
    step = TrainStep(model, optimizer, "all", knobs, strategy)
    rng = np.random.default_rng(worker_part(strategy)[0])
    images = rng.uniform(0, 255, (size.batch, size.pixels, size.pixels, 3)).astype("float32")
    labels = rng.integers(0, CLASSES, size.batch).astype("int32")
    data = iter(distribute(tf.data.Dataset.from_tensors((images, labels)).repeat(), strategy))
    for number in range(WARM_UP + size.steps):
        if number == WARM_UP:
            start = time.perf_counter()
        figures = step(*next(data))
        agreed(strategy, False)
    keras.ops.convert_to_numpy(figures)
    spent = time.perf_counter() - start
    print(json.dumps({"images/s": size.steps * size.batch * replicas_of(strategy) / spent}), flush=True)
    agreed(strategy, False)


def rate_of(size: Size, cores: list[int]) -> float:
    """Images per second of one worker process on each of the cores."""
    listeners = [socket.create_server(("localhost", 0)) for _ in cores]
    hosts = [f"localhost:{listener.getsockname()[1]}" for listener in listeners]
    for listener in listeners:
        listener.close()
    processes = []
    for index, core in enumerate(cores):
        config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        words = [sys.executable, __file__, "--worker", json.dumps([*astuple(size), core])]
        environment = os.environ | {"TF_CONFIG": json.dumps(config)}
        processes.append(
            subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    printed = [process.communicate() for process in processes]
    for process, (_, told) in zip(processes, printed, strict=True):
        if process.returncode:
            sys.exit(told)
    # All wait for the slowest in every step.
    return min(json.loads(text.splitlines()[-1])["images/s"] for text, _ in printed)


def main(size: Size) -> None:
    """Measure in turn, print the table and the claim."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit("Two cores are needed, one for each worker.")
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(size.repeats):
        for count in rates:
            rates[count].append(rate_of(size, cores[:count]))
    one, two = (statistics.median(found) for found in rates.values())
    print_table(
        f"MobileNetV2, {size.pixels} px, {size.batch} images a worker and step, a core a worker, "
        f"median of {size.repeats} times {size.steps} steps, in turn",
        ["images/s", "of one"],
        {"1 worker": [one, 1.0], "2 workers": [two, two / one]},
    )
    print_ratio("scaling_two_workers", two / one, 1.5)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "--worker" in sys.argv:
        *own, core = json.loads(sys.argv[-1])
        worker(Size(*own), core)
    else:
        main(QUICK if "--quick" in sys.argv else FULL)
