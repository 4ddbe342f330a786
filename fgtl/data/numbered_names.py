"""Class names that begin with their number, as those of CUB-200-2011 do: "001.Black_footed_Albatross"."""

import re

# At least three digits: "2.5_litre" is no number and a name.
_NUMBER = re.compile(r"[0-9]{3,}\.(?=.)")


def without_number(name: str) -> str:
    """The name behind the number; the same name where there is no number."""
    number = _NUMBER.match(name)
    return name[number.end() :] if number else name
