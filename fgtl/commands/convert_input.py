"""What `fgtl convert` is told, and the download that it means."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from fgtl.converters.detect import card_for, own_name
from fgtl.data.plan import ConvertKnobs
from fgtl.datasets import Card
from fgtl.downloads import Tree
from fgtl.errors import UsageError
from fgtl.knobs import flag


@dataclass(frozen=True)
class Config(ConvertKnobs):
    """What is converted."""

    dataset: str = flag("", "card's name, card file, tfds:NAME, or what --data_dir takes")
    data_dir: Path | None = flag(
        None, "the download as it is (data/DATASET), or own images: folder, archive, .csv, .tsv, .jsonl"
    )
    level: str = flag("", "what a class is, where the data set has levels (aircraft: variant, family, manufacturer)")
    subset: bool = flag(False, "only a part of the data set is there: do not compare its counts with the card's")
    output_dir: Path = flag(Path("records/{dataset}"), "record set to write")
    dry_run: bool = flag(False, "say what is there, what is missing and what would be written; write nothing")
    checksums: bool = flag(False, "compare the SHA-256 of downloaded archives too, where it is known")

    def __post_init__(self) -> None:
        name = own_name(self.dataset, self.data_dir)
        if name:
            # Without a card the record set is called as what it is made from.
            object.__setattr__(self, "output_dir", Path(str(self.output_dir).replace("{dataset}", name)))
        super().__post_init__()


def open_input(config: Config) -> tuple[Card, Tree]:
    """The card and the tree that a command line names; errors as `card_for`, and UsageError for a nested output."""
    card, tree = card_for(config.dataset, config.data_dir, config.level)
    if card.layout == "folder":
        _check_apart(Path(tree.where()), config.output_dir)
    return (dataclasses.replace(card, classes=None, images={}) if config.subset else card), tree


def _check_apart(root: Path, output: Path) -> None:
    """Raise UsageError when one folder lies in the other: the next conversion would take records for images."""
    source, target = root.resolve(), output.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise UsageError(
            f"--output_dir={output} and the images in {root} lie inside each other.",
            expected="a folder of its own for the record set.",
            fix=f"For example --output_dir={source.parent / 'records' / source.name}.",
        )
