"""The rules of --recipe auto: what they choose, what they leave alone, and that they move the right way."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgtl.commands.recipe import explained, facts_of
from fgtl.commands.train import Config
from fgtl.commands.train_checks import check_meant
from fgtl.data.parts import parts_of
from fgtl.data.records import RecordSet
from fgtl.errors import UsageError
from fgtl.models.backbone import find_architecture
from fgtl.training.plan import plan_training
from fgtl.training.recipe_auto import choose
from fgtl.training.recipe_facts import Facts

CUB_50 = Facts(images=1350, validation=150, classes=50, largest=27, smallest=26, short_side=256, published_size=224)


def chosen(facts: Facts, **given: Any) -> dict[str, Any]:
    return choose(facts, given).knobs


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    classes = draw(st.integers(2, 500))
    smallest = draw(st.integers(1, 300))
    largest = draw(st.integers(smallest, 3000))
    return Facts(
        images=draw(st.integers(classes * smallest, classes * largest)),
        validation=draw(st.integers(1, 5000)),
        classes=classes,
        largest=largest,
        smallest=smallest,
        short_side=draw(st.integers(8, 3000)),
        published_size=draw(st.sampled_from([224, 299, 331, 600])),
        smallest_size=draw(st.sampled_from([1, 32, 75])),
        multiple=draw(st.sampled_from([1, 14, 32, 224])),
        fixed_size=draw(st.booleans()),
        pretrained=draw(st.booleans()),
        goes_on=False,
        on_gpu=draw(st.booleans()),
        replicas=draw(st.integers(1, 4)),
        bn_decay=draw(st.sampled_from([0.0, 0.9, 0.99, 0.9997])),
    )


@given(any_facts())
def test_whatever_the_data_the_choice_can_be_trained(facts: Facts) -> None:
    config = Config.from_given({"weights": "imagenet" if facts.pretrained else "none", **chosen(facts)})
    check_meant(config)
    assert config.batch_size % facts.replicas == 0
    if facts.images >= facts.replicas:
        plan_training(config, images=facts.images, batch_size=config.batch_size)


@given(any_facts())
def test_images_are_never_enlarged_more_than_twice(facts: Facts) -> None:
    size = chosen(replace(facts, fixed_size=False))["image_size"]
    # But the network's own smallest size is taken.
    least = math.ceil(max(facts.smallest_size, 32) / facts.multiple) * facts.multiple
    assert least <= size <= max(min(2 * facts.short_side, facts.published_size), least)


@given(any_facts())
def test_the_backbone_takes_the_size(facts: Facts) -> None:
    size = chosen(facts)["image_size"]
    if facts.fixed_size:
        assert size == facts.published_size
    else:
        assert size % facts.multiple == 0
        assert size >= facts.smallest_size


@pytest.mark.parametrize(
    ("network", "size", "why"),
    [
        ({"published_size": 299, "fixed_size": True}, 299, "the backbone takes no other size"),
        ({"published_size": 384, "smallest_size": 384, "multiple": 384}, 384, "the backbone takes 384 at least"),
        ({"published_size": 518, "smallest_size": 42, "multiple": 14, "short_side": 60}, 112, "of 60"),
        ({"published_size": 240, "smallest_size": 42, "multiple": 14, "on_gpu": True}, 238, "multiples of 14"),
        ({"short_side": 8, "smallest_size": 1}, 32, "the backbone takes 32 at least"),
    ],
)
def test_a_size_that_the_backbone_does_not_take_is_changed_and_said(
    network: dict[str, Any], size: int, why: str
) -> None:
    choice = choose(replace(CUB_50, **network), {})
    assert choice.knobs["image_size"] == size
    assert why in dict(choice.reasons)[f"--image_size={size}"]


@pytest.mark.parametrize(
    ("name", "published", "smallest", "multiple"),
    [("swin_base_384", 384, 384, 384), ("dinov2_small_14", 518, 42, 14), ("resnet_50", 224, 32, 1)],
)
def test_networks_say_which_sizes_they_take(name: str, published: int, smallest: int, multiple: int) -> None:
    found = find_architecture(f"keras_hub:{name}")
    assert (found.input_size, found.smallest_size, found.multiple) == (published, smallest, multiple)


def test_a_saved_model_has_weights_whatever_the_flag_says() -> None:
    config = Config(backbone="saved_model:there", weights="none", tuned_bn="inference")
    assert not config.starts_fresh
    check_meant(config)
    assert Config(weights="none").starts_fresh
    assert not Config(weights="none", init_run=Path("runs/first")).starts_fresh


@given(any_facts(), st.integers(2, 50))
def test_more_images_mean_no_more_epochs_no_smaller_batch_and_no_larger_windows(facts: Facts, factor: int) -> None:
    few, many = chosen(facts), chosen(replace(facts, images=facts.images * factor))
    assert many["epochs"] <= few["epochs"]
    assert many["batch_size"] >= few["batch_size"]
    assert many["crop_min_area"] <= few["crop_min_area"]


def test_all_epochs_together_still_show_more_images_where_there_are_more() -> None:
    seen = [n * chosen(replace(CUB_50, images=n, on_gpu=True))["epochs"] for n in (300, 1000, 3000, 10_000, 100_000)]
    assert all(one < other for one, other in pairwise(seen))


def test_what_cub_50_gets() -> None:
    knobs = chosen(CUB_50)
    assert knobs["mode"] == "head_then_all"
    assert (knobs["image_size"], knobs["batch_size"], knobs["epochs"]) == (224, 32, 30)
    assert (knobs["learning_rate"], knobs["head_learning_rate"]) == (2e-4, 3e-3)
    assert (knobs["tuned_bn"], knobs["optimizer"], knobs["select_by"]) == ("inference", "adam", "top1")
    assert (knobs["crop_min_area"], knobs["label_smoothing"]) == (0.2, 0.1)
    assert (knobs["dropout"], knobs["weight_decay"]) == (0.2, 0.0)
    assert chosen(replace(CUB_50, on_gpu=True))["epochs"] == 42


@given(any_facts(), st.data())
def test_what_is_given_is_left_alone_and_counts_for_the_rest(facts: Facts, data: st.DataObject) -> None:
    everything = chosen(facts)
    names = data.draw(st.sets(st.sampled_from(sorted(everything.keys() - {"optimizer"}))))
    given_knobs = {name: everything[name] for name in names}
    left = chosen(facts, **given_knobs)
    assert not left.keys() & names
    assert given_knobs | left == everything


def test_a_given_batch_moves_the_rate_by_the_square_root() -> None:
    assert chosen(CUB_50, batch_size=128)["learning_rate"] == pytest.approx(4e-4)


def test_few_images_a_class_leave_the_backbone_alone() -> None:
    knobs = chosen(replace(CUB_50, images=400, largest=8, smallest=8))
    assert knobs["mode"] == "head"
    assert "learning_rate" not in knobs
    assert "head_epochs" not in knobs
    assert knobs["crop_min_area"] == 0.35
    assert "dropout" not in knobs


def test_without_weights_everything_is_trained_with_the_batches_statistics_for_longer() -> None:
    knobs, kept = chosen(replace(CUB_50, pretrained=False)), chosen(CUB_50)
    assert (knobs["mode"], knobs["tuned_bn"]) == ("all", "train")
    assert knobs["epochs"] > kept["epochs"]
    assert knobs["learning_rate"] > kept["learning_rate"]


@pytest.mark.parametrize(
    ("network", "decay"),
    [
        ({"bn_decay": 0.9997}, 0.99),
        ({"bn_decay": 0.999}, 0.99),
        ({"bn_decay": 0.9997, "images": 120}, 0.9),
        ({"bn_decay": 0.9}, None),
        ({"bn_decay": 0.9997, "images": 1_000_000}, None),
        ({"bn_decay": 0.0}, None),
        ({"bn_decay": 0.9997, "pretrained": True}, None),
    ],
)
def test_a_fresh_network_forgets_the_statistics_that_it_began_with(
    network: dict[str, Any], decay: float | None
) -> None:
    facts = replace(CUB_50, **{"pretrained": False, **network})
    knobs = chosen(facts)
    assert knobs.get("bn_decay") == decay
    if facts.bn_decay and not facts.pretrained:
        steps = knobs["epochs"] * facts.images // knobs["batch_size"]
        assert (decay or facts.bn_decay) ** steps < 0.05


def test_the_reason_for_a_faster_decay_is_what_would_be_left() -> None:
    # 1,350 images in batches of 32 for 60 epochs: 2,531 steps, and 0.9997^2531 = 0.468.
    choice = choose(replace(CUB_50, pretrained=False, bn_decay=0.9997), {})
    assert "0.9997 would still hold 0.47 of the first ones after 2,531 steps" in dict(choice.reasons)["--bn_decay=0.99"]


@pytest.mark.parametrize(("backbone", "decay"), [("mobilenet_v2", 0.999), ("vgg16", 0.0)])
def test_the_decay_is_asked_of_the_network_where_it_starts_fresh(backbone: str, decay: float, records: Path) -> None:
    config = Config(backbone=backbone, weights="none")
    parts = parts_of(RecordSet.open(records), config, 0)
    keras.utils.set_random_seed(config.seed)
    drawn = float(keras.random.uniform(()))
    keras.utils.set_random_seed(config.seed)
    assert facts_of(config, parts, None).bn_decay == decay
    # What the question drew is taken back: the same knobs, given one by one, lead to the same weights.
    assert keras.random.uniform(()) == drawn
    assert facts_of(replace(config, weights="imagenet"), parts, None).bn_decay == 0


def test_a_second_stage_is_shorter_and_slower() -> None:
    knobs, first = chosen(replace(CUB_50, goes_on=True)), chosen(CUB_50)
    assert knobs["mode"] == "all"
    assert knobs["epochs"] < first["epochs"]
    assert knobs["learning_rate"] == pytest.approx(first["learning_rate"] / 10)


@pytest.mark.parametrize(("largest", "validation", "figure"), [(130, 150, "mean_class"), (27, 20, "loss")])
def test_the_epoch_is_chosen_by_a_figure_that_suits_the_data(largest: int, validation: int, figure: str) -> None:
    assert chosen(replace(CUB_50, largest=largest, validation=validation))["select_by"] == figure


def test_rates_are_not_guessed_for_an_optimizer_without_a_rule() -> None:
    with pytest.raises(UsageError, match="no learning rates for --optimizer=momentum"):
        chosen(CUB_50, optimizer="momentum")
    rates = {"learning_rate": 0.01, "head_learning_rate": 0.1}
    assert "learning_rate" not in chosen(CUB_50, optimizer="momentum", **rates)


@pytest.mark.parametrize("images", [200, 1350])
def test_the_plug_in_keeps_its_own_dropout_and_starts_slower(images: int) -> None:
    facts = replace(CUB_50, images=images)
    linear, plugin = chosen(facts), chosen(facts, head="plugin")
    assert "dropout" not in plugin
    assert Config.from_given({**plugin, "head": "plugin"}).dropout is None
    assert plugin["head_learning_rate"] < linear["head_learning_rate"]
    # Where all is trained its weights are the new ones; behind another run's head nothing is new.
    assert plugin.get("head_rate", 1) == (5 if plugin["mode"] == "head_then_all" else 1) and "head_rate" not in linear
    assert "head_rate" not in chosen(replace(facts, goes_on=True), head="plugin")
    assert (plugin["fpn_size"], "fpn_size" in linear) == (128, False)
    assert "fpn_size" not in chosen(replace(facts, on_gpu=True), head="plugin")
    assert chosen(facts, head="plugin", fpn_size=64).keys() == plugin.keys() - {"fpn_size"}
    same = plugin.keys() & linear.keys() - {"head_learning_rate", "weight_decay"}
    assert {name: plugin[name] for name in same} == {name: linear[name] for name in same}


def test_a_given_resize_takes_the_place_of_windows_and_bounds_the_size() -> None:
    plain, resized = chosen(CUB_50), chosen(CUB_50, resize=160)
    assert "crop_min_area" in plain and "crop_min_area" not in resized
    assert (plain["image_size"], resized["image_size"]) == (224, 160)
    assert chosen(CUB_50, resize=300)["image_size"] == 224


def test_a_warm_up_that_is_given_in_steps_is_not_chosen_in_epochs_too() -> None:
    knobs = chosen(CUB_50, warmup_steps=40)
    assert "warmup_epochs" not in knobs
    assert Config.from_given({**knobs, "warmup_steps": 40}).warmup_steps == 40


def test_the_reasons_name_the_data_every_chosen_flag_and_what_was_given() -> None:
    choice = choose(CUB_50, {"image_size": 160, "seed": 3})
    shown = explained(CUB_50, choice)
    assert "1,350 training images in 50 classes, 27 a class, from 26 to 27; median short side 256 px" in shown
    assert all(f"--{name}={value}" in shown for name, value in choice.knobs.items())
    assert "as given: --image_size=160" in shown
    assert "seed" not in shown
