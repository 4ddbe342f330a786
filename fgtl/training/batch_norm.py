"""Batch normalisation in training: one fused kernel on one device, statistics of the whole batch on several."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from fgtl.models.batch_norms import batch_norms

_FUSED_TYPES = ("float32", "bfloat16", "float16")


def synchronize_batch_norm(model: keras.Model) -> int:
    """Let every batch normalisation take its statistics over all replicas' images; returns how many there are."""
    layers = batch_norms(model)
    for layer in layers:
        layer.synchronized = True
    return len(layers)


@contextmanager
def fused_batch_norm(model: keras.Model) -> Iterator[None]:
    """What is traced inside uses TensorFlow's fused kernel where a layer takes the batch's own statistics.

    Keras 3 computes the same in a dozen operations, each of which walks over and keeps the feature map; in a
    MobileNetV2 step on a CPU they are a third of the time. Layers are changed only while the block runs, so neither
    what is saved nor what is traced elsewhere differs.
    """
    layers = [layer for layer in batch_norms(model) if type(layer) is keras.layers.BatchNormalization]
    for layer in layers:
        layer.__class__ = _Fused
    try:
        yield
    finally:
        for layer in layers:
            layer.__class__ = keras.layers.BatchNormalization


class _Fused(keras.layers.BatchNormalization):
    """Equal to its parent to rounding; hands back to it whatever the kernel cannot do."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        own_statistics = training and self.trainable and mask is None
        if not own_statistics or self.synchronized or self.renorm or not self._kernel_fits(inputs):
            return super().call(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.cast(self.gamma, tf.float32) if self.scale else tf.ones([channels]),
            tf.cast(self.beta, tf.float32) if self.center else tf.zeros([channels]),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel's variance is the unbiased one, n / (n - 1) of that which Keras averages.
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        variance *= (count - 1) / count
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return outputs

    def _kernel_fits(self, inputs: Any) -> bool:
        channels_last = len(inputs.shape) == 4 and self.axis in (-1, 3)
        return channels_last and keras.backend.standardize_dtype(inputs.dtype) in _FUSED_TYPES
