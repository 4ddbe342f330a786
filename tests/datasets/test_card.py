"""Cards: the ones that come with fgtl, and what is said about a wrong one."""

import copy
import hashlib
from pathlib import Path

import pytest

import fgtl.datasets
from fgtl.converters import READERS
from fgtl.datasets import Archive, Card, card_names, load_card
from fgtl.errors import DataError, UsageError

SMALL = 'schema = 1\nname = "mine"\nlayout = "cub"\n'


def test_cub_200_is_what_its_makers_published() -> None:
    card = load_card("cub_200")
    assert (card.name, card.layout, card.classes) == ("cub_200", "cub", 200)
    assert card.images == {"train": 5994, "test": 5794}
    assert card.homepage.startswith("https://data.caltech.edu/")
    assert card.annotations == ("boxes", "parts")
    assert len(card.part_names) == 15
    digest = "0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081"
    assert card.archives == (Archive("CUB_200_2011.tgz", 1_150_585_339, digest, holds="CUB_200_2011/images.txt"),)


def test_every_card_loads_under_its_own_name_and_has_a_reader() -> None:
    assert {"cub_200", "synth_birds"} <= set(card_names())
    for name in card_names():
        card = load_card(name)
        assert card.name == name
        assert card.layout in READERS
        assert card.title
        assert card.licence


def test_the_size_of_the_drawn_set_is_left_open() -> None:
    card = load_card("synth_birds")
    assert card.classes is None
    assert card.images == {}


def test_a_card_carries_the_hash_of_its_text_and_travels_between_processes(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(SMALL)
    card = load_card(file)
    assert card.sha256 == hashlib.sha256(SMALL.encode()).hexdigest()
    assert copy.deepcopy(card) == card  # rebuilt as between processes
    assert Card("made", "folder").sha256 == ""


def test_the_cards_lie_beside_the_code() -> None:
    names = {path.stem for path in Path(fgtl.datasets.__file__).parent.glob("*.toml")}
    assert names == set(card_names())


def test_a_wrong_name_gets_the_nearest_and_the_list() -> None:
    with pytest.raises(UsageError) as caught:
        load_card("cub_20")
    assert "Did you mean 'cub_200'?" in str(caught.value)
    assert "synth_birds" in str(caught.value)


def test_a_name_cannot_climb_out_of_the_folder_of_cards() -> None:
    with pytest.raises(UsageError, match="There is no data set"):
        load_card("../datasets/cub_200")


def test_a_missing_card_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.toml does not exist"):
        load_card(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema = 1\nname = birds\n", "is not TOML: .*line 2"),
        ("\xff\xfe", "is not TOML"),
        ('schema = 1\nname = "mine"\n', "the key 'layout' is missing"),
        (SMALL + "clases = 3\n", "unknown key 'clases'.*Did you mean 'classes'?"),
        (SMALL.replace("schema = 1", "schema = 2"), "schema = 2.*Expected schema = 1"),
        (SMALL.replace('"mine"', '"my birds"'), "name = 'my birds'"),
        (SMALL.replace('"cub"', "3"), "layout = 3"),
        (SMALL + 'classes = "200"\n', "classes = '200'.*whole number"),
        (SMALL + "classes = true\n", "classes = True.*whole number"),
        (SMALL + "classes = 0\n", "classes = 0.*at least 1"),
        (SMALL + "title = 7\n", "title = 7.*a text"),
        (SMALL + 'annotations = ["masks"]\n', "annotations = .*boxes, parts, hierarchy"),
        (SMALL + 'part_names = ["beak", "beak"]\n', "part_names = .*different texts"),
        (SMALL + "part_names = [1]\n", "part_names = .*a text"),
        (SMALL + "[images]\ntrian = 3\n", "images = .*train, validation, test"),
        (SMALL + '[images]\ntrain = "3"\n', "images = .*whole number"),
        (SMALL + "[archives]\nname = 3\n", "archives = .*tables"),
        (SMALL + "[[archives]]\nbytes = 3\n", "archives = .*a name"),
        (SMALL + '[[archives]]\nname = "a"\nsha256 = "abc"\n', "archives = .*64 hexadecimal"),
        (SMALL + "[options]\nseed = 3\n", "options = .*a text"),
    ],
)
def test_a_wrong_card_is_told_with_file_and_key(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=f"(?s)wrong.toml.*{message}"):
        load_card(file)
