"""Install `datasets/` and `converters/` under the package's own name.

At the top of a checkout they are easy to find; installed as `fgtl.datasets` and `fgtl.converters` they
hide nobody else's module (a top-level `datasets` would shadow Hugging Face's). All other metadata is in
pyproject.toml.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["fgtl", "fgtl.*"]), "fgtl.datasets", "fgtl.converters"],
    package_dir={"fgtl.datasets": "datasets", "fgtl.converters": "converters"},
    package_data={"fgtl": ["py.typed"], "fgtl.datasets": ["*.toml"], "fgtl.reports": ["templates/*"]},
)
