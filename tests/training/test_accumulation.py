import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fgtl.training.optimizer import build_optimizer
from fgtl.training.step import TrainStep

ROOT = Path(__file__).parents[2]


@pytest.fixture
def trained(config, fresh_model, images, values):
    """Weights and figures after three steps in the given number of slices."""

    def run(slices, rows=slice(None), **knobs):
        knobs = config(accumulate=slices, **{"tuned_bn": "inference", "clip_norm": 0.5} | knobs)
        model = fresh_model(dropout=0.0)
        step = TrainStep(model, build_optimizer(knobs, 0.1, model), "all", knobs)
        figures = [step(pixels[rows], labels[rows]).numpy() for pixels, labels in images.batches(range(3))]
        return values(model), np.stack(figures), step

    return run


@pytest.mark.parametrize("jit", ["off", "on"])
@pytest.mark.parametrize("slices", [2, 4, 8])
def test_slices_make_the_update_of_the_whole_batch(trained, slices, jit):
    (whole, figures, _), (sliced, sliced_figures, step) = trained(1), trained(slices, jit=jit)
    for one, other in zip(whole, sliced, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)
    np.testing.assert_allclose(sliced_figures, figures, rtol=1e-5)
    assert step.names == ("loss", "top1", "cross_entropy", "weight_decay")


def test_every_row_counts(trained):
    whole, part = trained(2)[1], trained(2, rows=slice(0, 6))[1]
    assert not np.allclose(whole[0], part[0])


def test_a_pass_over_a_slice_is_traced_once(trained):
    assert trained(4)[2]._gradients.experimental_get_tracing_count() == 1


PEAK = """
import sys, keras, numpy as np
from benchmarks.peak_memory import peak_mebibytes
from fgtl.heads.linear import LinearHead
from fgtl.training.optimizer import build_optimizer
from fgtl.training.settings import TrainingKnobs
from fgtl.training.step import TrainStep

image = keras.Input((64, 64, 3))
x = image
for _ in range(6):
    x = keras.layers.Conv2D(32, 3, padding="same", activation="relu")(x)
backbone = keras.Model(image, {"taps": {"p": x}, "features": keras.layers.GlobalAveragePooling2D()(x)})
head = LinearHead(3)
taken = backbone(image)
model = keras.Model(image, head(taken["taps"], taken["features"]))
model.backbone, model.head = backbone, head
knobs = TrainingKnobs(optimizer="sgd", weight_decay=0.0, accumulate=int(sys.argv[1]))
step = TrainStep(model, build_optimizer(knobs, 0.1, model), "all", knobs)
batch = np.zeros((128, 64, 64, 3), "float32"), np.zeros(128, "int32")
before = peak_mebibytes()
for _ in range(2):
    step(*batch)
print(peak_mebibytes() - before)
"""


@pytest.mark.slow
def test_memory_falls_with_the_number_of_slices():
    peaks = []
    for slices in ("1", "8"):
        command = [sys.executable, "-c", PEAK, slices]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
        assert done.returncode == 0, done.stderr[-2000:]
        peaks.append(float(done.stdout.split()[-1]))
    # 128 images * 64 * 64 * 32 channels * 4 bytes are 64 MiB a layer, kept for six.
    assert peaks[0] > 200
    assert peaks[1] < 0.4 * peaks[0], peaks
