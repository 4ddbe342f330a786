"""A KerasHub backbone from plain numbers and words: how a saved run gets its network back without any preset."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from fgtl.errors import DataError, InputError, UsageError
from fgtl.models.keras_hub_families import FAMILIES

# What KerasHub puts into a config that is no argument of the network, or that depends on where it is built.
_NOT_ARGUMENTS = {"name", "trainable", "dtype", "data_format"}


@dataclass(frozen=True)
class Blueprint:
    """Everything that is needed to build one network.

    Args:
        kind: KerasHub's class, without "Backbone".
        arguments: of that class: numbers, words, and lists of them; without the image's shape.
        scale: preprocessing: x * scale + offset, one number or one per channel.
        offset: see scale.
        input_size: pixels that the weights were trained at.
    """

    kind: str
    arguments: Mapping[str, Any]
    scale: Any
    offset: Any
    input_size: int

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> "Blueprint":
        """From what `spec` gave, read back from a file.

        Raises:
            DataError: another class than those of `FAMILIES`, or an argument that could carry code.
        """
        if spec.get("kind") not in FAMILIES or not isinstance(spec.get("input_size"), int):
            raise DataError(f"A saved KerasHub backbone is a {spec.get('kind')!r}.", expected=_kinds())
        expect_plain(spec, f"a {spec['kind']} backbone")
        return cls(spec["kind"], spec["arguments"], spec["scale"], spec["offset"], spec["input_size"])

    @property
    def spec(self) -> dict[str, Any]:
        """JSON-ready."""
        parts = {"scale": self.scale, "offset": self.offset, "input_size": self.input_size}
        return {"kind": self.kind, "arguments": _jsonable(self.arguments), **parts}

    @property
    def multiple(self) -> int:
        """Pixels; the input size must be a multiple of it."""
        return FAMILIES[self.kind].multiple(self.arguments)

    def build(self, name: str, size: int) -> keras.Model:
        """The network at one input size, fresh weights.

        Raises:
            InputError: the network does not take images of that size.
        """
        check_size(name, size, self.multiple)
        backbone_class = getattr(load_keras_hub().models, f"{self.kind}Backbone")
        # KerasHub hands Swin's attention a mask that Keras takes for one of time steps.
        warnings.filterwarnings("ignore", message=r"Layer 'attn' \(of type WindowAttention\)")
        shape = "input_shape" if self.kind == "EfficientNet" else "image_shape"
        trunk = backbone_class(**self.arguments, **{shape: (size, size, 3)}, name="trunk")
        if self.kind == "DINOV2":
            _save_position_tables_as_they_are(trunk.embeddings)
        return trunk

    def preprocess(self, image: Any) -> Any:
        """(B, S, S, 3) in 0..255 -> what the network expects."""
        return keras.layers.Rescaling(self.scale, offset=self.offset, dtype="float32", name="preprocess")(image)


def blueprint(kind: str, config: Mapping[str, Any], scale: Any, offset: Any, input_size: int) -> Blueprint:
    """From a config as KerasHub writes it.

    Raises:
        DataError: see `Blueprint.from_spec`.
    """
    dropped = _NOT_ARGUMENTS | {"image_shape", "input_shape"}
    arguments = {name: value for name, value in config.items() if name not in dropped}
    parts = {"scale": scale, "offset": offset, "input_size": input_size}
    return Blueprint.from_spec({"kind": kind, "arguments": arguments, **parts})


def load_keras_hub() -> Any:
    """The package, imported when it is first needed: it takes seconds.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise UsageError(
            f"KerasHub cannot be imported: {error}.",
            expected="the package keras-hub, which backbones called keras_hub:... are built with.",
            fix="pip install 'fgtl[hub]'",
        ) from None
    return keras_hub


def check_size(name: str, size: int, multiple: int) -> None:
    """Raise InputError unless the size is a multiple; the message has the nearest that are."""
    if size % multiple:
        below, above = size - size % multiple, size - size % multiple + multiple
        nearest = f"{below} or {above}" if below else str(above)
        raise InputError(
            f"An image size of {size} pixels does not suit {name}.",
            expected=f"a multiple of {multiple}, such as {nearest}.",
        )


def expect_plain(value: Any, what: str) -> None:
    """Raise DataError unless a value is made of numbers, words, and lists and string-keyed dicts of them.

    A dict that Keras would take for a serialised object is refused: that could name any class.
    """
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value) or {"class_name", "module", "config"} & set(value):
            raise DataError(f"The arguments of {what} hold a serialised object.", expected="numbers, words and lists.")
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            expect_plain(item, what)
    elif not (value is None or isinstance(value, (str, int, float))):
        raise DataError(f"The arguments of {what} hold a {type(value).__name__}.", expected="numbers, words and lists.")


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, (list, tuple)) else value


def _kinds() -> str:
    return f"one of: {', '.join(sorted(FAMILIES))}."


def _save_position_tables_as_they_are(embeddings: keras.layers.Layer) -> None:
    """Let DINOv2's embedding be saved and loaded like any layer.

    KerasHub saves the table of the published size only, resizes the trained one into it and back, and does not even
    do that when the changes add up to nothing or less: what training changed is lost.
    """
    plain = keras.layers.Layer
    embeddings.save_own_variables = partial(plain.save_own_variables, embeddings)
    embeddings.load_own_variables = partial(plain.load_own_variables, embeddings)
