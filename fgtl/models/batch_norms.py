"""Batch normalisation in a network: where it is, and its decay, the share of the old statistics that a step keeps."""

import keras

from fgtl.models.layers_of import layers_of


def batch_norms(part: keras.layers.Layer) -> list[keras.layers.BatchNormalization]:
    """All of them in a model or layer."""
    return [layer for layer in layers_of(part) if isinstance(layer, keras.layers.BatchNormalization)]


def set_bn_decay(part: keras.layers.Layer, decay: float) -> int:
    """Give every batch normalisation in a model or layer this decay, which Keras calls momentum.

    Statistics after a step = decay * those before + (1 - decay) * those of the batch (Ioffe and Szegedy 2015, section
    3.1, with moving averages). Call it before the training step is traced.

    Args:
        part: a `fgtl.models.backbone.Backbone`, a head, or any layer.
        decay: in (0, 1).

    Returns:
        How many there are; 0 when this network normalises no batches.
    """
    norms = batch_norms(part)
    for layer in norms:
        layer.momentum = decay
    return len(norms)


def slowest_decay(part: keras.layers.Layer) -> float:
    """The largest decay of its batch normalisations; 0 when there are none."""
    return max((float(layer.momentum) for layer in batch_norms(part)), default=0.0)
