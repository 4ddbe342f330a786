"""Nothing -> the backbones that can be named; a name -> one of them in detail, at any input size."""

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from fgtl.console import say, table
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import UsageError, did_you_mean
from fgtl.knobs import Knobs, flag
from fgtl.models.facts import FACTS, SCHEMES, SOURCES

if TYPE_CHECKING:
    from fgtl.models.backbone import Backbone


@dataclass(frozen=True)
class Config(Knobs):
    """Which backbones; the name of one follows the flags."""

    files: tuple[str, ...] = flag((), "a backbone's name, to see it in detail; also given without the flag")
    name: str = flag("*", "list those whose name has this in it, or fits this pattern (resnet*_v1_5)")
    input_size: int | None = flag(None, "pixels: list those that take it, or see one at it", low=1)
    taps: str = flag(
        "", "of one in detail: see also the taps to be asked for whose name fits this pattern (block*_add)"
    )


def main(config: Config) -> None:
    """Print the table, or one backbone."""
    if len(config.files) > 1:
        raise UsageError(f"{len(config.files)} names are given.", expected="fgtl backbones, or fgtl backbones NAME.")
    if config.files:
        # Here: the table needs no TensorFlow.
        import_tensorflow()
        from fgtl.models.backbone import Backbone

        say(describe(Backbone(config.files[0], config.input_size), config.taps))
    else:
        say(overview(config.name, config.input_size))


def overview(pattern: str = "*", input_size: int | None = None) -> str:
    """A line for each backbone whose name fits and that takes images of this size, and how others are named.

    Raises:
        UsageError: there is none.
    """
    named = [name for name in FACTS if pattern in name or fnmatch(name, pattern)]
    names = [name for name in named if input_size is None or FACTS[name].smallest_size <= input_size]
    if not names:
        smallest = min((FACTS[name].smallest_size for name in named), default=None)
        raise UsageError(
            f"No backbone fits --name={pattern}" + (f" at {input_size} pixels." if named else "."),
            expected=f"at least {smallest} pixels." if named else "",
            fix=f"{did_you_mean(pattern, FACTS)} fgtl backbones lists all.".strip(),
        )
    rows = []
    for name in names:
        facts = FACTS[name]
        sizes = [str(facts.input_size), str(facts.smallest_size)]
        rows.append([name, f"{facts.parameters:,}", *sizes, facts.taps, ", ".join(facts.weights)])
    used = {source for name in names for source in FACTS[name].weights}
    header = ["backbone", "parameters", "input", "smallest", "taps (stride x channels)", "weights"]
    sources = [f"  {source}: {text}" for source, text in SOURCES.items() if source in used]
    schemes = [f"  {text}" for text in SCHEMES.values()]
    return "\n".join([table(header, rows), "", "Weights:", *sources, "Also:", *schemes])


def describe(backbone: "Backbone", pattern: str = "") -> str:
    """Everything about one built backbone: its size, its taps with their grids, its features, its weights.

    Args:
        backbone: of it, the usual taps.
        pattern: of the names of taps to be asked for, which are listed among them.
    """
    from fgtl.models.stochastic_depth import dropping_layers

    name = backbone.architecture
    facts = FACTS.get(name)
    rows = [
        [tap.name, str(tap.stride), f"{tap.grid[0]}x{tap.grid[1]}", str(tap.channels), str(tap.prefix_tokens)]
        for tap in backbone.all_taps
        if tap.usual or fnmatch(tap.name, pattern)
    ]
    more = sum(not tap.usual for tap in backbone.all_taps)
    dropping = len(dropping_layers(backbone))
    lines = [
        f"{name} at {backbone.input_size} pixels",
        f"  parameters: {backbone.trunk.count_params():,} (without a classifier)",
        f"  features: {backbone.feature_dim:,}",
        f"  --drop_path: {f'{dropping} layers' if dropping else 'nothing to drop'}",
        f"  --plugin_taps: those below{f', or of {more} others (--taps PATTERN lists them)' if more else ''}",
    ]
    if facts:
        lines += [f"  input: {facts.input_size} pixels in training, at least {facts.smallest_size}"]
        lines += [f"  weights: {SOURCES[source]}" for source in facts.weights]
    return "\n".join([*lines, "", table(["tap", "stride", "grid", "channels", "tokens before it"], rows)])
