"""Keras callbacks in our loop: they see `model.optimizer`, `model.stop_training` and the logs that fit would give."""

from collections.abc import Sequence

import keras

_END_HOOKS = ("on_train_batch_end", "on_batch_end")
_BATCH_HOOKS = (*_END_HOOKS, "on_train_batch_begin", "on_batch_begin")


def callback_list(
    callbacks: Sequence[keras.callbacks.Callback], model: keras.Model, *, epochs: int, steps: int
) -> keras.callbacks.CallbackList:
    """The callbacks as one, told about the model and the length of the training (`steps` a whole epoch has)."""
    return keras.callbacks.CallbackList(list(callbacks), model=model, epochs=epochs, steps=steps, verbose=0)


def wants_every_step(callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """Whether one of them looks at the logs of each step, which costs a wait for the device each time."""
    return any(_overrides(callback, hook) for callback in callbacks for hook in _END_HOOKS)


def stands_between_steps(callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """Whether one of them has something to do between two steps, which then cannot be done in one call."""
    return any(_overrides(callback, hook) for callback in callbacks for hook in _BATCH_HOOKS)


def _overrides(callback: keras.callbacks.Callback, hook: str) -> bool:
    # LambdaCallback puts its functions on the instance; others override the method.
    return hook in vars(callback) or getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook)
