import pytest

from fgtl.reports import lettering
from fgtl.reports.lettering import drawable, face, fitted, wrapped


@pytest.fixture
def no_fonts(monkeypatch):
    """A machine with no font but Matplotlib's."""
    monkeypatch.setattr(lettering, "_fonts", lambda: ())
    lettering._search.cache_clear()
    yield
    lettering._search.cache_clear()


@pytest.mark.parametrize("text", ["Shiny Cowbird", "Müller's Gull", "Тундра", "Λάρος", "x → y · z"])
def test_european_names_need_no_other_font(no_fonts, text):
    assert drawable(text) == text
    assert "DejaVuSans" in face(text, 12).path


def test_letters_that_no_font_has_become_question_marks_not_boxes(no_fonts):
    assert drawable("Gull 白鷺") == "Gull ??"
    assert drawable("Gull\n白\x00") == "Gull ??"


def test_other_letters_are_drawn_with_a_font_that_has_them(monkeypatch, tmp_path):
    # Any face that has letters which the usual one lacks: Matplotlib brings one for symbols.
    symbols = next(iter(lettering._usual(False).rsplit("/", 1)[:1])) + "/STIXSizOneSymReg.ttf"
    monkeypatch.setattr(lettering, "_fonts", lambda: (str(tmp_path / "no font.ttf"), symbols))
    lettering._search.cache_clear()
    only_there = chr(min(set(lettering._points(symbols).tolist()) - lettering._coverage(lettering._usual(False))))
    assert drawable(only_there) == only_there
    assert face(only_there, 12).path == symbols
    lettering._search.cache_clear()


def test_control_characters_and_line_ends_are_not_drawn():
    assert drawable("a\tb\nc\x00\x1b[1m") == "a b c??[1m"


def test_a_long_name_loses_its_middle_and_fits():
    name = "Great Northern Diver of the Outer Isles, juvenile"
    short = fitted(name, 120, 12)
    assert face(short, 12).getlength(short) <= 120
    assert short.startswith("Great")
    assert short.endswith("nile")
    assert "…" in short
    assert fitted(name, 1000, 12) == name


def test_lines_break_behind_slashes_and_underscores_and_lose_nothing():
    path = "images/027.Shiny_Cowbird/Shiny_Cowbird_0069_24351.jpg"
    lines = wrapped(path, 150, 12)
    assert "".join(lines) == path
    assert len(lines) > 1
    assert all(face(line, 12).getlength(line) <= 150 for line in lines)
    assert wrapped("", 150, 12) == []
