"""fgtl heat: pictures of records and of photographs, with points and without, and what it refuses."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from bright_network import linear_classifier, save_run
from PIL import Image

from fgtl.commands.app import main
from fgtl.data.records import RecordSet


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph that is red in its lower right quarter, larger than those of the records."""
    picture = Image.new("RGB", (200, 120))
    picture.paste((255, 40, 40), (100, 60, 200, 120))
    path = tmp_path_factory.mktemp("photos") / "red corner.png"
    picture.save(path)
    return path


def red_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), int)[..., 0]


def test_overlays_lie_on_the_photograph_in_its_own_frame(bright_run: Path, photo: Path, tmp_path: Path) -> None:
    assert main(["heat", f"--run_dir={bright_run}", f"--output={tmp_path}", "--class_name=0", str(photo)]) == 0
    names = {"red_corner.png", *(f"red_corner-{what}.png" for what in ("kept", "class", "energy"))}
    assert {path.name for path in tmp_path.iterdir()} == names
    for what in ("kept", "class", "energy"):
        red = red_of(tmp_path / f"red_corner-{what}.png")
        assert red.shape == (120, 200)
        # Where the photograph is black only the map shows; beyond the crop of 0.875 it is veiled.
        assert red[0, 0] > 150, what
        assert red[75:105, 120:180].mean() > red[15:45, 20:80].mean() + 60, what
    kept = red_of(tmp_path / "red_corner-kept.png")
    assert kept[75:105, 120:180].max() == 255
    assert Image.open(tmp_path / "red_corner.png").width > 4 * 200


def test_records_are_named_by_their_ids_and_one_image_makes_one_picture(
    records: Path, bright_run: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = RecordSet.open(records).select("test").ids[[0, 5]].tolist()
    assert (
        main(["heat", f"--run_dir={bright_run}", f"--output={tmp_path / 'all'}", "--nooverlays", *some, str(photo)])
        == 0
    )
    assert f"3 images -> {tmp_path / 'all'}" in capsys.readouterr().out
    assert len(list((tmp_path / "all").iterdir())) == 3
    assert main(["heat", f"--run_dir={bright_run}", f"--output={tmp_path / 'one.png'}", some[0]]) == 0
    assert np.array_equal(red_of(tmp_path / "one.png"), red_of(tmp_path / "all" / f"{some[0]}.png"))


def test_images_of_the_same_name_do_not_overwrite_each_other(bright_run: Path, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    Image.new("RGB", (64, 64), (0, 200, 0)).save(tmp_path / "other" / photo.name)
    words = [f"--run_dir={bright_run}", f"--output={tmp_path / 'out'}", "--nooverlays"]
    assert main(["heat", *words, str(photo), str(tmp_path / "other")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"red_corner.png", "red_corner~2.png"}


def test_an_image_called_as_anothers_overlay_has_pictures_of_its_own(
    bright_run: Path, photo: Path, tmp_path: Path
) -> None:
    words = []
    for name in ("a", "b-energy", "a-kept", "b"):
        words.append(str(shutil.copy(photo, tmp_path / f"{name}.png")))
    assert main(["heat", f"--run_dir={bright_run}", f"--output={tmp_path / 'out'}", *words]) == 0
    # Of what is taken already the later image gives way.
    stems = ("a", "b-energy", "a-kept~2", "b~2")
    names = {f"{stem}{end}.png" for stem in stems for end in ("", "-kept", "-class", "-energy")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert Image.open(tmp_path / "out" / "a-kept.png").size == (200, 120)
    # Without overlays nothing is in the way.
    assert main(["heat", f"--run_dir={bright_run}", f"--output={tmp_path / 'few'}", "--nooverlays", *words]) == 0
    assert {path.name for path in (tmp_path / "few").iterdir()} == {Path(word).name for word in words}


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        (["--output=photos", "photos/bird.png"], "photos/bird.png"),
        (["--output=photos", "photos"], "photos/bird-kept.png"),
        (["--output=photos", "--nooverlays", "photos"], "photos/bird-kept.png and 1 more"),
        (["--output=photos/../photos", "other.png", "photos/bird.png"], "photos/../photos/bird.png"),
        (["--output=link", "photos/bird.png"], "link/bird.png"),
        (["--output=photos/bird.png", "photos/bird.png"], "photos/bird.png"),
        (["--output=linked.png", "photos/bird.png"], "linked.png"),
        (["--output=.", "other.png"], "other.png"),
        (["--output=photos", "photos/bird-kept.png", "bird.jpg"], "photos/bird-kept.png"),
    ],
)
def test_an_image_that_is_looked_at_is_never_written_over(
    bright_run: Path,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    lost: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photos/bird.png", "photos/bird-kept.png", "other.png"):
        shutil.copy(photo, tmp_path / name)
    Image.open(photo).save("bird.jpg")
    Path("link").symlink_to("photos")
    Path("linked.png").symlink_to("photos/bird.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert main(["heat", f"--run_dir={bright_run}", *words]) == 2
    assert f"the pictures would replace {lost}, which" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_pictures_may_lie_beside_their_photographs(bright_run: Path, photo: Path, tmp_path: Path) -> None:
    """A photograph of another ending is not in the way; and drawn again, pictures replace the earlier ones."""
    Image.open(photo).save(tmp_path / "bird.jpg")
    for _ in range(2):
        assert main(["heat", f"--run_dir={bright_run}", f"--output={tmp_path}", str(tmp_path / "bird.jpg")]) == 0
    names = {"bird.jpg", "bird.png", *(f"bird-{what}.png" for what in ("kept", "class", "energy"))}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_head_without_points_has_its_energy_and_says_so(
    records: Path, bright_run: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = save_run(tmp_path / "linear", linear_classifier(4), RecordSet.open(records))
    assert main(["heat", f"--run_dir={run}", f"--output={tmp_path / 'out'}", str(photo)]) == 0
    assert "The head linear keeps no points" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"red_corner.png", "red_corner-energy.png"}


def test_what_cannot_be_is_refused(
    records: Path, bright_run: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.jpg").write_text("not a picture")
    names = RecordSet.open(records).class_names
    shared = next(letter for letter in "_aeio" if sum(letter in name.lower() for name in names) > 1)
    for words, code, message in (
        ([], 2, "Images are missing"),
        (["no-such-bird"], 2, "There is no file or folder no-such-bird, and as an id"),
        ([str(photo), "--class_name=dodo"], 2, "No class is called 'dodo'"),
        ([str(photo), f"--class_name={shared}"], 2, "is a part of the names of"),
        ([str(photo), str(photo), f"--output={tmp_path / 'two.png'}"], 2, "is one picture, of 2 images"),
        ([str(photo), f"--output={tmp_path / 'heat.gif'}"], 2, "has an unknown ending"),
        ([str(tmp_path / "notes.jpg"), f"--output={tmp_path / 'out'}"], 3, "notes.jpg"),
    ):
        assert main(["heat", f"--run_dir={bright_run}", *words]) == code, words
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
