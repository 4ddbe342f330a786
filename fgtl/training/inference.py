"""A finished run applied to image files: the same views, the same numbers as in its evaluation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from fgtl.console import Progress
from fgtl.data.image_files.policy import BadImage, ImagePolicy, OddImages, store
from fgtl.data.manifest import MANIFEST
from fgtl.data.many_views import View, views_named
from fgtl.data.pool import usable_cores
from fgtl.data.views import loose_batches
from fgtl.downloads.names import IMAGE_ENDINGS
from fgtl.errors import UsageError
from fgtl.heads.classifier import load_classifier
from fgtl.training.run import Run
from fgtl.training.several_heads import by_head, head_names, probabilities_of_each, result_name

# Encoded files held in memory at once; a folder may have millions.
CHUNK = 512


@dataclass(frozen=True, eq=False)
class ImagePrediction:
    """What a run says about one file.

    Attributes:
        path: the file.
        probabilities: (K,) float32; empty when there is a problem.
        class_names: of the run.
        problem: why the file could not be looked at, None when it could.
        heads: name -> (K,), what each head says, where that was asked for.
    """

    path: Path
    probabilities: np.ndarray
    class_names: tuple[str, ...]
    problem: str | None = None
    heads: dict[str, np.ndarray] = field(default_factory=dict)

    def ranked(self, top: int, head: str = "") -> list[tuple[str, int, float]]:
        """(class name, label, probability) of the most probable classes, by the result or one head; equal ones by label."""
        probabilities = self.heads[head] if head else self.probabilities
        order = np.argsort(-probabilities, kind="stable")[:top]
        return [(self.class_names[label], int(label), float(probabilities[label])) for label in order]


class RunPredictor:
    """Predicts files with a run's model. Loads and compiles once.

    Args:
        run: a finished run.
        odd: what is done with odd files, as in conversion.
        batch_size: images a step.
        views: a choice of `fgtl.data.many_views.VIEWS`, whose probabilities are averaged.
        heads: what each head says too.
        allow_saved_models: see `load_classifier`.

    Attributes:
        result: the head that the run predicts with, where `heads` were asked for; else "".

    Raises:
        UsageError: `heads` of a run whose head is one.
    """

    def __init__(
        self,
        run: Run,
        odd: OddImages,
        *,
        batch_size: int = 32,
        views: str = "centre",
        heads: bool = False,
        allow_saved_models: bool = False,
    ) -> None:
        self._names = run.class_names
        # Every pixel: one that cannot be decoded must become the problem of its file, not the end of all.
        self._policy = ImagePolicy(odd=odd.odd, max_pixels=odd.max_pixels, check="decode")
        self._looks = views_named(views, run.view_knobs().kept_share)
        self._knobs = run.view_knobs(eval_batch_size=batch_size, **_share_of_machine(len(self._looks)))
        model = load_classifier(run.model, allow_saved_models)
        self._heads, self.result = (head_names(model), result_name(model)) if heads else ((), "")
        self._predict = tf.function(partial(probabilities_of_each, model) if heads else model.probabilities)

    def __call__(self, paths: Sequence[Path]) -> Iterator[ImagePrediction]:
        """One prediction a file, in order; a file that is no image gives one with a `problem`.

        Memory: CHUNK encoded files and a few batches.
        """
        with Progress("predict", len(paths)) as progress:
            remaining = iter(paths)
            while chunk := list(islice(remaining, CHUNK)):
                compiled = self._predict.experimental_get_tracing_count()
                for prediction in self._some(chunk):
                    yield prediction
                    before, compiled = compiled, self._predict.experimental_get_tracing_count()
                    progress.advance(1, timed=compiled == before)

    def _some(self, paths: list[Path]) -> Iterator[ImagePrediction]:
        stored = [self._read(path) for path in paths]
        files = [data for data in stored if isinstance(data, bytes)]
        rows = self._probabilities(files)
        for path, data in zip(paths, stored, strict=True):
            if isinstance(data, bytes):
                yield self._prediction(path, next(rows))
            else:
                yield ImagePrediction(path, np.empty(0, np.float32), self._names, data.reason)

    def _prediction(self, path: Path, row: np.ndarray) -> ImagePrediction:
        if not self._heads:
            return ImagePrediction(path, row, self._names)
        heads = by_head(self._heads, row)
        return ImagePrediction(path, heads[self.result], self._names, heads=heads)

    def _read(self, path: Path) -> "bytes | _Problem":
        try:
            return store(path.read_bytes(), self._policy).data
        except BadImage as error:
            return _Problem(error.reason)
        except OSError as error:
            return _Problem(f"It cannot be read: {error.strerror}.")

    def _probabilities(self, files: list[bytes]) -> Iterator[np.ndarray]:
        """(K,), or (H * K,) of all heads, float32 of each file, the mean over the views; a batch of them at a time."""
        if files:
            for rows in zip(*(self._of_view(files, look) for look in self._looks), strict=True):
                yield np.mean(rows, axis=0)

    def _of_view(self, files: list[bytes], look: View) -> Iterator[np.ndarray]:
        for images, weights in loose_batches(files, self._knobs, look):
            yield from tf.cast(self._predict(images), tf.float32).numpy()[weights.numpy() > 0]


def _share_of_machine(streams: int) -> dict[str, int]:
    """Threads and ready batches of each of several streams that are read side by side; one has the usual ones."""
    return {"threads": max(1, usable_cores() // streams), "prefetch": 0} if streams > 1 else {}


@dataclass(frozen=True)
class _Problem:
    reason: str


def find_images(names: Iterable[str]) -> list[Path]:
    """Files as given, folders searched for image files (by ending, sorted, hidden ones left out).

    Raises:
        UsageError: a name that is not there, a folder without images, or a record set.
    """
    found: list[Path] = []
    for name in names:
        path = Path(name).expanduser()
        if path.is_dir():
            if (path / MANIFEST).is_file() and any(path.glob("index-*.npz")):
                raise UsageError(
                    f"{path} is a record set.",
                    expected="images and folders of images.",
                    fix="fgtl evaluate takes record sets; fgtl heat takes ids of their images.",
                )
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_ENDINGS and file.is_file())
            inside = [file for file in inside if not any(part.startswith(".") for part in file.relative_to(path).parts)]
            if not inside:
                raise UsageError(
                    f"{path} holds no image.", expected=f"files ending in {', '.join(sorted(IMAGE_ENDINGS))}."
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"There is no file or folder {path}.", expected="images and folders of images.")
    return found
