"""Absl flags generated from a verb's frozen dataclass, and the dataclass filled from a command line."""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from absl import flags as absl_flags

from fgtl.errors import UsageError, did_you_mean
from fgtl.knobs import Knobs, knob_groups, plain_type

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
    values = _flag_values(config)
    arguments = _with_flagfiles(arguments, {field.name for field in dataclasses.fields(config)})
    try:
        left = values([verb, *arguments])[1:]
    except absl_flags.UnrecognizedFlagError as error:
        known = [field.name for field in dataclasses.fields(config)]
        raise UsageError(
            f"There is no flag --{error.flagname}.",
            fix=f"{did_you_mean(error.flagname.removeprefix('no'), known)} fgtl {verb} --help lists them.".strip(),
        ) from None
    except (absl_flags.Error, OSError) as error:
        raise UsageError(f"{str(error).rstrip('.')}.", fix=f"fgtl {verb} --help lists the flags.") from None
    fields = {field.name: field for field in dataclasses.fields(config)}
    given = {name: _value(config, field, values) for name, field in fields.items() if values[name].present}
    if left and "files" in fields:
        given["files"] = (*given.get("files", ()), *left)
    elif left:
        raise UsageError(f"{left[0]!r} is not a flag.", expected="--name=value or --name value.")
    return config.from_given(given)


def _with_flagfiles(arguments: list[str], known: set[str], depth: int = 0) -> list[str]:
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
        found += _with_flagfiles(_lines_of(path, known), known, depth + 1)
    return found


def _lines_of(path: Path, known: set[str]) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--flagfile={path} cannot be read: {error}.", expected="a text file of flags.") from None
    found = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith(("#", "//")):
            continue
        name = text.lstrip("-").partition("=")[0]
        if not text.startswith("--"):
            raise UsageError(f"{path} line {number}: {text!r} is not a flag.", expected="--name=value, one a line.")
        if name not in known | {"flagfile"} and name.removeprefix("no") not in known:
            raise UsageError(f"{path} line {number}: there is no flag --{name}.", fix=did_you_mean(name, known))
        found.append(text)
    return found


# absl's DEFINE_* by the field's type; a path is a string to absl and becomes a Path in `_value`.
_DEFINE: dict[type, Callable[..., Any]] = {
    bool: absl_flags.DEFINE_boolean,
    int: absl_flags.DEFINE_integer,
    float: absl_flags.DEFINE_float,
    tuple: absl_flags.DEFINE_list,
    str: absl_flags.DEFINE_string,
    Path: absl_flags.DEFINE_string,
}


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
