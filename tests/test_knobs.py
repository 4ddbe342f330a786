"""Knobs: bounds, choices, braces in paths, groups."""

import copy
from dataclasses import dataclass
from pathlib import Path

import pytest

from fgtl.data.knobs import InputKnobs
from fgtl.data.plan import ConvertKnobs
from fgtl.data.synth.settings import SynthKnobs
from fgtl.errors import UsageError
from fgtl.knobs import LARGEST_SEED, Knobs, flag, knob_groups


@dataclass(frozen=True)
class Reading(Knobs):
    """How images are read."""

    batch_size: int = flag(64, "images a step", low=1)
    optimizer: str = flag("sgd", "update rule", choices=("sgd", "adam"))


@dataclass(frozen=True)
class Config(Reading):
    """What to do."""

    dataset: str = flag("cub_200", "card")
    records: Path = flag("records/{dataset}", "record set")
    names: tuple[str, ...] = flag((), "names")
    limit: float | None = flag(None, "most of it", high=1)


def test_braces_take_other_fields() -> None:
    assert Config().records == Path("records/cub_200")
    assert Config(dataset="/home/me/photos/").records == Path("records/photos")
    assert Config(dataset="cards/mine.toml").records == Path("records/mine")
    assert Config(dataset="keras_hub:vit base").records == Path("records/keras_hub_vit_base")


def test_a_string_given_for_a_path_becomes_one() -> None:
    assert Config(records="x/{dataset}").records == Path("x/cub_200")  # type: ignore[arg-type]


def test_the_folder_one_is_in_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "photos")
    assert Config(dataset=".").records == Path("records/photos")
    monkeypatch.chdir("inner")
    assert Config(dataset="..").records == Path("records/photos")


def test_the_home_folder_may_be_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert Config(records=Path("~/x/{dataset}")).records == Path("/home/me/x/cub_200")
    assert Config(records=Path("x/~")).records == Path("x/~")
    assert Config(records=Path("~no such user/x")).records == Path("~no such user/x")


def test_unknown_names_in_braces_are_a_usage_error_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"--records=runs/\{datset\}(.|\n)*batch_size, dataset(.|\n)*mean 'dataset'"):
        Config(records=Path("runs/{datset}"))


@pytest.mark.parametrize("group", [InputKnobs, ConvertKnobs, SynthKnobs])
def test_seeds_end_where_numpys_do(group: type[Knobs]) -> None:
    assert group(seed=LARGEST_SEED).seed == 4294967295  # type: ignore[call-arg]
    for seed in (LARGEST_SEED + 1, 99999999999, -1):
        with pytest.raises(UsageError, match=f"--seed={seed} is out of range(.|\n)*at most 4,294,967,295"):
            group(seed=seed)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "bad", [{"batch_size": 0}, {"optimizer": "sdg"}, {"limit": 1.5}, {"limit": float("nan")}, {"limit": float("-inf")}]
)
def test_out_of_bounds_is_a_usage_error_that_names_the_flag(bad: dict) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(bad))}="):
        Config(**bad)


def test_groups_are_titled_by_the_class_that_declares_them() -> None:
    groups = [(title, [field.name for field in fields]) for title, fields in knob_groups(Config)]
    assert groups == [
        ("What to do", ["dataset", "records", "names", "limit"]),
        ("How images are read", ["batch_size", "optimizer"]),
    ]


def test_as_dict_is_json_ready() -> None:
    assert Config(names=("a",)).as_dict() == {
        "batch_size": 64,
        "optimizer": "sgd",
        "dataset": "cub_200",
        "records": "records/cub_200",
        "names": ["a"],
        "limit": None,
    }


def test_what_was_said_is_known_though_it_be_the_default() -> None:
    typed = Config.from_given({"batch_size": 64, "records": "mine/{dataset}"})
    assert typed.given == {"batch_size": 64, "records": "mine/{dataset}"}
    assert typed.records == Path("mine/cub_200")
    assert typed == Config(records=Path("mine/cub_200"))
    assert Config(dataset="nabirds").given == {"dataset": "nabirds"}
    assert Config().given == {}


def test_knobs_cross_to_another_process_with_what_was_said() -> None:
    typed = Config.from_given({"batch_size": 64})
    assert copy.deepcopy(typed).given == {"batch_size": 64}
