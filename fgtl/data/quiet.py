"""Import TensorFlow without its wall of log lines before ours."""

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO

from fgtl.console import warn
from fgtl.errors import FgtlError

# 2 hides the C++ side's information and warnings (CPU features, oneDNN, absent CUDA, devices found at first use).
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "ERROR"}
DRIVER = Path("/proc/driver/nvidia/version")


def import_tensorflow() -> ModuleType:
    """Import TensorFlow quietly and return it; what a user set in the environment (TF_CPP_MIN_LOG_LEVEL=0) wins.

    Some lines are written before TensorFlow reads its log level, or as errors on a machine without a GPU, straight to
    file descriptor 2; that one is turned away while TensorFlow is imported and looks for devices. What was hidden is
    shown when the import fails, or when there is a GPU that TensorFlow cannot use.

    Raises:
        FgtlError: TensorFlow is not installed, or cannot be loaded.
    """
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with tempfile.TemporaryFile() as hidden:
        try:
            with _stderr_to(hidden):
                tensorflow = importlib.import_module("tensorflow")
                gpus = tensorflow.config.list_physical_devices("GPU")
        except ImportError as error:
            _show(hidden)
            raise FgtlError(
                f"TensorFlow cannot be imported: {error}.", fix="pip install 'tensorflow>=2.20' into this environment."
            ) from error
        if not gpus and _expects_gpu():
            _show(hidden)
            warn("There is an NVIDIA driver, but TensorFlow sees no GPU: pip install 'tensorflow[and-cuda]'?")
    return tensorflow


def _expects_gpu() -> bool:
    return DRIVER.exists() and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1")


def _show(hidden: IO[bytes]) -> None:
    hidden.seek(0)
    print(hidden.read().decode(errors="replace"), file=sys.stderr, end="", flush=True)


@contextmanager
def _stderr_to(file: IO[bytes]) -> Iterator[None]:
    """Send what is written to file descriptor 2, by any language, into `file`."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        os.dup2(file.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
