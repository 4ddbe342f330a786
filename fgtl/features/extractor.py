"""What turned images into features. Features are comparable only where it is the same."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY_LENGTH = 16


@dataclass(frozen=True)
class Extractor:
    """A network's output, and how images are shown to it.

    Attributes:
        backbone: name, as `fgtl backbones` lists it; anything for features that were made elsewhere.
        weights_sha256: digest of the weights; "" where they are not known.
        tap: "features" (what the network pools itself) or the name of one of its taps.
        pooling: how a tap's grid becomes one row: "mean", "max"; "" for "features".
        input_size: pixels.
        resize: side of the square that an image is made first, pixels; 0 for none.
        eval_crop: share of each side that the crop keeps, where there is no such square.
        legacy_resize: TensorFlow 1's bilinear resize.
        views: "centre", "flip", "five" or "ten"; features of several views are averaged.
    """

    backbone: str
    weights_sha256: str = ""
    tap: str = "features"
    pooling: str = ""
    input_size: int = 0
    eval_crop: float = 1.0
    legacy_resize: bool = False
    views: str = "centre"
    resize: int = 0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Extractor":
        """The reverse of `as_dict`; TypeError for other fields, or values of another type."""
        for field in dataclasses.fields(cls):
            value = values.get(field.name, field.default)
            # JSON writes 1.0 as it is, other programs write 1.
            if type(value) is not field.type and not (field.type is float and type(value) is int):
                raise TypeError(f"{field.name} is {value!r}")
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; without a `resize` of 0, so that sets keep the keys they had before there was one."""
        values = dataclasses.asdict(self)
        return values if self.resize else {name: value for name, value in values.items() if name != "resize"}

    @property
    def key(self) -> str:
        """The same for two sets whose features may be compared."""
        return digest_of(self.as_dict())

    def describe(self) -> str:
        """One line for people."""
        where = "" if self.tap == "features" else f", {self.pooling} of {self.tap}"
        size = f" at {self.input_size} px" if self.input_size else ""
        size += f" of {self.resize}" if self.resize else ""
        views = "" if self.views == "centre" else f", {self.views} views"
        return f"{self.backbone}{size}{where}{views}"


def digest_of(values: Mapping[str, Any]) -> str:
    """A short name of plain values: the same for the same values, whatever their order."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]
