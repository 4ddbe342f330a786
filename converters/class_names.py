"""Class names that a card carries because the download has none, or has them in another order than its labels.

[options]
class_names = '''
pink primrose
hard-leaved pocket orchid
'''
"""

from fgtl.datasets import Card
from fgtl.errors import DataError

OPTION = "class_names"


def names_on_card(card: Card) -> list[str]:
    """The names of the option `class_names`, one a line, in label order; empty when the card has none.

    Raises:
        DataError: a name is there twice, or there are not as many as the card has classes.
    """
    names = [line.strip() for line in card.options.get(OPTION, "").splitlines() if line.strip()]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"The card {card.name} names the class {twice!r} twice in {OPTION}.")
    if names and card.classes is not None and len(names) != card.classes:
        raise DataError(
            f"The card {card.name} has {len(names):,} lines in {OPTION}.",
            expected=f"{card.classes:,}, one for each class.",
        )
    return names
