"""Nothing -> the data sets that have a card; a name -> what is known of one, and what lies where in its download."""

import inspect
from dataclasses import dataclass

from fgtl.console import say, table
from fgtl.converters import READERS
from fgtl.datasets import SPLITS, Card, card_names, load_card
from fgtl.errors import UsageError
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class Config(Knobs):
    """Which data set; its name follows the flags."""

    files: tuple[str, ...] = flag((), "a card's name, or a card file (.toml); also given without the flag")


def main(config: Config) -> None:
    """Print the table, or one card."""
    if len(config.files) > 1:
        raise UsageError(f"{len(config.files)} names are given.", expected="fgtl datasets, or fgtl datasets NAME.")
    say(describe(load_card(config.files[0])) if config.files else overview())


def overview() -> str:
    """A line for each card: classes, images of each split, levels, title."""
    rows = []
    for card in map(load_card, card_names()):
        counts = [f"{card.images[split]:,}" if split in card.images else "-" for split in SPLITS]
        rows.append([card.name, f"{card.classes:,}" if card.classes else "-", *counts])
    return table(["data set", "classes", *SPLITS], rows)


def describe(card: Card) -> str:
    """Everything a person needs before converting: counts, levels, files to download, the folder tree, the licence."""
    images = ", ".join(f"{split} {card.images[split]:,}" for split in SPLITS if split in card.images)
    levels = ", ".join(f"{level} ({count:,})" if count else level for level, count in card.levels.items())
    facts = {
        "official page": card.homepage,
        "licence": card.licence,
        "citation": card.citation,
        "classes": f"{card.classes:,}; {card.class_order}" if card.classes else card.class_order,
        "images": images,
        "annotations": ", ".join(card.annotations),
        "--level": levels,
    }
    lines = [card.title or card.name, *(f"  {name}: {text}" for name, text in facts.items() if text)]
    lines += [f"  file: {_file(archive.name, archive.bytes, archive.optional)}" for archive in card.archives]
    layout = inspect.getdoc(inspect.getmodule(READERS[card.layout])) or ""
    return "\n".join([*lines, "", layout, "", f"fgtl convert --dataset {card.name} --data_dir FOLDER [--dry_run]"])


def _file(name: str, size: int | None, optional: bool) -> str:
    notes = [f"{size:,} bytes"] if size else []
    notes += ["optional"] if optional else []
    return f"{name} ({', '.join(notes)})" if notes else name
