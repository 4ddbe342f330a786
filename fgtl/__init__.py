"""fgtl: fine-grained transfer learning on TensorFlow and Keras 3.

Importing this package imports neither TensorFlow nor Keras: `fgtl --help` and the workers that convert
data sets start at once. The names below are looked up when first used.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fgtl")
except PackageNotFoundError:  # a source tree on the path without an installation
    __version__ = "0+unknown"

_HOMES = {
    "FeatureSet": "fgtl.features.feature_set",
    "RecordSet": "fgtl.data.records",
    "build_backbone": "fgtl.interop.pretrained",
    "load_card": "fgtl.datasets",
}

__all__ = ["FeatureSet", "RecordSet", "__version__", "build_backbone", "load_card"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fgtl' has no attribute {name!r}")
