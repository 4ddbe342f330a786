"""Views of an image that are predicted together: its centre, its corners, and their mirrors. Light: no TensorFlow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.data.crops import centre_windows
from fgtl.errors import UsageError
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class View:
    """A window as large as the centre crop, and whether it is mirrored.

    vertical, horizontal: 0 at the top or left, 0.5 in the middle, 1 at the bottom or right.
    """

    vertical: float = 0.5
    horizontal: float = 0.5
    mirrored: bool = False

    def windows(self, heights: NDArray[np.int32], widths: NDArray[np.int32], share: float) -> NDArray[np.int32]:
        """(n, 4) int32 rows (top, left, height, width), pixels; `share` as in `centre_windows`."""
        windows = centre_windows(heights, widths, share)
        # The centre crop leaves equal margins, so twice its offset is the last place a window can have.
        windows[:, :2] = 2 * windows[:, :2] * np.array([self.vertical, self.horizontal])
        return windows


CENTRE = View()
_FIVE = (CENTRE, *(View(vertical, horizontal) for vertical in (0.0, 1.0) for horizontal in (0.0, 1.0)))


def _with_mirrors(views: tuple[View, ...]) -> tuple[View, ...]:
    return (*views, *(View(view.vertical, view.horizontal, mirrored=True) for view in views))


# Krizhevsky et al. 2012, section 4.1, average the ten.
VIEWS = {"centre": (CENTRE,), "flip": _with_mirrors((CENTRE,)), "five": _FIVE, "ten": _with_mirrors(_FIVE)}


@dataclass(frozen=True)
class ManyViewsKnobs(Knobs):
    """How often each image is looked at."""

    views: str = flag(
        "centre",
        "crops whose probabilities are averaged: flip adds the mirror, five the corners, ten both; n views cost n times",
        choices=tuple(VIEWS),
    )


def views_named(name: str, share: float) -> tuple[View, ...]:
    """The views of a choice.

    Args:
        name: one of VIEWS.
        share: of each side, that a crop keeps (`ViewKnobs.kept_share`).

    Raises:
        UsageError: corners of crops that are the whole image.
    """
    views = VIEWS[name]
    if share == 1 and any(view.vertical != 0.5 for view in views):
        raise UsageError(
            f"--views={name} of a crop that is the whole image (--eval_crop=1, or --resize as large as --image_size): "
            "in every corner is the same.",
            expected="--views=flip, or a run whose crop is smaller than the image.",
        )
    return views
