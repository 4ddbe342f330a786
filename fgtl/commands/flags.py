"""Absl flags generated from a verb's frozen dataclass, and the dataclass filled from a command line."""

import dataclasses
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from absl import flags as absl_flags

from fgtl.errors import UsageError, did_you_mean
from fgtl.knobs import Knobs, bounds_of, check_value, knob_groups, plain_type

ConfigT = TypeVar("ConfigT", bound=Knobs)


class HelpShown(Exception):
    """--help was asked for and printed: nothing is left to do."""


def parse(config: type[ConfigT], verb: str, arguments: list[str]) -> ConfigT:
    """Build the config from flags such as `--batch_size=64`, `--flip`, `--noflip`, `--flagfile=FILE`.

    A field called `files` takes the positional arguments.

    Raises:
        UsageError: unknown flag (with the nearest name), wrong value, or unexpected positional argument.
        HelpShown: after `--help` was printed.
    """
    if asked := [word for word in arguments if word in ("--help", "-h", "-help", "--helpfull")]:
        everything = asked[0] == "--helpfull" or "all" in arguments
        print(help_page(config, verb, everything=everything))
        raise HelpShown
    given, left = _given(config, verb, _with_flagfiles(config, verb, arguments))
    if left and "files" in {field.name for field in dataclasses.fields(config)}:
        given["files"] = (*given.get("files", ()), *left)
    elif left:
        raise UsageError(f"{left[0]!r} is not a flag.", expected="--name=value or --name value.")
    return config.from_given(given)


def _given(config: type[Knobs], verb: str, arguments: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The values of the flags that are there, and the words that are no flags."""
    values = _flag_values(config)
    fields = {field.name: field for field in dataclasses.fields(config)}
    try:
        left = values([verb, *arguments])[1:]
    except absl_flags.UnrecognizedFlagError as error:
        raise UsageError(
            f"There is no flag --{error.flagname}.",
            fix=f"{_nearest(config, error.flagname)} fgtl {verb} --help lists them.".strip(),
        ) from None
    except absl_flags.IllegalFlagValueError as error:
        raise _unreadable(str(error), config, fields) from None
    except (absl_flags.Error, OSError) as error:
        raise UsageError(f"{str(error).rstrip('.')}.", fix=f"fgtl {verb} --help lists the flags.") from None
    return {name: _value(config, field, values) for name, field in fields.items() if values[name].present}, left


def _unreadable(text: str, config: type[Knobs], fields: dict[str, dataclasses.Field[Any]]) -> UsageError:
    """From absl's "flag --name=value: what a parser below says"."""
    came = text.removeprefix("flag ").rstrip(".")
    name = came.removeprefix("--").partition("=")[0]
    if name not in fields:
        return UsageError(f"{came}.")
    kind, _ = plain_type(config, fields[name])
    if kind is bool:
        return UsageError(f"{came}.", expected=f"--{name} or --no{name}, or --{name}=true or --{name}=false.")
    bounds = bounds_of(fields[name])
    wanted = f"{_NUMBERS.get(kind, 'a value')}{', ' * bool(bounds)}{bounds}"
    return UsageError(f"{came}.", expected=f"{wanted} ({fields[name].metadata['help']}).")


def _with_flagfiles(config: type[Knobs], verb: str, arguments: list[str], depth: int = 0) -> list[str]:
    """Put the lines of each --flagfile in its place, so that what is wrong in one is named with its line."""
    found: list[str] = []
    rest = iter(arguments)
    for word in rest:
        name, given, value = word.partition("=")
        if name not in ("--flagfile", "-flagfile"):
            found.append(word)
            continue
        path = Path(value if given else next(rest, "")).expanduser()
        if depth > 8:
            raise UsageError(f"{path} includes flag files that include each other.", expected="an end to it.")
        found += _with_flagfiles(config, verb, _lines_of(config, verb, path), depth + 1)
    return found


def _lines_of(config: type[Knobs], verb: str, path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--flagfile={path} cannot be read: {error}.", expected="a text file of flags.") from None
    found = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith(("#", "//")):
            _check_line(config, verb, text, f"{path} line {number}")
            found.append(text)
    return found


def _check_line(config: type[Knobs], verb: str, text: str, place: str) -> None:
    """Raise UsageError, with the place, unless the line is a flag that is there, with a value that it takes."""
    fields = {field.name: field for field in dataclasses.fields(config)}
    name = text.lstrip("-").partition("=")[0]
    if not text.startswith("--"):
        raise UsageError(f"{place}: {text!r} is not a flag.", expected="--name=value, one a line.")
    if name == "flagfile":
        return
    if name not in fields and name.removeprefix("no") not in fields:
        spaced = re.fullmatch(r"(\w+)\s+=?\s*(.+)", text.lstrip("-"))
        fix = f"Write --{spaced[1]}={spaced[2]}." if spaced and spaced[1] in fields else _nearest(config, name)
        raise UsageError(f"{place}: there is no flag --{name}.", fix=fix)
    try:
        for given, value in _given(config, verb, [text])[0].items():
            check_value(fields[given], value)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None


def _nearest(config: type[Knobs], name: str) -> str:
    """A sentence that names the flag closest to one that there is not, or an empty string."""
    fields = dataclasses.fields(config)
    refusals = [f"no{field.name}" for field in fields if plain_type(config, field)[0] is bool]
    # With dashes in front all names would be alike.
    return did_you_mean(name, [*(field.name for field in fields), *refusals]).replace("'", "'--", 1)


class _Whole(absl_flags.IntegerParser):
    def convert(self, argument: int | str) -> int:
        try:
            return super().convert(argument)
        except (TypeError, ValueError):
            raise ValueError("not a whole number") from None


class _Number(absl_flags.FloatParser):
    def convert(self, argument: float | str) -> float:
        try:
            return super().convert(argument)
        except (TypeError, ValueError):
            raise ValueError("not a number") from None


class _YesOrNo(absl_flags.BooleanParser):
    def parse(self, argument: str | int) -> bool:
        try:
            return super().parse(argument)
        except (TypeError, ValueError):
            raise ValueError("neither true nor false") from None


# absl's DEFINE_* by the field's type; a path is a string to absl and becomes a Path in `_value`.
_DEFINE: dict[type, Callable[..., Any]] = {
    bool: absl_flags.DEFINE_boolean,
    int: absl_flags.DEFINE_integer,
    float: absl_flags.DEFINE_float,
    tuple: absl_flags.DEFINE_list,
    str: absl_flags.DEFINE_string,
    Path: absl_flags.DEFINE_string,
}
# In place of absl's, which say what Python says.
_PARSERS: dict[type, absl_flags.ArgumentParser] = {bool: _YesOrNo(), int: _Whole(), float: _Number()}
_NUMBERS = {int: "a whole number", float: "a number"}


def _flag_values(config: type[Knobs]) -> absl_flags.FlagValues:
    values = absl_flags.FlagValues()
    for field in dataclasses.fields(config):
        kind, _ = plain_type(config, field)
        default: Any = field.default
        if isinstance(default, tuple):
            default = list(default)
        elif isinstance(default, Path):
            default = str(default)
        _DEFINE[kind](field.name, default, field.metadata["help"], flag_values=values)
        if kind in _PARSERS:
            values[field.name].parser = _PARSERS[kind]
    return values


def _value(config: type[Knobs], field: dataclasses.Field[Any], values: absl_flags.FlagValues) -> Any:
    value = values[field.name].value
    kind, _ = plain_type(config, field)
    if value is None or kind is bool:
        return value
    return kind(value)


def help_page(config: type[Knobs], verb: str, *, everything: bool) -> str:
    """What `fgtl VERB --help` prints: all flags in groups, or those in `config.often` where there are such."""
    often: tuple[str, ...] = () if everything else getattr(config, "often", ())
    fields = {field.name: field for field in dataclasses.fields(config)}
    groups = [("The most used flags", [fields[name] for name in often])] if often else knob_groups(config)
    summary = (sys.modules[config.__module__].__doc__ or "").strip().splitlines()[0]
    lines = [f"usage: fgtl {verb} --flags", "", f"  {summary}"]
    for title, shown in groups:
        rows = [(_signature(config, field), _explanation(field), _default(field)) for field in shown]
        width = max(len(signature) for signature, _, _ in rows)
        lines += ["", f"{title}:"]
        lines += [f"  {signature.ljust(width)}  {help}{default}" for signature, help, default in rows]
    lines += ["", "  --flagfile FILE: read flags from a file, one a line (recipes/*.flags)."]
    if often:
        lines.append(f"  These are {len(often)} of {len(fields)} flags: fgtl {verb} --help all lists every one.")
    return "\n".join(lines)


def _signature(config: type[Knobs], field: dataclasses.Field[Any]) -> str:
    kind, _ = plain_type(config, field)
    if kind is bool:
        return f"--[no]{field.name}"
    return f"--{field.name} {({int: 'N', float: 'X', tuple: 'A,B'}).get(kind, field.name.rsplit('_', 1)[-1].upper())}"


def _explanation(field: dataclasses.Field[Any]) -> str:
    choices = field.metadata["choices"]
    return f"{'|'.join(choices)}: {field.metadata['help']}" if choices else field.metadata["help"]


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default in (None, "", ()) or field.default is dataclasses.MISSING:
        return ""
    if isinstance(field.default, bool):
        return f" ({'yes' if field.default else 'no'})"
    value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    return f" ({value})"
