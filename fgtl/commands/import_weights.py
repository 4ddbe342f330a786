"""Weights from TF-Slim, torch, safetensors or .npz -> checked Keras weights for `fgtl train --weights`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fgtl.console import say, table
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import UsageError
from fgtl.knobs import Knobs, flag

if TYPE_CHECKING:
    import numpy as np

    from fgtl.interop.filling import Filled

_SHOWN = 10
# ImageNet's 1,000 classes and the background before them, as TF-Slim trains.
_WITH_BACKGROUND = 1001
_USAGE = "fgtl import-weights --backbone NAME --weights FILE --output NAME.weights.h5"


@dataclass(frozen=True)
class Config(Knobs):
    """What is read, and what is written."""

    backbone: str = flag("", "name of the network (required)")
    weights: Path | None = flag(
        None, "TF-Slim checkpoint (prefix, file or folder), torch .pth, .safetensors, .npz, .h5"
    )
    output: Path | None = flag(None, "file to write, NAME.weights.h5")
    head_output: Path | None = flag(None, ".npz to write the classifier to: kernel (D, K), bias (K,)")
    ema: bool = flag(False, "take the moving averages beside the weights")
    partial: bool = flag(False, "accept weights that are missing or unexplained, and list them")
    image_size: int | None = flag(
        None, "pixels; where the weights depend on it (ViT, Swin); default: the published", low=1
    )
    list: bool = flag(False, "print the names and shapes of the backbone's weights, which an .npz must have")


def main(config: Config) -> None:
    """Read, fill, write, and say what went where."""
    if config.list and config.backbone:
        _list_weights(config)
    elif config.weights is None or config.output is None or not config.backbone:
        needed = ("backbone",) if config.list else ("backbone", "weights", "output")
        missing = [f"--{name}" for name in needed if not getattr(config, name)]
        raise UsageError(
            f"{' and '.join([', '.join(missing[:-1])] * (len(missing) > 1) + missing[-1:])} "
            f"{'is' if len(missing) == 1 else 'are'} missing.",
            expected="fgtl import-weights --backbone NAME --list" if config.list else _USAGE,
        )
    else:
        _import(config, config.weights, config.output)


def _list_weights(config: Config) -> None:
    import_tensorflow()
    from fgtl.interop.weight_names import named_weights
    from fgtl.models.backbone import build_network

    weights = named_weights(build_network(config.backbone, config.image_size).trunk)
    rows = [[name, " x ".join(map(str, variable.shape))] for name, variable in weights.items()]
    say(table(["weight", "shape"], rows))
    say(f"{len(weights):,} weights of {config.backbone}")


def _import(config: Config, weights: Path, output: Path) -> None:
    from fgtl.interop.weight_file import check_format, expect_weights_name

    expect_weights_name(output)
    if config.head_output is not None and config.head_output.suffix != ".npz":
        raise UsageError(f"--head_output={config.head_output} is no .npz.", expected="a name that ends in .npz.")
    # Before the seconds that TensorFlow takes.
    check_format(weights)
    import_tensorflow()
    from fgtl.interop.checked_weights import save_checked
    from fgtl.interop.pretrained import load_weights
    from fgtl.interop.weight_import import read_classifier
    from fgtl.models.backbone import build_network

    backbone = build_network(config.backbone, config.image_size)
    filled = load_weights(backbone, weights, ema=config.ema, partly=config.partial)
    head = None
    if config.head_output is not None:
        # Before anything is written: it may not be there.
        if filled is None:
            raise UsageError(f"{weights} is a Keras file; fgtl does not look for a classifier in those.")
        head = read_classifier(filled.file, ema=config.ema)
    if filled:
        _report(filled)
    digest = save_checked(backbone, output)
    say(f"{weights} -> {output}, read back and equal, sha256 of the numbers {digest[:16]}...")
    if head and config.head_output:
        _save_head(*head, config.head_output)


def _save_head(kernel: "np.ndarray", bias: "np.ndarray", path: Path) -> None:
    import numpy as np

    from fgtl.files import atomic_path

    with atomic_path(path) as partial, partial.open("wb") as file:
        np.savez(file, kernel=kernel, bias=bias)
    background = "; class 0 is the background" if len(bias) == _WITH_BACKGROUND else ""
    say(f"classifier of {len(bias):,} classes{background} -> {path}")


def _report(filled: "Filled") -> None:
    """What was found, filled and left, by kind."""
    rows = [["filled", f"{len(filled.used):,}", f"{filled.numbers:,}"]]
    rows += [[f"left over: {kind}", f"{len(names):,}", ""] for kind, names in sorted(filled.left.items())]
    rows += [["left over, unexplained", f"{len(filled.unknown):,}", ""], ["missing", f"{len(filled.missing):,}", ""]]
    say(table([f"{filled.file.kind}, {len(filled.file.shapes):,} arrays", "arrays", "numbers"], rows))
    for title, names in (("unexplained", filled.unknown), ("missing, fresh now", filled.missing)):
        if names:
            more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
            say(f"{title}: {', '.join(names[:_SHOWN])}{more}")
