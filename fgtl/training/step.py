"""One training step, ours: any number of devices, XLA and mixed precision together.

Keras' own `fit` drops XLA under a strategy, fails with several features there, and reads back metrics every step.
Here forward and backward may be compiled while gradients are summed and applied outside, and the figures of a step
stay on the device until somebody asks for them.
"""

from typing import Any

import keras
import tensorflow as tf

from fgtl.errors import UsageError
from fgtl.heads.head import total_loss
from fgtl.losses.weight_decay import coupled_weight_decay, decayed_kernels
from fgtl.training.batch_norm import fused_batch_norm
from fgtl.training.distribution import replicas_of
from fgtl.training.settings import TrainingKnobs
from fgtl.training.variables import trained_part


class TrainStep:
    """Callable: (images, labels) of a global batch -> (T,) float32 tensor of figures, named by `names`.

    The figures are "loss" (the trained total), "top1", then each of the head's loss terms and, with coupled decay,
    "weight_decay". With R replicas every term is the mean over the global batch, and decay counts once:

        loss = 1/R sum_r total_loss(head, head.loss(batch_r))  +  decay/2 * sum(w^2) over the trained kernels

    Args:
        model: built, with `backbone` and `head`.
        optimizer: built on `trained_part(model, trains)`.
        trains: "head" or "all".
        knobs: of them frozen_bn, tuned_bn, weight_decay, jit are read.
        strategy: the one the model was built under, None for one device.

    Raises:
        UsageError: jit with synchronised batch normalisation over several devices; XLA cannot stop in mid-forward
            to exchange statistics.
    """

    def __init__(
        self,
        model: Any,
        optimizer: keras.optimizers.Optimizer,
        trains: str,
        knobs: TrainingKnobs,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self.model, self.optimizer, self.strategy = model, optimizer, strategy
        part = trained_part(model, trains)
        self.variables = part.trainable_variables
        self.names: tuple[str, ...] = ()
        self._replicas = replicas_of(strategy)
        bn_policy = knobs.frozen_bn if trains == "head" else knobs.tuned_bn
        self._backbone_trains = bn_policy == "train"
        self._decay = 0.0 if knobs.decoupled else knobs.weight_decay
        self._kernels = decayed_kernels(part)
        if knobs.jit == "on" and knobs.sync_bn and self._replicas > 1:
            raise UsageError(
                f"--jit=on and --sync_bn over {self._replicas} devices.",
                expected="one of them.",
                fix="XLA cannot exchange statistics inside a compiled forward pass: add --nosync_bn or --jit=off.",
            )
        self._gradients = (
            tf.function(self._forward_backward, jit_compile=True) if knobs.jit == "on" else self._forward_backward
        )
        self._step = tf.function(self._on_all)

    def __call__(self, images: Any, labels: Any) -> tf.Tensor:
        return self._step(images, labels)

    def _on_all(self, images: Any, labels: Any) -> tf.Tensor:
        with fused_batch_norm(self.model):
            if self.strategy is None:
                return self._on_one(images, labels)
            figures = self.strategy.run(self._on_one, (images, labels))
            return self.strategy.reduce(tf.distribute.ReduceOp.SUM, figures, axis=None)

    def _on_one(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        gradients, figures = self._gradients(images, labels)
        if self._replicas > 1 and isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            gradients = _agree_on_overflow(gradients)
        # Under a strategy the optimizer itself sums the gradients over the replicas.
        self.optimizer.apply(gradients, self.variables)
        return figures

    def _forward_backward(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of this replica's share of the loss, and its share of the figures."""
        watched = [variable.value for variable in self.variables]
        # Watching only what is trained keeps a frozen backbone off the tape: no activations kept, no backward pass.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            taken = self.model.backbone(images, training=self._backbone_trains)
            outputs = self.model.head(taken["taps"], taken["features"], training=True)
            terms = self.model.head.loss(outputs, labels)
            total = tf.cast(total_loss(self.model.head, terms), tf.float32)
            if self._decay:
                terms["weight_decay"] = coupled_weight_decay(self._kernels, self._decay)
                total += terms["weight_decay"]
            # Replicas' gradients and figures are summed, so each gives its share.
            scaled = self.optimizer.scale_loss(total / self._replicas)
        gradients = tape.gradient(scaled, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        predicted = tf.argmax(self.model.head.predict(outputs), axis=-1, output_type=labels.dtype)
        top1 = tf.reduce_mean(tf.cast(predicted == labels, tf.float32))
        self.names = ("loss", "top1", *terms)
        figures = tf.stack([total, top1, *(tf.cast(term, tf.float32) for term in terms.values())])
        return gradients, figures / self._replicas


def _agree_on_overflow(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """Make an overflow on one replica visible on all.

    LossScaleOptimizer asks the first replica alone whether its gradients are finite, before they are summed.
    """
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
    overflows = tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.SUM, 1.0 - tf.cast(finite, tf.float32)
    )
    first = tf.where(overflows > 0, tf.cast(float("nan"), gradients[0].dtype), gradients[0])
    return [first, *gradients[1:]]
