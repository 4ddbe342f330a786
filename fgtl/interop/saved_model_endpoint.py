"""How a loaded SavedModel is called on images, and which of its variables training may change.

SavedModels come from tf.Module, from Keras 2 and 3, and from TensorFlow Hub in its old and new formats. Some can be
called in training mode, some only as they are at inference, some not trained at all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from fgtl.errors import DataError

_TRAINING_NAMES = ("training", "is_training")
_SIGNATURE_NAMES = ("serving_default", "default")


@dataclass(frozen=True)
class Endpoint:
    """The function that turns images into features.

    Args:
        call: (images, training) -> a tensor, or a dict or list of them.
        functions: the concrete functions behind it.
        image_shape: (H, W) of its images; None where any will do.
        trains: its variables may be trained.
        limits: what it cannot do, for a warning; "" when it can do everything.
    """

    call: Callable[[Any, bool], Any]
    functions: list[Any]
    image_shape: tuple[int | None, int | None]
    trains: bool = True
    limits: str = ""


def load_saved_model(folder: Path) -> Any:
    """The restored object. Keep a reference to it: its functions do not keep their variables.

    Raises:
        DataError: TensorFlow cannot load it.
    """
    # The old Hub format has one graph without tags, for inference, and one for training.
    tags: list[str] | None = [] if (folder / "tfhub_module.pb").is_file() else None
    try:
        return tf.saved_model.load(str(folder), tags=tags)
    # Damaged files surface as errors of protobuf, of the graph importer, of checkpoints.
    except Exception as error:
        raise DataError(
            f"TensorFlow cannot load the SavedModel {folder}: {type(error).__name__}: {error}",
            expected="a SavedModel that tf.saved_model.load can read.",
            fix="One made by TensorFlow 1 with several tagged graphs: save the graph for inference alone, or convert its "
            "checkpoint\nwith fgtl import-weights.",
        ) from None


def find_endpoint(loaded: Any, folder: Path) -> Endpoint:
    """The most capable way to call it: __call__, then Keras 3's `serve`, then a signature.

    Raises:
        DataError: none takes one batch of images.
    """
    if callable(loaded):
        return _of_function(loaded.__call__, folder)
    if hasattr(loaded, "serve"):
        return _of_function(loaded.serve, folder)
    signatures = loaded.signatures
    names = [name for name in _SIGNATURE_NAMES if name in signatures] or list(signatures)[:1]
    if not names:
        raise _unusable(folder, "it has neither __call__, nor serve, nor a signature")
    return _of_signature(signatures[names[0]], folder)


def variables_of(loaded: Any, endpoint: Endpoint) -> tuple[list[Any], list[Any]]:
    """(trainable, others): its floating-point and integer variables, each once.

    An object with `trainable_variables`, as TensorFlow Hub's interface has it, says which; else each variable does.
    """
    found: dict[int, Any] = {}
    for variable in [*_listed(loaded, "variables"), *(v for f in endpoint.functions for v in f.graph.variables)]:
        if variable.dtype.is_floating or variable.dtype.is_integer:
            found.setdefault(id(variable), variable)
    if hasattr(loaded, "trainable_variables"):
        named = {id(variable) for variable in _listed(loaded, "trainable_variables")}
    else:
        named = {key for key, variable in found.items() if variable.trainable}
    if not endpoint.trains:
        named = set()
    trainable = [variable for key, variable in found.items() if key in named]
    return trainable, [variable for key, variable in found.items() if key not in named]


def _listed(loaded: Any, name: str) -> list[Any]:
    return list(getattr(loaded, name, ()))


def _of_function(function: Any, folder: Path) -> Endpoint:
    """A restored tf.function: it knows the Python arguments it was traced with, and nothing else."""
    spec = function.function_spec.fullargspec
    names = [name for name in [*spec.args, *spec.kwonlyargs] if name != "self"]
    needed = set(names[: len(names) - len(spec.defaults or ())]) - set(spec.kwonlydefaults or ())
    switch = next((name for name in _TRAINING_NAMES if name in names), None)
    if others := sorted(needed - {names[0], switch}):
        raise _unusable(folder, f"its function also wants {', '.join(others)}")
    functions = list(function.concrete_functions)
    shape = _image_shape([_bound(names, concrete)[names[0]] for concrete in functions], folder)
    modes = {_as_bool(_bound(names, concrete).get(switch)) for concrete in functions} if switch else set()
    if switch is None:
        limits = "it has no training mode: batch normalisation keeps its statistics, nothing is dropped out"
        return Endpoint(lambda images, training: function(images), functions, shape, limits=limits)
    if modes in ({True}, {False}):
        only = modes.pop()
        limits = f"it was saved with {switch}={only} alone, and is called so in training and outside"
        return Endpoint(lambda images, training: function(images, **{switch: only}), functions, shape, limits=limits)
    return Endpoint(lambda images, training: function(images, **{switch: training}), functions, shape)


def _of_signature(signature: Any, folder: Path) -> Endpoint:
    """A signature of a TensorFlow 1 module or of `tf.saved_model.save`: a graph for inference."""
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        raise _unusable(folder, f"its signature takes {', '.join(inputs) or 'nothing'}")
    (name,) = inputs
    return Endpoint(
        lambda images, training: signature(**{name: images}),
        [signature],
        _image_shape(list(inputs.values()), folder),
        trains=False,
        limits="it has only a signature for inference, so its weights stay as they are; heads on top can be trained",
    )


def _bound(names: list[str], concrete: Any) -> dict[str, Any]:
    """Argument name -> what one trace was made for: a TensorSpec, or a Python value."""
    positional, keywords = concrete.structured_input_signature
    return {**dict(zip(names, positional, strict=False)), **keywords}


def _as_bool(value: Any) -> bool | None:
    """None for a switch that is a tensor, and so takes both values."""
    return None if isinstance(value, tf.TensorSpec) else bool(value)


def _image_shape(specs: list[Any], folder: Path) -> tuple[int | None, int | None]:
    for spec in specs:
        if isinstance(spec, tf.TensorSpec) and (spec.shape.rank is None or spec.shape.rank == 4):
            if spec.shape.rank is None:
                return None, None
            if spec.shape[3] in (3, None) and spec.dtype.is_floating:
                return spec.shape[1], spec.shape[2]
    raise _unusable(folder, f"it takes {specs[0] if specs else 'nothing'}")


def _unusable(folder: Path, why: str) -> DataError:
    return DataError(
        f"The SavedModel {folder} cannot be used as a backbone: {why}.",
        expected="one function of one batch of images, (B, H, W, 3) floating point.",
    )


def outputs_by_name(outputs: Any) -> dict[str, Any]:
    """A tensor, or a dict or list of them, as a dict; a single tensor is called "default"."""
    return dict(_named(outputs)) or {"default": outputs}


def _named(outputs: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(outputs, Mapping):
        yield from ((str(name), tensor) for name, tensor in outputs.items())
    elif isinstance(outputs, (list, tuple)):
        yield from ((str(index), tensor) for index, tensor in enumerate(outputs))
