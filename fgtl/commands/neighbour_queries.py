"""Whose neighbours are asked for: rows of a feature set, and image files that its network looks at now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fgtl.data.image_files.policy import ImagePolicy, OddImages, store
from fgtl.errors import DataError, UsageError, did_you_mean
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.knobs import LARGEST_SEED, flag
from fgtl.training.fit_knobs import TrustKnobs

_DRAWN = 8


@dataclass(frozen=True)
class QueryKnobs(OddImages, TrustKnobs):
    """Whose neighbours."""

    query: tuple[str, ...] = flag((), "ids or row numbers of the feature set, or image files; also without the flag")
    random: int = flag(
        0, f"also so many drawn from --query_split; 0: {_DRAWN} when nothing is named", low=0, high=10_000
    )
    query_split: str = flag("", "split expression of what is drawn, and of precision at k (test; train without one)")
    seed: int = flag(0, "of what is drawn", low=0, high=LARGEST_SEED)
    backbone: str = flag("", "image files: the backbone, where the name in the feature set does not build it")
    weights: str = flag(
        "", "image files: weight file that the feature set was extracted with; imagenet and none it knows"
    )
    run_dir: Path | None = flag(None, "image files: or the finished run that it was extracted with")


@dataclass(frozen=True, eq=False)
class Queries:
    """Q queries: rows of the feature set, then image files.

    Attributes:
        rows: those of the feature set.
        photos: path -> stored image of the others.
        features: (Q, D) float32 of all.
    """

    rows: Features
    photos: dict[Path, bytes]
    features: NDArray[np.float32]

    @property
    def names(self) -> list[str]:
        """Ids and paths."""
        return [*map(str, self.rows.ids), *map(str, self.photos)]

    @property
    def every(self) -> Features:
        """All of them; the label of an image file is -1: nobody knows it."""
        labels = np.concatenate([self.rows.labels, np.full(len(self.photos), -1, np.int32)])
        return Features(self.features, labels, np.array(self.names, str), self.rows.class_names)


def gather(found: FeatureSet, words: Sequence[str], knobs: QueryKnobs, split: str) -> Queries:
    """Look up and draw what was asked for; image files are looked at by the network that made the feature set.

    Args:
        words: ids, row numbers and image files.
        split: what queries are drawn from; some are, where there are no words.

    Raises:
        UsageError: no such id, row or file, or the network is not the feature set's.
        DataError: a file is no image.
    """
    rows, photos = [], {}
    policy = ImagePolicy(odd=knobs.odd, max_pixels=knobs.max_pixels, check="decode")
    for word in words:
        row = _row_of(word, found)
        if row is None:
            path = Path(word).expanduser()
            photos[path] = _stored(path, policy, found)
        else:
            rows.append(row)
    if count := knobs.random or (0 if words else _DRAWN):
        among = found.rows(split)
        rows += sorted(np.random.default_rng(knobs.seed).choice(among, min(count, len(among)), replace=False).tolist())
    every = Features(found.features, found.labels, found.ids, found.class_names)
    own = every.take(np.array(rows, np.int64))
    if not photos:
        return Queries(own, photos, own.features)
    return Queries(own, photos, np.concatenate([own.features, _looked_at([*photos.values()], found, knobs)]))


def _row_of(word: str, found: FeatureSet) -> int | None:
    (places,) = np.nonzero(found.ids == word)
    if len(places):
        return int(places[0])
    return int(word) if word.isdecimal() and int(word) < len(found) else None


def _stored(path: Path, policy: ImagePolicy, found: FeatureSet) -> bytes:
    if not path.is_file():
        near = did_you_mean(str(path), found.ids[:20_000].tolist()) or f"For example {found.ids[0]!s}."
        raise UsageError(
            f"{str(path)!r} is no id of {found.folder} and no file.",
            expected=f"an id, a row number below {len(found):,}, or an image file.",
            fix=near,
        )
    try:
        return store(path.read_bytes(), policy).data
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _looked_at(files: list[bytes], found: FeatureSet, knobs: QueryKnobs) -> NDArray[np.float32]:
    """(N, D) of image files."""
    weights = _weights_of(found, knobs)
    from fgtl.data.quiet import import_tensorflow

    import_tensorflow()
    from fgtl.training.photo_features import photo_features, rebuild_network

    extractor = found.meta.extractor
    network = rebuild_network(
        replace(extractor, backbone=knobs.backbone or extractor.backbone),
        extractor.key,
        weights,
        knobs.run_dir,
        allow_saved_model=knobs.allow_saved_model,
    )
    return photo_features(files, network)


def _weights_of(found: FeatureSet, knobs: QueryKnobs) -> str:
    """What to give the network; asked before it is built, which takes a while or a download.

    Raises:
        UsageError: the features were made elsewhere, or by weights that only the user knows the place of.
    """
    made = found.meta.describe()
    if not found.meta.extractor.input_size and not knobs.backbone and knobs.run_dir is None:
        raise UsageError(
            f"The features of {found.folder} ({made}) were made elsewhere: no network here can look at image files as "
            "theirs did.",
            expected="ids or row numbers of the set.",
        )
    known = str(found.meta.question.get("weights", "imagenet"))
    if knobs.weights or knobs.run_dir is not None or known in ("imagenet", "none"):
        return knobs.weights or known
    given = "--run_dir" if known.startswith("run ") else "--weights"
    raise UsageError(
        f"{found.folder} was made with {known}; where that is, it does not say.", fix=f"Add {given} and its path."
    )
