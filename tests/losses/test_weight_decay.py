"""Coupled weight decay against slim's formula."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.losses.weight_decay import coupled_weight_decay, decayed_weights


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 5)), max_size=4), st.floats(0, 1), st.integers(0, 2**31))
def test_equals_the_formula(shapes: list[tuple[int, int]], decay: float, seed: int) -> None:
    kernels = [np.random.default_rng(seed).normal(size=shape).astype("float32") for shape in shapes]
    slow = sum(decay * 0.5 * float(weight) ** 2 for kernel in kernels for weight in kernel.ravel())
    assert float(coupled_weight_decay(kernels, decay)) == pytest.approx(slow, rel=1e-5, abs=1e-7)


def test_four_ones_at_slims_default_add_eight_hundred_thousandths() -> None:
    assert float(coupled_weight_decay([np.ones((2, 2), "float32")], 4e-5)) == pytest.approx(8e-5)


def test_no_kernels_no_loss() -> None:
    assert float(coupled_weight_decay([], 0.1)) == 0.0


def small_model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.DepthwiseConv2D(3, name="depthwise"),
            keras.layers.SeparableConv2D(4, 3, name="separable"),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="dense"),
        ]
    )


def test_kernels_decay_and_biases_and_normalisation_do_not() -> None:
    assert ["/".join(kernel.path.split("/")[-2:]) for kernel in decayed_weights(small_model())] == [
        "conv/kernel",
        "depthwise/kernel",
        "separable/depthwise_kernel",
        "separable/pointwise_kernel",
        "dense/kernel",
    ]


def test_on_request_everything_that_is_trained_decays() -> None:
    model = small_model()
    model.get_layer("conv").trainable = False
    assert decayed_weights(model, everything=True) == model.trainable_variables
    assert {weight.name for weight in decayed_weights(model, everything=True)} >= {"gamma", "beta", "bias"}


def test_frozen_kernels_do_not_decay() -> None:
    model = small_model()
    model.get_layer("conv").trainable = False
    assert len(decayed_weights(model)) == 4
