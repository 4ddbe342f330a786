"""How pages are made from the templates of this room."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from fgtl.reports.headline import percent


def environment() -> Environment:
    """Everything is text unless it says otherwise, and a name that is not given is an error."""
    made = Environment(
        loader=PackageLoader("fgtl.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["percent"] = percent
    return made
