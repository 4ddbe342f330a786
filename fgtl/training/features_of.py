"""The features of a record set: those that are there, or new ones. TensorFlow is imported only for new ones."""

from collections.abc import Callable
from pathlib import Path

from fgtl.data.bad_records import could_not_be_read
from fgtl.data.quiet import import_tensorflow
from fgtl.data.records import RecordSet
from fgtl.errors import DataError
from fgtl.features.feature_set import FeatureSet
from fgtl.features.find import find_answer
from fgtl.training.extract_knobs import ExtractKnobs, question_of


def features_of(
    records: RecordSet,
    knobs: ExtractKnobs | None = None,
    folder: Path | None = None,
    started: Callable[[], object] = lambda: None,
) -> FeatureSet:
    """Open the feature set that has answered the same question before, or extract it.

    Args:
        records: whose images.
        knobs: what looks at them, and how; default: EfficientNet-Lite0 with its ImageNet weights.
        folder: of the feature set; default: in the record set, where it is found again.
        started: called when nothing is there, before a network is built.

    Raises:
        UsageError, DataError: see `fgtl.training.extraction.extract`; and what is there was made with `bad_records`
            "skip", lacks images, and "fail" was asked for.

    Cost: of what is there a fraction of a second, and reading a weight file once; else a pass through the network.
    """
    knobs = knobs or ExtractKnobs()
    found = find_answer(folder or records.folder, question_of(knobs), records.manifest_sha256)
    if found is None:
        started()
        import_tensorflow()
        from fgtl.training.extraction import extract

        found = extract(records, knobs, folder)
    if found.meta.unreadable and knobs.bad_records == "fail":
        raise DataError(
            f"{found.folder} was made with --bad_records=skip: {could_not_be_read(found.meta.unreadable)}.",
            fix="Take it as it is with --bad_records=skip; or restore the record set, and remove that folder.",
        )
    return found
