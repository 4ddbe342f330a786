import keras
import numpy as np
import pytest

from fgtl.training.checkpoint import Checkpoints
from fgtl.training.ema import Ema
from fgtl.training.optimizer import build_optimizer
from fgtl.training.step import TrainStep


def of_weight(value):
    """A model of one weight, and its averages."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.layers[0].kernel.assign([[value]])
    return model, model.layers[0].kernel


def test_after_one_update_from_0_to_1_it_is_nine_tenths():
    model, weight = of_weight(0.0)
    ema = Ema(model, 0.9999)
    weight.assign([[1.0]])
    ema.follow()
    assert float(ema.shadows[0].numpy()[0, 0]) == pytest.approx(0.9)


@pytest.mark.parametrize("decay", [0.5, 0.9999])
def test_follows_the_rule(decay):
    model, weight = of_weight(0.5)
    ema = Ema(model, decay)
    expected = 0.5
    for step, value in enumerate([2.0, -1.0, 4.0, 0.25, 3.0, 1.0]):
        weight.assign([[value]])
        ema.follow()
        keep = min(decay, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * value
        assert float(ema.shadows[0].numpy()[0, 0]) == pytest.approx(expected, rel=1e-6)


def test_averages_all_that_is_a_float_and_nothing_else(fresh_model):
    model = fresh_model()
    ema = Ema(model, 0.9)
    names = {variable.name for variable in ema.variables}
    assert names >= {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"}
    assert not any("seed" in name for name in names)
    assert len(ema.variables) == sum("float" in str(variable.dtype) for variable in model.variables)
    without = Ema(model, 0.0)
    assert without.shadows == without.updates == []
    without.follow()


def test_shown_while_a_block_runs_then_everything_is_back_bit_for_bit(fresh_model, values):
    model = fresh_model()
    ema = Ema(model, 0.9)
    for shadow in ema.shadows:
        shadow.assign(shadow.value + 0.1)
    own, shadows = values(model), [shadow.numpy() for shadow in ema.shadows]
    with pytest.raises(RuntimeError, match="inside"), ema.shown():
        for variable, shadow in zip(ema.variables, shadows, strict=True):
            np.testing.assert_array_equal(variable.numpy(), shadow)
        raise RuntimeError("inside")
    for one, other in zip(own, values(model), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(shadows, ema.shadows, strict=True):
        np.testing.assert_array_equal(one, other.numpy())


def test_the_averages_of_a_checkpoint_can_be_loaded_into_a_model(fresh_model, tmp_path):
    model = fresh_model()
    ema = Ema(model, 0.9)
    for shadow in ema.shadows:
        shadow.assign(shadow.value + 0.1)
    Checkpoints(tmp_path).save(1, {"model": model.variables, "ema": ema.shadows}, {})
    other = fresh_model()
    floats = Ema(other, 0.9).variables
    Checkpoints(tmp_path).load(1, {"ema": floats})
    for variable, shadow in zip(floats, ema.shadows, strict=True):
        np.testing.assert_array_equal(variable.numpy(), shadow.numpy())


def test_in_the_step_they_follow_weights_and_statistics_by_the_optimizer_s_updates(config, fresh_model, images):
    model = fresh_model(dropout=0.0)
    ema = Ema(model, 0.3)
    step = TrainStep(model, build_optimizer(config(), 0.1, model), "all", config(), ema=ema)
    expected = [variable.numpy() for variable in ema.variables]
    for number, batch in enumerate(images.batches(range(4))):
        step(*batch)
        keep = min(0.3, (1 + number) / (10 + number))
        expected = [keep * one + (1 - keep) * v.numpy() for one, v in zip(expected, ema.variables, strict=True)]
    for one, shadow, variable in zip(expected, ema.shadows, ema.variables, strict=True):
        np.testing.assert_allclose(shadow.numpy(), one, rtol=1e-5, atol=1e-6)
        assert not np.array_equal(shadow.numpy(), variable.numpy()), variable.path


def test_an_update_that_was_skipped_moves_and_counts_nothing():
    model, weight = of_weight(0.0)
    ema = Ema(model, 0.9999)
    weight.assign([[np.inf]])
    ema.follow(moved=False)
    assert float(ema.shadows[0].numpy()[0, 0]) == 0.0
    weight.assign([[1.0]])
    ema.follow(moved=True)
    assert float(ema.shadows[0].numpy()[0, 0]) == pytest.approx(0.9)
    assert int(ema.updates[0].numpy()) == 1


def test_a_step_whose_gradients_overflow_is_not_followed(config, fresh_model, images):
    model = fresh_model(dropout=0.0)
    ema = Ema(model, 0.9)
    optimizer = build_optimizer(config(), 0.1, model, scale_loss=True)
    step = TrainStep(model, optimizer, "all", config(tuned_bn="inference"), ema=ema)
    pixels, labels = next(iter(images.batches(range(1))))
    before = [shadow.numpy() for shadow in ema.shadows]
    step(pixels * np.inf, labels)
    assert int(optimizer.iterations) == int(ema.updates[0].numpy()) == 0
    for one, shadow in zip(before, ema.shadows, strict=True):
        np.testing.assert_array_equal(one, shadow.numpy())
    step(pixels, labels)
    assert int(optimizer.iterations) == int(ema.updates[0].numpy()) == 1
    assert not all(np.array_equal(one, shadow.numpy()) for one, shadow in zip(before, ema.shadows, strict=True))
