import keras
import numpy as np
import pytest

from fgtl.errors import UsageError
from fgtl.heads.classifier import Classifier
from fgtl.heads.linear import LinearHead
from fgtl.models.backbone import BACKBONES, Architecture, Backbone
from fgtl.training.layer_rates import depths, rate_factors
from fgtl.training.optimizer import build_optimizer
from fgtl.training.variables import trained_part


def three_stages(size):
    """Convolutions named by their stage, strides 4, 8, 16, and a layer that only the features need."""
    x = image = keras.Input((size, size, 3))
    for stage, strides in ((3, 4), (2, 2), (1, 2)):
        x = keras.layers.Conv2D(4, 3, strides, padding="same", use_bias=False, name=f"down_{stage}")(x)
        y = keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name=f"beside_{stage}")(x)
        x = keras.layers.Add()([x, y])
    return keras.Model(image, x)


@pytest.fixture
def model(monkeypatch):
    known = Architecture(three_stages, lambda images: images / 255.0)
    monkeypatch.setattr(type(BACKBONES), "__getitem__", lambda registry, name: known)
    keras.utils.set_random_seed(1)
    return Classifier(Backbone("three_stages", 32), LinearHead(3))


def test_depth_counts_the_taps_from_the_top(model):
    assert [tap.name for tap in model.backbone.taps] == ["p2", "p3", "p4"]
    found = depths(model.backbone)
    assert len(found) == 6
    for variable in model.backbone.trainable_variables:
        assert found[id(variable)] == int(variable.path.split("/")[0].split("_")[-1]), variable.path


def test_factors_fall_with_depth_and_the_head_has_its_own(model, config):
    factors = rate_factors(model, "all", config(layer_decay=0.5, head_rate=3.0))
    by_name = {v.path.split("/")[-2]: f for v, f in zip(model.trainable_variables, factors, strict=True)}
    assert by_name == {"down_3": 1 / 8, "beside_3": 1 / 8, "down_2": 1 / 4, "beside_2": 1 / 4} | {
        "down_1": 1 / 2,
        "beside_1": 1 / 2,
        "logits": 3.0,
    }


def test_a_head_that_is_trained_alone_has_its_own_rate_already(model, config):
    assert rate_factors(model, "head", config(layer_decay=0.5, head_rate=3.0)) == (1.0, 1.0)
    assert set(rate_factors(model, "all", config())) == {1.0}


def test_a_backbone_of_one_depth_is_refused(monkeypatch, config):
    def one_stage(size):
        image = keras.Input((size, size, 3))
        return keras.Model(image, keras.layers.Conv2D(4, 3, 4, padding="same")(image))

    known = Architecture(one_stage, lambda images: images / 255.0)
    monkeypatch.setattr(type(BACKBONES), "__getitem__", lambda registry, name: known)
    flat = Classifier(Backbone("one_stage", 32), LinearHead(3))
    with pytest.raises(UsageError, match=r"(?s)--layer_decay=0\.5: one_stage has not two depths.*--head_rate"):
        rate_factors(flat, "all", config(layer_decay=0.5))
    assert rate_factors(flat, "all", config(head_rate=2.0)) == (1.0, 1.0, 2.0, 2.0)
    assert rate_factors(flat, "head", config(layer_decay=0.5)) == (1.0, 1.0)


@pytest.mark.parametrize(
    "optimizer", ["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adadelta", "ftrl", "adam", "adamw"]
)
def test_a_factor_is_a_rate_of_its_own_whatever_the_optimizer(model, config, optimizer):
    knobs = config(optimizer=optimizer, weight_decay=0.1, decay_type="decoupled")
    head = trained_part(model, "head")
    start = [v.numpy() for v in head.trainable_variables]

    def updated(rate, factors):
        for variable, value in zip(head.trainable_variables, start, strict=True):
            variable.assign(value)
        one = build_optimizer(knobs, rate, head, factors=factors)
        for scale in (1.0, 0.3, -2.0):
            one.apply([keras.ops.full(v.shape, scale) for v in head.trainable_variables])
        return [v.numpy() for v in head.trainable_variables]

    kernel, bias = updated(0.1, (0.25, 1.0))
    np.testing.assert_allclose(kernel, updated(0.025, ())[0], rtol=1e-5)
    np.testing.assert_allclose(bias, updated(0.1, ())[1], rtol=1e-5)
    assert not np.allclose(kernel, updated(0.1, ())[0], rtol=1e-4)
