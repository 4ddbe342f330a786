"""Which files are stored as they came, and which are refused, by what their bytes say."""

import copy
import time
from pathlib import Path

import numpy as np
import pytest
from hostile_pictures import bombs, corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encoded, picture
from PIL import Image

from fgtl.data.image_files.policy import BadImage, ImagePolicy, inspect, store
from fgtl.errors import DataError, UsageError

HEADER, DECODE = ImagePolicy(), ImagePolicy(check="decode")


def reason(data: bytes, policy: ImagePolicy = HEADER) -> str:
    with pytest.raises(BadImage) as caught:
        store(data, policy)
    assert caught.value.reason.endswith(".")
    assert "\n" not in caught.value.reason
    return caught.value.reason


RGB_JPEG = encoded(picture(), "JPEG", quality=90)


@pytest.mark.parametrize("name", ["jpeg", "jpeg progressive", "png", "gif", "webp", "bmp", "tiff"])
def test_a_file_cut_anywhere_is_refused(name: str) -> None:
    data = corpus()[name].data
    # A GIF may lack its last bytes: they are behind the last pixel.
    for length in range(0, len(data) - 20, len(data) // 50):
        reason(data[:length])


def test_max_pixels_is_inclusive_and_rules_over_pillows_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    bmp = encoded(picture(), "BMP")
    assert store(bmp, ImagePolicy(max_pixels=64 * 48)).width == 64
    assert Image.MAX_IMAGE_PIXELS == 10, "Pillow's own limit is put back"
    assert "allows 3,071" in reason(bmp, ImagePolicy(max_pixels=64 * 48 - 1))
    assert "allows 3,071" in reason(RGB_JPEG, ImagePolicy(max_pixels=64 * 48 - 1))


def test_odd_fail_refuses_what_would_be_reencoded() -> None:
    assert "gif" in reason(encoded(picture(), "GIF"), ImagePolicy(odd="fail"))
    assert store(RGB_JPEG, ImagePolicy(odd="fail")).data is RGB_JPEG


def test_bad_images_are_data_errors_that_travel_between_processes() -> None:
    error = copy.deepcopy(BadImage("It is a stone."))  # rebuilt as between processes
    assert isinstance(error, DataError)
    assert (error.reason, str(error), error.exit_code) == ("It is a stone.", "It is a stone.", 3)


def test_a_policy_refuses_unknown_words() -> None:
    with pytest.raises(UsageError, match="--odd=ignore"):
        ImagePolicy(odd="ignore")


SEEDS = [case.data for name, case in corpus().items() if name not in bombs()]
POLICIES = [
    ImagePolicy(max_pixels=1_000_000),
    ImagePolicy(max_pixels=1_000_000, check="decode"),
    ImagePolicy(max_pixels=1_000_000, check="decode", max_side=20),
    ImagePolicy(max_pixels=1_000_000, max_side=11),
    ImagePolicy(max_pixels=1_000_000, odd="fail"),
]


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\xff\xd8\xff\xe1", *(seed[:12] for seed in SEEDS if len(seed) > 99)]),
)
def test_garbage_is_a_bad_image_and_nothing_else(garbage: bytes, start: bytes) -> None:
    with pytest.raises(BadImage):
        store(start + b"\xff" + garbage, DECODE)


@settings(deadline=None, max_examples=600)
@given(st.data())
def test_damage_is_survived_or_a_bad_image_and_nothing_else(draws: st.DataObject) -> None:
    data = bytearray(draws.draw(st.sampled_from(SEEDS)))
    for _ in range(draws.draw(st.integers(1, 4)) if data else 0):
        # Half of the damage in the header, where it does most.
        last = draws.draw(st.sampled_from([min(len(data) - 1, 400), len(data) - 1]))
        data[draws.draw(st.integers(0, last))] = draws.draw(st.integers(0, 255))
    cut = bytes(data[: draws.draw(st.integers(0, len(data)))]) if draws.draw(st.booleans()) else bytes(data)
    policy = draws.draw(st.sampled_from(POLICIES))
    try:
        stored = store(cut, policy)
    except BadImage as error:
        assert error.reason.endswith(".")
        return
    assert 0 < stored.width * stored.height <= 1_000_000
    assert not policy.max_side or max(stored.width, stored.height) <= policy.max_side
    facts = inspect(stored.data)
    assert (facts.width, facts.height, facts.oddities) == (stored.width, stored.height, ())


def test_a_header_costs_less_than_60_microseconds() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise).resize((500, 375)), "JPEG", quality=90)
    assert len(data) > 40_000
    times = []
    for _ in range(50):
        started = time.perf_counter()
        for _ in range(20):
            inspect(data)
        times.append((time.perf_counter() - started) / 20)
    assert min(times) < 60e-6


def test_every_real_photograph_is_stored_as_it_came(shared: Path) -> None:
    paths = sorted((shared / "data/cub_50/images").glob("*/*.jpg"))
    assert len(paths) == 2889
    for path in paths:
        data = path.read_bytes()
        assert store(data, HEADER).data is data, path
