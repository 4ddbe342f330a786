"""Print the rows of fgtl/models/facts.py: builds every network once, which takes minutes.

    python scripts/backbone_facts.py [NAME ...]

Where weights come from is no property of the network: it is kept from the rows that are there, empty for a new one.
"""

import sys

import keras

from fgtl.models.backbone import BACKBONES, Backbone, find_architecture
from fgtl.models.facts import FACTS, taps_text
from fgtl.models.keras_hub_families import FAMILIES
from fgtl.models.keras_hub_networks import NETWORKS


def row(name: str) -> str:
    """The row of one backbone."""
    backbone = Backbone(name)
    weights = FACTS[name].weights if name in FACTS else ()
    facts = (
        f'{backbone.trunk.count_params():_}, {backbone.input_size}, {smallest_size(name)}, "{taps_text(backbone.taps)}"'
    )
    return f'    "{name}": Facts({facts}, {weights!r}),'


def smallest_size(name: str) -> int:
    """Pixels; KerasHub's transformers take multiples of their patches or windows."""
    smallest = find_architecture(name).smallest_size
    network = NETWORKS.get(name.partition(":")[2])
    return max(smallest, FAMILIES[network.kind].multiple(network.arguments)) if network else smallest


def main(names: list[str]) -> None:
    """Print the rows of these backbones, of all without names."""
    for name in names or [*BACKBONES.names(), *(f"keras_hub:{network}" for network in sorted(NETWORKS))]:
        keras.utils.clear_session()
        print(row(name), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
