"""What people do wrong with the plug-in: each is refused before anything is written, and the message says what to do.

The head stands on mean colours of 32 px: levels of 8 x 8, 4 x 4 and 2 x 2 points, built in no time.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import pytest
from bright_network import NAME, bright_networks, save_run
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet
from fgtl.heads.classifier import Classifier
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.models.backbone import SCHEMES, Architecture, build_network

Refused = Callable[..., None]
STRANGE = ("0", "-3", "nan", "1.5", "1.0", "0.0", "inf", "1e3", "", "x")


@pytest.fixture(scope="module")
def networks() -> Iterator[None]:
    with bright_networks():
        SCHEMES._entries["flat"] = lambda what, spec: Architecture(
            flat_trunk, lambda images: images, 32, smallest_size=8
        )
        yield
        del SCHEMES._entries["flat"]


def flat_trunk(size: int) -> keras.Model:
    """A network of a single resolution: it has one tap."""
    image = keras.Input((size, size, 3))
    return keras.Model(image, keras.layers.AveragePooling2D(4)(image))


@pytest.fixture
def train(networks: None, train_words: list[str], tmp_path: Path) -> list[str]:
    """`fgtl train` on the tiny network; of flags that come twice the last one counts."""
    tiny = [f"--backbone={NAME}", "--head=plugin", "--fpn_size=8"]
    return ["train", f"--run_dir={tmp_path / 'run'}", *train_words, *tiny]


@pytest.fixture
def run_of(networks: None, records: Path, tmp_path: Path) -> Callable[..., Path]:
    """A run of 15 x 15, 7 x 7 and 3 x 3 points as training leaves it; nobody trained it."""

    def save(**knobs: Any) -> Path:
        head = PluginHead(4, PluginKnobs(fpn_size=8, num_selects=("32", "24", "4"), **knobs))
        return save_run(tmp_path / "first", Classifier(build_network(NAME, 60), head), RecordSet.open(records))

    return save


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--num_selects=24,8,5", ["level3 (tap p4, 2x2)", "which has 4 points", "at most 3"]),
        ("--num_selects=24,8,4", ["level3 (tap p4, 2x2)", "all of them are kept", "at most 3"]),
        ("--num_selects=64,8,3", ["level1 (tap p2, 8x8)", "all of them are kept"]),
        ("--num_selects=8,4,2", ["14 points in all", "at least 32", "--num_selects"]),
        ("--num_selects=0.001", ["3 points in all"]),
        ("--num_selects=24,8", ["2 values for 3 levels", "level1 (tap p2, 8x8)"]),
        ("--num_selects=24,8,3,3", ["4 values for 3 levels"]),
        *((f"--num_selects=24,8,{bad}", [repr(bad), "a share between 0 and 1"]) for bad in STRANGE),
        ("--plugin_taps=p2,p9", ["no tap 'p9'", "p2, p3, p4"]),
        ("--plugin_taps=p2,p2", ["named twice"]),
        ("--plugin_taps=p2", ["2 taps or more", "got 1"]),
        ("--backbone=flat:x", ["2 taps or more", "choose another backbone"]),
        ("--image_size=16", ["level3 (tap p4, 1x1)", "a single point", "larger --image_size"]),
        ("--image_size=60 --plugin_upsample=doubling", ["level1 (tap p2, 15x15) is not twice level2", "bilinear"]),
        ("--plugin_upsample=nearest", ["auto, bilinear, doubling, points"]),
        ("--fpn_size=3", ["--fpn_size=3", "at least 4"]),
        ("--lambda_b=-1", ["--lambda_b=-1.0", "at least 0"]),
        ("--lambda_b=nan", ["--lambda_b=nan is not finite"]),
        ("--lambda_n=inf", ["--lambda_n=inf is not finite"]),
        ("--lambda_b=0 --lambda_n=0 --lambda_c=0", ["are all 0"]),
        ("--lambda_b=0 --lambda_c=0", ["--lambda_b, --lambda_s and --lambda_c are all 0", "at least one above 0"]),
        ("--plugin_output=combiner --lambda_c=0", ["the combiner is not trained", "--plugin_output=fused"]),
        ("--head=linear", ["--fpn_size: the head linear has no such knob", "--head=plugin"]),
        ("--head=plugn", ["'plugn'", "Did you mean 'plugin'?"]),
    ],
)
def test_what_the_head_cannot_be_is_refused(
    train: list[str], refused: Refused, words: str, expected: list[str], tmp_path: Path
) -> None:
    refused([*train, *words.split()], *expected)
    assert not (tmp_path / "run").exists()


def test_a_recipe_of_the_plugin_serves_the_linear_head_too(
    networks: None, train_words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its plug-in's flags are the recipe's, not the user's: what is compared has all the others in common."""
    recipe = tmp_path / "plugin.flags"
    recipe.write_text("--head=plugin\n--fpn_size=8\n--num_selects=24,8,3\n")
    words = [*train_words, f"--backbone={NAME}", f"--recipe={recipe}", "--head=linear"]
    assert main(["train", f"--run_dir={tmp_path / 'run'}", *words]) == 0
    assert main(["train", f"--run_dir={tmp_path / 'other'}", *words, "--fpn_size=16"]) == 2
    assert "--fpn_size: the head linear has no such knob" in capsys.readouterr().err


def test_odd_sizes_are_trained(train: list[str]) -> None:
    assert main([*train, "--image_size=60"]) == 0


def test_a_learned_map_of_points_is_for_one_input_size(
    train: list[str], run_of: Callable[..., Path], refused: Refused, tmp_path: Path
) -> None:
    words = [f"--init_run={run_of(plugin_upsample='points')}", "--plugin_upsample=points", "--num_selects=32,24,4"]
    said = ("level1_up", "learned map of points fits one input size", "--noinit_head")
    refused([*train, *words, "--image_size=64"], *said)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_at_another_size_when_it_keeps_as_many_points(
    train: list[str], run_of: Callable[..., Path], refused: Refused, tmp_path: Path
) -> None:
    """By default how many are kept follows the size: that is said, and the way out holds."""
    words = [f"--init_run={run_of()}", "--image_size=64"]
    refused([*train, *words], "keeps 32,24,4 points", "--num_selects=32,24,4")
    assert not (tmp_path / "run").exists()
    assert main([*train, *words, "--num_selects=32,24,4"]) == 0


def test_a_run_does_not_go_on_with_another_way_from_level_to_level(
    train: list[str], run_of: Callable[..., Path], refused: Refused, tmp_path: Path
) -> None:
    """The learned maps would begin from nothing without a word."""
    words = [f"--init_run={run_of()}", "--image_size=64", "--num_selects=32,24,4", "--plugin_upsample=points"]
    refused([*train, *words], "pyramid", "--plugin_upsample=auto, not with points", "--noinit_head")
    assert not (tmp_path / "run").exists()


def test_learned_maps_that_are_left_behind_are_named(
    train: list[str], run_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"--init_run={run_of(plugin_upsample='points')}", "--plugin_upsample=bilinear", "--image_size=64"]
    assert main([*train, *words, "--num_selects=32,24,4"]) == 0
    assert "learned maps from level to level" in capsys.readouterr().err


def test_a_run_does_not_go_on_with_other_taps(
    train: list[str], run_of: Callable[..., Path], refused: Refused, tmp_path: Path
) -> None:
    """The blocks of a transformer are alike: the weights of one level would fit another."""
    words = [f"--init_run={run_of()}", "--image_size=60", "--plugin_taps=p2,p3", "--num_selects=32,24"]
    refused([*train, *words], "taps p2,p3,p4, here they are on p2,p3", "--plugin_taps=p2,p3,p4", "--noinit_head")
    assert not (tmp_path / "run").exists()


def test_one_class_is_refused(
    train: list[str], refused: Refused, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "test"):
        for number in range(8):
            path = tmp_path / "photos" / split / "robin" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), (30 * number, len(split), 60)).save(path)
    records = tmp_path / "records"
    words = [f"--dataset={tmp_path / 'photos'}", f"--output_dir={records}", "--num_shards=1", "--workers=1"]
    assert main(["convert", *words]) == 0
    assert "There is only one class, 'robin'" in capsys.readouterr().err
    refused([*train, f"--records={records}", "--batch_size=4"], "1 class", "at least 2")
    assert not (tmp_path / "run").exists()
