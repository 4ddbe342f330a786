"""A tiny classifier with everything that matters: convolution, batch normalisation, a head with dropout."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from fgtl.heads.linear import LinearHead
from fgtl.training.evaluation import Predictor, validation_figures
from fgtl.training.loop import Trainer
from fgtl.training.plan import plan_training
from fgtl.training.run import Stage
from fgtl.training.settings import TrainingKnobs

SIZE, CLASSES = 12, 3


class TinyClassifier(keras.Model):
    """Backbone and head with the interface of `fgtl.heads.classifier.Classifier`, small enough to compile in no time."""

    def __init__(self, dropout: float = 0.5, classes: int = CLASSES, *, conv_bias: bool = False) -> None:
        image = keras.Input((SIZE, SIZE, 3))
        x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
        x = keras.layers.Conv2D(4, 3, strides=2, use_bias=conv_bias, name="conv")(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9, name="bn")(x))
        features = keras.layers.GlobalAveragePooling2D()(x)
        backbone = keras.Model(image, {"taps": {"last": x}, "features": features})
        head = LinearHead(classes, dropout=dropout)
        own = keras.Input((SIZE, SIZE, 3))
        taken = backbone(own)
        super().__init__(own, head(taken["taps"], taken["features"]))
        self.backbone, self.head = backbone, head


@dataclass(frozen=True)
class Config(TrainingKnobs):
    """Knobs of a training of seconds."""

    optimizer: str = "momentum"
    mode: str = "all"
    learning_rate: float = 0.1
    head_learning_rate: float = 0.1
    epochs: int = 2
    head_epochs: int = 1
    tuned_bn: str = "train"
    log_every_steps: int = 3
    checkpoint_every_seconds: float = 0.0


class Images:
    """`count` random images whose brightest channel is their label; batches are a pure function of the step."""

    def __init__(self, count: int = 40, batch_size: int = 8) -> None:
        rng = np.random.default_rng(0)
        self.count, self.batch_size = count, batch_size
        self.labels = rng.integers(0, CLASSES, count).astype("int32")
        self.images = rng.uniform(0, 120, (count, SIZE, SIZE, 3)).astype("float32")
        self.images[np.arange(count), :, :, self.labels] += 100
        self.asked: list[range] = []

    def batches(self, steps: range) -> tf.data.Dataset:
        self.asked.append(steps)

        def batch(step: Any) -> tuple[Any, Any]:
            rows = (step * self.batch_size + tf.range(self.batch_size, dtype=tf.int64)) % self.count
            return tf.gather(self.images, rows), tf.gather(self.labels, rows)

        return tf.data.Dataset.range(steps.start, steps.stop).map(batch)

    def mixed_batches(self, steps: range) -> tf.data.Dataset:
        """The same with a mix for each row: MixUp, CutMix and none, by pairs and by step."""
        kinds = np.float32([[0.7, 0, 0, 0, 0], [1 - 30 / SIZE**2, 2, 3, 5, 6], [1, 0, 0, 0, 0], [0.4, 0, 0, 0, 0]])
        pairs = tf.range(self.batch_size, dtype=tf.int64) // 2

        def mix(step: Any, batch: tuple[Any, Any]) -> tuple[Any, Any, Any]:
            return (*batch, tf.gather(kinds, (step + pairs) % len(kinds)))

        return tf.data.Dataset.zip(tf.data.Dataset.range(steps.start, steps.stop), self.batches(steps)).map(mix)

    def evaluation(self, batch_size: int, bad: tuple[int, ...] = ()) -> tf.data.Dataset:
        """Padded to full batches by rows of weight 0; those of `bad` images have none either."""
        missing = -self.count % batch_size
        images = np.concatenate([self.images, np.zeros((missing, SIZE, SIZE, 3), "float32")])
        labels = np.concatenate([self.labels, np.zeros(missing, "int32")])
        weights = np.repeat(np.float32([1, 0]), [self.count, missing])
        weights[list(bad)] = 0
        return tf.data.Dataset.from_tensor_slices((images, labels, weights)).batch(batch_size)


@pytest.fixture
def config() -> type[Config]:
    return Config


@pytest.fixture
def images() -> Images:
    return Images()


@pytest.fixture
def tiny_images() -> type[Images]:
    return Images


@pytest.fixture
def fresh_model() -> Callable[..., TinyClassifier]:
    """Builds the same model again at each call, as a new process would."""

    def build(dropout: float = 0.5, classes: int = CLASSES) -> TinyClassifier:
        keras.utils.set_random_seed(7)
        return TinyClassifier(dropout, classes)

    return build


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, "identity of this run")


def weights_of(model: keras.Model) -> list[np.ndarray]:
    return [variable.value.numpy() for variable in model.variables]


@pytest.fixture
def values() -> Callable[[keras.Model], list[np.ndarray]]:
    """All of a model's variables, seeds included, as arrays."""
    return weights_of


def read_lines(stage: Stage) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stage.metrics.read_text().splitlines()]


@pytest.fixture
def lines_of() -> Callable[[Stage], list[dict[str, Any]]]:
    """The lines of a stage's metrics.jsonl."""
    return read_lines


@pytest.fixture
def logged() -> Callable[[Stage], list[dict[str, Any]]]:
    """The same without what depends on the machine's speed."""
    return lambda stage: [{k: v for k, v in line.items() if k != "images_per_second"} for line in read_lines(stage)]


@pytest.fixture
def killed_at() -> Callable[..., Any]:
    """Batches that fail before a step; nothing is saved on the way out, as in a killed process."""

    def killed(step: int, batches: Callable[[range], tf.data.Dataset]) -> Callable[[range], tf.data.Dataset]:
        def cut(steps: range) -> tf.data.Dataset:
            def check(index: Any) -> Any:
                with tf.control_dependencies([tf.debugging.assert_less(index, np.int64(step), "killed")]):
                    return tf.identity(index)

            indices = tf.data.Dataset.range(steps.start, steps.stop).map(check)
            return tf.data.Dataset.zip(indices, batches(steps)).map(lambda _, batch: batch)

        return cut

    return killed


@pytest.fixture
def train(fresh_model, images, stage):
    """Trains a fresh model in the same stage, as the same command typed again would."""

    def run(knobs, *, into=stage, validated=True, batches=images.batches, until_epoch=None, **trainer_arguments):
        model = fresh_model()
        plan = plan_training(knobs, images=images.count, batch_size=images.batch_size)
        trainer = Trainer(model, plan, knobs, into, **trainer_arguments)
        predictor = Predictor(model)

        def validate():
            return validation_figures(*predictor(images.evaluation(16), images.count), ["a", "b", "c"])

        outcome = trainer.run(batches, validate if validated else None, until_epoch)
        return trainer, outcome

    return run


@pytest.fixture
def other_stage(tmp_path, stage):
    (tmp_path / "other").mkdir()
    return Stage(tmp_path / "other", stage.identity)


@pytest.fixture
def train_with_losses(fresh_model, images, stage):
    """Trains a fresh model in the stage; the epochs' validation losses are given."""

    def run(knobs, losses):
        plan = plan_training(knobs, images=images.count, batch_size=images.batch_size)
        trainer, left = Trainer(fresh_model(), plan, knobs, stage), iter(losses)
        return trainer, trainer.run(images.batches, lambda: {"loss": next(left), "top1": 0.5})

    return run
