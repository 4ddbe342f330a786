"""Knobs: the fields of frozen dataclasses, each named in one place, from which the flags are generated.

A verb's `Config` derives from `Knobs` and, where it shares knobs with other verbs, from smaller groups of them:

    @dataclass(frozen=True)
    class InputKnobs(Knobs):
        "How images are read."                       # the group's title in --help
        batch_size: int = flag(64, "images a step", low=1)

    @dataclass(frozen=True)
    class Config(InputKnobs, OptimizerKnobs): ...

A library function asks for the group it needs (`training_batches(selection, knobs: InputKnobs)`), and a whole
Config is one of those, so no knob is ever copied from one object to another.
"""

import dataclasses
import inspect
import math
import os
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fgtl.errors import UsageError, did_you_mean

# NumPy and Keras take no larger seed.
LARGEST_SEED = 2**32 - 1


def flag(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that is also a command line flag.

    Args:
        default: value when the flag is not given. A path may name other fields in braces: "records/{dataset}", and
            start with ~, the home folder.
        help: one phrase, with the unit.
        low, high: inclusive bounds of a number.
        choices: the permitted strings.
    """
    return dataclasses.field(default=default, metadata={"help": help, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True)
class Knobs:
    """Base of all configs: checks every field's bounds, and fills braces and expands ~ in paths."""

    def __post_init__(self) -> None:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        chosen = {name: value for name, value in values.items() if value != defaults[name]}
        object.__setattr__(self, "_given", chosen)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            check_value(field, value)
            if isinstance(value, Path) or ("Path" in str(field.type) and isinstance(value, str)):
                object.__setattr__(self, field.name, _path(field.name, str(value), self))

    @classmethod
    def from_given(cls, values: Mapping[str, Any]) -> Self:
        """A config of the knobs that somebody chose; the others have their defaults."""
        config = cls(**values)
        object.__setattr__(config, "_given", dict(values))
        return config

    @property
    def given(self) -> Mapping[str, Any]:
        """The knobs that somebody chose and what was said, braces unfilled; a recipe must leave them alone.

        Of a config from a command line those that were typed, though it be the default's value; of any other config
        those that differ from the default.
        """
        return self.__dict__["_given"]

    def as_dict(self) -> dict[str, Any]:
        """All fields as JSON-ready values: paths become strings, tuples lists."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}


def knob_groups(config: type[Knobs]) -> Iterator[tuple[str, list[dataclasses.Field[Any]]]]:
    """(title, fields) of the config's own knobs first, then of each group it derives from.

    The title is the first line of the docstring of the class that declares the fields.
    """
    fields = {field.name: field for field in dataclasses.fields(config)}
    for owner in config.__mro__:
        own = [fields.pop(name) for name in inspect.get_annotations(owner) if name in fields]
        if own:
            yield (owner.__doc__ or owner.__name__).strip().splitlines()[0].rstrip("."), own


def plain_type(config: type[Knobs], field: dataclasses.Field[Any]) -> tuple[type, bool]:
    """(type, may be None) of a field; the type is bool, int, float, str, Path or tuple (of strings)."""
    hint = typing.get_type_hints(config)[field.name]
    options = [hint]
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        options = list(typing.get_args(hint))
    kept = [option for option in options if option is not type(None)]
    if len(kept) != 1:
        raise TypeError(f"{config.__name__}.{field.name}: a knob has one type, or one type and None; got {hint}")
    return typing.get_origin(kept[0]) or kept[0], len(kept) < len(options)


def check_value(field: dataclasses.Field[Any], value: Any) -> None:
    """Raise UsageError unless a knob's value is among its choices and within its bounds."""
    low, high, choices = (field.metadata.get(key) for key in ("low", "high", "choices"))
    strange = [item for item in _items(value) if choices and value is not None and item not in choices]
    if choices and strange:
        raise UsageError(
            f"--{field.name}={','.join(map(str, _items(value)))} is not a choice.",
            expected=f"one of: {', '.join(choices)}.",
            fix=did_you_mean(str(strange[0]), choices),
        )
    if value is None or isinstance(value, (str, Path)):
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(
            f"--{field.name}={value} is not finite.",
            expected=f"{', '.join(filter(None, ('a number', bounds_of(field))))} ({field.metadata['help']}).",
        )
    if (low is not None and value < low) or (high is not None and value > high):
        raise UsageError(
            f"--{field.name}={value} is out of range.", expected=f"{bounds_of(field)} ({field.metadata['help']})."
        )


def bounds_of(field: dataclasses.Field[Any]) -> str:
    """A number's bounds in words, "at least 1 and at most 10"; empty without any."""
    return " and ".join(
        f"{word} {bound:{',' if isinstance(bound, int) else 'g'}}"
        for word, bound in (("at least", field.metadata["low"]), ("at most", field.metadata["high"]))
        if bound is not None
    )


def _items(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _path(name: str, template: str, knobs: Knobs) -> Path:
    """Put other fields' values into braces, and the home folder for ~.

    A path or handle contributes its last part, without `.toml`.
    """
    fields = {field.name for field in dataclasses.fields(knobs)}

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in fields:
            raise UsageError(
                f"--{name}={template}: there is no knob {match[1]!r}.",
                expected=f"in braces one of: {', '.join(sorted(fields))}.",
                fix=did_you_mean(match[1], fields),
            )
        text = str(getattr(knobs, match[1])).rstrip("/").removesuffix(".toml")
        if text in (".", ".."):
            text = os.path.abspath(text)  # noqa: PTH100 (only for the folder's name; a link keeps its own)
        return re.sub(r"[^\w.+=-]", "_", Path(text).name) or "unnamed"

    filled = re.sub(r"\{(\w+)\}", value_of, template)
    return Path(os.path.expanduser(filled))  # noqa: PTH111 (an unknown ~name stays; Path.expanduser would fail)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
