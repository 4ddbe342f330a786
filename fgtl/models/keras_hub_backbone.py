"""Backbones called keras_hub:WHAT: networks by name, presets by name, by handle or in a local folder."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras

from fgtl.errors import DataError, UsageError, did_you_mean
from fgtl.models.backbone import SCHEMES, Architecture
from fgtl.models.keras_hub_families import FAMILIES
from fgtl.models.keras_hub_networks import NETWORKS
from fgtl.models.keras_hub_presets import load_preset_weights, read_folder, read_handle, resized_weight
from fgtl.models.keras_hub_rebuild import Blueprint, blueprint, load_keras_hub


@SCHEMES.register("keras_hub")
def keras_hub_architecture(what: str, spec: Mapping[str, Any] | None = None) -> Architecture:
    """The architecture of keras_hub:WHAT.

    Taps: "p2" ... "p5" for networks with maps, "block3" ... "block12" (the ends of the quarters of the depth) for
    those with tokens. Features: the mean over the deepest map; of ViT, DeiT and DINO the class token after the final
    normalisation.

    Args:
        what: a name in `NETWORKS`; a preset's name; a handle such as hf://... or kaggle://...; or a preset folder.
        spec: of a saved model; then nothing is read or downloaded.

    Raises:
        UsageError: nothing is called that, or KerasHub is not installed.
        DataError: the preset cannot be had.
    """
    plan = Blueprint.from_spec(spec) if spec else _plan(what)
    family = FAMILIES[plan.kind]
    return Architecture(
        trunk=partial(plan.build, f"keras_hub:{what}"),
        preprocess=plan.preprocess,
        input_size=plan.input_size,
        # Of sizes of which none below the usual 32 pixels fits, the smallest that does.
        smallest_size=-(-32 // plan.multiple) * plan.multiple,
        multiple=plan.multiple,
        taps=family.taps,
        features=family.features,
        resized=partial(resized_weight, kind=plan.kind),
        publish=partial(_publish, what, plan.kind),
        spec=plan.spec,
    )


def _plan(what: str) -> Blueprint:
    if what in NETWORKS:
        network = NETWORKS[what]
        scale, offset = FAMILIES[network.kind].scaling
        return blueprint(network.kind, network.arguments, scale, offset, network.input_size)
    folder = Path(what).expanduser()
    if "://" not in what and folder.is_dir():
        return read_folder(folder)
    if "://" not in what and what not in _presets():
        if len(folder.parts) > 1:
            raise DataError(f"There is no folder {folder}.", expected="a preset folder with config.json.")
        raise UsageError(
            f"KerasHub has no image backbone called {what!r}.",
            expected="a preset's name, a handle such as hf://..., a preset folder,\n"
            f"or, built without a download: {', '.join(NETWORKS)}.",
            fix=did_you_mean(what, [*NETWORKS, *_presets()]),
        )
    return read_handle(what)


def _presets() -> set[str]:
    models = load_keras_hub().models
    return {preset for kind in FAMILIES for preset in getattr(models, f"{kind}Backbone").presets}


def _publish(what: str, kind: str, trunk: keras.Model) -> None:
    if what in NETWORKS:
        preset = NETWORKS[what].preset
        raise UsageError(
            f"keras_hub:{what} is built from arguments; no weights come with it.",
            expected=f"--weights=none, a file of weights, or --backbone=keras_hub:{preset or 'PRESET_OR_FOLDER'}.",
        )
    folder = Path(what).expanduser()
    load_preset_weights(trunk, kind, str(folder) if "://" not in what and folder.is_dir() else what)
