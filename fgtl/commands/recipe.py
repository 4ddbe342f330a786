"""`--recipe`: a flag file by name or path, or knobs chosen from the data; what the user gave always stands."""

from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fgtl.commands.flags import parse
from fgtl.data.parts import Parts
from fgtl.data.quiet import import_tensorflow
from fgtl.errors import UsageError, did_you_mean
from fgtl.heads.plugin_knobs import PluginKnobs
from fgtl.knobs import Knobs
from fgtl.training.fit_knobs import FitKnobs
from fgtl.training.recipe_auto import Choice, choose
from fgtl.training.recipe_facts import Facts

if TYPE_CHECKING:
    from fgtl.models.backbone import Architecture

ConfigT = TypeVar("ConfigT", bound=Knobs)

AUTO = "auto"
# Two ways to say the same: one that is given stands for a recipe's other one.
_INSTEAD = (("init_run", "weights"), ("warmup_epochs", "warmup_steps"))
ENDING = ".flags"


def with_recipe(config: ConfigT, recipe: str) -> ConfigT:
    """The config with the flags of a recipe's file under those that were given; `auto` and "" change nothing.

    `weights` and `init_run` both say where the weights come from: the recipe's one gives way to the other when given.
    So do `warmup_epochs` and `warmup_steps`, and the knobs of the recipe's head to another `head`.

    Args:
        recipe: a name in `recipes/` or the path of a flag file.

    Raises:
        UsageError: there is no such recipe, or something is wrong in its file.
    """
    if not recipe and "recipe" in config.given:
        raise UsageError("--recipe is empty.", expected=_expected(), fix="Without a recipe leave the flag out.")
    if recipe in ("", AUTO):
        return config
    path = recipe_file(recipe)
    found = parse(type(config), "train", [f"--flagfile={path}"]).given
    if not found:
        raise UsageError(f"The recipe {path} has no flag in it.", expected="--name=value, one a line.")
    if "recipe" in found:
        raise UsageError(f"{path} has --recipe in it.", expected="flags of a training; --flagfile includes a file.")
    for chosen, other in (*_INSTEAD, *(pair[::-1] for pair in _INSTEAD)):
        if chosen in config.given:
            found = {name: value for name, value in found.items() if name != other}
    if "head" in found and config.given.get("head", found["head"]) != found["head"]:
        own = {field.name for field in fields(PluginKnobs)}
        found = {name: value for name, value in found.items() if name not in own}
    return config.from_given({**found, **config.given})


def recipe_file(recipe: str) -> Path:
    """The path of a recipe by name; anything with a slash or an ending is a path of its own."""
    known = recipe_names()
    if recipe in known:
        return Path(str(files("fgtl.recipes") / f"{recipe}{ENDING}"))
    path = Path(recipe).expanduser()
    if path.is_dir():
        raise UsageError(f"--recipe={recipe} is a folder.", expected=_expected())
    if not path.is_file():
        raise UsageError(
            f"There is no recipe {recipe!r}.",
            expected=_expected(),
            fix=did_you_mean(recipe.removesuffix(ENDING), [AUTO, *known]),
        )
    return path


def _expected() -> str:
    return f"{AUTO}, a flag file, or one of: {', '.join(recipe_names())}."


def recipe_names() -> list[str]:
    """The recipes that come with fgtl."""
    names = (entry.name for entry in files("fgtl.recipes").iterdir())
    return sorted(name.removesuffix(ENDING) for name in names if name.endswith(ENDING))


def facts_of(config: FitKnobs, parts: Parts, strategy: Any) -> Facts:
    """What `auto` chooses by; the devices are those that `prepare` has made visible."""
    from fgtl.models.backbone import find_architecture
    from fgtl.training.distribution import replicas_of

    architecture = find_architecture(config.backbone)
    fresh = config.starts_fresh
    return Facts.of(
        parts.train,
        len(parts.validation),
        published_size=architecture.input_size,
        smallest_size=architecture.smallest_size,
        multiple=architecture.multiple,
        fixed_size=architecture.fixed_size,
        pretrained=not fresh,
        goes_on=config.init_run is not None and config.init_head,
        on_gpu=bool(import_tensorflow().config.list_logical_devices("GPU")),
        replicas=replicas_of(strategy),
        bn_decay=_own_decay(architecture, config.seed) if fresh else 0.0,
    )


def _own_decay(architecture: "Architecture", seed: int) -> float:
    """The slowest decay of a network's batch norms, which only the network itself knows: it is built for the question."""
    from keras.utils import set_random_seed

    from fgtl.models.batch_norms import slowest_decay

    decay = slowest_decay(architecture.trunk(architecture.input_size))
    # As if nothing had been drawn: the same knobs, given one by one, must lead to the same weights.
    set_random_seed(seed)
    return decay


def with_choice(config: ConfigT, facts: Facts) -> tuple[ConfigT, str]:
    """The config with the knobs that suit the data, where none was given; and the reasons, a line each."""
    choice = choose(facts, config.given)
    return config.from_given({**choice.knobs, **config.given}), explained(facts, choice)


def explained(facts: Facts, choice: Choice) -> str:
    """What was chosen and why, and what was given."""
    width = max((len(flags) for flags, _ in choice.reasons), default=0)
    lines = [f"  {flags.ljust(width)}  {why}" for flags, why in choice.reasons]
    known = {name for flags, _ in choose(facts, {}).reasons for name in _names(flags)}
    kept = [f"--{name}={_shown(choice.given[name])}" for name in sorted(known & {*choice.given})]
    given = [f"  as given: {' '.join(kept)}"] if kept else []
    return "\n".join([f"recipe auto: {facts.describe()}", *lines, *given])


def _names(flags: str) -> list[str]:
    return [flag.removeprefix("--").partition("=")[0] for flag in flags.split()]


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
