import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.training.clipping import clipped
from fgtl.training.optimizer import build_optimizer

SGD = keras.optimizers.SGD(0.1)


@given(st.floats(0.01, 100), st.integers(0, 2**31))
def test_is_the_formula_over_all_variables_together(longest, seed):
    rng = np.random.default_rng(seed)
    gradients = [rng.normal(size=shape).astype("float32") for shape in ((3, 2), (4,), (1, 1, 2))]
    norm = np.sqrt(sum((g.astype("float64") ** 2).sum() for g in gradients))
    for one, gradient in zip(clipped(gradients, longest, SGD), gradients, strict=True):
        np.testing.assert_allclose(one, gradient * min(1, longest / norm), rtol=1e-5)


def test_a_loss_scale_does_not_count(config, fresh_model):
    model = fresh_model()
    scaled = build_optimizer(config(), 0.1, model, scale_loss=True)
    (one,), (times_scale,) = (
        clipped(
            [
                np.float32([3, 4]) * s,
            ],
            1.0,
            o,
        )
        for s, o in ((1, SGD), (2**15, scaled))
    )
    np.testing.assert_array_equal(np.array(times_scale), np.array(one) * 2**15)


def test_an_overflow_stays_one():
    assert np.isnan(clipped([np.float32([1, np.inf]), np.float32([2])], 1.0, SGD)[1]).all()


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_clipped_step_of_sgd_is_as_long_as_asked(config, fresh_model, images, precision):
    from fgtl.training.step import TrainStep

    knobs = config(optimizer="sgd", clip_norm=0.01, weight_decay=0.0)
    keras.config.set_dtype_policy(precision)
    try:
        model = fresh_model()
    finally:
        keras.config.set_dtype_policy("float32")
    optimizer = build_optimizer(knobs, 1.0, model, scale_loss=precision == "mixed_float16")
    before = [variable.numpy() for variable in model.trainable_variables]
    TrainStep(model, optimizer, "all", knobs)(*next(iter(images.batches(range(1)))))
    moved = [v.numpy() - old for v, old in zip(model.trainable_variables, before, strict=True)]
    assert np.sqrt(sum((one.astype("float64") ** 2).sum() for one in moved)) == pytest.approx(0.01, rel=1e-3)
