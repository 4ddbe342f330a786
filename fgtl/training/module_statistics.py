"""Moving statistics of which each replica would keep its own: of batch normalisation, and of SavedModels."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from fgtl.models.batch_norms import batch_norms
from fgtl.models.layers_of import layers_of
from fgtl.training.clipping import summed_over_replicas


def own_statistics(part: keras.layers.Layer) -> list[Any]:
    """Variables that a part writes in training mode from this replica's images alone; TensorFlow's, not Keras'.

    Those of batch normalisation that is not synchronised, and those in the attribute `statistics` of other layers, which
    write them without telling Keras. Layers that are frozen write nothing.
    """
    apart = [layer for layer in batch_norms(part) if layer.trainable and not layer.synchronized]
    moving = [variable for layer in apart for variable in (layer.moving_mean, layer.moving_variance)]
    layers = [layer for layer in layers_of(part) if layer.trainable]
    others = [variable for layer in layers for variable in getattr(layer, "statistics", ())]
    return [variable.value for variable in (*moving, *others)]


def average_over_replicas(variables: Sequence[Any], replicas: int) -> None:
    """Give all replicas the mean of their copies, which neither Keras nor TensorFlow does by itself.

    Otherwise only the first replica's would be saved, while validation computes with those of each.

    Called in replica context, and outside functions of their own: replicas meet here.
    """
    sums = summed_over_replicas([variable.read_value() for variable in variables])
    for variable, total in zip(variables, sums, strict=True):
        # By its handle: a module's variables were saved without a rule for being assigned on several replicas.
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=total / replicas)
