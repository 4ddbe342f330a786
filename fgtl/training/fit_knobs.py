"""The knobs of one whole training. Light: read by `fgtl train --help`, so nothing here imports TensorFlow."""

from dataclasses import dataclass

from fgtl.data.knobs import InputKnobs
from fgtl.knobs import Knobs, flag
from fgtl.training.settings import TrainingKnobs


@dataclass(frozen=True)
class ModelKnobs(Knobs):
    """The network."""

    backbone: str = flag("efficientnet_lite0", "e.g. mobilenet_v2, inception_v3, efficientnet_v2_b0, convnext_tiny")
    weights: str = flag("imagenet", "none, imagenet, or a weight file")
    head: str = flag("linear", "what is put on the backbone")
    dropout: float = flag(0.0, "share of the features the head drops in training", low=0, high=0.99)


@dataclass(frozen=True)
class FitKnobs(ModelKnobs, InputKnobs, TrainingKnobs):
    """Everything that `fit` asks for; a command's Config is one of these."""
