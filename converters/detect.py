"""From --dataset and --data_dir to a card and the folder to read."""

import os
import re
from pathlib import Path

from fgtl.datasets import Card, card_names, load_card
from fgtl.errors import DataError, UsageError


def card_for(dataset: str, data_dir: Path | None) -> tuple[Card, Path]:
    """Resolve what the user named.

    Args:
        dataset: a card's name, a card file (.toml), a folder, or "" when only `data_dir` is given.
        data_dir: the official download or a folder of images; by default data/<card name>.

    Returns:
        The card and the absolute path of the folder that its reader starts from. Without a card one is made: the
        folder's name, and the layout its files show.

    Raises:
        UsageError: neither is given, both name a folder, or there is no such data set.
        DataError: the folder does not exist; the message says what should be there and where to get it.
    """
    if not dataset and data_dir is None:
        raise UsageError(
            "Neither --dataset nor --data_dir was given.",
            expected=f"--dataset with one of {', '.join(card_names())}, or --data_dir with a folder of images.",
        )
    if dataset and dataset not in card_names() and not dataset.endswith(".toml") and Path(dataset).is_dir():
        if data_dir is not None and data_dir.resolve() != Path(dataset).resolve():
            raise UsageError(f"--dataset={dataset} and --data_dir={data_dir} are two different folders.")
        return _card_of_folder(Path(dataset))
    if data_dir is not None and not dataset:
        return _card_of_folder(_existing(data_dir, None))
    card = load_card(dataset)
    return card, _absolute(_existing(data_dir or Path("data") / card.name, card))


def detect_layout(folder: Path) -> str:
    """`lists` when train.txt and val.txt are there, `cub` when CUB's two main lists are, otherwise `folder`."""
    if (folder / "train.txt").is_file() and (folder / "val.txt").is_file():
        return "lists"
    if (folder / "images.txt").is_file() and (folder / "image_class_labels.txt").is_file():
        return "cub"
    return "folder"


def _card_of_folder(folder: Path) -> tuple[Card, Path]:
    name = re.sub(r"[^\w.-]", "_", folder.resolve().name, flags=re.ASCII).lstrip("._-") or "images"
    return Card(name=name, layout=detect_layout(folder), title=folder.resolve().name), _absolute(folder)


def _absolute(folder: Path) -> Path:
    return Path(os.path.abspath(folder))  # noqa: PTH100 (Path.resolve would follow links, Path.absolute keep "..")


def _existing(folder: Path, card: Card | None) -> Path:
    if folder.is_dir():
        return folder
    what = "is a file, not a folder" if folder.exists() else "does not exist"
    if card is None:
        raise DataError(f"{folder} {what}.", expected="a folder of images or an unpacked official download.")
    raise DataError(
        f"{folder} {what}.",
        expected=f"the files of {card.title or card.name} there; --data_dir names another folder.",
        fix=card.where_from(),
    )
