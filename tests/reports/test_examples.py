import base64
import io

import numpy as np
import pytest
from PIL import Image

from fgtl.reports.examples import Album, confused_pairs, jpeg_uri
from fgtl.reports.run_files import read_run


def opened(source: str) -> Image.Image:
    head, data = source.split(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def encoded(mode: str, size: tuple[int, int], kind: str) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("RGB", "WEBP")]
)
def test_a_picture_of_any_kind_becomes_a_small_jpeg(mode, kind):
    small = opened(jpeg_uri(encoded(mode, (600, 400), kind), short_side=100))
    assert small.size == (150, 100) and small.format == "JPEG" and small.mode == "RGB"


def test_a_small_picture_is_not_blown_up():
    assert opened(jpeg_uri(encoded("RGB", (30, 20), "PNG"))).size == (30, 20)


def test_a_needle_keeps_a_pixel_of_width():
    assert opened(jpeg_uri(encoded("RGB", (1, 5000), "PNG"))).size == (1, 5000)


def test_an_album_finds_pictures_in_any_of_its_selections(trained):
    album = Album(trained.records.select("test"), trained.records.select("train"))
    assert opened(album("train/1-2").source).getpixel((5, 5)) == pytest.approx((40, 40, 90), abs=4)
    assert album("nobody").source == "" and Album()("train/1-2").source == ""


def test_a_damaged_record_is_an_empty_frame(trained):
    shard = next(path for path in trained.records.shard_paths if "test" in path.name)
    data = bytearray(shard.read_bytes())
    data[200] ^= 255
    shard.write_bytes(data)
    album = Album(trained.records.select("test"))
    sources = [album(id).source for id in trained.records.select("test").ids]
    assert sources.count("") == 1


@pytest.mark.parametrize(
    "data", [b"no image", b"", encoded("RGB", (99, 99), "JPEG")[:400]], ids=["text", "none", "cut"]
)
def test_what_is_no_picture_is_an_empty_frame(data):
    class Stored:
        ids = np.array(["bad"])

        def image(self, position):
            return data

    assert Album(Stored())("bad").source == ""


def test_pairs_show_mistakes_of_the_pair_and_training_images_of_both_classes(evaluated):
    run = read_run(evaluated.run_dir)
    result, train = run.evaluations["test"], evaluated.records.select("train")
    pairs = confused_pairs(result, run.predictions, Album(train), train, most=3)
    assert [one.pair for one in pairs] == result.most_confused(3)
    for one in pairs:
        names = [entry.name for entry in result.per_class]
        assert (one.true, one.predicted) == (names[one.pair.true], names[one.pair.predicted])
        assert len(one.mistakes) == min(2, one.pair.images)
        assert all(found.id.startswith(f"train/{one.pair.true}-") for found in one.of_true)
        assert all(found.id.startswith(f"train/{one.pair.predicted}-") for found in one.of_predicted)
        assert len({found.id for found in one.of_true}) == 2
        for mistake in one.mistakes:
            row = np.flatnonzero(run.predictions.ids == mistake.example.id)[0]
            assert run.predictions.labels[row] == one.pair.true
            assert mistake.predicted_probability == run.predictions.probabilities[row].max()
