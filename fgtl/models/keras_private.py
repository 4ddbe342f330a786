"""The private parts of Keras that fgtl rests on: asked for here, so that a Keras without them is named."""

from typing import Any

import keras

from fgtl.errors import FgtlError


def private(owner: Any, name: str) -> Any:
    """An attribute that Keras makes no promise about.

    Raises:
        FgtlError: this version of Keras has none.
    """
    try:
        return getattr(owner, name)
    except AttributeError:
        kind = owner if isinstance(owner, type) else type(owner)
        raise unsuitable_keras(f"its {kind.__name__} has no {name}") from None


def unsuitable_keras(lack: str) -> FgtlError:
    """The error to raise where this Keras does not do what fgtl builds on; `lack`: half a sentence."""
    return FgtlError(
        f"Keras {keras.__version__} does not fit this version of fgtl: {lack}.",
        fix="Install an earlier Keras (3.13 to 3.15 were tried), or a later fgtl.",
    )
