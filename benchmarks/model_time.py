"""The same models and losses on Keras' JAX backend: images/s of a forward and backward pass, as a share of the chip.

This is **model time, not fgtl's training step**: the step (`fgtl/training/step.py`) is TensorFlow's and reads, augments,
clips, updates and logs too. `fgtl.models`, `fgtl.heads` and `fgtl.losses` are written with keras.ops, so the same network
and loss run on JAX, whose compiler says how many operations a pass has. One batch lies in the device's memory;
gradients of all weights are computed, batch statistics taken, nothing is updated.

    share = images/s * operations an image / limit of the device          goal: 0.1

A claim is printed only on a GPU. It needs no TensorFlow, and none may be imported:

    pip install "jax[cuda12]" keras
    KERAS_BACKEND=jax python benchmarks/model_time.py [--quick] [--limit_tflops X] [--models A,B]
"""

import argparse
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import print_ratio, print_table

if TYPE_CHECKING:
    from fgtl.heads.classifier import Classifier

CLASSES, GOAL = 200, 0.1
# Dense peak of one device in 10^12 operations a second, from the makers' data sheets: bfloat16, and float32 as JAX
# multiplies by default (TF32).
LIMITS = {
    "H100 PCIe": {"bfloat16": 756.0, "float32": 378.0},
    "H100": {"bfloat16": 989.0, "float32": 494.0},
    "H200": {"bfloat16": 989.0, "float32": 494.0},
    "A100": {"bfloat16": 312.0, "float32": 156.0},
}


@dataclass(frozen=True)
class Size:
    """How much one measurement does. `pixels` None: what the network was made for."""

    batch: int
    pixels: int | None
    passes: int
    repeats: int


FULL, QUICK, ON_CPU = Size(128, None, 20, 5), Size(64, None, 5, 3), Size(8, 96, 1, 3)


@dataclass(frozen=True)
class Timing:
    """images/s, and operations that one image takes forward and backward."""

    rate: float
    operations: float


def classifier(name: str, pixels: int | None, precision: str) -> "Classifier":
    """A network with fresh weights and a linear head; weights are float32 in both precisions."""
    import keras

    from fgtl.heads.classifier import Classifier
    from fgtl.heads.linear import LinearHead
    from fgtl.models.backbone import build_network

    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    keras.utils.set_random_seed(0)
    return Classifier(build_network(name, pixels), LinearHead(CLASSES))


def measured(model: "Classifier", size: Size) -> Timing:
    """Compile the gradients of the head's loss once, and time them."""
    import jax
    import keras
    import numpy as np

    from fgtl.heads.head import total_loss

    def loss_of(trained: list[Any], fixed: list[Any], images: Any, labels: Any) -> tuple[Any, list[Any]]:
        pairs = [*zip(model.trainable_variables, trained, strict=True)]
        pairs += zip(model.non_trainable_variables, fixed, strict=True)
        with keras.StatelessScope(state_mapping=pairs) as scope:
            taken = model.backbone(images, training=True)
            outputs = model.head(taken["taps"], taken["features"], training=True)
            loss = total_loss(model.head, model.head.loss(outputs, labels))
        # The new statistics are asked for, or the compiler would leave them out.
        return loss, [scope.get_current_value(variable) for variable in model.non_trainable_variables]

    pixels = model.backbone.input_shape[1]
    rng = np.random.default_rng(0)
    batch = (
        jax.device_put(rng.uniform(0, 255, (size.batch, pixels, pixels, 3)).astype("float32")),
        jax.device_put(rng.integers(0, CLASSES, size.batch).astype("int32")),
    )
    weights = [
        [variable.value for variable in part] for part in (model.trainable_variables, model.non_trainable_variables)
    ]
    lowered = jax.jit(jax.value_and_grad(loss_of, has_aux=True)).lower(*weights, *batch)
    # Of the program as written: a compiler may spread a depthwise convolution into a dense one, and count that.
    costs, compiled = lowered.cost_analysis(), lowered.compile()
    jax.block_until_ready(compiled(*weights, *batch))
    spent = []
    for _ in range(size.repeats):
        start = time.perf_counter()
        for _ in range(size.passes):
            found = compiled(*weights, *batch)
        jax.block_until_ready(found)
        spent.append((time.perf_counter() - start) / size.passes)
    return Timing(size.batch / statistics.median(spent), costs["flops"] / size.batch)


def limit_of(kind: str, precision: str, stated: float) -> float:
    """10^12 operations a second that a device could do; 0 when neither the table nor the user says."""
    found = [limits[precision] for name, limits in LIMITS.items() if all(word in kind for word in name.split())]
    return stated or (found[0] if found else 0.0)


def main(words: argparse.Namespace) -> None:
    """Measure every model in both precisions; print the table, and on a GPU the claims."""
    import jax

    device = jax.devices()[0]
    on_gpu = device.platform == "gpu"
    if not on_gpu:
        print("No GPU is there: these are the CPU's images/s on small images, which say nothing about a GPU.")
    size = (QUICK if words.quick else FULL) if on_gpu else ON_CPU
    rows, claims = {}, []
    for name in words.models.split(","):
        for precision in ("float32", "bfloat16"):
            timing = measured(classifier(name, size.pixels, precision), size)
            done = timing.rate * timing.operations / 1e12
            limit = limit_of(device.device_kind, precision, words.limit_tflops) if on_gpu else 0.0
            rows[f"{name} {precision}"] = [
                timing.rate, timing.operations / 1e9, done, limit or float("nan"), 100 * done / limit if limit else float("nan")
            ]  # fmt: skip
            if limit:
                claims.append((f"model_time_{name}_{precision}", done / limit))
    if "tensorflow" in sys.modules:
        raise SystemExit("TensorFlow was imported: a model or loss does not rest on keras.ops alone.")
    print_table(
        f"Model time, not fgtl's step: forward and backward on JAX {jax.__version__}, {device.device_kind}, "
        f"batch {size.batch}, {size.pixels or 'native'} px, median of {size.repeats} times {size.passes}",
        ["images/s", "GFLOP/image", "TFLOP/s", "limit", "% of it"],
        rows,
    )
    for name, share in claims:
        print_ratio(name, share, GOAL)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--models", default="mobilenet_v2,inception_v3")
    parser.add_argument("--limit_tflops", type=float, default=0.0, help="of the device, where the table has it not")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        import jax  # noqa: F401
    except ImportError:
        print('Model time on JAX is left out: there is no jax here. pip install "jax[cuda12]"')
    else:
        main(parsed())
