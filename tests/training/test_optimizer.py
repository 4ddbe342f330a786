import keras
import numpy as np
import pytest

from fgtl.training.optimizer import build_optimizer


def one_update(knobs, model, rate=0.1, scale=0.0):
    """Weights before and after one update with gradients of `scale` everywhere."""
    optimizer = build_optimizer(knobs, rate, model)
    before = {v.path: v.value.numpy() for v in model.trainable_variables}
    optimizer.apply([keras.ops.full(v.shape, scale) for v in model.trainable_variables])
    return before, {v.path: v.value.numpy() for v in model.trainable_variables}


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_decoupled_decay_shrinks_kernels_and_leaves_the_rest(config, fresh_model, optimizer):
    model = fresh_model()
    knobs = config(optimizer=optimizer, decay_type="decoupled", weight_decay=0.5)
    for variable in model.trainable_variables:
        variable.assign(keras.ops.ones(variable.shape))
    _, after = one_update(knobs, model)
    shrunk = {path.rsplit("/", 1)[-1] for path, value in after.items() if not np.all(value == 1)}
    assert shrunk == {"kernel"}
    assert all(np.allclose(value, 1 - 0.1 * 0.5) for path, value in after.items() if path.endswith("kernel"))


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_coupled_decay_is_not_the_optimizers_business(config, fresh_model, optimizer):
    before, after = one_update(config(optimizer=optimizer, weight_decay=0.5), fresh_model())
    for path in before:
        np.testing.assert_array_equal(before[path], after[path])


def test_auto_is_decoupled_for_adamw_only(config):
    assert config(optimizer="adamw").decoupled
    assert not config(optimizer="adam").decoupled
    assert not config(optimizer="adamw", decay_type="coupled").decoupled


def test_momentum_is_plain(config, fresh_model):
    model = fresh_model()
    optimizer = build_optimizer(config(), 0.1, model)
    start = model.trainable_variables[0].value.numpy()
    for _ in range(2):
        optimizer.apply([keras.ops.ones(v.shape) for v in model.trainable_variables])
    # v1 = 1, v2 = 0.9 + 1; Nesterov would move further.
    np.testing.assert_allclose(model.trainable_variables[0].value.numpy(), start - 0.1 * (1 + 1.9), rtol=1e-5)


def test_float16_gets_a_loss_scale(config, fresh_model):
    optimizer = build_optimizer(config(), 0.1, fresh_model().head, scale_loss=True)
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert float(optimizer.scale_loss(2.0)) == 2.0 * 2**15
