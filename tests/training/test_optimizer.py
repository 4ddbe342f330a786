import keras
import numpy as np
import pytest

from fgtl.errors import FgtlError
from fgtl.training.optimizer import apply_gradients, build_optimizer


def one_update(knobs, model, rate=0.1, scale=0.0):
    """Weights before and after one update with gradients of `scale` everywhere."""
    optimizer = build_optimizer(knobs, rate, model)
    before = {v.path: v.value.numpy() for v in model.trainable_variables}
    optimizer.apply([keras.ops.full(v.shape, scale) for v in model.trainable_variables])
    return before, {v.path: v.value.numpy() for v in model.trainable_variables}


RULES = ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adadelta", "ftrl", "adam", "adamw")


@pytest.mark.parametrize("optimizer", [rule for rule in RULES if rule not in ("adagrad", "ftrl")])
def test_decoupled_decay_shrinks_kernels_and_leaves_the_rest(config, fresh_model, optimizer):
    model = fresh_model()
    knobs = config(optimizer=optimizer, decay_type="decoupled", weight_decay=0.5)
    for variable in model.trainable_variables:
        variable.assign(keras.ops.ones(variable.shape))
    _, after = one_update(knobs, model)
    shrunk = {path.rsplit("/", 1)[-1] for path, value in after.items() if not np.all(value == 1)}
    assert shrunk == {"kernel"}
    assert all(np.allclose(value, 1 - 0.1 * 0.5) for path, value in after.items() if path.endswith("kernel"))


def test_decoupled_decay_of_everything_shrinks_everything(config, fresh_model):
    model = fresh_model()
    for variable in model.trainable_variables:
        variable.assign(keras.ops.ones(variable.shape))
    _, after = one_update(config(optimizer="adamw", weight_decay=0.5, decay_all=True), model)
    assert all(np.allclose(value, 1 - 0.1 * 0.5) for value in after.values())


@pytest.mark.parametrize("optimizer", [rule for rule in RULES if rule not in ("adamw", "ftrl")])
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


def moved_by(knobs, gradients, rate=0.1):
    """Where a weight of 1 is after updates with these gradients."""
    dense = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    optimizer = build_optimizer(knobs, rate, dense)
    for gradient in gradients:
        optimizer.apply([keras.ops.full((1, 1), gradient)])
    return float(dense.layers[0].kernel.numpy()[0, 0])


GRADIENTS = (1.0, 0.5, -0.25, 2.0)


def slow_nesterov(gradients, rate=0.1, momentum=0.9):
    """Sutskever et al. 2013, written for the look-ahead point."""
    weight, velocity = 1.0, 0.0
    for gradient in gradients:
        velocity = momentum * velocity - rate * gradient
        weight += momentum * velocity - rate * gradient
    return weight


def slow_rmsprop(gradients, rate=0.1, momentum=0.9, decay=0.9):
    """Tieleman and Hinton 2012, with momentum on the normalised gradient as in slim."""
    weight, square, velocity = 1.0, 0.0, 0.0
    for gradient in gradients:
        square = decay * square + (1 - decay) * gradient**2
        velocity = momentum * velocity + rate * gradient / np.sqrt(square)
        weight -= velocity
    return weight


def slow_adagrad(gradients, rate=0.1):
    """Duchi et al. 2011, from an accumulator of 0.1 as in slim."""
    weight, square = 1.0, 0.1
    for gradient in gradients:
        square += gradient**2
        weight -= rate * gradient / np.sqrt(square)
    return weight


def slow_adadelta(gradients, rate=0.1, decay=0.95, epsilon=1e-7):
    """Zeiler 2012, algorithm 1."""
    weight, square, change = 1.0, 0.0, 0.0
    for gradient in gradients:
        square = decay * square + (1 - decay) * gradient**2
        delta = np.sqrt(change + epsilon) / np.sqrt(square + epsilon) * gradient
        change = decay * change + (1 - decay) * delta**2
        weight -= rate * delta
    return weight


def slow_ftrl(gradients, rate=0.1):
    """McMahan et al. 2013, algorithm 1, without regularisation, from n = 0.1 as in slim."""
    weight, linear, square = 1.0, 0.0, 0.1
    for gradient in gradients:
        new = square + gradient**2
        linear += gradient - (np.sqrt(new) - np.sqrt(square)) / rate * weight
        square = new
        weight = -linear / (np.sqrt(new) / rate)
    return weight


@pytest.mark.parametrize("slow", [slow_nesterov, slow_rmsprop, slow_adagrad, slow_adadelta, slow_ftrl])
def test_is_the_rule_of_its_name(config, slow):
    knobs = config(optimizer=slow.__name__.removeprefix("slow_"))
    assert moved_by(knobs, GRADIENTS) == pytest.approx(slow(GRADIENTS), rel=1e-4)


def test_rmsprop_has_a_decay_of_its_own(config):
    expected = slow_rmsprop(GRADIENTS, decay=0.5, momentum=0.0)
    assert moved_by(config(optimizer="rmsprop", rmsprop_decay=0.5, momentum=0.0), GRADIENTS) == pytest.approx(
        expected, rel=1e-4
    )


def test_float16_gets_a_loss_scale(config, fresh_model):
    optimizer = build_optimizer(config(), 0.1, fresh_model().head, scale_loss=True)
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    assert float(optimizer.scale_loss(2.0)) == 2.0 * 2**15


class OtherWay(keras.optimizers.SGD):
    """A Keras whose apply no longer goes through the private method."""

    def apply(self, grads, trainable_variables=None):
        super()._backend_update_step(grads, trainable_variables, self.learning_rate)


@pytest.mark.parametrize("half", [False, True])
def test_a_keras_that_goes_past_our_update_is_named(config, fresh_model, monkeypatch, half):
    model = fresh_model().head

    def update():
        optimizer = build_optimizer(config(), 0.1, model, scale_loss=half)
        apply_gradients(
            optimizer, [keras.ops.ones(v.shape) for v in model.trainable_variables], model.trainable_variables
        )

    update()
    monkeypatch.setattr(keras.optimizers, "SGD", OtherWay)
    with pytest.raises(FgtlError, match=rf"Keras {keras.__version__} .*does not call its _backend_update_step"):
        update()


def test_a_keras_without_the_private_methods_is_named(config, fresh_model, monkeypatch):
    class Without:
        def _backend_update_step(self):
            pass

    monkeypatch.setattr(keras.optimizers, "SGD", Without)
    with pytest.raises(FgtlError, match=rf"Keras {keras.__version__} .*Without has no _get_variable_index"):
        build_optimizer(config(), 0.1, fresh_model())
