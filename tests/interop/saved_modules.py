"""A module made here, and what its tests share (`from saved_modules import ...`)."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from fgtl.heads.classifier import Classifier

SIZE, DECAY = 32, 0.9
IMAGES = np.random.default_rng(0).uniform(0, 255, (4, SIZE, SIZE, 3)).astype("float32")


class Module(tf.Module):
    """Patches of 4 pixels -> 8 channels, normalised, rectified; a vector with dropout; an L2 loss."""

    def __init__(self) -> None:
        super().__init__()
        draws = np.random.default_rng(1)
        self.kernel = tf.Variable(draws.normal(0, 0.1, (4, 4, 3, 8)).astype("float32"), name="conv/kernel")
        self.scale = tf.Variable(np.ones(8, "float32"), name="norm/gamma")
        self.mean = tf.Variable(draws.normal(0, 0.1, 8).astype("float32"), trainable=False, name="norm/moving_mean")
        self.step = tf.Variable(0, trainable=False, dtype=tf.int64, name="step")
        self.regularization_losses = [self.penalty]

    @tf.function(input_signature=[])
    def penalty(self) -> tf.Tensor:
        return 0.01 * tf.reduce_sum(self.kernel**2)

    @tf.function
    def __call__(self, images: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        maps = tf.nn.conv2d(images, self.kernel, 4, "VALID")
        mean = tf.reduce_mean(maps, [0, 1, 2]) if training else self.mean
        if training:
            self.mean.assign(DECAY * self.mean + (1 - DECAY) * mean)
            self.step.assign_add(1)
        maps = tf.nn.relu((maps - mean) * self.scale)
        pooled = tf.reduce_mean(maps, [1, 2])
        return {"default": tf.nn.dropout(pooled, 0.5) if training else pooled, "block/maps": maps}


def save_module(folder: Path, side: int | None = None) -> Path:
    module = Module()
    # A seed that an earlier test set would be traced into the module's dropout.
    tf.random.set_seed(None)
    for training in (False, True):
        module.__call__.get_concrete_function(tf.TensorSpec([None, side, side, 3]), training=training)
    tf.saved_model.save(module, folder)
    return folder


def patches(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A convolution with stride 4 and a 4 x 4 kernel, as one matrix product: (B, 8, 8, 8) float64."""
    cut = images.reshape(len(images), 8, 4, 8, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(len(images), 8, 8, 48)
    return cut.astype("float64") @ kernel.reshape(48, 8)


def step(model: Classifier, images: np.ndarray = IMAGES) -> None:
    """One step of gradient descent on the head's loss and the module's own."""
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        loss = model.head.loss(outputs, np.arange(len(images)) % 2)["cross_entropy"] + sum(model.losses)
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
        variable.assign(variable - 0.1 * gradient)
