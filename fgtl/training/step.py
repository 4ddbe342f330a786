"""One training step, ours: any number of devices, XLA and mixed precision together.

Keras' own `fit` drops XLA under a strategy, fails with several features there, clips before it sums over replicas, and
reads back metrics every step. Here forward and backward may be compiled while gradients are summed, clipped and applied
outside, and the figures of a step stay on the device until somebody asks for them.
"""

from typing import Any

import keras
import tensorflow as tf

from fgtl.data.batch_size import check_batch_size
from fgtl.data.mixing import mixed_images, mixed_targets
from fgtl.heads.head import total_loss
from fgtl.losses.weight_decay import coupled_weight_decay, decayed_weights
from fgtl.models.penalties import penalties_of
from fgtl.training.accumulation import accumulated
from fgtl.training.batch_norm import fused_batch_norm
from fgtl.training.clipping import clipped, summed_over_replicas
from fgtl.training.compilation import backbone_trains, compiles
from fgtl.training.distribution import replicas_of
from fgtl.training.ema import Ema
from fgtl.training.module_statistics import average_over_replicas, own_statistics
from fgtl.training.optimizer import apply_gradients
from fgtl.training.replica_draws import own_draws
from fgtl.training.settings import TrainingKnobs
from fgtl.training.variables import trained_part


class TrainStep:
    """Callable: a global batch -> (T,) float32 tensor of figures, named by `names`. `run` does several steps at once.

    A batch is (images (B, S, S, 3), labels (B,)) or (images, labels, mixes (B, 5)), see `fgtl.data.mixing`.

    The figures are "loss" (the trained total), "top1", then each of the head's loss terms, with coupled decay
    "weight_decay", and "regularisation" of a SavedModel that brings its own, 0 while that is frozen. With R replicas
    every term is the mean over the global batch, and decay counts once:

        loss = 1/R sum_r total_loss(head, head.loss(batch_r))  +  decay/2 * sum(w^2) over the trained kernels

    with --decay_all over all weights that are trained.

    Args:
        model: built, with `backbone` and `head`.
        optimizer: from `build_optimizer` on `trained_part(model, trains)`.
        trains: "head" or "all".
        knobs: of them frozen_bn, tuned_bn, weight_decay, decay_all, clip_norm, jit, accumulate are read.
        strategy: the one the model was built under, None for one device.
        ema: averages that follow each update.

    Raises:
        UsageError: see `compiles`; a batch that cannot be cut as asked (when the first one comes).
    """

    def __init__(
        self,
        model: Any,
        optimizer: keras.optimizers.Optimizer,
        trains: str,
        knobs: TrainingKnobs,
        strategy: tf.distribute.Strategy | None = None,
        ema: Ema | None = None,
    ) -> None:
        self.model, self.optimizer, self.strategy = model, optimizer, strategy
        part = trained_part(model, trains)
        self.variables = part.trainable_variables
        self.names: tuple[str, ...] = ()
        self._ema = ema
        self._replicas, self._slices, self._longest = replicas_of(strategy), knobs.accumulate, knobs.clip_norm
        self._backbone_trains = backbone_trains(trains, knobs)
        self._decay = 0.0 if knobs.decoupled else knobs.weight_decay
        self._decayed = decayed_weights(part, everything=knobs.decay_all)
        # Both phases have the same terms, so that a mean may reach over the border.
        self._penalties = penalties_of(part) or [lambda: tf.zeros([])] * bool(penalties_of(model))
        # The head is in training mode in any phase.
        writing = [model.head] + [model.backbone] * self._backbone_trains
        self._statistics = [s for part in writing for s in own_statistics(part)] if self._replicas > 1 else []
        compiled = compiles(model, trains, knobs, strategy)
        # Uncompiled and in one piece it stays part of the step's own graph, where replicas may exchange statistics.
        self._gradients = (
            tf.function(self._forward_backward, jit_compile=compiled, autograph=False)
            if compiled or self._slices > 1
            else self._forward_backward
        )
        # There is no Python control flow over tensors to be rewritten.
        self._step = tf.function(self._on_all, autograph=False)
        self._steps = tf.function(self._one_after_another, autograph=False)

    def __call__(self, *batch: Any) -> tf.Tensor:
        return self._step(*batch)

    def run(self, data: Any, count: int) -> tf.Tensor:
        """`count` steps on the next batches of an iterator, without a word to Python in between.

        Returns:
            (count, T) float32: the figures of each step.

        Raises:
            tf.errors.OutOfRangeError: there were not so many.
        """
        return self._steps(data, tf.constant(count))

    def _one_after_another(self, data: Any, count: tf.Tensor) -> tf.Tensor:
        def one(done: tf.Tensor, figures: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            return done + 1, figures.write(done, self._on_all(*data.get_next()))

        _, figures = tf.while_loop(
            lambda done, _: done < count,
            one,
            (tf.constant(0), tf.TensorArray(tf.float32, size=count)),
            parallel_iterations=1,
        )
        return figures.stack()

    def _on_all(self, *batch: Any) -> tf.Tensor:
        with fused_batch_norm(self.model):
            if self.strategy is None:
                return self._on_one(*batch)
            with own_draws(self.model):
                figures = self.strategy.run(self._on_one, batch)
            # They are sums already, the same on all.
            return self.strategy.experimental_local_results(figures)[0]

    def _on_one(self, *batch: tf.Tensor) -> tf.Tensor:
        if batch[0].shape[0]:
            whole = batch[0].shape[0] * self._replicas
            check_batch_size(whole, self._replicas, self._slices, pairs=len(batch) > 2)
        if self._slices > 1:
            gradients, figures = accumulated(self._gradients, self._slices, batch)
        else:
            gradients, figures = self._gradients(*batch)
        if self._replicas > 1:
            *gradients, figures = summed_over_replicas([*gradients, figures])
        if self._longest:
            gradients = clipped(gradients, self._longest, self.optimizer)
        updates = tf.identity(self.optimizer.iterations.value)
        apply_gradients(self.optimizer, gradients, self.variables)
        if self._statistics:
            average_over_replicas(self._statistics, self._replicas)
        if self._ema:
            self._ema.follow(self.optimizer.iterations.value > updates)
        return figures

    def _forward_backward(self, *batch: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of this replica's share of the loss, and its share of the figures."""
        images, labels, targets = self._mixed(*batch)
        watched = [variable.value for variable in self.variables]
        # Watching only what is trained keeps a frozen backbone off the tape: no activations kept, no backward pass.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            taken = self.model.backbone(images, training=self._backbone_trains)
            outputs = self.model.head(taken["taps"], taken["features"], training=True)
            terms = self.model.head.loss(outputs, targets)
            total = tf.cast(total_loss(self.model.head, terms), tf.float32)
            if self._decay:
                terms["weight_decay"] = coupled_weight_decay(self._decayed, self._decay)
                total += terms["weight_decay"]
            if self._penalties:
                terms["regularisation"] = tf.add_n([penalty() for penalty in self._penalties])
                total += terms["regularisation"]
            # Replicas' gradients and figures are summed, so each gives its share.
            scaled = self.optimizer.scale_loss(total / self._replicas)
        gradients = tape.gradient(scaled, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        predicted = tf.argmax(self.model.head.predict(outputs), axis=-1, output_type=labels.dtype)
        top1 = tf.reduce_mean(tf.cast(predicted == labels, tf.float32))
        self.names = ("loss", "top1", *terms)
        figures = tf.stack([total, top1, *(tf.cast(term, tf.float32) for term in terms.values())])
        return gradients, figures / self._replicas

    def _mixed(self, images: tf.Tensor, labels: tf.Tensor, mixes: Any = None) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Images, the labels that count as right, and what the loss compares with."""
        if mixes is None:
            return images, labels, labels
        targets = mixed_targets(labels, mixes, self.model.head.classes)
        return mixed_images(images, mixes), tf.argmax(targets, axis=-1, output_type=labels.dtype), targets
