"""Whether a saved model may bring code along: a SavedModel is a program, not only numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from fgtl.errors import DataError

_ALLOWED: ContextVar[bool] = ContextVar("saved_models_allowed", default=False)


@contextmanager
def saved_models_allowed(allowed: bool = True) -> Iterator[None]:
    """Inside, models that were saved with a SavedModel as their backbone may load it."""
    token = _ALLOWED.set(allowed)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def expect_saved_models_allowed(reference: str) -> None:
    """Raise DataError unless the caller has said that SavedModels may be run.

    Args:
        reference: which one the model asks for.
    """
    if not _ALLOWED.get():
        raise DataError(
            f"The model asks to run the SavedModel {reference}. A SavedModel is a program.",
            expected="leave to run it: it is not loaded unasked, as Keras' safe mode has it.",
            fix="If you trust it, say so: --allow_saved_model, or load_classifier(path, allow_saved_models=True).",
        )
