"""`fgtl datasets`: what can be named, and what lies where."""

import pytest

from fgtl.commands.app import main
from fgtl.datasets import card_names, load_card


def test_without_a_name_every_card_has_a_line(capsys):
    assert main(["datasets"]) == 0
    lines = {words[0]: words[1:] for line in capsys.readouterr().out.splitlines() if (words := line.split())}
    assert set(card_names()) <= lines.keys()
    assert lines["aircraft"] == ["100", "3,334", "3,333", "3,333"]
    assert lines["cub_200"] == ["200", "5,994", "-", "5,794"]


@pytest.mark.parametrize("name", card_names())
def test_a_card_is_told_whole_with_its_folder_tree(name, capsys):
    assert main(["datasets", name]) == 0
    told, card = capsys.readouterr().out, load_card(name)
    for text in (card.title, card.homepage, card.licence, card.citation, *card.levels):
        assert text in told
    for archive in card.archives:
        assert archive.name in told
    assert f"--dataset {name}" in told
    assert "/" in told.partition("fgtl convert")[0].rpartition(card.title)[2]


def test_an_unknown_name_is_a_usage_error(capsys):
    assert main(["datasets", "cub200"]) == 2
    assert "Did you mean 'cub_200'" in capsys.readouterr().err
    assert main(["datasets", "cub_200", "aircraft"]) == 2
