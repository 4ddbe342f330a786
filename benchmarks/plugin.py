"""The plug-in module: what it adds to a backbone, and its head against PyTorch's, in one run on one machine.

Whole models: the backbone with a linear head, and with the plug-in. A training step (forward, losses, gradients, update)
is fgtl's own, inference is what `fgtl predict` calls, both compiled as there. Multiply-adds are counted from shapes
(`benchmarks/multiply_adds.py`). The claim is that time grows no more than 1.15 times as much as they do.

The head alone, on random taps of the same shapes, against PyTorch with the selector as its authors formulate it, image by
image (`benchmarks/plugin_torch.py`). Both start from the same weights; before the clock runs, the logits of each level,
those that the combiner gives to the same points, and the losses of three steps must agree to 1e-4, and the ranks of points
but for one in twenty: confidences that are equal to rounding may change places.

Each side has a process of its own and all cores; sides take turns. Peak memory is the process's, what Python and the
library take included, inference measured before training. MobileNetV2 is trained as in the recipe for two cores (batch
statistics kept, most points of a level), ResNet-50 as in the published one (the batch's own, 32 points of a level).

PyTorch is no dependency of fgtl, nor of its tests. Without it the head is measured alone, and its claims are left out:

    pip install torch
    python benchmarks/plugin.py [--quick]

    RATIO plugin_training_overhead_NAME     1.15 * ratio of multiply-adds / ratio of times of a training step
    RATIO plugin_inference_overhead_NAME    the same in inference
    RATIO plugin_training_vs_torch_NAME     images/s of the head's step, ours over PyTorch's
    RATIO plugin_inference_vs_torch_NAME    the same in inference

`benchmarks/plugin_jax.py` measures the published sizes on a GPU.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import interleaved, print_ratio, print_table
from benchmarks.plugin_size import Answers, Size, TapShapes
from benchmarks.workers import Worker
from fgtl.data.pool import usable_cores

if TYPE_CHECKING:
    from benchmarks.plugin_sides import Ours, Whole
    from benchmarks.plugin_torch import Theirs

ALLOWED, FASTER = 1.15, 1.5
MODES = ("inference", "training")

FULL = (
    Size("mobilenet_v2", 160, 32, 128, (), "inference", steps=2, repeats=7),
    Size("resnet50", 224, 8, 512, ("32",), "train", steps=1, repeats=5),
)
QUICK = (Size("mobilenet_v2", 96, 16, 128, (), "inference", steps=1, repeats=3),)


def whole(size: Size, alone: bool) -> "Whole":
    """Made in its process."""
    from benchmarks.plugin_sides import Whole

    return Whole(size, alone)


def ours(size: Size, shapes: TapShapes) -> "Ours":
    """Made in its process."""
    from benchmarks.plugin_sides import Ours

    return Ours(size, shapes)


def theirs(
    size: Size, shapes: TapShapes, kept: Sequence[int], weights: Mapping[str, np.ndarray], threads: int
) -> "Theirs":
    """Made in its process."""
    from benchmarks.plugin_torch import Theirs

    return Theirs(size, shapes, kept, weights, threads)


def measured(workers: Mapping[str, Worker], mode: str, repeats: int) -> dict[str, list[float]]:
    """Worker -> images/s, ms an image, and peak MiB of its process so far."""
    figures = interleaved({name: partial(worker, mode) for name, worker in workers.items()}, repeats)
    return {
        name: [figures[name].rate, 1000 / figures[name].rate, worker.peak_mib()] for name, worker in workers.items()
    }


def compare_models(size: Size) -> TapShapes:
    """The backbone alone and with the plug-in; gives the shapes of the taps."""
    with Worker(partial(whole, size, True)) as alone, Worker(partial(whole, size, False)) as plugged:
        workers = {"linear head": alone, "plug-in": plugged}
        giga = {name: worker("multiply_adds") / 1e9 for name, worker in workers.items()}
        modes = {mode: measured(workers, mode, size.repeats) for mode in MODES}
        shapes: TapShapes = plugged("shapes")
    rows = {f"{name}, {mode}": [*row, giga[name]] for mode, found in modes.items() for name, row in found.items()}
    print_table(
        f"{size}: the whole model, {usable_cores()} cores, median of {size.repeats}, interleaved",
        ["images/s", "ms/image", "peak MiB", "10^9 multiply-adds an image forwards"],
        rows,
    )
    allowed = ALLOWED * giga["plug-in"] / giga["linear head"]
    for mode, found in modes.items():
        longer = found["plug-in"][1] / found["linear head"][1]
        print(f"{mode}: {longer:.2f} times the backbone's time; the claim allows {allowed:.2f}")
        print_ratio(f"plugin_{mode}_overhead_{size.backbone}", allowed / longer, 1.0)
    return shapes


def compare_heads(size: Size, shapes: TapShapes) -> None:
    """Our head and PyTorch's; ours by itself where there is no PyTorch."""
    with ExitStack() as stack:
        workers = {"fgtl": stack.enter_context(Worker(partial(ours, size, shapes)))}
        if find_spec("torch") is None:
            print("There is no torch here (see benchmarks/plugin.py): the head is measured without its rival.")
        else:
            parts = workers["fgtl"]("kept"), workers["fgtl"]("weights"), usable_cores()
            workers["PyTorch"] = stack.enter_context(Worker(partial(theirs, size, shapes, *parts)))
            answers = workers["fgtl"]("answers")
            expect_same_answers(answers, workers["PyTorch"]("answers", answers.kept))
        modes = {"inference": measured(workers, "inference", size.repeats)}
        if len(workers) > 1:
            expect_same_losses(*(worker("losses", 3) for worker in workers.values()))
        modes["training"] = measured(workers, "training", size.repeats)
    print_table(
        f"{size}: the plug-in head alone, {usable_cores()} cores, median of {size.repeats}, interleaved",
        ["images/s", "ms/image", "peak MiB"],
        {f"{name}, {mode}": row for mode, found in modes.items() for name, row in found.items()},
    )
    if len(workers) > 1:
        for mode, found in modes.items():
            print_ratio(f"plugin_{mode}_vs_torch_{size.backbone}", found["fgtl"][0] / found["PyTorch"][0], FASTER)


def expect_same_answers(one: Answers, other: Answers) -> None:
    """Stop unless both heads compute the same."""
    for levels in zip(one.levels, other.levels, strict=True):
        assert np.allclose(*levels, atol=1e-4), "The heads' logits of a level differ."
    for indices in zip(one.kept, other.kept, strict=True):
        assert np.mean(np.equal(*indices)) >= 0.95, "The heads keep different points."
    assert np.allclose(one.combined, other.combined, atol=1e-4), "The heads' combined logits differ."


def expect_same_losses(one: Sequence[float], other: Sequence[float]) -> None:
    """Stop unless both learn the same: of several steps, so that gradients and updates count."""
    assert np.allclose(one, other, rtol=1e-4), f"The heads' losses differ: {one} and {other}"


def main(sizes: Sequence[Size]) -> None:
    """Measure; print the tables and the claims."""
    for size in sizes:
        compare_heads(size, compare_models(size))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main(QUICK if "--quick" in sys.argv else FULL)
