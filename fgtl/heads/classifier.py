"""Classifier: a backbone and a head as one Keras model, which is what a run trains and saves."""

import zipfile
from pathlib import Path
from typing import Any

import keras

from fgtl.errors import DataError, UsageError
from fgtl.heads.head import HEADS, Head, name_of
from fgtl.models.backbone import Backbone
from fgtl.models.batch_norms import set_bn_decay
from fgtl.models.trust import saved_models_allowed


@keras.saving.register_keras_serializable("fgtl")
class Classifier(keras.Model):
    """Images (B, S, S, 3) float32 in 0..255 -> the head's outputs, a dict.

    A saved model holds the names of backbone and head, the input size and the head's arguments: no code, so it
    loads with Keras' safe mode on.

    Args:
        backbone: any; its variables are shared, not copied.
        head: a fresh one; it is built for this backbone.
        bn_decay: of every batch normalisation, in the auxiliary classifier too; 0 for the network's own.

    Raises:
        UsageError: a `bn_decay` for a network without batch normalisation.
    """

    def __init__(self, backbone: Backbone, head: Head, bn_decay: float = 0.0) -> None:
        image = keras.Input(backbone.input_shape[1:], name="image", dtype="float32")
        maps = backbone(image)
        super().__init__(image, head(maps["taps"], maps["features"]), name="classifier")
        self.backbone = backbone
        self.head = head
        self.bn_decay = bn_decay
        if bn_decay and not set_bn_decay(self, bn_decay):
            raise UsageError(
                f"--bn_decay={bn_decay:g}: {backbone.architecture} has no batch normalisation whose decay fgtl could set.",
                fix="Give --bn_decay=0.",
            )

    def call(self, images: Any, training: bool | None = None, mask: Any = None) -> dict[str, Any]:
        # Not by the traced graph: in training a head may give outputs that the graph, traced for inference, has not,
        # and Keras would match them by position.
        maps = self.backbone(images, training=training)
        return self.head(maps["taps"], maps["features"], training=training)

    def probabilities(self, images: Any) -> Any:
        """(B, S, S, 3) in 0..255 -> (B, K) float32 probabilities, by the head's rule."""
        return self.head.predict(self(images, training=False))

    def get_config(self) -> dict[str, Any]:
        return {
            "backbone": self.backbone.architecture,
            "input_size": self.backbone.input_size,
            "backbone_spec": self.backbone.spec,
            "backbone_taps": self.backbone.get_config()["taps"],
            "head": name_of(self.head),
            "head_config": self.head.get_config(),
            "bn_decay": self.bn_decay,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Classifier":
        taps = config.get("backbone_taps", ())
        backbone = Backbone(config["backbone"], config["input_size"], config.get("backbone_spec"), taps)
        head = HEADS[config["head"]].from_config(config["head_config"])
        return cls(backbone, head, config.get("bn_decay", 0.0))


def load_classifier(path: Path, allow_saved_models: bool = False) -> Classifier:
    """Read a run's `model.keras`.

    Args:
        path: of the file.
        allow_saved_models: whether a backbone that is a SavedModel may be loaded from the folder that the file names,
            if nothing in it has changed. A SavedModel is a program.

    Raises:
        DataError: no such file, it is not a classifier saved by fgtl, or it asks for a SavedModel unasked, that is gone
            or that differs.
        UsageError: it needs a package that is not installed.
    """
    if not path.is_file():
        raise DataError(f"There is no model at {path}.", expected="a run's model.keras.")
    try:
        with saved_models_allowed(allow_saved_models):
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, RuntimeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be loaded: {error}", expected="a model.keras written by fgtl train.") from error
    if not isinstance(model, Classifier):
        raise DataError(f"{path} holds a {type(model).__name__}.", expected="a model.keras written by fgtl train.")
    return model
