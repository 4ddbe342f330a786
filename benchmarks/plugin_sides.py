"""fgtl's sides of `benchmarks/plugin.py`: a whole model's step and inference, and those of the plug-in head alone."""

import keras
import numpy as np
import tensorflow as tf

from benchmarks.multiply_adds import network_multiply_adds, plugin_multiply_adds
from benchmarks.plugin_size import CLASSES, RATE, Answers, Size, TapShapes, drawn_images, drawn_labels, drawn_taps
from fgtl.heads.classifier import Classifier
from fgtl.heads.head import total_loss
from fgtl.heads.linear import LinearHead
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.models.backbone import build_network
from fgtl.training.batch_norm import fused_batch_norm
from fgtl.training.optimizer import build_optimizer
from fgtl.training.settings import TrainingKnobs
from fgtl.training.step import TrainStep


def plugin_head(size: Size) -> PluginHead:
    """Without dropout: two sides would draw differently."""
    keras.utils.set_random_seed(0)
    return PluginHead(CLASSES, PluginKnobs(fpn_size=size.fpn_size, num_selects=size.selects), dropout=0.0)


class Whole:
    """A backbone with the plug-in or, `alone`, with a linear head: as `fgtl train` and `fgtl predict` run it."""

    def __init__(self, size: Size, alone: bool) -> None:
        self.size = size
        self.model = Classifier(
            build_network(size.backbone, size.pixels), LinearHead(CLASSES) if alone else plugin_head(size)
        )
        self.images, self.labels = tf.constant(drawn_images(size)), tf.constant(drawn_labels(size))
        self.predict = tf.function(self.model.probabilities)
        self.step: TrainStep | None = None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the taps, shallow to deep, without the batch."""
        return {tap.name: (*tap.grid, tap.channels) for tap in self.model.backbone.taps}

    def multiply_adds(self) -> int:
        """Of an image forwards."""
        network, head = network_multiply_adds(self.model.backbone.trunk), self.model.head
        if isinstance(head, PluginHead):
            return network + plugin_multiply_adds(self.shapes(), head.kept, self.size.fpn_size, CLASSES)
        return network + self.model.backbone.feature_dim * CLASSES

    def inference(self) -> int:
        """Images done; the same of the others below."""
        for _ in range(2 * self.size.steps):
            probabilities = self.predict(self.images)
        probabilities.numpy()
        return 2 * self.size.steps * self.size.batch

    def training(self) -> int:
        """Forward, losses, gradients, update, with the figures read at the end."""
        self.step = self.step or self._training_step()
        for _ in range(self.size.steps):
            figures = self.step(self.images, self.labels)
        figures.numpy()
        return self.size.steps * self.size.batch

    def _training_step(self) -> TrainStep:
        knobs = TrainingKnobs(optimizer="momentum", weight_decay=0.0, tuned_bn=self.size.tuned_bn)
        return TrainStep(self.model, build_optimizer(knobs, RATE, self.model), "all", knobs)


class Ours:
    """The plug-in head on drawn taps. Training asks for the gradients of the taps too, as a backbone would."""

    def __init__(self, size: Size, shapes: TapShapes) -> None:
        self.size, self.head = size, plugin_head(size)
        self.head.build({name: (None, *shape) for name, shape in shapes.items()})
        self.optimizer = keras.optimizers.SGD(RATE, momentum=0.9)
        self.optimizer.build(self.head.trainable_variables)
        self.taps = {name: tf.constant(tap) for name, tap in drawn_taps(size, shapes).items()}
        self.labels = tf.constant(drawn_labels(size))
        self.predict = tf.function(self._predict, autograph=False)
        self.step = tf.function(self._step, autograph=False)

    def kept(self) -> list[int]:
        """Points of each level."""
        return list(self.head.kept)

    def weights(self) -> dict[str, np.ndarray]:
        """By path."""
        return {variable.path: np.asarray(variable.value) for variable in self.head.weights}

    def answers(self) -> Answers:
        """In inference."""
        outputs = {name: np.asarray(output) for name, output in self.head(self.taps, None, training=False).items()}
        names = [level.name for level in self.head.levels]
        return Answers([outputs[n] for n in names], [outputs[f"{n}_kept"] for n in names], outputs["combiner"])

    def losses(self, steps: int) -> list[float]:
        """Of the first steps."""
        return [float(self.step(self.taps, self.labels)[0]) for _ in range(steps)]

    def inference(self) -> int:
        """Images done; the same of the other."""
        for _ in range(2 * self.size.steps):
            probabilities = self.predict(self.taps)
        probabilities.numpy()
        return 2 * self.size.steps * self.size.batch

    def training(self) -> int:
        """Forward, losses, gradients, update."""
        self.losses(self.size.steps)
        return self.size.steps * self.size.batch

    def _predict(self, taps: dict[str, tf.Tensor]) -> tf.Tensor:
        return self.head.predict(self.head(taps, None, training=False))

    def _step(self, taps: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        watched, maps = [variable.value for variable in self.head.trainable_variables], list(taps.values())
        with fused_batch_norm(self.head), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([*watched, *maps])
            outputs = self.head(taps, None, training=True)
            loss = total_loss(self.head, self.head.loss(outputs, labels))
        gradients = tape.gradient(loss, [*watched, *maps])
        self.optimizer.apply(gradients[: len(watched)], self.head.trainable_variables)
        # Returned, or they would not be computed.
        return loss, gradients[len(watched) :]
