"""A small residual network, trained from scratch on one source, and how well its features do on the targets."""

import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from fgtl.errors import InputError
from fgtl.features.feature_set import Features
from scripts.experiment_similarity.net_knobs import NetKnobs
from scripts.experiment_similarity.parts import Part
from scripts.experiment_similarity.probing import probe_accuracy

# Channels of the stem and of the residual blocks, each at half the size of the one before.
WIDTHS = (24, 32, 64, 128)
# Of the stored side: the smallest window that a net is trained on.
SMALLEST = 0.6
_POOLED = "pooled"
_BLOCK = 128


def build_net(size: int, classes: int) -> keras.Model:
    """(B, S, S, 3) 0..255 -> (B, K) logits. 308 thousand parameters with 8 classes; the features are 128."""
    x = inputs = layers.Input((size, size, 3))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    x = layers.ReLU()(_normalised(layers.Conv2D(WIDTHS[0], 3, 2, "same", use_bias=False)(x)))
    for width in WIDTHS[1:]:
        short = _normalised(layers.Conv2D(width, 1, 2, use_bias=False)(x))
        y = layers.ReLU()(_normalised(layers.Conv2D(width, 3, 2, "same", use_bias=False)(x)))
        y = _normalised(layers.Conv2D(width, 3, 1, "same", use_bias=False)(y))
        x = layers.ReLU()(layers.Add()([short, y]))
    x = layers.GlobalAveragePooling2D(name=_POOLED)(x)
    return keras.Model(inputs, layers.Dense(classes)(x))


def _normalised(x: Any) -> Any:
    # A source has some hundred steps: averages over the last ten or so, not over all.
    return layers.BatchNormalization(momentum=0.9)(x)


def train_net(train: Part, knobs: NetKnobs, seed: int) -> keras.Model:
    """A net that has learnt the training images of a source; random crops and mirror images."""
    pixels, labels = _pixels(train), train.features.labels
    batches = max(len(labels) // knobs.batch_size, 1)
    net = fresh_net(knobs, len(train.features.class_names), seed)
    rate = keras.optimizers.schedules.CosineDecay(knobs.learning_rate, batches * knobs.epochs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.AdamW(rate, knobs.weight_decay), loss, jit_compile=False)
    rng = np.random.default_rng(seed)
    for _ in range(knobs.epochs):
        order = rng.permutation(len(labels))
        for step in range(batches):
            rows = order[step * knobs.batch_size : (step + 1) * knobs.batch_size]
            net.train_on_batch(random_views(pixels[rows], knobs.image_size, rng), labels[rows])
    return net


def fresh_net(knobs: NetKnobs, classes: int, seed: int) -> keras.Model:
    """An untrained net; the same for the same seed."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    return build_net(knobs.image_size, classes)


def random_views(pixels: NDArray[np.uint8], size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random window of each of (B, S, S, 3) images, at least `SMALLEST` of their side, at `size`; half are mirrored."""
    side = rng.uniform(SMALLEST, 1, len(pixels))
    top, left = rng.random((2, len(pixels))) * (1 - side)
    mirrored = rng.random(len(pixels)) < 0.5
    # From right to left where mirrored.
    ends = np.where(mirrored, [left + side, left], [left, left + side])
    boxes = np.stack([top, ends[0], top + side, ends[1]], axis=1)
    return tf.image.crop_and_resize(pixels, boxes, np.arange(len(pixels)), (size, size)).numpy()


def outputs_of(model: keras.Model, part: Part, size: int) -> NDArray[np.float32]:
    """(n, ...) what a model says of the centre crops of a part."""
    pixels = _pixels(part)
    margin = (pixels.shape[1] - size) // 2
    seen = pixels[:, margin : margin + size, margin : margin + size].astype(np.float32)
    said = [ops.convert_to_numpy(model(seen[i : i + _BLOCK], training=False)) for i in range(0, len(seen), _BLOCK)]
    return np.concatenate(said)


def measured_net(
    source: tuple[Part, Part] | None, targets: Mapping[str, tuple[Part, Part]], knobs: NetKnobs, seed: int
) -> dict[str, Any]:
    """Train a net (None: leave it untrained), and test it.

    Returns:
        "train", "validation": accuracy on its source, None of an untrained one; "transfer": target -> accuracy of a
        logistic regression on its pooled features, fitted on the target's training images, on its test images;
        "seconds" to train.
    """
    start = time.monotonic()
    net = train_net(source[0], knobs, seed) if source else fresh_net(knobs, 2, seed)
    seconds = time.monotonic() - start
    own = [
        float(np.mean(outputs_of(net, part, knobs.image_size).argmax(1) == part.features.labels))
        for part in source or ()
    ]
    pooled = keras.Model(net.input, net.get_layer(_POOLED).output)
    transfer = {
        name: probe_accuracy(_seen_by(pooled, fit, knobs.image_size), _seen_by(pooled, test, knobs.image_size), knobs.c)
        for name, (fit, test) in targets.items()
    }
    train, validation = own or (None, None)
    return {"train": train, "validation": validation, "transfer": transfer, "seconds": round(seconds, 1)}


def _seen_by(model: keras.Model, part: Part, size: int) -> Features:
    known = part.features
    return Features(outputs_of(model, part, size), known.labels, known.ids, known.class_names)


def _pixels(part: Part) -> NDArray[np.uint8]:
    if part.pixels is None:
        raise InputError("This part was made without pixels.", expected="`load_images` with a size.")
    return part.pixels
