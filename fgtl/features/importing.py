"""From features that were made elsewhere to a feature set: the flags that name the files, and the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fgtl.data.records import RecordSet
from fgtl.errors import UsageError
from fgtl.features.alignment import aligned_to
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import FeatureSet
from fgtl.features.find import STORE
from fgtl.features.foreign import ForeignPart, read_foreign, read_names
from fgtl.features.meta import SPLITS, question_key
from fgtl.features.paper_files import read_paper_files
from fgtl.features.writing import write_feature_set
from fgtl.knobs import Knobs, flag

_LISTS = ("import_features", "import_labels", "import_ids", "import_split", "import_classes")
_BY_IDS = "Give --import_features and the images' ids, row by row, as --import_ids; or no --records, and --output_dir."


@dataclass(frozen=True)
class ImportKnobs(Knobs):
    """Features made elsewhere, in place of a network."""

    import_features: tuple[str, ...] = flag((), ".npy (N, D) of floats; several with commas, one for each split")
    import_labels: tuple[str, ...] = flag((), ".npy (N,) of integers from 0, one for each of these")
    import_ids: tuple[str, ...] = flag((), "text files with an id a line, or .npy; needed with --records")
    import_split: tuple[str, ...] = flag(("train",), "the split of each: train, validation or test")
    import_classes: Path | None = flag(None, "text file, a class name a line; default: the record set's, or numbers")
    import_paper: Path | None = flag(
        None, "folder of <dataset>_feature_train.npy, _label_train, _val, in place of these"
    )
    import_name: str = flag("", "what made them, e.g. dinov2_vits14: sets of one name are compared")

    @property
    def imports(self) -> bool:
        """Whether features are brought in."""
        return bool(self.import_features) or self.import_paper is not None


def import_feature_set(knobs: ImportKnobs, dataset: str, records: RecordSet | None, folder: Path | None) -> FeatureSet:
    """Check features that were made elsewhere and write them as a feature set.

    Args:
        knobs: which files.
        dataset: name of the data set, "" where none was given.
        records: the record set whose images they are; they are matched by id and lie in it then. None: of no record set.
        folder: of the feature set, which must not be there; None: in the record set.

    Raises:
        UsageError: flags that do not go together.
        DataError: the files cannot be used as they are, see `read_foreign` and `write_feature_set`.
    """
    _check(knobs, records)
    if knobs.import_paper is not None:
        rows, splits, dataset = read_paper_files(knobs.import_paper, dataset)
    else:
        # The record set knows the splits.
        named = knobs.import_split if records is None else ("train",) * len(knobs.import_features)
        parts = _parts_named(knobs.import_features, knobs.import_labels, knobs.import_ids, named)
        rows, splits = read_foreign(parts, _class_names(knobs, records))
    extractor, facts = Extractor(knobs.import_name), {"dataset": dataset, "manifest_sha256": ""}
    if records is not None:
        rows, splits = aligned_to(records, rows, labelled=bool(knobs.import_labels))
        facts = {"dataset": records.name, "manifest_sha256": records.manifest_sha256}
        folder = folder or records.folder / STORE / question_key(extractor, records.manifest_sha256)
    elif folder is None:
        raise UsageError("--output_dir is missing.", expected="a folder for the feature set, or --records.")
    if folder.exists():
        raise UsageError(f"{folder} is there already.", fix="Remove it, or choose another --output_dir.")
    return write_feature_set(folder, rows, splits, extractor, **facts)


def _class_names(knobs: ImportKnobs, records: RecordSet | None) -> tuple[str, ...]:
    if records is not None:
        return records.class_names
    return read_names(knobs.import_classes) if knobs.import_classes else ()


def _check(knobs: ImportKnobs, records: RecordSet | None) -> None:
    """Raise UsageError unless the flags go together."""
    if not knobs.import_name:
        raise UsageError(
            "--import_name is missing: features are compared only with those of the same network.",
            expected="what made them, e.g. --import_name=dinov2_vits14.",
        )
    if knobs.import_paper is not None:
        expect_alone("--import_paper", knobs, _LISTS, "the folder's files have no ids, and say labels and splits")
        if records is not None:
            raise UsageError("--import_paper with --records: the folder's files have no ids.", fix=_BY_IDS)
    elif records is None and not knobs.import_labels:
        raise UsageError(
            "--import_labels is missing.", expected="one file for each of --import_features, or --records."
        )
    elif records is not None:
        expect_alone("--records", knobs, ("import_classes", "import_split"), "the record set knows these")
        if not knobs.import_ids:
            raise UsageError(
                "--records without --import_ids: nobody can tell which row is about which image.", fix=_BY_IDS
            )


def expect_alone(this: str, knobs: Knobs, others: Sequence[str], why: str) -> None:
    """Raise UsageError when somebody chose one of `others` too."""
    if both := [name for name in others if name in knobs.given]:
        raise UsageError(f"--{both[0]} with {this}: {why}.", expected="one of the two.")


def _parts_named(
    features: Sequence[str], labels: Sequence[str], ids: Sequence[str], splits: Sequence[str]
) -> list[ForeignPart]:
    """The parts that a command line names, the first of each list belonging together.

    Raises:
        UsageError: lists of different lengths, or a split that there is not.
    """
    given = {"features": features, "labels": labels, "ids": ids, "split": splits}
    given = {name: words for name, words in given.items() if words}
    if len({len(words) for words in given.values()}) > 1:
        came = ", ".join(f"{len(words)} in --import_{name}" for name, words in given.items())
        raise UsageError(f"{came}.", expected="as many of each, with commas between them.")
    for split in splits:
        if split not in SPLITS:
            raise UsageError(f"--import_split={split} is no split.", expected=f"one of: {', '.join(SPLITS)}.")
    paths = [Path(word).expanduser() for word in features]
    none: list[Path | None] = [None] * len(paths)
    own, names = ([Path(word).expanduser() for word in words] or none for words in (labels, ids))
    return [ForeignPart(*part) for part in zip(paths, own, splits, names, strict=True)]
