"""TF-Slim checkpoints of the networks that fgtl builds: which variable is whose, and what else a checkpoint holds."""

import re
from collections.abc import Mapping
from typing import Any

from fgtl.errors import DataError, UsageError
from fgtl.interop.correspondence import SLIM, LayerNames, Piece, pieces_by_layer
from fgtl.interop.matching import Shape
from fgtl.interop.slim_scopes import INCEPTION_RESNET_V2, INCEPTION_V3

AVERAGE = "/ExponentialMovingAverage"
_STATISTICS = ("/moving_mean", "/moving_variance")
_SLOTS = {"Momentum", "RMSProp", "RMSProp_1", "Adam", "Adam_1", "Adagrad", "Adadelta", "Adadelta_1", "Ftrl", "Ftrl_1"}
_COUNTERS = re.compile(r"global_step|(.*/)?(beta[12]_power|local_step|sync_rep_local_step)(_\d+)?")
_CLASSIFIERS = ("Logits/Conv2d_1c_1x1", "Logits/Logits", "logits")


def slim_pieces(architecture: str, weights: Mapping[str, Any], shapes: Mapping[str, Shape], ema: bool) -> list[Piece]:
    """Which variable of a checkpoint fills which weight.

    Args:
        architecture: a backbone's name.
        weights: its, from `named_weights`.
        shapes: the checkpoint's.
        ema: take the moving averages of what was trained; batch norms' statistics, which are averages already, raw.
            That is what slim's `variables_to_restore()` does.

    Raises:
        UsageError: slim has no such network.
        DataError: no network in it; or averages are wanted and there are none.
    """
    if architecture not in _NETWORKS:
        hint = re.sub(r"^resnet(\d+)_v2$", r"resnet_v2_\1", architecture)
        raise UsageError(
            f"A TF-Slim checkpoint does not fit {architecture}.",
            expected=f"a network that slim has: {', '.join(_NETWORKS)}.",
            fix=f"Use {hint}: its first pool is slim's; {architecture} pads it otherwise." if hint in _NETWORKS else "",
        )
    if ema and not any(name.endswith(AVERAGE) for name in shapes):
        raise DataError("The checkpoint holds no moving averages.", fix="Leave --ema out: its raw weights are read.")
    first, scope_of = _NETWORKS[architecture]
    root = _root(shapes, first)
    pieces = pieces_by_layer(weights, lambda layer: f"{root}/{scope_of(layer)}", SLIM, "/")
    if not ema:
        return pieces
    return [
        piece
        if piece.name.endswith(_STATISTICS)
        else Piece(piece.name + AVERAGE, piece.shape, piece.variable, piece.convert)
        for piece in pieces
    ]


def slim_leftover(name: str, wanted: set[str]) -> str:
    """What kind of thing a variable is that no weight of the trunk wants; "" when it should not be there."""
    owner, _, last = name.rpartition("/")
    scopes = name.split("/")
    if _COUNTERS.fullmatch(name):
        return "steps and counters"
    if last in _SLOTS:
        return "optimizer's slots"
    if name.endswith(AVERAGE):
        return "moving averages"
    if name + AVERAGE in wanted:
        return "raw weights beside their averages"
    if len(scopes) > 2 and scopes[1] == "AuxLogits":
        return "auxiliary classifier"
    if owner.partition("/")[2] in _CLASSIFIERS:
        return "classifier"
    return ""


def slim_classifier(shapes: Mapping[str, Shape]) -> tuple[str, str] | None:
    """(weights (D, K) or (1, 1, D, K), biases) of the classifier, if the checkpoint has one."""
    for name, shape in shapes.items():
        scope = name.removesuffix("/weights")
        known = scope != name and scope.partition("/")[2] in _CLASSIFIERS and f"{scope}/biases" in shapes
        if known and (len(shape) == 2 or (len(shape) == 4 and shape[:2] == (1, 1))):
            return name, f"{scope}/biases"
    return None


def _root(shapes: Mapping[str, Shape], first: str) -> str:
    """The scope around the whole network: "InceptionV3"."""
    roots = [name.removesuffix(f"/{first}/weights") for name in shapes if name.endswith(f"/{first}/weights")]
    roots = [root for root in roots if "/" not in root]
    if len(roots) != 1:
        scopes = sorted({"/".join(name.split("/")[:2]) for name in shapes})
        raise DataError(
            f"{len(roots) or 'No'} networks whose first layer is {first} are in the checkpoint.",
            expected=f"one variable ROOT/{first}/weights. Found: {', '.join(scopes[:8]) or 'no variables'}.",
        )
    return roots[0]


def _by_creation(scopes: tuple[str, ...], named: LayerNames = lambda _: "") -> LayerNames:
    """keras.applications made its unnamed layers in the order of slim's; `named` knows the others."""

    def scope_of(layer: str) -> str:
        if found := re.fullmatch(r"(conv2d|batch_normalization)(?:_(\d+))?", layer):
            scope = scopes[int(found[2] or 0)]
            return scope if found[1] == "conv2d" else f"{scope}/BatchNorm"
        return named(layer)

    return scope_of


def _inception_resnet_scope(layer: str) -> str:
    """The residuals' last convolutions and the network's last one have names in keras.applications."""
    if found := re.fullmatch(r"(block35|block17|block8)_(\d+)_conv", layer):
        repeat = {"block35": "Repeat", "block17": "Repeat_1", "block8": "Repeat_2"}[found[1]]
        last = layer == "block8_10_conv"
        return "Block8/Conv2d_1x1" if last else f"{repeat}/{found[1]}_{found[2]}/Conv2d_1x1"
    return {"conv_7b": "Conv2d_7b_1x1", "conv_7b_bn": "Conv2d_7b_1x1/BatchNorm"}[layer]


def _resnet_scope(layer: str) -> str:
    """keras.applications: conv2_block1_preact_bn; slim: block1/unit_1/bottleneck_v2/preact."""
    if found := re.fullmatch(r"conv(\d)_block(\d+)_(\w+)", layer):
        unit = f"block{int(found[1]) - 1}/unit_{found[2]}/bottleneck_v2"
        parts = {"preact_bn": "preact", "0_conv": "shortcut", "1_conv": "conv1", "2_conv": "conv2", "3_conv": "conv3"}
        parts |= {"1_bn": "conv1/BatchNorm", "2_bn": "conv2/BatchNorm"}
        return f"{unit}/{parts[found[3]]}"
    return {"conv1_conv": "conv1", "post_bn": "postnorm"}[layer]


def _own_scope(layer: str) -> str:
    """fgtl's own layers bear slim's scopes with "_" for "/"."""
    return re.sub(r"_(?=Branch_\d|Conv2d_|Conv_1_0c|BatchNorm|SE_block|block\d+_\d|(?<=SE_block_)Conv)", "/", layer)


# architecture -> (the first convolution's scope, LayerNames)
_STEM = "Conv2d_1a_3x3"
_NETWORKS: dict[str, tuple[str, LayerNames]] = {
    "inception_v3": (_STEM, _by_creation(INCEPTION_V3)),
    "inception_v3_se": (_STEM, _own_scope),
    "inception_v4": (_STEM, _own_scope),
    "inception_resnet_v2": (_STEM, _by_creation(INCEPTION_RESNET_V2, _inception_resnet_scope)),
    "inception_resnet_v2_se": (_STEM, _own_scope),
    "resnet_v2_50": ("conv1", _resnet_scope),
    "resnet_v2_101": ("conv1", _resnet_scope),
    "resnet_v2_152": ("conv1", _resnet_scope),
}
