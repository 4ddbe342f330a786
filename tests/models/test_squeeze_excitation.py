"""The gate against its formula."""

import keras
import numpy as np
import pytest

from fgtl.models.squeeze_excitation import squeeze_and_excite

MAPS = np.random.default_rng(0).normal(size=(2, 3, 5, 40)).astype("float32")


@pytest.fixture
def gate() -> keras.Model:
    image = keras.Input((3, 5, 40))
    return keras.Model(image, squeeze_and_excite(image, "block_SE_block"))


def test_each_channel_is_multiplied_by_a_function_of_all_means(gate: keras.Model) -> None:
    rng = np.random.default_rng(1)
    down, first, up, second = (rng.normal(size=weight.shape) for weight in gate.get_weights())
    gate.set_weights([down, first, up, second])
    hidden = np.maximum(MAPS.mean((1, 2)) @ down[0, 0] + first, 0)
    expected = MAPS / (1 + np.exp(-(hidden @ up[0, 0] + second)))[:, None, None]
    np.testing.assert_allclose(gate(MAPS), expected, rtol=1e-4, atol=1e-5)


def test_a_second_convolution_of_zeros_gives_exactly_half(gate: keras.Model) -> None:
    # Acceptance E6.
    down, first, up, second = gate.get_weights()
    gate.set_weights([down, first, np.zeros_like(up), np.zeros_like(second)])
    assert np.array_equal(gate(MAPS), MAPS / 2)


def test_the_reduction_is_sixteen_rounded_down_with_biases_and_slims_names(gate: keras.Model) -> None:
    shapes = {weight.path: tuple(weight.shape) for weight in gate.weights}
    assert shapes == {
        "block_SE_block_Conv/kernel": (1, 1, 40, 2),
        "block_SE_block_Conv/bias": (2,),
        "block_SE_block_Conv_1/kernel": (1, 1, 2, 40),
        "block_SE_block_Conv_1/bias": (40,),
    }
