"""The levels of the plug-in: which taps it stands on, how many points each has, and how many of them are kept.

Everything that can be refused is refused here, from shapes alone, before anything is trained.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fgtl.errors import UsageError

LEVELS, FEWEST_LEVELS = 4, 2
# The combiner has a joint for each 32 kept points.
POINTS_PER_JOINT = 32
# Ninths of a level that are kept unless --num_selects says otherwise: of each but the deepest, and of the deepest.
KEPT_SHARE, DEEPEST_SHARE = 8, 2


@dataclass(frozen=True)
class Level:
    """One level of the plug-in, on one tap.

    Args:
        name: "level1" ..., shallow to deep.
        tap: its name in the backbone.
        channels: of the tap.
        points: S, cells of a map, row by row; or tokens, prefix tokens such as a class token among them.
        grid: (rows, columns) of a map; None for tokens.
    """

    name: str
    tap: str
    channels: int
    points: int
    grid: tuple[int, int] | None

    def __str__(self) -> str:
        size = f"{self.grid[0]}x{self.grid[1]}" if self.grid else f"{self.points} token{'s' * (self.points > 1)}"
        return f"{self.name} (tap {self.tap}, {size})"


def find_levels(taps_shape: Mapping[str, Sequence[int | None]] | None, wanted: Sequence[str] = ()) -> list[Level]:
    """The levels on a backbone's taps, shallow to deep.

    Args:
        taps_shape: {name: (B, H, W, C) or (B, N, C)}, shallow to deep, as a backbone gives them.
        wanted: names of taps, in any order; none for the last four, or as many as there are.

    Raises:
        UsageError: there is no tap of that name, there are fewer than two, or a size is not fixed.
    """
    shapes = dict(taps_shape or {})
    has = ", ".join(f"{name} {'x'.join(map(str, shapes[name][1:]))}" for name in shapes) or "none"
    unknown = [name for name in wanted if name not in shapes]
    if unknown or len(set(wanted)) < len(wanted):
        raise UsageError(
            f"--plugin_taps={','.join(wanted)}: "
            + (f"the backbone has no tap {unknown[0]!r}." if unknown else "a tap is named twice."),
            expected=f"some of the backbone's taps: {has}.",
        )
    # In the network's order, which names do not tell: several taps may have one size.
    names = [name for name in shapes if name in wanted] if wanted else list(shapes)[-LEVELS:]
    if len(names) < FEWEST_LEVELS:
        raise UsageError(
            f"The plug-in stands on {FEWEST_LEVELS} taps or more, but got {len(names)}; the backbone's taps are: {has}.",
            expected=f"{LEVELS} taps, as resnet50, efficientnet_b0 or keras_hub:vit_base have them.",
            fix="Name more of them with --plugin_taps, or choose another backbone.",
        )
    return [_level(number, name, tuple(shapes[name])) for number, name in enumerate(names, 1)]


def _level(number: int, tap: str, shape: tuple[int | None, ...]) -> Level:
    *sizes, channels = shape[1:]
    if None in shape[1:] or len(sizes) not in (1, 2):
        raise UsageError(
            f"The tap {tap} has shape {shape}: the plug-in needs the number of its points.",
            expected="(B, H, W, C) or (B, N, C) with fixed H, W or N.",
            fix="Build the backbone for one input size.",
        )
    rows, columns = (*sizes, 1)[:2]
    grid = (int(rows), int(columns)) if len(sizes) == 2 else None  # type: ignore[arg-type]
    return Level(f"level{number}", tap, int(channels), int(rows) * int(columns), grid)  # type: ignore[arg-type]


def kept_points(levels: Sequence[Level], wanted: Sequence[str]) -> list[int]:
    """How many points each level keeps.

    Args:
        levels: shallow to deep.
        wanted: a number ("2048") or a share of the level ("0.5", rounded down, at least one point) for each level, or
            one for all; none for eight ninths of each level and two ninths of the deepest.

    Raises:
        UsageError: naming the level: a level would keep all of its points (then nothing is dropped, and the loss of the
            dropped ones is a mean of nothing) or more than it has, or all of them together keep fewer than 32.
    """
    if not wanted:
        return _checked(levels, _usual(levels))
    if len(wanted) not in (1, len(levels)):
        raise UsageError(
            f"--num_selects={','.join(wanted)} has {len(wanted)} values for {len(levels)} levels.",
            expected=f"one for each of {', '.join(map(str, levels))}; or one for all.",
        )
    each = list(wanted) * (len(levels) if len(wanted) == 1 else 1)
    return _checked(levels, [_count(level, word) for level, word in zip(levels, each, strict=True)])


def check_selects(wanted: Sequence[str]) -> None:
    """Raise UsageError for a word that is neither a number of points nor a share."""
    for word in wanted:
        share = _share(word)
        if not (re.fullmatch(r"0*[1-9]\d{0,8}", word) if share is None else 0 < share < 1):
            raise UsageError(
                f"--num_selects={','.join(wanted)}: {word!r} says neither how many points nor which share.",
                expected="a whole number from 1, or a share between 0 and 1 with its point, such as 0.5.",
            )


def _share(word: str) -> float | None:
    """The share that a word names; None for a number of points. Not a number: neither."""
    if re.fullmatch(r"\d+", word):
        return None
    return float(word) if re.fullmatch(r"\d*\.\d+", word) else float("nan")


def _count(level: Level, word: str) -> int:
    share = _share(word)
    # A ten-thousandth of a point, so that 0.29 of 100 points are 29.
    return int(word) if share is None else max(1, int(share * level.points + 1e-4))


def _usual(levels: Sequence[Level]) -> list[int]:
    """As published for CUB-200 (2048 of 2304 points, 512 of 576, 128 of 144, 32 of 144), for levels of any size.

    With fewer points the heads learn more slowly, since two losses pull against each other: one wants the class out of the
    mean over all points of a level, the other wants nothing from those that are dropped.
    """
    usual = [level.points * KEPT_SHARE // 9 for level in levels[:-1]]
    usual.append(max(1, levels[-1].points * DEEPEST_SHARE // 9))
    if sum(usual) >= POINTS_PER_JOINT:
        return usual
    return [min(POINTS_PER_JOINT, level.points - 1) for level in levels]


def _checked(levels: Sequence[Level], kept: list[int]) -> list[int]:
    for level, count in zip(levels, kept, strict=True):
        if level.points < 2:
            raise UsageError(
                f"{level} has a single point: none could be dropped.",
                expected="at least 2 points on every level.",
                fix="Give a larger --image_size, or name shallower taps with --plugin_taps.",
            )
        if count >= level.points:
            what = "all of them are kept" if count == level.points else "more are to be kept than there are"
            raise UsageError(
                f"num_selects={count} for {level}, which has {level.points} points: {what}.",
                expected=f"at most {level.points - 1} there: what is not kept is trained to say nothing.",
                fix="Give --num_selects a smaller number or a share, or a larger --image_size.",
            )
    if sum(kept) < POINTS_PER_JOINT:
        parts = ", ".join(f"{level.name} {count}" for level, count in zip(levels, kept, strict=True))
        raise UsageError(
            f"num_selects keeps {sum(kept)} points in all ({parts}).",
            expected=f"at least {POINTS_PER_JOINT}: the combiner has one joint for each {POINTS_PER_JOINT}.",
            fix="Keep more with --num_selects, give a larger --image_size, or name shallower taps with --plugin_taps.",
        )
    return kept
