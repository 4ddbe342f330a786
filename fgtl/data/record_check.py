"""What a whole record says differently from the index, the manifest, or its own image."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fgtl.data import example
from fgtl.data.image_files.policy import BadImage, ImagePolicy, inspect, store
from fgtl.errors import DataError
from fgtl.wire import decode_example


def record_problems(
    payload: bytes, expected: Mapping[str, list[Any]], class_names: Sequence[str], policy: ImagePolicy
) -> Iterator[str]:
    """A phrase for each contradiction; none for a sound record.

    Args:
        payload: what its checksums vouch for.
        expected: key -> values, as the index has them; empty without an index.
        class_names: by label.
        policy: whether pixels are decoded, and how large an image may be.
    """
    try:
        features = decode_example(payload)
    except DataError as error:
        yield str(error).rstrip(".")
        return
    for key, value in expected.items():
        if list(features.get(key, ())) != value:
            yield f"{key} is {shown(features.get(key))}, the index says {shown(value)}"
    yield from _class_problems(features, class_names)
    yield from _image_problems(features, policy)


def _class_problems(features: Mapping[str, Any], class_names: Sequence[str]) -> Iterator[str]:
    values = features.get(example.LABEL, ())
    # Of another kind than whole numbers: a list of bytes, or floats.
    label = int(values[0]) if len(values) and getattr(values, "dtype", None) == "int64" else -1
    if not 0 <= label < len(class_names):
        yield f"label {label if label != -1 else shown(values)}, there are {len(class_names)} classes"
    elif features.get(example.CLASS_TEXT) != [class_names[label].encode("utf-8", "surrogateescape")]:
        yield f"class name {shown(features.get(example.CLASS_TEXT))}, label {label} is {class_names[label]}"


def _image_problems(features: Mapping[str, Any], policy: ImagePolicy) -> Iterator[str]:
    try:
        image = image_in(features)
        facts = inspect(image, max_pixels=policy.max_pixels)
        if policy.check == "decode":
            store(image, policy)
    except BadImage as error:
        yield f"its image cannot be read: {error}"
        return
    for key, size in ((example.HEIGHT, facts.height), (example.WIDTH, facts.width)):
        if list(features.get(key, ())) != [size]:
            yield f"{key} is {shown(features.get(key))}, its image has {size}"


def image_in(features: Mapping[str, Any]) -> bytes:
    """The image file of a decoded record; BadImage when there is none."""
    images = features.get(example.IMAGE)
    if not isinstance(images, list) or not images:
        raise BadImage("It is not there.")
    return images[0]


def shown(values: Any) -> str:
    """The values of a feature for a message."""
    if values is None or not len(values):
        return "missing"
    return ", ".join(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values)
