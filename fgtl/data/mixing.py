"""MixUp and CutMix: each image of a batch takes something of its neighbour, and of its neighbour's label.

The partner of row i is row i ^ 1: rows 2k and 2k + 1 mix with each other, so every part of a batch with an even number
of images sees what the whole batch on one device would see. What is mixed is drawn with NumPy (`draw_mixes`) and
applied to the batch inside the compiled training step (`mixed_images`, `mixed_targets`).

A mix is a row of five numbers: share, top, left, height, width.

    height = 0   MixUp:   image' = share image + (1 - share) partner      (Zhang et al. 2018, eq. 1)
    height > 0   CutMix:  the box comes from the partner; share is what is left of the image, 1 - h w / S^2
                                                                          (Yun et al. 2019, eqs. 1 and 2)

and in both target' = share target + (1 - share) target of the partner.
"""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import betaincinv

from fgtl.data.batch_size import check_batch_size
from fgtl.data.draws import id_keys, image_keys, uniforms
from fgtl.data.knobs import MixKnobs
from fgtl.errors import InputError

UNMIXED = (1.0, 0.0, 0.0, 0.0, 0.0)

# Stands in the key of a pair where an image's id stands in the key of an image.
_PAIR = id_keys(["a pair of images that are mixed"])


def expect_pairs(batch_size: int, parts: int) -> None:
    """Check that each of `parts` equal parts (devices of all workers) of a batch is made of whole pairs.

    Raises:
        UsageError: it is not.
    """
    check_batch_size(batch_size, parts, pairs=True)


def draw_mixes(positions: NDArray[np.int64], seed: int, size: int, knobs: MixKnobs) -> NDArray[np.float32]:
    """The mix of each position of the training stream: a pure function of (seed, position), the same for a pair.

    A pair is mixed with probability `mix_share`; with both kinds on, either has half of the mixed pairs. The shares
    are Beta(alpha, alpha), by the inverse of its distribution function, which takes one uniform number and keeps no
    state. The box has the shape of the image and lies uniformly, cut off at the border; `share` is then counted from
    what is left of it.

    Args:
        positions: (n,) int64, >= 0.
        seed: of the run.
        size: S, side of the images, pixels.

    Returns:
        (n, 5) float32; UNMIXED where nothing is mixed.

    Cost: some microseconds an image.
    """
    pairs = positions // 2
    draws = uniforms(image_keys(seed, pairs, np.repeat(_PAIR, len(pairs))), 0, 5)
    mixed = draws[:, 0] < knobs.mix_share
    cuts = draws[:, 1] < 0.5 if knobs.mixup and knobs.cutmix else np.full(len(pairs), knobs.cutmix > 0)
    mixes = np.tile(np.array(UNMIXED), (len(pairs), 1))
    blended = mixed & ~cuts
    mixes[blended, 0] = betaincinv(knobs.mixup, knobs.mixup, draws[blended, 2])
    cut = mixed & cuts
    mixes[cut] = _cuts(betaincinv(knobs.cutmix, knobs.cutmix, draws[cut, 2]), draws[cut, 3:], size)
    return mixes.astype(np.float32)


def _cuts(shares: NDArray[np.float64], centres: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """(n, 5) CutMix rows of (n,) nominal shares and (n, 2) centres in 0..1."""
    half = np.floor(size * np.sqrt(1 - shares))[:, None] / 2
    middle = np.floor(centres * size)
    low, high = (np.clip(np.floor(middle + side), 0, size) for side in (-half, half))
    sides = high - low
    # A box without pixels would read as MixUp with its corner.
    boxes = np.where(sides.all(axis=1, keepdims=True), np.concatenate([low, sides], axis=1), 0.0)
    return np.concatenate([1 - boxes[:, 2:3] * boxes[:, 3:4] / size**2, boxes], axis=1)


def mixed_images(images: tf.Tensor, mixes: tf.Tensor) -> tf.Tensor:
    """The images, each with its partner's part in it; an image that is not mixed stays bit for bit.

    Args:
        images: (B, H, W, C) float, B even.
        mixes: (B, 5) float32.

    Returns:
        Like `images`.

    Raises:
        InputError: B is odd.
    """
    rows, height, width = images.shape[:3]
    if rows is not None and rows % 2:
        raise InputError(f"A batch of {rows} images is to be mixed.", expected="pairs: an even number.")
    share, top, left, high, wide = (mixes[:, column, None, None] for column in range(5))
    down, across = tf.range(height, dtype=tf.float32)[:, None], tf.range(width, dtype=tf.float32)
    inside = (down >= top) & (down < top + high) & (across >= left) & (across < left + wide)
    own = tf.where(high > 0, 1 - tf.cast(inside, tf.float32), share)
    own = tf.cast(own, images.dtype)[..., None]
    return own * images + (1 - own) * _partners(images)


def mixed_targets(labels: tf.Tensor, mixes: tf.Tensor, classes: int) -> tf.Tensor:
    """The distributions over the classes that belong to `mixed_images`.

    Args:
        labels: (B,) int, B even.
        mixes: (B, 5) float32.
        classes: K.

    Returns:
        (B, K) float32, rows of sum 1.
    """
    own = tf.one_hot(labels, classes)
    share = mixes[:, :1]
    return share * own + (1 - share) * _partners(own)


def _partners(rows: tf.Tensor) -> tf.Tensor:
    """Row i ^ 1 at place i."""
    pairs = tf.reshape(rows, [-1, 2, *rows.shape[1:]])
    return tf.reshape(pairs[:, ::-1], tf.shape(rows))
