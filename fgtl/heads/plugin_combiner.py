"""The plug-in's combiner: the kept points of all levels as one graph, and one prediction from it."""

from typing import Any

from keras import layers, ops

from fgtl.heads.plugin_layers import PointMap, dense, normalisation
from fgtl.heads.plugin_levels import POINTS_PER_JOINT


class Combiner(layers.Layer):
    """(B, T, F) kept points, level by level and each in rank order -> (B, K) logits.

    T points are pooled to J = T // 32 joints h. With a_ij = Adj_ij + alpha * tanh(q_i - k_j), q and k the mean channel of two 1x1
    convolutions of h, and g a third one:

        r_j = sum_i a_ij g_i;    logits = W dropout(sum_j p_j norm(r)_j + p) + b

    Neither softmax nor normalisation of a's rows, no residual, and no activation behind the normalisation. alpha starts
    at 0: what depends on the image is learned in. In float32 under every precision policy.

    Args:
        classes: K.
        points: T.
        channels: F.
        dropout: share of the channels dropped in training.
    """

    def __init__(self, classes: int, points: int, channels: int, dropout: float, **layer: Any) -> None:
        super().__init__(**layer, dtype="float32")
        self.classes, self.points, self.channels, self.rate = classes, points, channels, dropout

    def build(self, input_shape: Any = None) -> None:
        joints, channels = self.points // POINTS_PER_JOINT, self.channels
        self.pool = PointMap(self.points, joints, name="pool", dtype="float32")
        self.pool.build()
        self.query = dense(channels // 4, channels, "query", "float32")
        self.key = dense(channels // 4, channels, "key", "float32")
        self.convolution = dense(channels, channels, "convolution", "float32")
        self.norm = normalisation(channels, "norm", "float32")
        self.joint_pool = PointMap(joints, 1, name="joint_pool", dtype="float32")
        self.joint_pool.build()
        self.dropout = layers.Dropout(self.rate, name="dropout", dtype="float32")
        self.logits = dense(self.classes, channels, "logits", "float32")
        self.adjacency = self.add_weight(shape=(joints, joints), initializer=_first_adjacency, name="adjacency")
        self.alpha = self.add_weight(shape=(), initializer="zeros", name="alpha")

    def call(self, kept: Any, training: bool | None = None) -> Any:
        joints = self.pool(kept)
        graph = ops.matmul(ops.transpose(self.edges(joints), (0, 2, 1)), self.convolution(joints))
        graph = ops.squeeze(self.norm(graph[:, :, None], training=training), axis=2)
        return self.logits(self.dropout(self.joint_pool(graph)[:, 0], training=training))

    def edges(self, joints: Any) -> Any:
        """(B, J, F) -> a (B, J, J)."""
        query, key = (_mean_channel(layer, joints) for layer in (self.query, self.key))
        return self.adjacency + self.alpha * ops.tanh(query[:, :, None] - key[:, None])


def _first_adjacency(shape: tuple[int, ...], dtype: Any = None) -> Any:
    return ops.eye(shape[0], dtype=dtype) / 100 + 1 / 100


def _mean_channel(layer: layers.Dense, joints: Any) -> Any:
    """(B, J, F) -> (B, J): the mean over a dense layer's outputs, of which one is computed instead of F/4."""
    return ops.matmul(joints, ops.mean(layer.kernel, axis=1)) + ops.mean(layer.bias)
