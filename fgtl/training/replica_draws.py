"""What replicas draw: masks of dropout and stochastic depth of their own, from states that stay equal on all of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from fgtl.models.layers_of import layers_of

# Seeds of two layers may be neighbours; this far apart no replica of one meets another.
_APART = 1_000_003


@contextmanager
def own_draws(model: keras.Model) -> Iterator[None]:
    """What is traced inside draws something else on each replica; the first one draws as one device does.

    Each replica has a copy of a layer's seed state, all equal, so that without this row k of every replica's part of a
    batch loses the same. The replica's number goes into what is drawn and not into the state: copies stay equal, and a
    checkpoint serves any number of replicas. Generators are changed only while the block runs, as in `fused_batch_norm`.
    """
    found = [value for layer in layers_of(model) for value in vars(layer).values()]
    generators = [value for value in found if type(value) is keras.random.SeedGenerator]
    for generator in generators:
        generator.__class__ = _OfReplica
    try:
        yield
    finally:
        for generator in generators:
            generator.__class__ = keras.random.SeedGenerator


class _OfReplica(keras.random.SeedGenerator):
    def next(self, ordered: bool = True) -> tf.Tensor:
        seed = super().next(ordered=ordered)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return seed + tf.stack([tf.cast(replica, seed.dtype) * _APART, tf.zeros([], seed.dtype)])
