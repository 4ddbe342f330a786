"""The plug-in at its published sizes on Keras' JAX backend: images/s of a whole training step and of inference.

ResNet-50 at 448 pixels and Swin-Large at 384, each with a linear head and with the plug-in, in bfloat16. A step is forward,
the head's losses, gradients of all weights, batch statistics, and an update by SGD with momentum, as one compiled
program; one batch lies in the device's memory. As in `benchmarks/model_time.py` this is not fgtl's step, which is
TensorFlow's, but the same networks, heads and losses. Operations and memory are the compiler's own figures. Taps, kept
points and the way from level to level are those of `recipes/plugin_resnet50_448.flags` and `plugin_swin_large_384.flags`.

    overhead = 1.15 * ratio of operations / ratio of times        goal: 1, printed on a GPU only

Without a GPU a small MobileNetV2 shows that it runs. It needs no TensorFlow:

    pip install "jax[cuda12]" keras        and for Swin keras-hub
    KERAS_BACKEND=jax python benchmarks/plugin_jax.py [--quick]
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import print_ratio, print_table

if TYPE_CHECKING:
    from fgtl.heads.classifier import Classifier

CLASSES, ALLOWED = 200, 1.15
HEADS = ("linear head", "plug-in")


@dataclass(frozen=True)
class Size:
    """One network, and how much one measurement does with it."""

    backbone: str
    pixels: int
    batch: int
    fpn_size: int
    selects: tuple[str, ...]
    passes: int
    repeats: int
    taps: tuple[str, ...] = ()
    upsample: str = "auto"

    def __str__(self) -> str:
        return f"{self.backbone}, {self.pixels} px, batch {self.batch}, F {self.fpn_size}"


PUBLISHED = (
    Size("resnet50", 448, 32, 512, ("32",), 10, 5),
    Size(
        "keras_hub:swin_large_384",
        384,
        batch=16,
        fpn_size=1536,
        selects=("2048", "512", "128", "32"),
        passes=10,
        repeats=5,
        taps=("stage1", "stage2", "stage3", "stage4"),
        upsample="points",
    ),
)
ON_CPU = (Size("mobilenet_v2", 96, 4, 64, (), 1, 3),)


@dataclass(frozen=True)
class Timing:
    """images/s, operations an image, and MiB that the program takes beside what it is given."""

    rate: float
    operations: float
    mebibytes: float


def classifier(size: Size, head: str) -> "Classifier":
    """Fresh weights."""
    import keras

    from fgtl.heads.classifier import Classifier
    from fgtl.heads.linear import LinearHead
    from fgtl.heads.plugin import PluginHead
    from fgtl.heads.plugin_knobs import PluginKnobs
    from fgtl.models.backbone import build_network

    keras.utils.set_random_seed(0)
    knobs = PluginKnobs(
        fpn_size=size.fpn_size, num_selects=size.selects, plugin_taps=size.taps, plugin_upsample=size.upsample
    )
    network = build_network(size.backbone, size.pixels, taps=size.taps)
    return Classifier(network, LinearHead(CLASSES) if head == HEADS[0] else PluginHead(CLASSES, knobs))


def programs(model: "Classifier") -> tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]:
    """The functions of a step and of inference, and the state that a step gives anew."""
    import jax
    import keras

    from fgtl.heads.head import total_loss

    optimizer = keras.optimizers.SGD(1e-3, momentum=0.9)
    optimizer.build(model.trainable_variables)
    variables = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    trained, fixed = variables[:2]

    def scope(values: Any, others: Any) -> Any:
        pairs = [*zip(trained, values, strict=True), *zip(fixed, others, strict=True)]
        return keras.StatelessScope(state_mapping=pairs)

    def loss_of(values: Any, others: Any, images: Any, labels: Any) -> tuple[Any, list[Any]]:
        with scope(values, others) as state:
            taken = model.backbone(images, training=True)
            outputs = model.head(taken["taps"], taken["features"], training=True)
            loss = total_loss(model.head, model.head.loss(outputs, labels))
        return loss, [state.get_current_value(variable) for variable in fixed]

    def step(values: Any, others: Any, slots: Any, images: Any, labels: Any) -> tuple[Any, Any, Any]:
        (_, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(values, others, images, labels)
        values, slots = optimizer.stateless_apply(slots, gradients, values)
        return values, others, slots

    def predict(values: Any, others: Any, images: Any) -> Any:
        with scope(values, others):
            return model.probabilities(images)

    return step, predict, tuple([variable.value for variable in part] for part in variables)


def measured(size: Size, head: str) -> dict[str, Timing]:
    """Compile both programs and time them."""
    import jax
    import numpy as np

    step, predict, state = programs(classifier(size, head))
    rng = np.random.default_rng(0)
    images = jax.device_put(rng.uniform(0, 255, (size.batch, size.pixels, size.pixels, 3)).astype("float32"))
    labels = jax.device_put(rng.integers(0, CLASSES, size.batch).astype("int32"))
    # A step may write the new state over the old one.
    lowered = {
        "inference": jax.jit(predict).lower(*state[:2], images),
        "training": jax.jit(step, donate_argnums=(0, 1, 2)).lower(*state, images, labels),
    }
    compiled = {mode: program.compile() for mode, program in lowered.items()}
    state_now = [state]

    def infer() -> Any:
        return compiled["inference"](*state_now[0][:2], images)

    def train() -> Any:
        state_now[0] = compiled["training"](*state_now[0], images, labels)
        return state_now[0]

    runs = {"inference": infer, "training": train}
    return {
        mode: Timing(
            size.batch / seconds_of(run, size),
            lowered[mode].cost_analysis()["flops"] / size.batch,
            compiled[mode].memory_analysis().temp_size_in_bytes / 2**20,
        )
        for mode, run in runs.items()
    }


def seconds_of(run: Callable[[], Any], size: Size) -> float:
    """Median of one pass."""
    import jax

    jax.block_until_ready(run())
    spent = []
    for _ in range(size.repeats):
        start = time.perf_counter()
        for _ in range(size.passes):
            found = run()
        jax.block_until_ready(found)
        spent.append((time.perf_counter() - start) / size.passes)
    return statistics.median(spent)


def main(quick: bool) -> None:
    """Measure, print a table a network, and on a GPU the claims."""
    import jax
    import keras

    device = jax.devices()[0]
    on_gpu = device.platform == "gpu"
    if on_gpu:
        keras.config.set_dtype_policy("mixed_bfloat16")
    else:
        print("No GPU is there: a small network shows that it runs; its times say nothing about a GPU.")
    for size in (PUBLISHED[: 1 if quick else 2]) if on_gpu else ON_CPU:
        timings = {head: measured(size, head) for head in HEADS}
        print_table(
            f"{size} on JAX {jax.__version__}, {device.device_kind}, median of {size.repeats} times {size.passes}",
            ["images/s", "GFLOP/image", "MiB of working memory"],
            {
                f"{head}, {mode}": [timing.rate, timing.operations / 1e9, timing.mebibytes]
                for mode in ("inference", "training")
                for head, timing in ((head, timings[head][mode]) for head in HEADS)
            },
        )
        for mode in ("inference", "training") if on_gpu else ():
            alone, plugged = (timings[head][mode] for head in HEADS)
            allowed = ALLOWED * plugged.operations / alone.operations
            name = size.backbone.rpartition(":")[2]
            print_ratio(f"plugin_jax_{mode}_overhead_{name}", allowed * plugged.rate / alone.rate, 1.0)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        import jax  # noqa: F401
    except ImportError:
        print('The plug-in on JAX is left out: there is no jax here. pip install "jax[cuda12]"')
    else:
        main("--quick" in sys.argv)
