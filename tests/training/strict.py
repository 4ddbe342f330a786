"""Run by test_distribution.py in a process of its own: --determinism strict cannot be taken back in a process.

Prints one JSON object: whether two trainings in this process end in the same bits, and whether another seed does not.
"""

import importlib.util
import json
import sys
import tempfile
from pathlib import Path

from fgtl.training.distribution import prepare
from fgtl.training.loop import Trainer
from fgtl.training.plan import plan_training
from fgtl.training.run import Stage

spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("conftest.py"))
tiny = importlib.util.module_from_spec(spec)
sys.modules["tiny"] = tiny
spec.loader.exec_module(tiny)


def trained(seed: int) -> list[bytes]:
    """Every variable's bytes after a training with dropout, batch statistics and averages."""
    config, images = tiny.Config(epochs=1, mode="head_then_all", ema_decay=0.9), tiny.Images()
    prepare(config, seed, "strict")
    model = tiny.TinyClassifier()
    plan = plan_training(config, images=images.count, batch_size=images.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        Trainer(model, plan, config, Stage(Path(folder), "same")).run(images.batches)
    return [variable.value.numpy().tobytes() for variable in model.variables]


if __name__ == "__main__":
    first, again, other = trained(1), trained(1), trained(2)
    print(json.dumps({"same seed": first == again, "other seed": first == other}))
