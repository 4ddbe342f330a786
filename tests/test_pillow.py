"""Pillow on files that nobody vouches for."""

import io
import warnings

import pytest
from PIL import Image

from fgtl.pillow import FORMATS, header_size, quiet_pillow


@pytest.mark.parametrize("kind", ["JPEG", "PNG", *FORMATS])
def test_the_size_of_every_known_format_is_read(kind: str) -> None:
    output = io.BytesIO()
    Image.new("RGB", (40, 24)).save(output, kind)
    assert header_size(output.getvalue()) == (40, 24)


@pytest.mark.parametrize(
    "options", [{"quality": 80}, {"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}]
)
def test_the_size_of_a_webp_is_read_without_its_decoder(options: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.BytesIO()
    Image.new("RGB", (40, 24)).save(output, "WEBP", **options)
    monkeypatch.setattr(Image, "open", None)
    assert header_size(output.getvalue()) == (40, 24)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"RIFF\x04\0\0\0WEBP", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9"]
)
def test_what_has_no_readable_header_has_no_size(data: bytes) -> None:
    assert header_size(data) is None


def test_pillow_is_itself_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ZeroDivisionError), quiet_pillow():
        assert Image.MAX_IMAGE_PIXELS is None
        warnings.warn("not heard", stacklevel=1)
        _ = 1 // 0
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
