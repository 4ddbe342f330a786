"""What being able to resume costs: the time of a checkpoint against the minute of training between two of them.

The checkpoint is that of a fine-tuning of InceptionV3 with momentum and an average of the weights: three times 87 MB,
hashed, and made durable (fsync) before training goes on. The share lost is that of a run that saves every 60 seconds:

    lost = t / (60 + t)                goal: below 2 %

    python benchmarks/resume.py [--quick]
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.measure import print_ratio, print_table

if TYPE_CHECKING:
    from fgtl.training.checkpoint import Groups

BETWEEN, LIMIT, CLASSES = 60.0, 0.02, 200


def groups() -> "Groups":
    """The variables of a model, its optimizer and the averages, as a training in full swing has them."""
    import keras

    from fgtl.heads.classifier import Classifier
    from fgtl.heads.linear import LinearHead
    from fgtl.models.backbone import build_network

    model = Classifier(build_network("inception_v3", 299), LinearHead(CLASSES))
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    optimizer.build(model.trainable_variables)
    averages = [keras.Variable(variable.value, dtype=variable.dtype, trainable=False) for variable in model.variables]
    return {"model": model.variables, "optimizer": optimizer.variables, "ema": averages}


def seconds_of_saves(variables: "Groups", folder: Path, repeats: int) -> list[float]:
    """How long training stands still for each of `repeats` checkpoints after a first one."""
    from fgtl.training.checkpoint import Checkpoints

    checkpoints, spent = Checkpoints(folder / "checkpoints"), []
    for step in range(repeats + 1):
        start = time.perf_counter()
        checkpoints.save(step, variables, {})
        spent.append(time.perf_counter() - start)
    return spent[1:]


def seconds_to_go_on(variables: "Groups", folder: Path) -> float:
    """How long a start takes to check the newest checkpoint and load it."""
    from fgtl.training.checkpoint import Checkpoints

    start = time.perf_counter()
    checkpoints = Checkpoints(folder / "checkpoints")
    newest = checkpoints.newest()
    if newest is None:
        raise SystemExit("No checkpoint was written.")
    checkpoints.load(newest["step"], variables)
    return time.perf_counter() - start


def main(repeats: int) -> None:
    """Measure, print the table and the claim."""
    variables = groups()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        spent = seconds_of_saves(variables, Path(name), repeats)
        loading = seconds_to_go_on(variables, Path(name))
        size = max(path.stat().st_size for path in Path(name).rglob("*.npz"))
    saving = statistics.median(spent)
    lost = saving / (BETWEEN + saving)
    print_table(
        f"InceptionV3, momentum, averages: a checkpoint of {size / 2**20:,.0f} MiB every {BETWEEN:.0f} s, "
        f"median of {repeats}",
        ["seconds", "slowest", "MiB/s", "% of the run"],
        {
            "save": [saving, max(spent), size / 2**20 / saving, 100 * lost],
            "check and load": [loading, loading, size / 2**20 / loading, float("nan")],
        },
    )
    print_ratio("checkpoint_cost", LIMIT / lost, 1.0)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main(3 if "--quick" in sys.argv else 9)
