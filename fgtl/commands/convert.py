"""Official download, or folder of images -> record set: sharded TFRecords with a manifest."""

import time
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

from fgtl.console import say, table, warn
from fgtl.converters.detect import card_for
from fgtl.converters.inventory import take_stock
from fgtl.data.companions import PAGE
from fgtl.data.convert import convert, plan_conversion
from fgtl.data.manifest import MANIFEST, Manifest
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.datasets import Card, card_names, load_card
from fgtl.errors import DataError, UsageError
from fgtl.knobs import flag


@dataclass(frozen=True)
class Config(ConvertKnobs):
    """What is converted."""

    dataset: str = flag("", "card's name, card file, tfds:NAME, or what --data_dir takes")
    data_dir: Path | None = flag(
        None, "the download as it is (data/DATASET), or own images: folder, archive, .csv, .jsonl"
    )
    level: str = flag("", "what a class is, where the data set has levels (aircraft: variant, family, manufacturer)")
    output_dir: Path = flag(Path("records/{dataset}"), "record set to write")
    dry_run: bool = flag(False, "say what is there, what is missing and what would be written; write nothing")

    checksums: bool = flag(False, "with --dry_run: compare the SHA-256 of downloaded archives too, where it is known")

    def __post_init__(self) -> None:
        if not self.dataset and self.data_dir is not None:
            # Without a card the record set is called as the folder is.
            output = str(self.output_dir).replace("{dataset}", "{data_dir}")
            object.__setattr__(self, "output_dir", Path(output))
        super().__post_init__()


def main(config: Config) -> None:
    """Convert, and say in one line what is there now."""
    if config.dry_run:
        _rehearse(config)
        return
    card, tree = card_for(config.dataset, config.data_dir, config.level)
    _check_apart(Path(tree.where()), config.output_dir)
    was_there = (config.output_dir / MANIFEST).is_file() and not config.overwrite
    start = time.monotonic()
    manifest = convert(card, tree, config.output_dir, config)
    if not (config.output_dir / PAGE).is_file():
        from fgtl.reports.dataset_page import write_dataset_page  # Matplotlib: half a second

        write_dataset_page(RecordSet.open(config.output_dir))
    if was_there:
        say(f"already converted: {summary(manifest)} -> {config.output_dir}")
    else:
        rate = sum(manifest.counts.values()) / (time.monotonic() - start)
        say(f"converted {summary(manifest)}; {rate:,.0f} images/s -> {config.output_dir}")


def _rehearse(config: Config) -> None:
    """Say what a conversion would find and write; DataError when something is missing."""
    if config.dataset in card_names() or config.dataset.endswith(".toml"):
        card = load_card(config.dataset)
        _show_stock(card, config.data_dir or Path("data") / card.name, config.checksums)
    card, tree = card_for(config.dataset, config.data_dir, config.level)
    _check_apart(Path(tree.where()), config.output_dir)
    plan = plan_conversion(card, tree, config.output_dir, config)
    splits = ", ".join(
        f"{split} {sum(len(task.samples) for task in tasks):,} in {len(tasks)} shards"
        for split, tasks in plan.tasks.items()
    )
    free = disk_usage(_nearest(config.output_dir)).free
    say(f"would write {plan.name}: {splits}; {len(plan.class_names):,} classes -> {config.output_dir}")
    # Compressed archives are inflated into one file beside the shards, until these are written.
    needed = plan.source_bytes * (2 if tree.takes_space else 1)
    while_packed = f" ({needed / 1e9:,.2f} GB while they are read from the archive)" if tree.takes_space else ""
    say(f"images as they are: {plan.source_bytes / 1e9:,.2f} GB{while_packed}; free there: {free / 1e9:,.2f} GB")
    if needed > free and not config.max_side:
        warn("That is not enough space: name another --output_dir, or shrink the images with --max_side.")
    say("Nothing was written.")


def _show_stock(card: Card, data_dir: Path, checksums: bool) -> None:
    """Print a table of the official files; DataError when one is missing or of the wrong size."""
    stock = take_stock(card, data_dir, checksums=checksums)
    if not stock:
        return
    rows = [
        [item.archive.name, item.state, *(f"{size:,}" if size else "-" for size in (item.bytes, item.archive.bytes))]
        for item in stock
    ]
    say(table([f"{card.title or card.name} in {data_dir}", "is", "bytes", "expected"], rows))
    lacking = [item.archive.name for item in stock if item.is_lacking]
    if lacking:
        raise DataError(
            f"{len(lacking)} of {len(stock)} files are missing or not what was published: {', '.join(lacking)}.",
            expected=f"them in {data_dir}, unpacked or as they were downloaded.",
            fix=f"The official page is {card.homepage}\nNothing was written.",
        )


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(above for above in (folder.resolve(), *folder.resolve().parents) if above.exists())


def _check_apart(root: Path, output: Path) -> None:
    """Raise UsageError when one folder lies in the other: the next conversion would take records for images."""
    source, target = root.resolve(), output.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise UsageError(
            f"--output_dir={output} and the images in {root} lie inside each other.",
            expected="a folder of its own for the record set.",
            fix=f"For example --output_dir={source.parent / 'records' / source.name}.",
        )


def summary(manifest: Manifest) -> str:
    """What a record set holds, in a phrase."""
    splits = ", ".join(f"{split} {count:,}" for split, count in manifest.counts.items())
    phrases = [f"{manifest.name}: {splits}", f"{len(manifest.class_names):,} classes"]
    report = manifest.report
    if report["odd"]:
        kinds = ", ".join(f"{oddity} {images:,}" for oddity, images in report["odd"].items())
        phrases.append(f"{report['reencoded']:,} odd images re-encoded ({kinds})")
    if report.get("shrunk"):
        phrases.append(f"{report['shrunk']:,} shrunk to {manifest.settings['max_side']:,} pixels")
    if report["skipped"]:
        phrases.append(f"{len(report['skipped']):,} bad images left out, the first {report['skipped'][0]['path']}")
    copies = report.get("duplicates", {"groups": 0})
    if copies["groups"]:
        phrases.append(
            f"{copies['groups']:,} files are there more than once ({copies['across_splits']:,} in several splits, "
            f"{copies['other_labels']:,} with several labels; see manifest.json)"
        )
    phrases.append(f"{sum(file.bytes for file in manifest.files) / 1e6:,.1f} MB")
    return "; ".join(phrases)
