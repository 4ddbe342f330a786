"""Keras optimizers from knobs, built on the variables that a phase trains."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops, optimizers

from fgtl.losses.weight_decay import decayed_weights
from fgtl.models.keras_private import private, unsuitable_keras
from fgtl.training.settings import OptimizerKnobs


def build_optimizer(
    knobs: OptimizerKnobs,
    learning_rate: Any,
    part: keras.layers.Layer,
    *,
    factors: Sequence[float] = (),
    scale_loss: bool = False,
) -> optimizers.Optimizer:
    """An optimizer with its slots for a part's trainable variables; decoupled decay touches kernels only,
    unless --decay_all.

    Under a strategy its `apply` takes gradients that were summed over the replicas before.

    Args:
        learning_rate: float or LearningRateSchedule.
        part: what will be trained; gradients come in the order of its `trainable_variables`.
        factors: of the rate, one for each of them, see `rate_factors`; empty: 1 each.
        scale_loss: wrap it for float16, whose small gradients would be lost (dynamic loss scaling).

    Call it in the strategy's scope.
    """
    variables = part.trainable_variables
    decayed = {id(weight) for weight in decayed_weights(part, everything=knobs.decay_all)}
    rule, arguments = _rule(knobs)
    for method in ("_backend_update_step", "_get_variable_index"):
        private(rule, method)
    # Keras has no rates of single variables, and its decay could not follow them.
    optimizer = type(rule.__name__, (_PerVariable, rule), {})(learning_rate, **arguments)
    optimizer.factors = tuple(factors) or (1.0,) * len(variables)
    decay = knobs.weight_decay if knobs.decoupled else 0.0
    optimizer.decays = tuple(decay if id(variable) in decayed else 0.0 for variable in variables)
    if scale_loss:
        optimizer = optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer


def apply_gradients(
    optimizer: optimizers.Optimizer, gradients: Sequence[Any], variables: Sequence[keras.Variable]
) -> None:
    """One update by an optimizer from `build_optimizer`, in a step that is being traced or by itself.

    Raises:
        FgtlError: this version of Keras goes another way than through `_PerVariable`. It would then lose rates and decay
            of single variables, and sum the gradients of replicas twice, without a word.
    """
    own = getattr(optimizer, "inner_optimizer", optimizer)
    before = own.updates
    optimizer.apply(gradients, variables)
    if own.updates == before:
        raise unsuitable_keras("an optimizer's apply does not call its _backend_update_step")


def _rule(knobs: OptimizerKnobs) -> tuple[type[optimizers.Optimizer], dict[str, Any]]:
    """Keras' class of an update rule, and its arguments."""
    momentum = {"momentum": knobs.momentum}
    adam = {"beta_1": knobs.adam_beta1, "beta_2": knobs.adam_beta2, "epsilon": knobs.adam_epsilon}
    rules: dict[str, tuple[type[optimizers.Optimizer], dict[str, Any]]] = {
        "sgd": (optimizers.SGD, {}),
        "momentum": (optimizers.SGD, momentum),
        "nesterov": (optimizers.SGD, momentum | {"nesterov": True}),
        "rmsprop": (optimizers.RMSprop, momentum | {"rho": knobs.rmsprop_decay}),
        "adagrad": (optimizers.Adagrad, {}),
        "adadelta": (optimizers.Adadelta, {}),
        "ftrl": (optimizers.Ftrl, {}),
        "adam": (optimizers.Adam, adam),
        "adamw": (optimizers.Adam, adam),
    }
    return rules[knobs.optimizer]


class _PerVariable:
    """Before a Keras optimizer among a class's bases: each variable has a rate and a decay of its own.

    Attributes:
        factors: of the rate, by variable.
        decays: by variable; w -= rate * decay * w before the update, as Keras does with its one rate.
        updates: how often Keras came here; a compiled step counts once.
    """

    factors: tuple[float, ...]
    decays: tuple[float, ...]
    updates = 0

    def _backend_update_step(self: Any, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        # In this place Keras sums the gradients over the replicas, after its clipping; ours come summed and clipped.
        # Each replica then does the same to its own copies, which needs no meeting of the replicas.
        self.updates += 1
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            index = self._get_variable_index(variable)
            rate = ops.cast(learning_rate, variable.dtype) * self.factors[index]
            if self.decays[index]:
                self.assign_sub(variable, variable * (rate * self.decays[index]))
            self.update_step(gradient, variable, rate)
