"""fgtl hits on regions files that were harmed, cut short or made by something else: exit 3, and what to do."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fgtl.commands.app import main
from fgtl.data.records import RecordSet

AGAIN = "Make the regions again."


@pytest.fixture
def whole(records: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and facts of two boxes in each test image."""
    found = RecordSet.open(records)
    selection = found.select("test")
    images = len(selection)
    arrays = {
        "id": np.char.encode(selection.ids),
        "size": np.stack([selection.heights, selection.widths], axis=1).astype("<i4"),
        "image": np.repeat(np.arange(images, dtype="<i4"), 2),
        "rank": np.tile(np.arange(2, dtype="<i2"), images),
        "box": np.tile(np.array([[8, 8, 40, 40], [20, 20, 60, 60]], "<f4"), (images, 1)),
        "score": np.tile(np.array([0.9, 0.1], "<f4"), images),
        "level": np.zeros(2 * images, "|i1"),
        "flags": np.zeros(2 * images, "|u1"),
    }
    facts = {
        "schema": 1,
        "source": "by hand",
        "manifest_sha256": found.manifest_sha256,
        "run": "",
        "level_names": ["p5"],
    }
    return arrays, facts


@pytest.fixture
def hits(records: Path, whole: tuple, tmp_path: Path) -> Callable[..., int]:
    """Write the arrays, some of them replaced, with a json that agrees, some of its facts replaced; measure them."""
    arrays, facts = whole

    def run(other: dict[str, Any], **replaced: Any) -> int:
        buffer = io.BytesIO()
        chosen = {name: array for name, array in (arrays | other).items() if array is not None}
        np.savez(buffer, **chosen)
        data = buffer.getvalue()
        (tmp_path / "regions.npz").write_bytes(data)
        own = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        own = {name: value for name, value in (facts | own | replaced).items() if value != "gone"}
        (tmp_path / "regions.json").write_text(json.dumps(own))
        return main(["hits", f"--regions={tmp_path}", f"--records={records}", "--draws=1", "--k=1"])

    return run


def moved(box: list[float]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda boxes: np.concatenate([boxes[:-1], np.array([box], "<f4")])


def last(value: Any) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: np.concatenate([array[:-1], np.array([value], array.dtype)])


def test_boxes_by_hand_are_measured(hits: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert hits({}) == 0
    assert "by hand" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "harm", "expected"),
    [
        ("box", moved([8, 8, 73, 40]), "is not in its image"),
        ("box", moved([-1, 8, 40, 40]), "is not in its image"),
        ("box", moved([40, 8, 8, 40]), "0 <= x0 < x1 <= 72 and 0 <= y0 < y1 <= 64"),
        ("box", moved([8, 8, float("nan"), 40]), "is not in its image"),
        ("box", lambda boxes: boxes[:-1], "box"),
        ("box", lambda boxes: boxes.astype("<f8"), "box is float64, not float32"),
        ("score", last(float("nan")), "a finite number"),
        ("score", last(float("inf")), "a finite number"),
        ("image", last(99), "image number 99"),
        ("image", last(-1), "image number -1"),
        ("rank", last(0), "not in the order"),
        ("level", last(1), "level 1"),
        ("size", lambda sizes: sizes * 0, "below one pixel"),
        ("id", lambda ids: np.repeat(ids[:1], len(ids)), "comes twice"),
        ("id", lambda ids: ids.astype("U"), "id is <U"),
        ("id", lambda ids: ids.astype(object), "Object arrays cannot be loaded"),
        ("flags", lambda flags: flags.astype(object), "Object arrays cannot be loaded"),
        ("flags", lambda flags: None, "flags"),
    ],
)
def test_arrays_that_are_no_regions_are_refused(
    hits: Callable[..., int], whole: tuple, name: str, harm: Any, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hits({name: harm(whole[0][name])}) == 3
    said = capsys.readouterr().err
    assert expected in said and AGAIN in said and said.startswith("fgtl hits: ")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"schema": 2}, "schema 2"),
        ({"schema": "gone"}, "schema None"),
        ({"bytes": "many"}, "is damaged"),
        ({"bytes": 7}, "the file of 7 bytes"),
        ({"sha256": "0" * 64}, "another content than when it was written"),
        ({"sha256": "gone"}, "is damaged"),
        ({"level_names": 3}, "is damaged"),
        ({"level_names": "gone"}, "is damaged"),
        ({"manifest_sha256": "0" * 64}, "of another record set"),
    ],
)
def test_facts_that_do_not_hold_are_refused(
    hits: Callable[..., int], facts: dict[str, Any], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hits({}, **facts) == 3
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("regions.npz", None, "`fgtl regions --run_dir RUN` writes them"),
        ("regions.json", None, "They were not finished."),
        ("regions.npz", b"", "has 0 bytes"),
        ("regions.npz", b"\x80\x04N.", "has 4 bytes"),
        ("regions.json", b"{", "regions.json line 1 is not JSON"),
        ("regions.json", b"[1, 2]", "schema None"),
        ("regions.json", b"\xff\xfe", "is not JSON"),
    ],
)
def test_files_that_are_missing_or_something_else_are_refused(
    hits: Callable[..., int],
    records: Path,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert hits({}) == 0
    capsys.readouterr()
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    assert main(["hits", f"--regions={tmp_path}", f"--records={records}"]) == 3
    assert expected in capsys.readouterr().err


def test_a_pickle_whose_digest_agrees_is_not_read(
    hits: Callable[..., int], records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hits({}) == 0
    data = b"\x80\x04N."
    (tmp_path / "regions.npz").write_bytes(data)
    facts = json.loads((tmp_path / "regions.json").read_text())
    facts |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (tmp_path / "regions.json").write_text(json.dumps(facts))
    assert main(["hits", f"--regions={tmp_path}", f"--records={records}"]) == 3
    said = capsys.readouterr().err
    assert "cannot be read" in said and "arrays as fgtl writes them" in said and "Traceback" not in said
