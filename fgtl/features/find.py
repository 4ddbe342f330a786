"""Find feature sets by what people type: a folder, a record set, or a record set and which of its sets."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fgtl.console import warn
from fgtl.data.manifest import MANIFEST
from fgtl.errors import DataError, UsageError
from fgtl.features.feature_set import FeatureSet
from fgtl.features.meta import META, Meta, parse_meta
from fgtl.files import sha256_of

STORE = "features"


def find_feature_sets(words: Sequence[str | Path]) -> list[FeatureSet]:
    """One feature set for each word.

    Args:
        words: each a feature set's folder; a record set's folder, or a folder of feature sets, with a single one; or
            either of these with `@` and which one: the start of its key, its backbone's name, or a part of the name of
            its weights' file, as in `records/cub_50@inat_birds`.

    Raises:
        UsageError: no such folder, none there, or several that the word may mean; they are listed.
        DataError: a set is not finished or damaged.
    """
    return [_found(str(word)) for word in words]


def find_answer(folder: Path, question: Mapping[str, Any], manifest_sha256: str) -> FeatureSet | None:
    """The set that has answered the same question before; None where none has, or where words do not tell.

    Args:
        folder: a record set, or a single feature set that may or may not be there.
        question: as `fgtl.training.extract_knobs.question_of` puts it.
        manifest_sha256: of the record set.
    """
    if "fixed" not in question:
        return None
    folders = _finished_in(folder / STORE) if (folder / MANIFEST).is_file() else [folder]
    for one in folders:
        # One that is damaged is no answer; extracting again repairs it.
        with suppress(DataError):
            meta = parse_meta(one)
            if meta.question == question and meta.manifest_sha256 == manifest_sha256:
                return FeatureSet.open(one)
    return None


def _found(word: str) -> FeatureSet:
    folder, which = _folder_and_choice(word)
    is_home = (folder / MANIFEST).is_file()
    if (folder / META).is_file() or (not is_home and any(folder.glob("*.npy"))):
        return FeatureSet.open(folder)
    metas, damaged = _parsed_in(folder / STORE if is_home else folder)
    if is_home:
        # Those about an earlier conversion are about other images.
        digest = sha256_of(folder / MANIFEST)
        metas = {one: meta for one, meta in metas.items() if meta.manifest_sha256 == digest}
    chosen = {one: meta for one, meta in metas.items() if _is_meant(meta, which)}
    if damaged and not chosen:
        raise damaged[0]
    for error in damaged:
        warn(f"Left out: {error}")
    if len(chosen) == 1:
        return FeatureSet.open(*chosen)
    if not metas:
        raise _nothing_in(folder, is_home)
    listed = "\n".join(f"{folder}@{meta.key}  {meta.describe()}" for meta in (chosen or metas).values())
    came = f"{len(chosen)} feature sets" if chosen else f"no feature set called {which!r}"
    raise UsageError(f"{word} holds {came}.", fix=f"Say which one:\n{listed}")


def _folder_and_choice(word: str) -> tuple[Path, str]:
    folder, which = Path(word).expanduser(), ""
    if not folder.exists() and "@" in word:
        before, _, which = word.rpartition("@")
        folder = Path(before).expanduser()
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", expected="a feature set's, or a record set's.")
    # The store of a record set is asked as that record set.
    is_store = folder.name == STORE and (folder.parent / MANIFEST).is_file()
    return (folder.parent if is_store else folder), which


def _parsed_in(folder: Path) -> tuple[dict[Path, Meta], list[DataError]]:
    """What each finished set in a folder says of itself, and what is wrong with those that cannot be read."""
    metas, damaged = dict[Path, Meta](), list[DataError]()
    for one in _finished_in(folder):
        try:
            metas[one] = parse_meta(one)
        except DataError as error:
            damaged.append(error)
    return metas, damaged


def _finished_in(folder: Path) -> list[Path]:
    return [path.parent for path in sorted(folder.glob(f"[!.]*/{META}"))]


def _is_meant(meta: Meta, which: str) -> bool:
    weights = str(meta.question.get("weights", ""))
    return meta.key.startswith(which) or which == meta.extractor.backbone or which in weights


def _nothing_in(folder: Path, is_home: bool) -> UsageError:
    if not is_home:
        return UsageError(f"{folder} holds no feature set.", expected="what fgtl extract made, or a record set.")
    older = " Those that are there are about an earlier conversion." if _finished_in(folder / STORE) else ""
    return UsageError(
        f"The record set {folder} has no features yet.{older}",
        fix=f"fgtl extract --records {shlex.quote(str(folder))}",
    )
