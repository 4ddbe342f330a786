"""`fgtl convert --dry_run`: everything that would stop a conversion, said before hours are spent."""

from collections.abc import Sequence
from pathlib import Path
from shutil import disk_usage

from fgtl.commands.convert_input import Config, open_input
from fgtl.console import say, table, warn
from fgtl.converters.inventory import DIFFERENT, UNPACKED, Item, take_stock
from fgtl.data.convert import is_finished, plan_conversion
from fgtl.data.output_folder import refuse_foreign
from fgtl.datasets import Card, card_names, load_card
from fgtl.errors import DataError


def rehearse(config: Config) -> None:
    """Say what a conversion would find and write.

    Raises:
        DataError: something is missing, not what was published, or in the way.
    """
    official, stock, place = _stock(config)
    if stock:
        _show(stock, place)
        _require(official, [item for item in stock if item.bytes is None and item.is_lacking], stock, place)
    card, tree = open_input(config)
    plan = plan_conversion(card, tree, config.output_dir, config)
    splits = ", ".join(
        f"{split} {sum(len(task.samples) for task in tasks):,} in {len(tasks)} shards"
        for split, tasks in plan.tasks.items()
    )
    if is_finished(plan, config.output_dir, config):
        say(f"already converted: {config.output_dir}")
        return
    refuse_foreign(config.output_dir, plan)
    free = disk_usage(_nearest(config.output_dir)).free
    say(f"would write {plan.name}: {splits}; {len(plan.class_names):,} classes -> {config.output_dir}")
    # Compressed archives are inflated into one file beside the shards, until these are written.
    needed = plan.source_bytes * (2 if tree.takes_space else 1)
    while_packed = f" ({needed / 1e9:,.2f} GB while they are read from the archive)" if tree.takes_space else ""
    say(f"images as they are: {plan.source_bytes / 1e9:,.2f} GB{while_packed}; free there: {free / 1e9:,.2f} GB")
    if needed > free and not config.max_side:
        warn("That is not enough space: name another --output_dir, or shrink the images with --max_side.")
    say("Nothing was written.")
    _require(official, [item for item in stock if item.is_lacking], stock, place)


def check_stock(config: Config) -> None:
    """Before a conversion: warn of downloaded files of another size, and of folders that hide archives.

    Raises:
        DataError: --checksums was given, and a file has another one than was published.
    """
    official, stock, place = _stock(config)
    _require(official, [item for item in stock if item.state == DIFFERENT], stock, place)
    for item in stock:
        if item.is_lacking and item.bytes is not None:
            warn(
                f"{item.archive.name} in {place} is not what was published ({item.state}): {item.bytes:,} bytes"
                f" instead of {item.archive.bytes:,}. If the conversion finds files missing, download it again."
            )
        if item.state == UNPACKED and item.beside:
            warn(
                f"{item.archive.holds} in {place} is read, and not {item.archive.name} beside it; if it is not whole, "
                "move it away, and the archive is read."
            )


def _stock(config: Config) -> tuple[Card, list[Item], Path]:
    """The card that was named, what of its files is there, and where; nothing without a card or without the place."""
    if config.dataset not in card_names() and not config.dataset.endswith(".toml"):
        return Card("", ""), [], Path()
    card = load_card(config.dataset)
    place = config.data_dir or Path("data") / card.name
    return card, (take_stock(card, place, checksums=config.checksums) if place.exists() else []), place


def _show(stock: Sequence[Item], place: Path) -> None:
    rows = [
        [item.archive.name, item.state, *(f"{size:,}" if size else "-" for size in (item.bytes, item.archive.bytes))]
        for item in stock
    ]
    say(table([f"official files in {place}", "is", "bytes", "expected"], rows))


def _require(card: Card, lacking: Sequence[Item], stock: Sequence[Item], place: Path) -> None:
    if lacking:
        there = sorted(entry.name for entry in place.iterdir())[:10] if place.is_dir() else []
        raise DataError(
            f"{len(lacking)} of {len(stock)} files are missing or not what was published: "
            f"{', '.join(item.archive.name for item in lacking)}.",
            expected=f"them in {place}, unpacked or as they were downloaded.",
            fix=f"There is {', '.join(there) or 'nothing'} now.\nThe official page is {card.homepage or 'not known'}",
        )


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(above for above in (folder.resolve(), *folder.resolve().parents) if above.exists())
