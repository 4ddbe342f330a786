"""Whose neighbours are asked for: rows of a feature set, and image files that its network looks at now."""

import re
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

_DRAWN = "random:8"


@dataclass(frozen=True)
class QueryKnobs(OddImages, TrustKnobs):
    """Whose neighbours."""

    query: tuple[str, ...] = flag((), "ids or row numbers of the feature set, or image files; also without the flag")
    queries: str = flag(
        "", f"or so many drawn from --query_split, such as {_DRAWN}: what is done when nothing is named"
    )
    query_split: str = flag("", "split expression of what is drawn, and of precision at k (test; train without one)")
    seed: int = flag(0, "of what is drawn", low=0, high=LARGEST_SEED)
    backbone: str = flag("", "image files: the backbone, where the name in the feature set does not build it")
    weights: str = flag("imagenet", "image files: what the feature set was extracted with: imagenet, none or a file")
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
    def labels(self) -> list[int]:
        """-1 for an image file: nobody knows."""
        return [*self.rows.labels.tolist(), *[-1] * len(self.photos)]


def gather(found: FeatureSet, words: Sequence[str], knobs: QueryKnobs, split: str) -> Queries:
    """Look up and draw what was asked for; image files are looked at by the network that made the feature set.

    Args:
        words: ids, row numbers and image files.
        split: what queries are drawn from; some are, where there are no words.

    Raises:
        UsageError: no such id, row or file, or the network is not the feature set's.
        DataError: a file is no image.
    """
    if knobs.queries and not re.fullmatch(r"random:[1-9]\d{0,4}", knobs.queries):
        raise UsageError(f"--queries={knobs.queries} is not understood.", expected=f"{_DRAWN}, say.")
    rows, photos = [], {}
    policy = ImagePolicy(odd=knobs.odd, max_pixels=knobs.max_pixels, check="decode")
    for word in words:
        row = _row_of(word, found)
        if row is None:
            path = Path(word).expanduser()
            photos[path] = _stored(path, policy, found)
        else:
            rows.append(row)
    if knobs.queries or not words:
        count = int((knobs.queries or _DRAWN).partition(":")[2])
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
    from fgtl.data.quiet import import_tensorflow

    import_tensorflow()
    from fgtl.training.photo_features import photo_features, rebuild_network

    extractor = found.meta.extractor
    network = rebuild_network(
        replace(extractor, backbone=knobs.backbone or extractor.backbone),
        extractor.key,
        knobs.weights,
        knobs.run_dir,
        allow_saved_model=knobs.allow_saved_model,
    )
    return photo_features(files, network)
