"""Rates that fall with depth: what lies near the images changes less, what lies near the classes more."""

from typing import Any

import keras

from fgtl.errors import UsageError
from fgtl.models.backbone import Backbone
from fgtl.training.settings import OptimizerKnobs
from fgtl.training.variables import trained_part


def rate_factors(model: Any, trains: str, knobs: OptimizerKnobs) -> tuple[float, ...]:
    """Factor of the learning rate for each variable that a phase trains.

    While everything is trained, a variable of the head has `head_rate`, one of the backbone at depth d (see `depths`)
    has layer_decay ^ d (layer-wise rate decay: Clark et al. 2020, ELECTRA; Bao et al. 2022, BEiT). A head that is
    trained alone has its own rate anyway, so there they are 1.

    Args:
        model: with `backbone` and `head`.
        trains: "head" or "all".
        knobs: of them layer_decay and head_rate are read.

    Returns:
        One float for each of `trained_part(model, trains).trainable_variables`.

    Raises:
        UsageError: a layer_decay where everything lies at one depth.
    """
    variables = trained_part(model, trains).trainable_variables
    if trains == "head" or knobs.layer_decay == knobs.head_rate == 1:
        return (1.0,) * len(variables)
    factors = {id(variable): knobs.head_rate for variable in model.head.trainable_variables}
    if knobs.layer_decay < 1:
        found = depths(model.backbone)
        if len(set(found.values())) < 2:
            raise UsageError(
                f"--layer_decay={knobs.layer_decay:g}: {model.backbone.architecture} has not two depths to tell apart.",
                expected="a backbone with two taps or more, whose rates can differ.",
                fix="Leave --layer_decay out, and use --head_rate for a backbone that is slower than its head.",
            )
        factors |= {key: knobs.layer_decay**depth for key, depth in found.items()}
    return tuple(factors.get(id(variable), 1.0) for variable in variables)


def depths(backbone: Backbone) -> dict[int, int]:
    """{id(variable): depth} of a backbone's trainable variables.

    The usual taps divide the network: depth 1 is what only the deepest tap needs and what follows it, depth 2 what the next
    shallower tap needs, and so on. A ResNet has five depths, stem and stages. A ViT is tapped at its quarters and has
    four, of several blocks each: the decay that a paper gives for each block is to be raised to that number.
    """
    trunk = backbone.get_layer("trunk")
    found: dict[int, int] = {}
    usual, _ = trunk.output
    # Those alone, so that a decay means the same whatever else is asked for.
    taps = [tap for tap in backbone.taps if tap.usual]
    for place, tap in enumerate(taps):
        needed = keras.Model(trunk.input, usual[tap.name])
        for variable in needed.trainable_variables:
            found.setdefault(id(variable), len(taps) - place)
    return {id(variable): found.get(id(variable), 1) for variable in backbone.trainable_variables}
