"""Names of weights do not depend on what a process has built before."""

from typing import Any

import keras
import numpy as np

from fgtl.interop.weight_names import named_weights
from fgtl.models.backbone import build_network


def small(prefix: str) -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 1, name=f"{prefix}stem")(image)
    for _ in range(12):
        x = keras.layers.BatchNormalization()(keras.layers.Conv2D(2, 1)(x))
    return keras.Model(image, x)


def test_counters_start_anew_and_follow_the_order_of_creation() -> None:
    first, second = named_weights(small("a_")), named_weights(small("a_"))
    assert list(first) == list(second) and len(first) == len(small("a_").weights)
    assert {"conv2d/kernel", "conv2d_11/bias", "batch_normalization_3/moving_variance", "a_stem/kernel"} <= set(first)


def test_each_name_is_its_own_variable() -> None:
    model = small("b_")
    tenth = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][10]
    tenth.set_weights([np.full((1, 1, 2, 2), 5.0), np.zeros(2)])
    assert (np.asarray(named_weights(model)["conv2d_9/kernel"]) == 5).all()


class Twins(keras.layers.Layer):
    def build(self, shape: tuple[int, ...]) -> None:
        for _ in range(3):
            self.add_weight(shape=(1,), name="twin")

    def call(self, x: Any) -> Any:
        return x


def test_weights_of_one_name_are_told_apart() -> None:
    image = keras.Input((4,))
    named = named_weights(keras.Model(image, Twins(name="t")(image)))
    assert list(named) == ["t/twin", "t/twin#2", "t/twin#3"] and len({id(value) for value in named.values()}) == 3


def test_a_backbones_names_are_unique_and_complete() -> None:
    trunk = build_network("mobilenet_v2", 32).trunk
    named = named_weights(trunk)
    assert {id(variable) for variable in named.values()} == {id(variable) for variable in trunk.weights}
    assert "Conv1/kernel" in named and "block_1_depthwise_BN/gamma" in named
