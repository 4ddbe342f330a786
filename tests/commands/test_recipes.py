"""--recipe: every file is made of flags that train has, flags that are given win, and what is wrong is explained."""

import dataclasses
import json
import re
from dataclasses import replace
from pathlib import Path

import keras
import pytest

from fgtl.commands.app import main
from fgtl.commands.flags import parse
from fgtl.commands.recipe import recipe_file, recipe_names, with_recipe
from fgtl.commands.train import Config
from fgtl.commands.train_checks import started_from
from fgtl.errors import UsageError
from fgtl.heads.plugin import PluginHead
from fgtl.heads.plugin_levels import find_levels
from fgtl.models.backbone import build_network
from fgtl.models.facts import FACTS
from fgtl.training.plan import plan_training
from fgtl.training.run import Run
from fgtl.training.schedule import build_schedule

# Recipes for the machine at hand; the others are for the published networks and sets.
SMALL = (
    "balanced_head",
    "balanced_stage",
    "finetune",
    "linear",
    "plugin_mobilenet_v2_160",
    "plugin_synth_birds",
    "quickstart",
)
PLUGIN = [name for name in recipe_names() if name.startswith("plugin_")]
# What makes one of them a matter of seconds.
TINY = ["--backbone=mobilenet_v2", "--image_size=32", "--batch_size=8", "--epochs=1", "--warmup_epochs=0"]


def by_recipe(*words: str) -> Config:
    config = parse(Config, "train", list(words))
    return with_recipe(config, config.recipe)


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_made_of_flags_that_train_has_and_says_where_it_comes_from(name: str) -> None:
    config = by_recipe(f"--recipe={name}")
    assert len(config.given) > 5
    comment = [line for line in recipe_file(name).read_text().splitlines() if line.startswith("#")]
    assert len(comment) >= 1
    assert max(map(len, recipe_file(name).read_text().splitlines())) <= 120


def test_flags_that_are_given_win_wherever_they_stand() -> None:
    for words in (["--epochs=2", "--recipe=linear"], ["--recipe=linear", "--epochs=2"]):
        config = by_recipe(*words)
        assert (config.epochs, config.mode, config.select_by) == (2, "head", "loss")
    # Also one that says what is the default anyway.
    assert by_recipe("--recipe=linear", "--mode=head_then_all").mode == "head_then_all"


@pytest.mark.parametrize("name", ["inception_v3_full", "inception_v3_cub_200_last_layer", "inception_v3_inat_299"])
def test_a_start_that_is_given_stands_for_the_recipes_weights(name: str, tmp_path: Path) -> None:
    config = by_recipe(f"--recipe={name}", f"--init_run={tmp_path}")
    started = started_from(config, config.run_dir)
    assert (started.init_run, started.weights, started.image_size) == (tmp_path, "none", 299)


def test_weights_that_are_given_stand_for_the_recipes_start(tmp_path: Path) -> None:
    (tmp_path / "mine.flags").write_text("--init_run=runs/first\n--epochs=7\n")
    config = by_recipe(f"--recipe={tmp_path / 'mine.flags'}", "--weights=imagenet")
    config = started_from(config, config.run_dir)
    assert (config.init_run, config.weights, config.epochs) == (None, "imagenet", 7)


@pytest.mark.parametrize(
    ("given", "kept"), [({"warmup_epochs": 2}, (2, 0)), ({"warmup_steps": 7}, (0, 7)), ({}, (0, 400))]
)
def test_a_warm_up_that_is_given_stands_for_the_recipes(given: dict[str, int], kept: tuple[int, int]) -> None:
    config = by_recipe("--recipe=plugin_resnet50_448", *(f"--{name}={value}" for name, value in given.items()))
    assert (config.warmup_epochs, config.warmup_steps) == kept


def test_folders_follow_what_the_recipe_names() -> None:
    config = by_recipe("--recipe=inception_v3_full", "--dataset=nabirds")
    assert config.run_dir == Path("runs/nabirds/inception_v3-linear")
    staged = by_recipe("--recipe=inception_v3_inat_299")
    assert (staged.run_dir, staged.records) == (Path("runs/inat2017/inception_v3_inat_299"), Path("records/inat2017"))


def test_a_recipe_may_be_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.flags").write_text("# mine\n--epochs=7\n")
    assert by_recipe(f"--recipe={tmp_path / 'mine.flags'}").epochs == 7


@pytest.mark.parametrize(
    ("recipe", "message"),
    [("finetun", "Did you mean 'finetune'"), ("no/such.flags", "There is no recipe"), ("aut", "Did you mean 'auto'")],
)
def test_a_recipe_that_is_not_there_is_answered_with_those_that_are(
    recipe: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"--recipe={recipe}"]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "quickstart" in shown


def test_a_recipe_that_says_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.flags").write_text("# nothing yet\n")
    with pytest.raises(UsageError, match="mine.flags has no flag in it"):
        by_recipe(f"--recipe={tmp_path / 'mine.flags'}")
    with pytest.raises(UsageError, match="(?s)--recipe is empty.*quickstart"):
        by_recipe("--recipe=")
    with pytest.raises(UsageError, match=f"{tmp_path} is a folder"):
        by_recipe(f"--recipe={tmp_path}")


def test_recipes_do_not_name_recipes(tmp_path: Path) -> None:
    (tmp_path / "mine.flags").write_text("--recipe=auto\n")
    with pytest.raises(UsageError, match="mine.flags has --recipe in it"):
        by_recipe(f"--recipe={tmp_path / 'mine.flags'}")


def test_the_papers_rates_come_out_at_its_steps() -> None:
    """Acceptance E1: CUB-200's 5,994 images in batches of 64 have stairs of 936 steps."""
    config = by_recipe("--recipe=inception_v3_cub_200_last_layer")
    plan = plan_training(config, images=5994, batch_size=config.batch_size)
    assert len(plan.phases[0].steps) == 2810
    rate = build_schedule(config, plan, plan.phases[0])
    expected = {0: 1e-2, 935: 1e-2, 936: 1e-3, 1871: 1e-3, 1872: 1e-4, 2807: 1e-4, 2808: 1e-5, 2809: 1e-5}
    assert {step: pytest.approx(float(rate(step)), rel=1e-5) for step in expected} == expected


@pytest.mark.parametrize("name", [name for name in PLUGIN if not name.endswith(("_160", "_birds"))])
def test_the_plug_in_papers_recipes_have_its_rates_its_augmentation_and_its_decay(name: str) -> None:
    """In batches of two halves of 16: an update has the rate of both, and there are half as many as 375 an epoch."""
    config = by_recipe(f"--recipe={name}")
    plan = plan_training(config, images=6000, batch_size=config.batch_size)
    rate = build_schedule(config, plan, plan.phases[0])
    assert len(plan.phases[0].steps) == 50 * 375 / 2
    assert [float(rate(step)) for step in (0, 399, 400)] == pytest.approx([1e-9, 5e-4, 5e-4], rel=1e-5)
    # 2.834101e-4 is the published rate in the middle.
    assert float(rate(9375 // 2)) == pytest.approx(2.834101e-4, rel=1e-3)
    assert (config.batch_size // config.accumulate, config.optimizer, config.momentum) == (16, "nesterov", 0.9)
    assert (config.weight_decay, config.decay_all, config.decoupled) == (5e-4, True, False)
    assert (config.blur, config.sharpen, config.flip, config.colour) == (0.1, 0.1, True, "none")
    assert (config.image_size, config.resize) in ((384, 510), (448, 600))
    assert (config.lambda_b, config.lambda_s, config.lambda_n, config.lambda_c) == (0.5, 0, 5, 1)
    assert (config.head, config.dropout, config.label_smoothing, config.mode) == ("plugin", None, 0, "all")


# The published shapes (Chou et al. 2022, FGVC-PIM) of the taps that are not a backbone's usual ones.
PUBLISHED: dict[str, list[tuple[int, ...]]] = {
    "plugin_swin_large_384": [(48, 48, 384), (24, 24, 768), (12, 12, 1536), (12, 12, 1536)],
    "plugin_vit_base_448": [(785, 768)] * 4,
    "plugin_efficientnet_b7_448": [(28, 28, 160), (28, 28, 224), (14, 14, 384), (14, 14, 640)],
}
# KerasHub's presets and the networks that they are weights of.
WITHOUT_DOWNLOAD = {
    "keras_hub:swin_large_patch4_window12_384": "keras_hub:swin_large_384",
    "keras_hub:vit_base_patch16_224_imagenet21k": "keras_hub:vit_base_16",
}


def tap_shapes(config: Config) -> dict[str, tuple[int | None, ...]]:
    """What the usual taps of a recipe's backbone are at its size, from the table of backbones."""
    facts = FACTS[WITHOUT_DOWNLOAD.get(config.backbone, config.backbone)]
    found: dict[str, tuple[int | None, ...]] = {}
    for stride, channels in (tuple(map(int, tap.split("x"))) for tap in facts.taps.split()):
        cells = config.image_size // stride
        found[f"p{stride.bit_length() - 1}"] = (None, cells, cells, channels)
    return found


@pytest.mark.parametrize(
    ("name", "points", "kept"),
    [
        ("plugin_swin_large_384", [2304, 576, 144, 144], [2048, 512, 128, 32]),
        ("plugin_resnet50_448", [12544, 3136, 784, 196], [32] * 4),
        ("plugin_vit_base_448", [785] * 4, [32] * 4),
        ("plugin_efficientnet_b7_448", [784, 784, 196, 196], [32] * 4),
        ("plugin_mobilenet_v2_160", [1600, 400, 100, 25], [1422, 355, 88, 5]),
        ("plugin_synth_birds", [2304, 576, 144, 36], [2048, 512, 128, 8]),
    ],
)
def test_the_plug_in_of_a_recipe_fits_its_backbone_at_its_size(name: str, points: list[int], kept: list[int]) -> None:
    config = by_recipe(f"--recipe={name}")
    shapes = (
        {tap: (None, *shape) for tap, shape in zip(config.plugin_taps, PUBLISHED[name], strict=True)}
        if config.plugin_taps
        else tap_shapes(config)
    )
    # The shapes alone are enough to build it; as narrow as can be, because it takes up to 40 million weights.
    head = PluginHead(2, replace(config, fpn_size=4))
    head.build(shapes)
    assert ([level.points for level in head.levels], head.kept) == (points, kept)
    taps = {tap: keras.KerasTensor((None, *shape[1:])) for tap, shape in shapes.items()}
    assert head.compute_output_spec(taps, None)["combiner"].shape == (None, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_taps_that_a_recipe_names_have_the_published_shapes(name: str) -> None:
    """Of the real networks: up to a gigabyte of weights."""
    config = by_recipe(f"--recipe={name}")
    architecture = WITHOUT_DOWNLOAD.get(config.backbone, config.backbone)
    if architecture.startswith("keras_hub:"):
        pytest.importorskip("keras_hub")
    backbone = build_network(architecture, config.image_size, config.plugin_taps)
    levels = find_levels({tap: tensor.shape for tap, tensor in backbone.output["taps"].items()}, config.plugin_taps)
    assert [level.tap for level in levels] == list(config.plugin_taps)
    assert [tuple(backbone.output["taps"][tap].shape[1:]) for tap in config.plugin_taps] == PUBLISHED[name]


def test_every_plug_in_recipe_is_among_those_that_were_built() -> None:
    marks = test_the_plug_in_of_a_recipe_fits_its_backbone_at_its_size.pytestmark  # type: ignore[attr-defined]
    assert sorted(case[0] for case in marks[0].args[1]) == PLUGIN


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.startswith("inception_")])
def test_the_papers_recipes_have_slims_decay_of_batch_statistics(name: str) -> None:
    assert by_recipe(f"--recipe={name}").bn_decay == 0.9997


def test_the_page_about_recipes_names_all_of_them_and_flags_that_exist() -> None:
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
    assert [name for name in recipe_names() if f"`{name}`" not in page] == []
    # In the table the first column is the original's; everything else on the page is ours.
    ours = "\n".join(line.partition(" | ")[2] if line.startswith("| `--") else line for line in page.splitlines())
    ours = ours.partition("Of `eval.py`")[0]
    # `fgtl backbones NAME --taps` lists what --plugin_taps takes.
    flags = {field.name for field in dataclasses.fields(Config)} | {"flagfile", "taps"}
    named = set(re.findall(r"(?<!\w)--([a-z]\w+)", ours))
    assert {name for name in named if name not in flags and name.removeprefix("no") not in flags} == set()


@pytest.mark.slow
def test_evaluation_sees_images_resized_as_training_did(records: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [f"--records={records}", f"--run_dir={run}", "--weights=none", "--tuned_bn=train", "--mode=all", *TINY]
    assert main(["train", *words, "--resize=90", "--learning_rate=1e-2", "--validation_fraction=0.25"]) == 0
    best = json.loads((run / "best.json").read_text())
    assert main(["evaluate", f"--run_dir={run}", "--split=validation"]) == 0
    (found,) = (json.loads(path.read_text()) for path in (run / "eval").glob("*.json"))
    assert found["top1"] == pytest.approx(best["value"])
    assert Run.open(run).view_knobs().resize == 90
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    (validated,) = (line["validation/loss"] for line in logged if "validation/loss" in line)
    # Another view of the images has another loss.
    assert found["log_loss"] == pytest.approx(validated, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_the_small_recipes_train(name: str, records: Path, tmp_path: Path, finished_run: Path) -> None:
    staged = [f"--init_run={finished_run}"] if name.startswith("balanced") else ["--weights=none", "--tuned_bn=train"]
    words = [f"--recipe={name}", f"--records={records}", f"--run_dir={tmp_path / 'run'}", *staged, *TINY]
    phases = ["--head_epochs=1"] if name in ("finetune", "quickstart", *PLUGIN) else []
    # At 32 px the deepest tap has a single point.
    phases += ["--image_size=64"] if name in PLUGIN else []
    assert main(["train", *words, *phases, "--validation_fraction=0.25"]) == 0
    config = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert config["recipe"] == name
    assert config["epochs"] == 1
