"""Install `datasets/`, `converters/` and `recipes/` under the package's own name.

At the top of a checkout they are easy to find; installed as `fgtl.datasets` and `fgtl.converters` they
hide nobody else's module (a top-level `datasets` would shadow Hugging Face's). All other metadata is in
pyproject.toml.
"""

from setuptools import find_packages, setup

TOP_LEVEL = {f"fgtl.{folder}": folder for folder in ("datasets", "converters", "recipes")}

setup(
    packages=[*find_packages(include=["fgtl", "fgtl.*"]), "fgtl.reports.templates", *TOP_LEVEL],
    package_dir=TOP_LEVEL,
    package_data={
        "fgtl": ["py.typed"],
        "fgtl.datasets": ["*.toml"],
        "fgtl.recipes": ["*.flags"],
        "fgtl.reports.templates": ["*"],
    },
)
