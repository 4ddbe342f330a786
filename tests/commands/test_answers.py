"""Where an answer is to be written is looked at before anything is read or computed."""

import os
from pathlib import Path

import pytest

from fgtl.commands.answers import check_output
from fgtl.commands.app import main
from fgtl.errors import DataError, UsageError

NOWHERE = "no/such/set"
VERBS = {
    "similarity": [f"--sources={NOWHERE}", f"--targets={NOWHERE}"],
    "select": [f"--sources={NOWHERE}", f"--targets={NOWHERE}"],
    "rank": [NOWHERE],
    "probe": [NOWHERE],
    "neighbours": [NOWHERE],
    "audit": [NOWHERE],
    "compare": [NOWHERE, NOWHERE],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_in_the_place_of_a_folder_is_told_before_anything_is_read(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("something else")
    output = tmp_path / "file" / "deeper" / f"answer.{'txt' if verb == 'select' else 'html'}"
    assert main([verb, *VERBS[verb], f"--output={output}"]) == 3
    assert f"{tmp_path / 'file'} is no folder" in capsys.readouterr().err


def test_a_folder_is_no_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "answer.html").mkdir()
    with pytest.raises(UsageError, match=r"answer\.html is a folder"):
        check_output(tmp_path / "answer.html", ".html")


def test_what_can_be_written_and_what_is_not_wanted_pass_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_output(None, ".html")
    check_output(Path("new/folders/answer.HTML"), ".png", ".html")
    check_output(Path("answer.png"), ".png", ".html")
    assert not list(tmp_path.iterdir())


def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    if os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("this user may write everywhere")
    for name in ("answer.html", "new/answer.html"):
        with pytest.raises(DataError, match="no permission to write in .*locked"):
            check_output(tmp_path / "locked" / name, ".html")
