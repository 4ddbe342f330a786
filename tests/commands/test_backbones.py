"""The table of backbones, and one in detail."""

import subprocess
import sys

import pytest

from fgtl.commands.app import main
from fgtl.models.facts import FACTS


def test_the_table_names_every_backbone_with_its_size_taps_and_weights(capsys):
    assert main(["backbones"]) == 0
    told = capsys.readouterr().out
    lines = {line.split()[0]: line for line in told.splitlines() if line.strip()}
    assert set(FACTS) <= set(lines)
    assert lines["inception_v3"].split() == [
        "inception_v3", "21,802,784", "299", "75", "4x192", "8x288", "16x768", "32x2048", "imagenet,", "slim"
    ]  # fmt: skip
    assert "keras_hub:FOLDER" in told
    assert "saved_model:FOLDER" in told
    assert "fgtl[demo]" in told


def test_it_needs_no_tensorflow():
    code = "import sys; from fgtl.commands.app import main; main(['backbones']); assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("pattern", ["v1_5", "resnet*_v1_5"])
def test_a_pattern_picks_some(pattern, capsys):
    assert main(["backbones", "--name", pattern]) == 0
    told = capsys.readouterr().out
    assert [line.split()[0] for line in told.splitlines()[1:6]] == [
        f"resnet{depth}_v1_5" for depth in (101, 152, 18, 34, 50)
    ]
    assert "  torch: " in told
    assert "  slim: " not in told


def test_a_size_leaves_out_what_does_not_take_it(capsys):
    assert main(["backbones", "--input_size", "72"]) == 0
    told = capsys.readouterr().out
    assert "\nxception " in told
    assert "\ninception_v3 " not in told
    assert main(["backbones", "--name=inception", "--input_size=72"]) == 2
    assert "at least 75 pixels" in capsys.readouterr().err


def test_one_in_detail_has_the_grids_at_the_size_that_was_asked_for(capsys):
    assert main(["backbones", "inception_v3", "--input_size", "448"]) == 0
    told = capsys.readouterr().out
    assert "inception_v3 at 448 pixels" in told
    assert "21,802,784" in told
    rows = [line.split() for line in told.splitlines()]
    assert ["p4", "16", "26x26", "768", "0"] in rows
    assert ["p5", "32", "12x12", "2048", "0"] in rows
    assert "TF-Slim checkpoint" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inception_v33"], "Did you mean 'inception_v3'"),
        (["--name", "inception_v33"], "Did you mean 'inception_v3'"),
        (["inception_v3", "--input_size", "40"], "at least 75"),
        (["inception_v3", "vgg16"], "2 names are given"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments, message, capsys):
    assert main(["backbones", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_taps_to_be_asked_for_are_listed_by_a_pattern(capsys):
    assert main(["backbones", "mobilenet_v2", "--input_size", "64"]) == 0
    told = capsys.readouterr().out
    assert "or of 149 others (--taps PATTERN lists them)" in told and "block_12_add" not in told
    assert main(["backbones", "mobilenet_v2", "--input_size", "64", "--taps", "block_1?_add"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    names = [row[0] for row in rows[rows.index(["tap", "stride", "grid", "channels", "tokens", "before", "it"]) + 1 :]]
    assert names == [
        "p2",
        "p3",
        *(f"block_{n}_add" for n in (11, 12)),
        "p4",
        *(f"block_{n}_add" for n in (14, 15)),
        "p5",
    ]
    assert ["block_12_add", "16", "4x4", "96", "0"] in rows
