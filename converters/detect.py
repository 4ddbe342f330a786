"""From --dataset and --data_dir to a card and the tree to read."""

import dataclasses
import os
import re
from pathlib import Path

from fgtl.converters.folder import class_folders
from fgtl.converters.split_words import SPLIT_OF
from fgtl.converters.table_files import ENDINGS
from fgtl.converters.tfds import find_prepared
from fgtl.datasets import Card, card_names, load_card
from fgtl.downloads import FolderTree, Mounted, Overlay, Tree
from fgtl.downloads.archives import open_archive
from fgtl.downloads.names import ends_like_an_image
from fgtl.errors import DataError, UsageError

_TFDS = "tfds:"


def card_for(dataset: str, data_dir: Path | None, level: str = "") -> tuple[Card, Tree]:
    """Resolve what the user named.

    Args:
        dataset: a card's name, a card file (.toml), "tfds:NAME", a folder, an archive, a list file (.csv, .tsv,
            .jsonl), or "" when only `data_dir` is given.
        data_dir: the official download (unpacked, the archives as they came, or some of each), or own images; by
            default data/<card name>.
        level: one of the card's levels; "" for the default.

    Returns:
        The card and what its reader reads. Without a card one is made: the name of the folder or file, and the layout
        that its files show.

    Raises:
        UsageError: neither is given, both name something, there is no such data set or level.
        DataError: what is named does not exist or cannot be opened; the message says where to get it.
    """
    if not dataset and data_dir is None:
        raise UsageError(
            "Neither --dataset nor --data_dir was given.",
            expected=f"--dataset with one of {', '.join(card_names())}, or --data_dir with a folder of images.",
        )
    if dataset.startswith(_TFDS):
        spec = dataset.removeprefix(_TFDS)
        card, tree = _card_without_name(find_prepared(data_dir or Path("~/tensorflow_datasets").expanduser(), spec))
        return dataclasses.replace(card, name=_plain(spec)).at_level(level), tree
    if _is_place(dataset):
        named = Path(dataset)
        if data_dir is not None and data_dir.resolve() != named.resolve():
            raise UsageError(f"--dataset={dataset} and --data_dir={data_dir} are two different places.")
        card, tree = _card_without_name(named)
    elif data_dir is not None and not dataset:
        card, tree = _card_without_name(_existing(data_dir, None))
    else:
        card = load_card(dataset)
        tree = _tree_of(card, _existing(data_dir or Path("data") / card.name, card))
    return card.at_level(level), tree


def own_name(dataset: str, data_dir: Path | None) -> str:
    """What a data set without a card is called: as its folder, or its file without the ending; "" when it has a card."""
    if dataset.startswith(_TFDS):
        return _plain(dataset.removeprefix(_TFDS))
    place = Path(dataset) if _is_place(dataset) else data_dir if not dataset else None
    return "" if place is None else _name_of(place)


def _is_place(dataset: str) -> bool:
    return bool(dataset) and dataset not in card_names() and Path(dataset).suffix != ".toml" and Path(dataset).exists()


def detect_layout(tree: Tree) -> str:
    """The layout that the files at the top of a tree show; `folder` when they show none."""
    if tree.is_file("train.txt") and tree.is_file("val.txt"):
        return "lists"
    if tree.is_file("images.txt") and tree.is_file("image_class_labels.txt"):
        return "nabirds" if tree.is_file("hierarchy.txt") else "cub"
    if tree.is_file("features.json") and tree.is_file("dataset_info.json"):
        return "tfds"
    return "folder"


def _card_without_name(path: Path) -> tuple[Card, Tree]:
    """A card made for a folder, an archive or a list file."""
    name, title = _name_of(path), _title_of(path)
    if path.suffix.lower() in ENDINGS and path.is_file():
        card = Card(name=name, layout="table", title=title, options={"table": title})
        return card, FolderTree(_absolute(path.parent))
    tree = _unwrapped(FolderTree(_absolute(path)) if path.is_dir() else open_archive(_absolute(path)))
    return Card(name=name, layout=detect_layout(tree), title=title), tree


def _tree_of(card: Card, path: Path) -> Tree:
    """What a card's reader starts from: the folder it calls its own, and archives that are not unpacked yet."""
    if path.is_dir():
        folder = FolderTree(_absolute(path))
        waiting = [archive for archive in card.archives if archive.holds and not _has(folder, archive.holds)]
        there = [archive for archive in waiting if (path / archive.name).is_file()]
        opened = [
            Mounted(open_archive(_absolute(path / archive.name), nested=archive.nested), archive.into)
            if archive.into
            else open_archive(_absolute(path / archive.name), nested=archive.nested)
            for archive in there
        ]
        tree: Tree = Overlay([folder, *opened]) if opened else folder
    elif path.suffix.lower() in ENDINGS:
        return FolderTree(_absolute(path.parent))
    else:
        tree = open_archive(_absolute(path))
    if card.folder and tree.is_folder(card.folder):
        return tree.below(card.folder)
    return tree if path.is_dir() else _unwrapped(tree)


def _has(tree: Tree, name: str) -> bool:
    return tree.is_file(name) or tree.is_folder(name)


def _unwrapped(tree: Tree) -> Tree:
    """Without the folders that only wrap the rest, as archives made of a folder have, and the parents of downloads."""
    while detect_layout(tree) == "folder":
        folders = class_folders(tree, "")
        files = [name for name in tree.list().files if not name.startswith(".")]
        if len(folders) != 1 or any(map(ends_like_an_image, files)) or folders[0].lower() in SPLIT_OF:
            return tree
        inner = tree.below(folders[0])
        # One folder with images directly in it is the only class of a set, not a wrapping.
        if any(map(ends_like_an_image, inner.list().files)):
            return tree
        tree = inner
    return tree


def _name_of(path: Path) -> str:
    title = _title_of(path)
    return _plain(title if path.is_dir() else re.sub(r"(\.tar)?\.\w+$", "", title) or title)


def _title_of(path: Path) -> str:
    # A name on disk may be no UTF-8; manifests and pages are.
    return path.expanduser().resolve().name.encode("utf-8", "backslashreplace").decode()


def _plain(text: str) -> str:
    return re.sub(r"[^\w.-]", "_", text).lstrip("._-") or "images"


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.resolve would follow links, Path.absolute keep "..")


def _existing(path: Path, card: Card | None) -> Path:
    if path.exists():
        return path
    if card is None:
        raise DataError(
            f"{path} does not exist.",
            expected="a folder of images, an archive, a list of images, or an official download.",
        )
    raise DataError(
        f"{path} does not exist.",
        expected=f"the files of {card.title or card.name} there; --data_dir names another folder.",
        fix=card.where_from(),
    )
