"""The list for machines that only convert says what pyproject.toml says."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_requirement_of_a_conversion_is_one_of_the_package() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    lines = (ROOT / "requirements" / "beam.txt").read_text().splitlines()
    listed = {line for line in lines if line and not line.startswith("#")}
    assert listed <= {*project["dependencies"], *project["optional-dependencies"]["beam"]}
    assert set(project["optional-dependencies"]["beam"]) <= listed
