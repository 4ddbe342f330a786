"""Knobs: bounds, choices, braces in paths, groups."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from fgtl.errors import UsageError
from fgtl.knobs import Knobs, flag, knob_groups


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


@pytest.mark.parametrize("bad", [{"batch_size": 0}, {"optimizer": "sdg"}, {"limit": 1.5}, {"limit": float("nan")}])
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
