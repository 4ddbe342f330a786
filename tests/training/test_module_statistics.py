import keras
import pytest
import tensorflow as tf

from fgtl.training.batch_norm import synchronize_batch_norm
from fgtl.training.module_statistics import own_statistics


class WithStatistics(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.statistics = [keras.Variable(0.0, trainable=False, name="seen")]

    def call(self, images):
        return images


@pytest.fixture
def part():
    layers = [
        keras.layers.BatchNormalization(name="one"),
        WithStatistics(),
        keras.layers.BatchNormalization(name="two"),
    ]
    return keras.Sequential([keras.Input((2, 2, 3)), keras.Sequential([keras.Input((2, 2, 3)), *layers])])


def names(variables):
    assert all(isinstance(variable, tf.Variable) for variable in variables)
    return [variable.name.split(":")[0].split("/")[-1] for variable in variables]


def test_they_are_those_of_batch_normalisation_and_of_layers_that_keep_some(part):
    assert sorted(names(own_statistics(part))) == ["moving_mean"] * 2 + ["moving_variance"] * 2 + ["seen"]


def test_batch_normalisation_that_is_synchronised_has_the_same_everywhere(part):
    synchronize_batch_norm(part)
    assert names(own_statistics(part)) == ["seen"]


def test_what_is_frozen_writes_nothing(part):
    part.trainable = False
    assert own_statistics(part) == []
