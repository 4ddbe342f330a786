"""The knobs of one whole training. Light: read by `fgtl train --help`, so nothing here imports TensorFlow."""

from dataclasses import dataclass
from pathlib import Path

from fgtl.data.knobs import InputKnobs
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.knobs import Knobs, flag
from fgtl.training.settings import TrainingKnobs


@dataclass(frozen=True)
class TrustKnobs(Knobs):
    """What may be run."""

    allow_saved_model: bool = flag(False, "run the SavedModel that a run's backbone is; a SavedModel is a program")


@dataclass(frozen=True)
class ModelKnobs(TrustKnobs):
    """The network."""

    backbone: str = flag("efficientnet_lite0", "e.g. mobilenet_v2, inception_v3, efficientnet_v2_b0, convnext_tiny")
    weights: str = flag("imagenet", "none, imagenet, or a weight file")
    head: str = flag("linear", "what is put on the backbone")
    dropout: float | None = flag(
        None,
        "share of the features the head drops in training; default: the head's own (linear: 0, plugin: 0.1)",
        low=0,
        high=0.99,
    )
    drop_path: float | None = flag(
        None,
        "stochastic depth: how often the deepest residual branch is left out; default: as the backbone has it",
        low=0,
        high=0.99,
    )
    aux_weight: float = flag(0.0, "weight of an auxiliary classifier's loss (the paper's: 0.4); 0: none", low=0)
    bn_decay: float = flag(
        0.0,
        "share of the batch statistics that a step keeps (the paper's Inception networks: 0.9997); 0: the network's own",
        low=0,
        high=0.99999,
    )
    init_run: Path | None = flag(
        None, "finished run whose model is started from, in place of --weights; any input size"
    )
    init_head: bool = flag(True, "with --init_run: its head too; otherwise a fresh one")

    @property
    def starts_fresh(self) -> bool:
        """Whether the backbone starts without weights. A SavedModel always has its own."""
        return self.init_run is None and self.weights == "none" and not self.backbone.startswith("saved_model:")


@dataclass(frozen=True)
class FitKnobs(ModelKnobs, PluginKnobs, InputKnobs, TrainingKnobs):
    """Everything that `fit` asks for; a command's Config is one of these."""
