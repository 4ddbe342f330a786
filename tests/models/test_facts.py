"""The table of backbones against the backbones."""

import keras
import pytest

from fgtl.models.backbone import BACKBONES, SCHEMES, build_network
from fgtl.models.facts import FACTS, SOURCES, taps_text
from fgtl.models.facts import SCHEMES as TOLD_SCHEMES
from fgtl.models.keras_hub_networks import NETWORKS

# Larger ones only add seconds and gigabytes: their sizes differ in numbers that the small ones have too.
QUICK = 250_000_000


def test_there_is_a_row_for_each_backbone_that_needs_no_file() -> None:
    # python scripts/backbone_facts.py NAME prints the row that a new one needs.
    assert list(FACTS) == [*BACKBONES.names(), *(f"keras_hub:{name}" for name in sorted(NETWORKS))]


def test_rows_have_the_sizes_of_the_backbones() -> None:
    for name in BACKBONES.names():
        facts, architecture = FACTS[name], BACKBONES[name]
        assert (facts.input_size, facts.smallest_size) == (architecture.input_size, architecture.smallest_size), name
    for name, network in NETWORKS.items():
        assert FACTS[f"keras_hub:{name}"].input_size == network.input_size


def test_weights_are_told_where_keras_and_kerashub_have_them() -> None:
    for name, facts in FACTS.items():
        assert set(facts.weights) <= set(SOURCES)
        if name in BACKBONES:
            assert ("imagenet" in facts.weights) == bool(BACKBONES[name].keras_name), name
        else:
            assert ("preset" in facts.weights) == bool(NETWORKS[name.partition(":")[2]].preset), name


def test_each_kind_of_name_is_explained() -> None:
    assert sorted(TOLD_SCHEMES) == SCHEMES.names()
    for scheme, text in TOLD_SCHEMES.items():
        assert text.startswith(f"{scheme}:")


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_lite0", "resnet18_v1_5"])
def test_a_row_is_what_is_built(name: str) -> None:
    facts, backbone = FACTS[name], build_network(name)
    assert (backbone.trunk.count_params(), backbone.input_size) == (facts.parameters, facts.input_size)
    assert taps_text(backbone.taps) == facts.taps


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES.names())
def test_every_backbone_builds_as_its_row_says_and_at_its_smallest_size(name: str) -> None:
    keras.utils.clear_session()
    test_a_row_is_what_is_built(name)
    smallest = build_network(name, FACTS[name].smallest_size)
    assert [tap.stride for tap in smallest.taps] == [4, 8, 16, 32]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in FACTS if name.startswith("keras_hub:") and FACTS[name].parameters < QUICK]
)
def test_networks_of_kerashub_build_as_their_rows_say(name: str) -> None:
    pytest.importorskip("keras_hub")
    keras.utils.clear_session()
    test_a_row_is_what_is_built(name)
