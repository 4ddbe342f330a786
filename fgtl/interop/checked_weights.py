"""Write a backbone's weights as a Keras 3 file, and read them again before anybody relies on it."""

import tempfile
from pathlib import Path

from fgtl.errors import FgtlError
from fgtl.files import atomic_path
from fgtl.interop.pretrained import build_backbone, weights_sha256
from fgtl.interop.weight_file import expect_weights_name
from fgtl.models.backbone import Backbone


def save_checked(backbone: Backbone, path: Path) -> str:
    """Write the trunk's weights; the file appears under its name when a fresh network has been filled from it.

    Returns:
        SHA-256 of the numbers, see `weights_sha256`.

    Raises:
        UsageError: a name that does not end in .weights.h5.
        FgtlError: the fresh network got other numbers; nothing is left at `path`.

    Cost: the network once more in memory.
    """
    expect_weights_name(path)
    written = weights_sha256(backbone)
    with atomic_path(path) as partial, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        # Keras insists on the ending.
        file = Path(folder) / path.name
        backbone.trunk.save_weights(file)
        again = build_backbone(backbone.architecture, file, backbone.input_size)
        if weights_sha256(again) != written:
            raise FgtlError(
                f"The weights of {backbone.architecture} were not read back as they were written to {path}."
            )
        file.replace(partial)
    return written
